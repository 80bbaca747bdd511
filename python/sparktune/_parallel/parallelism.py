"""How many trials may run at once, on any back end."""

from __future__ import annotations

import logging
import os
from typing import Any

from sparktune._arguments import Rule

__all__ = ["MAX_PARALLELISM", "at_most_max", "check_parallelism", "cpus", "warn_if_idle"]

logger = logging.getLogger("sparktune.dispatch")

MAX_PARALLELISM = 128
"""The most trials at once. With more, suggestions would be based on too few results, and the driver
would run out of processor time."""


_PARALLELISM = Rule("int", optional=True, noun="an int, or None for the default")


def check_parallelism(parallelism: Any, owner: str = "SparkTrials") -> int | None:
    """Return a `parallelism` argument if its type is right.

    Raises
    ------
    InvalidArgumentType
        If it is neither an int nor None.
    """
    checked: int | None = _PARALLELISM.check("parallelism", parallelism, owner)
    return checked


def at_most_max(parallelism: int) -> int:
    """Return `parallelism` or, with a warning, `MAX_PARALLELISM`."""
    if parallelism <= MAX_PARALLELISM:
        return parallelism
    logger.warning(
        "`parallelism` must be at most %d; got %d. Running up to %d trials at once.",
        MAX_PARALLELISM,
        parallelism,
        MAX_PARALLELISM,
    )
    return MAX_PARALLELISM


def cpus() -> int:
    """Return how many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        return os.cpu_count() or 1


def warn_if_idle(parallelism: int, max_evals: int | None) -> None:
    """Warn about slots that a search can never fill."""
    if max_evals is not None and 0 < max_evals < parallelism:
        logger.warning(
            "`parallelism` is %d, but the search has at most %d trials (`max_evals`): all start at "
            "once, and none learns from another. About the square root of `max_evals` is a good "
            "`parallelism`.",
            parallelism,
            max_evals,
        )
