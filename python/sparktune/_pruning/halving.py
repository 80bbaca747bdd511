"""Successive halving: at each rung, the best of the trials that got there go on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from sparktune._pruning.curves import Curves, spread
from sparktune._pruning.policy import (
    Rule,
    check_count,
    check_grace,
    check_number,
    cutoffs,
    grace_of,
)

__all__ = ["Asha", "Hyperband"]


@dataclass(frozen=True)
class Asha:
    """Asynchronous successive halving: at each rung, the best share of trials goes on.

    Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning".

    Parameters
    ----------
    reduction : float, default 3
        One in `reduction` trials that reach a rung goes on. The rungs are `grace`, ``grace *
        reduction``, and so on.
    grace : float, optional
        The first rung; by default the longest trial divided by ``reduction ** 3``.
    """

    follows: ClassVar[bool] = True
    counts_running: ClassVar[bool] = True

    reduction: float = 3.0
    grace: float | None = None

    def __post_init__(self) -> None:
        check_number("reduction", self.reduction, 1, math.inf, above=True)
        check_grace(self.grace)

    def rule(self, curves: Curves, tid: int) -> Rule | None:
        """See `Policy`."""
        return _halving(curves, curves, self.reduction, grace_of(self.grace, curves,
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

    follows: ClassVar[bool] = True
    counts_running: ClassVar[bool] = True

    reduction: float = 3.0
    brackets: int = 4

    def __post_init__(self) -> None:
        check_number("reduction", self.reduction, 1, math.inf, above=True)
        check_count("brackets", self.brackets, 1)

    def rule(self, curves: Curves, tid: int) -> Rule | None:
        """See `Policy`."""
        bracket = self.bracket_of(tid)
        if bracket == self.brackets - 1:
            return None
        ours = Curves(each for each in curves.all if self.bracket_of(each.tid) == bracket)
        ours.running = {n: r for n, r in curves.running.items() if self.bracket_of(n) == bracket}
        grace = grace_of(None, curves, self.reduction ** (bracket + 1 - self.brackets))
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


def _halving(ours: Curves, everyone: Curves, reduction: float, grace: float) -> Rule | None:
    table, late = [], []
    rung, longest = max(grace, everyone.first), everyone.length
    known = spread([*ours.all, *ours.running.values()])
    while rung < longest:
        losses = sorted(
            loss for each in known if (loss := everyone.level_at(each, rung)) is not None
        )
        going_on = int((len(losses) + 1) // reduction)
        if going_on >= 1:
            table.append((rung, losses[going_on - 1]))
            counted = int(len(losses) // reduction)  # if the trial is one of them
            late.append(losses[counted - 1] if counted >= 1 else math.inf)
        following = (rung + everyone.shift) * reduction - everyone.shift
        if following <= rung:
            break
        rung = following
    rule = cutoffs(table, everyone, once=True)
    if rule is not None and everyone.running:
        rule[1]["late"] = late
    return rule
