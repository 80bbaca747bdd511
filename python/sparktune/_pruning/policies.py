"""Policies: pure functions of the curves so far that give the rule of the next trial."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import cloudpickle

from sparktune._pruning.curves import Curves, spread
from sparktune.exceptions import InvalidArgument, InvalidArgumentType

__all__ = [
    "Asha",
    "Custom",
    "Hyperband",
    "Median",
    "Patience",
    "Percentile",
    "Policy",
    "Rule",
    "Wilcoxon",
    "policy_of",
]

Rule = tuple[str, dict[str, Any]]
"""The name and arguments of a rule in `sparktune._worker.rules`."""

# Steps at which cut-offs by quantiles are taken, at most.
_GRID = 64


class Policy(Protocol):
    """Decides which trials have no prospects."""

    def rule(self, curves: Curves, tid: int) -> Rule | None:
        """Return the rule for a trial that is about to start; None if it must run to its end."""


@dataclass(frozen=True)
class Percentile:
    """Ends a trial whose best loss so far is above a percentile of those of complete trials.

    Golovin et al. 2017, "Google Vizier", section 3.2.2, for the median.

    Parameters
    ----------
    percentile : float
        From 0 to 100: the share of complete trials that a trial may be like. 50 keeps those that
        are better than the median, 25 only the best quarter.
    grace : float, optional
        No trial ends before this step; by default a tenth of the longest trial.
    startup : int, default 5
        The number of complete trials before the first one is pruned.
    """

    percentile: float
    grace: float | None = None
    startup: int = 5

    def __post_init__(self) -> None:
        _check_number("percentile", self.percentile, 0, 100)
        _check_grace(self.grace)
        _check_count("startup", self.startup)

    def rule(self, curves: Curves, tid: int) -> Rule | None:
        """See `Policy`."""
        if len(curves.complete) < max(self.startup, 1):
            return None
        known = spread(curves.complete)
        grace = _grace(self.grace, curves, 0.1)
        steps = sorted({step for each in known for step in each.steps if step >= grace})
        if len(steps) > _GRID:
            steps = [steps[round(i * (len(steps) - 1) / (_GRID - 1))] for i in range(_GRID)]
        table = []
        for step in steps:
            losses = sorted(loss for each in known if (loss := each.best_at(step)) is not None)
            if len(losses) >= max(self.startup, 1):
                table.append((step, _quantile(losses, self.percentile / 100)))
        return _cutoffs(table, curves, once=False)


@dataclass(frozen=True)
class Median(Percentile):
    """Ends a trial whose best loss so far is worse than the median of complete trials.

    See `Percentile`.
    """

    percentile: float = 50.0


@dataclass(frozen=True)
class Asha:
    """Asynchronous successive halving: at each rung the best of so many go on.

    Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning".

    Parameters
    ----------
    reduction : float, default 3
        Of so many trials that reach a rung, one goes on. The rungs are `grace`, ``grace *
        reduction``, and so on.
    grace : float, optional
        The first rung; by default the longest trial divided by ``reduction ** 3``.
    """

    reduction: float = 3.0
    grace: float | None = None

    def __post_init__(self) -> None:
        _check_number("reduction", self.reduction, 1, math.inf, above=True)
        _check_grace(self.grace)

    def rule(self, curves: Curves, tid: int) -> Rule | None:
        """See `Policy`."""
        return _halving(curves, curves, self.reduction, _grace(self.grace, curves,
                                                               self.reduction**-3))  # fmt: skip


@dataclass(frozen=True)
class Hyperband:
    """Successive halving in several brackets, which begin later and later.

    Li et al. 2018, "Hyperband". A trial competes with those of its bracket, which its id decides;
    the last bracket prunes nothing.

    Parameters
    ----------
    reduction : float, default 3
        See `Asha`.
    brackets : int, default 4
        How many.
    """

    reduction: float = 3.0
    brackets: int = 4

    def __post_init__(self) -> None:
        _check_number("reduction", self.reduction, 1, math.inf, above=True)
        _check_count("brackets", self.brackets, 1)

    def rule(self, curves: Curves, tid: int) -> Rule | None:
        """See `Policy`."""
        bracket = self.bracket_of(tid)
        if bracket == self.brackets - 1:
            return None
        ours = Curves(each for each in curves.all if self.bracket_of(each.tid) == bracket)
        ours.running = {n: r for n, r in curves.running.items() if self.bracket_of(n) == bracket}
        grace = _grace(None, curves, self.reduction ** (bracket + 1 - self.brackets))
        return _halving(ours, curves, self.reduction, grace)

    def bracket_of(self, tid: int) -> int:
        """Return the bracket of a trial; early ones have more trials, as each takes less time."""
        last = self.brackets - 1
        weights = [self.reduction ** (last - b) / (last - b + 1) for b in range(self.brackets)]
        place = (tid * 0.6180339887498949) % 1.0 * sum(weights)  # evenly, whatever the number
        for bracket, weight in enumerate(weights):
            place -= weight
            if place < 0:
                return bracket
        return last


@dataclass(frozen=True)
class Patience:
    """Ends a trial that has not improved for a number of steps, whatever the others do.

    Parameters
    ----------
    steps : float, optional
        How many; by default a fifth of the longest trial, so none is ended before one has ended.
    least : float, default 0
        By how much a loss must be lower to count.
    grace : float, default 0
        No trial ends before this step.
    """

    steps: float | None = None
    least: float = 0.0
    grace: float = 0.0

    def __post_init__(self) -> None:
        if self.steps is not None:
            _check_number("steps", self.steps, 0, math.inf, above=True)
        _check_number("least", self.least, 0, math.inf)
        _check_grace(self.grace)

    def rule(self, curves: Curves, tid: int) -> Rule | None:
        """See `Policy`."""
        steps = self.steps if self.steps is not None else _extent(curves) / 5
        if steps <= 0:
            return None
        return "patience", {"steps": steps, "least": self.least, "grace": self.grace}


@dataclass(frozen=True)
class Wilcoxon:
    """Ends a trial that is worse than the best one on the folds that both have.

    For objectives that report one loss per fold, or per instance, with its number as the step.
    Wilcoxon's signed-rank test of the differences.

    Parameters
    ----------
    p : float, default 0.1
        How improbable the differences must be by chance.
    startup : int, default 4
        Folds before the first test; fewer than four cannot reach 0.1.
    """

    p: float = 0.1
    startup: int = 4

    def __post_init__(self) -> None:
        _check_number("p", self.p, 0, 1)
        _check_count("startup", self.startup, 1)

    def rule(self, curves: Curves, tid: int) -> Rule | None:
        """See `Policy`."""
        known = [each for each in curves.complete if each.loss is not None]
        if not known:
            return None
        best = min(known, key=lambda each: each.loss if each.loss is not None else math.inf)
        pairs = list(zip(best.steps, best.losses, strict=True))
        return "folds", {"best": pairs, "p": self.p, "least": self.startup}


@dataclass(frozen=True)
class Custom:
    """Asks a function of the user's.

    Parameters
    ----------
    stop : callable
        ``stop(curves, curve)``: whether the trial has to end. `curves` has a pair (steps, losses)
        for each trial that has ended, `curve` is that of the trial itself.
    """

    stop: Callable[[list[tuple[list[float], list[float]]], Any], bool]

    def rule(self, curves: Curves, tid: int) -> Rule | None:
        """See `Policy`."""
        known = [(each.steps, each.losses) for each in curves.all]
        return "custom", {"pickled": cloudpickle.dumps((self.stop, known))}


_NAMED: dict[str, Callable[[], Policy]] = {
    "asha": Asha,
    "hyperband": Hyperband,
    "median": Median,
    "patience": Patience,
    "percentile": lambda: Percentile(25.0),
    "wilcoxon": Wilcoxon,
}
_DEFAULT = "median"


def policy_of(prune: Any) -> Policy | None:
    """Return the policy that the argument `prune` of `fmin` means, None for none.

    Raises
    ------
    InvalidArgument, InvalidArgumentType
        If it means none of them.
    """
    if prune is None or prune is False:
        return None
    if prune is True:
        prune = _DEFAULT
    if isinstance(prune, str):
        if prune not in _NAMED:
            raise InvalidArgument(
                f"`prune` must be one of {', '.join(map(repr, _NAMED))}; got {prune!r}."
            )
        return _NAMED[prune]()
    if isinstance(prune, type) and prune.__module__.startswith("sparktune."):
        raise InvalidArgumentType(
            f"`prune` must be a policy; got the class {prune.__name__}. Hint: {prune.__name__}()."
        )
    if callable(getattr(prune, "rule", None)):
        return prune  # type: ignore[no-any-return]
    if callable(prune):
        return Custom(prune)
    raise InvalidArgumentType(
        "`prune` must be True, the name of a policy, a policy of sparktune.pruning or a function "
        f"of (curves, curve); got {prune!r}. Hint: prune='asha'."
    )


# -- numbers ---------------------------------------------------------------------------------------


def _halving(ours: Curves, everyone: Curves, reduction: float, grace: float) -> Rule | None:
    table, late = [], []
    rung, longest = max(grace, everyone.first), everyone.length
    known = spread([*ours.all, *ours.running.values()])
    while rung < longest:
        losses = sorted(loss for each in known if (loss := each.best_at(rung)) is not None)
        going_on = int((len(losses) + 1) // reduction)
        if going_on >= 1:
            table.append((rung, losses[going_on - 1]))
            counted = int(len(losses) // reduction)  # if the trial is one of them
            late.append(losses[counted - 1] if counted >= 1 else math.inf)
        following = _next_rung(rung, everyone.first, reduction)
        if following <= rung:
            break
        rung = following
    rule = _cutoffs(table, everyone, once=True)
    if rule is not None and everyone.running:
        rule[1]["late"] = late
    return rule


def _cutoffs(table: list[tuple[float, float]], curves: Curves, once: bool) -> Rule | None:
    if not table:
        return None
    return "cutoffs", {"table": table, "once": once, "end": curves.length}


def _next_rung(rung: float, first: float, reduction: float) -> float:
    """Return the next rung; steps that begin at 0 are one step further than they say."""
    shift = 1.0 if first == 0 else 0.0
    return (rung + shift) * reduction - shift


def _extent(curves: Curves) -> float:
    """Return how many steps the longest trial took."""
    if not curves.all:
        return 0.0
    return curves.length + (1.0 if curves.first == 0 else 0.0)


def _grace(given: float | None, curves: Curves, share: float) -> float:
    if given is not None:
        return given
    shift = 1.0 if curves.first == 0 else 0.0
    return _extent(curves) * share - shift if curves.all else 0.0


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Return a quantile of sorted numbers, between two by linear interpolation."""
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    if low == place or math.isinf(ordered[min(low + 1, len(ordered) - 1)]):
        return ordered[low]
    return ordered[low] + (place - low) * (ordered[low + 1] - ordered[low])


# -- checks ----------------------------------------------------------------------------------------


def _check_number(name: str, value: Any, low: float, high: float, above: bool = False) -> None:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and value <= high
    if not good or not (value > low if above else value >= low):
        bound = f"greater than {low:g}" if above else f"at least {low:g}"
        most = "" if math.isinf(high) else f" and at most {high:g}"
        raise InvalidArgument(
            f"`{name}` of a policy must be a number {bound}{most}; got {value!r}."
        )


def _check_grace(value: Any) -> None:
    if value is not None:
        _check_number("grace", value, 0, math.inf)


def _check_count(name: str, value: Any, low: int = 0) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise InvalidArgument(
            f"`{name}` of a policy must be an int of at least {low}; got {value!r}."
        )
