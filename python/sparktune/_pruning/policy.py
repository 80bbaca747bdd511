"""What policies are: pure functions of the curves so far that give the rule of the next trial.

And what they share: steps, quantiles, and the checks of their settings.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from sparktune._pruning.curves import Curves
from sparktune.exceptions import InvalidArgument

__all__ = [
    "Policy",
    "Rule",
    "check_count",
    "check_grace",
    "check_number",
    "cutoffs",
    "extent",
    "grace_of",
    "quantile",
    "thinned",
]

Rule = tuple[str, dict[str, Any]]
"""The name and arguments of a rule in `sparktune._worker.rules`."""


class Policy(Protocol):
    """Decides which trials have no prospects.

    Three attributes are optional. If `follows` is true, running trials get newer rules: a rule is
    then plain data, quickly made, on any thread. `counts_running` says that rules depend on trials
    that are running. ``bracket_of(tid)`` says which trials share a rule; by default all do.
    """

    def rule(self, curves: Curves, tid: int) -> Rule | None:
        """Return the rule for a trial that is about to start; None if it must run to its end."""


def cutoffs(table: list[tuple[float, float]], curves: Curves, once: bool) -> Rule | None:
    """Return the rule of a table of steps and cut-offs, None if that is empty."""
    if not table:
        return None
    end, measure = curves.length, curves.measure
    return "cutoffs", {"table": table, "once": once, "end": end, "measure": measure}


def extent(curves: Curves) -> float:
    """Return how many steps the longest trial took."""
    if not curves.all:
        return 0.0
    return curves.length + curves.shift


def grace_of(given: float | None, curves: Curves, share: float) -> float:
    """Return the first step at which a trial may end; by default a share of the longest trial."""
    if given is not None:
        return given
    return extent(curves) * share - curves.shift if curves.all else 0.0


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return a quantile of sorted numbers, between two by linear interpolation."""
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    if low == place or math.isinf(ordered[min(low + 1, len(ordered) - 1)]):
        return ordered[low]
    return ordered[low] + (place - low) * (ordered[low + 1] - ordered[low])


def thinned(steps: Iterable[float], most: int = 64) -> list[float]:
    """Return steps in their order; some, evenly spread, if there are many."""
    ordered = sorted(steps)
    if len(ordered) <= most:
        return ordered
    return [ordered[round(i * (len(ordered) - 1) / (most - 1))] for i in range(most)]


def check_number(name: str, value: Any, low: float, high: float, above: bool = False) -> None:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and value <= high
    if not good or not (value > low if above else value >= low):
        bound = f"greater than {low:g}" if above else f"at least {low:g}"
        most = "" if math.isinf(high) else f" and at most {high:g}"
        raise InvalidArgument(
            f"`{name}` of a policy must be a number {bound}{most}; got {value!r}."
        )


def check_grace(value: Any) -> None:
    if value is not None:
        check_number("grace", value, 0, math.inf)


def check_count(name: str, value: Any, low: int = 0) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise InvalidArgument(
            f"`{name}` of a policy must be an int of at least {low}; got {value!r}."
        )
