"""Tracking: a search as an MLflow run, with one nested run per trial.

The search reports its events (begun, trial started, trial finished, ended), and one background
thread calls MLflow. MLflow is optional: `make_tracker` decides whether a search is tracked, and
MLflow is imported only then. May import `_trials`, `_space`, `_worker` and `exceptions`.
"""
