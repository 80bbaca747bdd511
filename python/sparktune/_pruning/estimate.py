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
    and as much more as it is behind; never more than its own best loss so far.

    Returns
    -------
    float
        Infinite if nothing finite is known.
    """
    step, best = pruned.steps[-1], pruned.best[-1]
    rivals = [
        (at, each.loss)
        for each in curves.complete
        if each.loss is not None and (at := each.best_at(step)) is not None
    ]
    if not rivals or not math.isfinite(best):
        return best
    finals = sorted(loss for _, loss in rivals)
    there = sorted(at for at, _ in rivals)
    rank = sum(at < best for at in there)
    if rank < len(finals):
        return min(best, _between(best, there, finals, rank))
    return min(best, finals[-1] + max(0.0, best - there[-1]))


def _between(best: float, there: Sequence[float], finals: Sequence[float], rank: int) -> float:
    """Return the final loss at a rank, by linear interpolation between its two neighbours."""
    if rank == 0 or not math.isfinite(finals[rank]) or there[rank] == there[rank - 1]:
        return finals[rank]
    share = (best - there[rank - 1]) / (there[rank] - there[rank - 1])
    return finals[rank - 1] + share * (finals[rank] - finals[rank - 1])
