"""Policies for the parameter `prune` of `fmin`: which trials end when they have no prospects."""

from __future__ import annotations

from sparktune._listing import listing
from sparktune._pruning.policies import (
    Asha,
    Envelope,
    Hyperband,
    Median,
    Patience,
    Percentile,
    Policy,
    Wilcoxon,
)

__all__ = [
    "Asha",
    "Envelope",
    "Hyperband",
    "Median",
    "Patience",
    "Percentile",
    "Policy",
    "Wilcoxon",
]

__dir__ = listing(__all__)
