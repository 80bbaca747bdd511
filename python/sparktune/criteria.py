"""Hyperopt's module name for criteria of Bayesian optimisation; only re-exports."""

from __future__ import annotations

from sparktune._hyperopt.criteria import (
    UCB,
    EI_empirical,
    EI_gaussian,
    EI_gaussian_empirical,
    logEI_gaussian,
)

__all__ = ["UCB", "EI_empirical", "EI_gaussian", "EI_gaussian_empirical", "logEI_gaussian"]
