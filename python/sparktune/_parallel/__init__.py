"""Runs trials side by side, in processes of this machine or on Spark.

The search hands over the trials that it starts and gets their outcomes as events. The dispatcher
knows neither Spark nor processes: each place to run trials is a back end that implements one
protocol (`backend.py`), in its own package. May import `_search`, `_tracking`, `_pruning`,
`_trials`, `_space`, `_worker`, `_arguments` and `exceptions`.
"""
