"""Whether a search is tracked."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
from typing import Any

from sparktune._tracking.base import NullTracker, Tracker
from sparktune.exceptions import InvalidArgumentType

__all__ = ["is_off", "make_tracker"]

ENVIRONMENT_SWITCH = "SPARKTUNE_MLFLOW"
SPARK_SWITCH = "spark.databricks.mlflow.trackHyperopt.enabled"
_OFF = frozenset({"0", "false", "no", "off"})


def make_tracker(
    *, enabled: bool | None = None, parallel: bool = False, session: Any = None
) -> Tracker:
    """Return the tracker of a search; if nothing is recorded, MLflow is not imported.

    ``enabled=None`` records a parallel search if MLflow is installed, and a serial one only inside
    an active MLflow run, so that a plain `fmin` never creates a store. The environment variable
    ``SPARKTUNE_MLFLOW=0`` and the Spark setting
    ``spark.databricks.mlflow.trackHyperopt.enabled=false`` override `enabled`. `session` is the
    Spark session of the trials, by default the active one.

    Raises
    ------
    InvalidArgumentType
        If `enabled` is neither a bool nor None.
    ImportError
        If `enabled` is true and MLflow is not installed.
    """
    if is_off(enabled, session):
        return NullTracker()
    if not _installed():
        if enabled:
            raise ImportError(
                "`mlflow=True` needs MLflow, which is not installed; "
                "hint: pip install 'sparktune[mlflow]'."
            )
        return NullTracker()
    if enabled is None and not parallel and not _in_active_run():
        return NullTracker()

    from sparktune._tracking.tracker import MlflowTracker

    return MlflowTracker()


def is_off(enabled: bool | None, session: Any = None) -> bool:
    """Return whether a search must not be recorded; for the parameters see `make_tracker`."""
    if enabled is not None and not isinstance(enabled, bool):
        raise InvalidArgumentType(f"`mlflow` must be True, False or None; got {enabled!r}.")
    return enabled is False or _switched_off(session)


def _switched_off(session: Any) -> bool:
    if os.environ.get(ENVIRONMENT_SWITCH, "").strip().lower() in _OFF:
        return True
    if session is None and "pyspark" not in sys.modules:
        return False
    with contextlib.suppress(Exception):  # a stopped session has no settings
        if session is None:
            from pyspark.sql import SparkSession

            session = SparkSession.getActiveSession()
        if session is not None:  # Spark Connect has no context to ask
            return str(session.conf.get(SPARK_SWITCH, "")).strip().lower() in _OFF
    return False


def _installed() -> bool:
    if "mlflow" in sys.modules:
        return sys.modules["mlflow"] is not None
    try:
        return importlib.util.find_spec("mlflow") is not None
    except (ImportError, ValueError):
        return False


def _in_active_run() -> bool:
    mlflow = sys.modules.get("mlflow")
    with contextlib.suppress(Exception):
        return mlflow is not None and mlflow.active_run() is not None
    return False
