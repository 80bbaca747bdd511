"""Trials on Spark: `SparkTrials`, and a back end for each kind of session.

All that is particular to classic Spark is in `classic.py`, all that is particular to Spark Connect
in `connect.py`; `sessions.py` chooses. May import what `_parallel` may.
"""
