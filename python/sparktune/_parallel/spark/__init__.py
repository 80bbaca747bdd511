"""Trials on Spark: `SparkTrials`, and a back end for each kind of session.

In come pickled payloads from the dispatcher, out go pickled answers or the reason for their
absence.
`sessions.py` chooses between `classic.py` and `connect.py`; `../spark_compat.py` is the only file
that uses Spark's private API. May import what `_parallel` may.
"""
