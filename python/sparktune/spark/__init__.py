"""Hyperopt's module name for `SparkTrials` and the values of its `fmin_cancelled_reason`."""

from sparktune._listing import listing
from sparktune._parallel.spark.trials import SparkTrials
from sparktune._search.ending import (
    FMIN_CANCELLED_REASON_EARLY_STOPPING,
    FMIN_CANCELLED_REASON_TIMEOUT,
    FMIN_CANCELLED_REASON_USER,
)

__all__ = [
    "FMIN_CANCELLED_REASON_EARLY_STOPPING",
    "FMIN_CANCELLED_REASON_TIMEOUT",
    "FMIN_CANCELLED_REASON_USER",
    "SparkTrials",
]

__dir__ = listing(__all__)
