"""Percentiles: a trial is compared with complete ones at the step that it has reached."""

from __future__ import annotations

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
    quantile,
    thinned,
)

__all__ = ["Median", "Percentile"]


@dataclass(frozen=True)
class Percentile:
    """Ends a trial that is worse than a percentile of the complete ones at the same step.

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

    follows: ClassVar[bool] = True

    percentile: float
    grace: float | None = None
    startup: int = 5

    def __post_init__(self) -> None:
        check_number("percentile", self.percentile, 0, 100)
        check_grace(self.grace)
        check_count("startup", self.startup)

    def rule(self, curves: Curves, tid: int) -> Rule | None:
        """See `Policy`."""
        if len(curves.complete) < max(self.startup, 1):
            return None
        known = spread(curves.complete)
        grace = grace_of(self.grace, curves, 0.1)
        table = []
        for step in thinned({step for each in known for step in each.steps if step >= grace}):
            losses = sorted(
                loss for each in known if (loss := curves.level_at(each, step)) is not None
            )
            if len(losses) >= max(self.startup, 1):
                table.append((step, quantile(losses, self.percentile / 100)))
        return cutoffs(table, curves, once=False)


@dataclass(frozen=True)
class Median(Percentile):
    """Ends a trial that is worse than the median of the complete ones at the same step.

    See `Percentile`.
    """

    percentile: float = 50.0
