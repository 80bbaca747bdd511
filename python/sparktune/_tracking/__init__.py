"""Tracking: a search as an MLflow run, with one nested run per trial.

In come the search's events (begun, trial started, trial finished, ended), out go calls to MLflow,
on one background thread. MLflow is optional: `make_tracker` decides whether a search is tracked,
and MLflow is imported only when it is. May import `_trials`, `_space`, `_worker` and `exceptions`.
"""

from __future__ import annotations

from sparktune._tracking.base import (
    NullTracker,
    SearchInfo,
    SearchSummary,
    TrackedRun,
    Tracker,
)
from sparktune._tracking.switch import make_tracker

__all__ = [
    "NullTracker",
    "SearchInfo",
    "SearchSummary",
    "TrackedRun",
    "Tracker",
    "make_tracker",
]
