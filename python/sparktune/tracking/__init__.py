"""Tracking: a search as an MLflow run with a nested run a trial.

MLflow is optional. `make_tracker` decides whether a search is tracked; this package imports MLflow
only when it is.
"""

from __future__ import annotations

from sparktune.tracking.base import (
    NullTracker,
    SearchInfo,
    SearchSummary,
    TrackedRun,
    Tracker,
)
from sparktune.tracking.switch import make_tracker

__all__ = [
    "NullTracker",
    "SearchInfo",
    "SearchSummary",
    "TrackedRun",
    "Tracker",
    "make_tracker",
]
