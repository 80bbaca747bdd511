"""What loss a pruned trial would have reached, as far as the curves of complete trials tell."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sparktune._pruning.curves import Curves, Known

__all__ = ["estimated_loss"]


def estimated_loss(pruned: Known, curves: Curves) -> float:
    """Return the loss that a pruned trial would have reached.

    Its rank among the complete trials at its last step decides: it gets the final loss of the
    complete trial of that rank. A trial that is worse than all of them gets the worst final loss,
    and as much more as it is behind. If objectives return their best report, it is never more than
    the trial's own.

    Returns
    -------
    float
        Infinite if nothing finite is known.
    """
    step, level = pruned.steps[-1], pruned.levels(curves.measure)[-1]
    most = level if curves.measure == "best" else math.inf
    rivals = [
        (at, each.loss)
        for each in curves.complete
        if each.loss is not None and (at := curves.level_at(each, step)) is not None
    ]
    if not rivals or not math.isfinite(level):
        return level
    finals = sorted(loss for _, loss in rivals)
    there = sorted(at for at, _ in rivals)
    rank = sum(at < level for at in there)
    if rank < len(finals):
        return min(most, _between(level, there, finals, rank))
    return min(most, finals[-1] + max(0.0, level - there[-1]))


def _between(level: float, there: Sequence[float], finals: Sequence[float], rank: int) -> float:
    """Return the final loss at a rank, by linear interpolation between its two neighbours."""
    if rank == 0 or not math.isfinite(finals[rank]) or there[rank] == there[rank - 1]:
        return finals[rank]
    share = (level - there[rank - 1]) / (there[rank] - there[rank - 1])
    return finals[rank - 1] + share * (finals[rank] - finals[rank - 1])
