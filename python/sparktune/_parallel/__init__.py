"""Runs trials side by side, in processes of this machine or on Spark.

In come the trials that the search starts, out come their outcomes, as events. The dispatcher knows
neither Spark nor processes: each place to run trials is a back end behind one protocol
(`backend.py`), in a package of its own. May import `_search`, `_tracking`, `_trials`, `_worker` and
`exceptions`.
"""
