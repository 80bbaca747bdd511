"""Policies that compare a trial with one curve: its own so far, or the best trial's."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from sparktune._pruning.curves import Curves
from sparktune._pruning.policy import Rule, check_count, check_grace, check_number, extent

__all__ = ["Patience", "Wilcoxon"]


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
            check_number("steps", self.steps, 0, math.inf, above=True)
        check_number("least", self.least, 0, math.inf)
        check_grace(self.grace)

    @property
    def follows(self) -> bool:
        """Whether the rule depends on other trials."""
        return self.steps is None

    def rule(self, curves: Curves, tid: int) -> Rule | None:
        """See `Policy`."""
        steps = self.steps if self.steps is not None else extent(curves) / 5
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

    follows: ClassVar[bool] = True

    p: float = 0.1
    startup: int = 4

    def __post_init__(self) -> None:
        check_number("p", self.p, 0, 1)
        check_count("startup", self.startup, 1)

    def rule(self, curves: Curves, tid: int) -> Rule | None:
        """See `Policy`."""
        known = [each for each in curves.complete if each.loss is not None]
        if not known:
            return None
        best = min(known, key=lambda each: each.loss if each.loss is not None else math.inf)
        pairs = list(zip(best.steps, best.losses, strict=True))
        return "folds", {"best": pairs, "p": self.p, "least": self.startup}
