"""How many trials may run at once, on any back end."""

from __future__ import annotations

import logging
import os
from typing import Any, Literal, TypeAlias

from sparktune._arguments import Rule

__all__ = [
    "MAX_PARALLELISM",
    "TrialsPerTask",
    "at_most_max",
    "check_parallelism",
    "check_trials_per_task",
    "cpus",
    "warn_if_idle",
]

TrialsPerTask: TypeAlias = int | Literal["auto"]

logger = logging.getLogger("sparktune.dispatch")

MAX_PARALLELISM = 128
"""The most trials at once. With more, suggestions would be based on too few results, and the driver
would run out of processor time."""


_PARALLELISM = Rule("int", optional=True, noun="an int, or None for the default")
_TRIALS_PER_TASK = Rule(
    "int",
    low=1,
    noun='an int or "auto"',
    hint='1 unless trials take less than a second; "auto" measures how long they take',
)


def check_parallelism(parallelism: Any, owner: str = "SparkTrials") -> int | None:
    """Return a `parallelism` argument if its type is right.

    Raises
    ------
    InvalidArgumentType
        If it is neither an int nor None.
    """
    checked: int | None = _PARALLELISM.check("parallelism", parallelism, owner)
    return checked


def check_trials_per_task(trials_per_task: Any, owner: str) -> TrialsPerTask:
    """Return a `trials_per_task` argument if it is right.

    Raises
    ------
    InvalidArgument, InvalidArgumentType
        If it is neither a positive int nor ``"auto"``.
    """
    if isinstance(trials_per_task, str) and trials_per_task == "auto":
        return "auto"
    checked: int = _TRIALS_PER_TASK.check("trials_per_task", trials_per_task, owner)
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
