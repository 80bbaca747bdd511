"""`Curves`: what the trials of a search have reported."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import accumulate, count
from operator import truediv
from typing import Any

from sparktune._trials.documents import STATUS_OK, STATUS_PRUNED

__all__ = ["MEASURES", "Curves", "Known", "curve_of", "spread"]


MEASURES = ("last", "mean", "best")
"""How to tell how good a trial is at a step."""

# What share of the complete trials must have returned the same measure of their reports.
_SURE = 0.9
# How many points of a running trial are kept; half of them when there are more.
_MOST_POINTS = 1024


class Known:
    """The curve of a trial that has ended, or of one that is running.

    Attributes
    ----------
    tid : int
        The trial.
    steps, losses : list of float
        What it reported.
    loss : float or None
        Its final loss; None if it was pruned, or is running.
    """

    def __init__(
        self, tid: int, steps: list[float], losses: list[float], loss: float | None
    ) -> None:
        self.tid = tid
        self.steps = steps
        self.losses = losses
        self._best = list(accumulate(losses, min))
        self.loss = loss

    @property
    def is_complete(self) -> bool:
        """Whether the trial ran to its end."""
        return self.loss is not None

    def extend(self, steps: Sequence[float], losses: Sequence[float]) -> None:
        """Take in what a running trial has reported since; steps must grow."""
        self.__dict__.pop("_means", None)
        self._best += list(accumulate([self._best[-1], *losses], min))[1:]
        self.steps += steps
        self.losses += losses
        if len(self.steps) > _MOST_POINTS:
            for points in (self.steps, self.losses, self._best):
                points[:-1] = points[:-1:2]

    def level_at(self, step: float, measure: str) -> float | None:
        """Return how good the trial was at a step, None if it did not get there."""
        if self.steps[-1] < step:
            return None
        at = bisect_right(self.steps, step)
        return self.levels(measure)[at - 1] if at else None

    def levels(self, measure: str) -> Sequence[float]:
        """Return how good the trial was at each step."""
        if measure == "best":
            return self._best
        return self.losses if measure == "last" else self._means

    @cached_property
    def _means(self) -> list[float]:
        return list(map(truediv, accumulate(self.losses), count(1)))


class Curves:
    """Collects curves of ended trials, and of those that report while they run.

    Attributes
    ----------
    all : list of Known
        In the order in which the trials ended.
    complete : list of Known
        Those that were not pruned.
    running : dict of int to Known
        The curves so far of trials that are running, by trial.
    first, length : float
        The first step of all, and the last step of the longest curve, of ended trials; 0 without.
    measure : {"last", "mean", "best"}
        What the objective returns, by the complete trials: its last report, the mean or the best
        of its reports. So running trials are compared by the same. "best" if it is none of them.
    """

    def __init__(self, known: Iterable[Known] = ()) -> None:
        self.all: list[Known] = []
        self.complete: list[Known] = []
        self.running: dict[int, Known] = {}
        self.first = self.length = 0.0
        self.measure = "best"
        self._returned = dict.fromkeys(MEASURES, 0)
        for each in known:
            self.add(each)

    @property
    def shift(self) -> float:
        """What a step lacks to be a count of steps: one where steps begin at 0."""
        return 1.0 if self.first == 0 else 0.0

    def add(self, known: Known) -> None:
        """Take in a curve."""
        self.first = min(self.first, known.steps[0]) if self.all else known.steps[0]
        self.length = max(self.length, known.steps[-1]) if self.all else known.steps[-1]
        self.all.append(known)
        if known.is_complete:
            self.complete.append(known)
            for measure in MEASURES:
                self._returned[measure] += _close(known.levels(measure)[-1], known.loss)
            likely = max(MEASURES, key=self._returned.__getitem__)
            sure = self._returned[likely] >= _SURE * len(self.complete)
            self.measure = likely if sure else "best"

    def level_at(self, known: Known, step: float) -> float | None:
        """Return how good a trial was at a step, by `measure`; None if it did not get there."""
        return known.level_at(step, self.measure)


def _close(level: float, loss: float | None) -> bool:
    return loss is not None and (level == loss or abs(level - loss) <= 1e-6 * abs(loss))


def spread(known: Sequence[Known], most: int = 500) -> Sequence[Known]:
    """Return some curves, evenly spread over all: enough for quantiles, however many there are."""
    if len(known) <= most:
        return known
    return [known[i * len(known) // most] for i in range(most)]


def curve_of(tid: int, result: Mapping[str, Any]) -> Known | None:
    """Return the curve in a result; None without one, or if the trial failed."""
    curve, status = result.get("curve"), result.get("status")
    if status not in (STATUS_OK, STATUS_PRUNED) or not isinstance(curve, Mapping):
        return None
    try:
        steps = [float(step) for step in curve["steps"]]
        losses = [math.inf if math.isnan(loss) else float(loss) for loss in curve["losses"]]
        loss = float(result["loss"]) if status == STATUS_OK else None
    except (KeyError, TypeError, ValueError):
        return None  # a `curve` of the objective's own
    return Known(tid, steps, losses, loss) if steps and len(steps) == len(losses) else None
