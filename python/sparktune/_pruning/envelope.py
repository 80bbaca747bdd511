"""The envelope: a trial is compared with what the best complete ones were at the same step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from sparktune._pruning.curves import Curves, spread
from sparktune._pruning.policy import Rule, check_count, check_number, cutoffs, thinned

__all__ = ["Envelope"]

_LEAST = 3


@dataclass(frozen=True)
class Envelope:
    """Ends a trial that is worse than each of the best complete ones was at the same step.

    The best are those with the lowest final losses, so where good models start slowly, the
    envelope of their curves is wide at first, and where early losses say much, it is narrow.

    Parameters
    ----------
    share : float, default 1/3
        The share of the complete trials that are the best, above 0 and at most 1; at least three.
    startup : int, default 5
        The number of complete trials before the first one is pruned.
    """

    follows: ClassVar[bool] = True

    share: float = 1 / 3
    startup: int = 5

    def __post_init__(self) -> None:
        check_number("share", self.share, 0, 1, above=True)
        check_count("startup", self.startup)

    def rule(self, curves: Curves, tid: int) -> Rule | None:
        """See `Policy`."""
        if len(curves.complete) < max(self.startup, 1):
            return None
        ordered = sorted(
            curves.complete, key=lambda each: math.inf if each.loss is None else each.loss
        )
        best = spread(ordered[: max(_LEAST, math.ceil(self.share * len(ordered)))])
        table = []
        for step in thinned({step for each in best for step in each.steps}):
            levels = [level for each in best if (level := curves.level_at(each, step)) is not None]
            table.append((step, max(levels)))
        return cutoffs(table, curves, once=False)
