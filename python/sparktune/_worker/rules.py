"""Rules by which a trial is ended while it runs: what was known when it started, as plain data.

A rule decides at each report from its own data alone, so a trial needs no way to the driver. The
policies in `sparktune._pruning` make the data. Where there is a way (`sparktune._worker.line`), a
newer rule may take the place of one in the middle of a trial: `follow`.
"""

from __future__ import annotations

import contextlib
import io
import math
import pickle
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

__all__ = ["Curve", "rule_of", "signed_rank_p"]

_EXACT = 30
"""Up to how many differences the distribution of their signed ranks is counted out."""


class Curve:
    """What a trial has reported, as losses.

    At most 1,024 points are kept: when there are more, every second one is dropped. The best loss
    and where it was are exact.
    """

    LIMIT = 1024

    def __init__(self) -> None:
        self.steps: list[float] = []
        self.losses: list[float] = []
        self.best = math.inf
        self.best_step: float | None = None
        self.last: tuple[float, float] | None = None
        self._total = 0.0
        self._stride = 1
        self._count = 0

    def add(self, step: float, loss: float) -> None:
        """Take in a report; steps must grow."""
        if loss < self.best:
            self.best, self.best_step = loss, step
        if self.last is not None and self._count % self._stride != 1 and self._stride > 1:
            self.steps.pop()  # the last one is there only because it is the last
            self.losses.pop()
        self.steps.append(step)
        self.losses.append(loss)
        self.last = (step, loss)
        self._total += loss
        self._count += 1
        if len(self.steps) > self.LIMIT:
            self.steps, self.losses = self.steps[::2], self.losses[::2]
            self._stride *= 2

    def level(self, measure: str) -> float:
        """Return how good the trial is by now, by a measure of `sparktune._pruning.curves`."""
        assert self.last is not None
        if measure == "mean":
            return self._total / self._count
        return self.last[1] if measure == "last" else self.best


class Cutoffs:
    """Ends a trial that is worse than the cut-off of a step.

    Parameters
    ----------
    table : sequence of (step, cut-off)
        In the order of steps.
    once : bool
        Whether a trial meets each cut-off once, at its first report from that step on (rungs of
        successive halving); otherwise each report meets that of the last step that it has reached.
    end : float
        The step at which trials are complete: there nothing is gained by ending one.
    late : sequence of float, optional
        The cut-offs for trials that had passed a step before they knew of its cut-off, so that they
        are among those that the table counts; infinite if these are too few.
    measure : str
        See `Curve.level`.
    """

    def __init__(
        self,
        table: Sequence[tuple[float, float]],
        once: bool,
        end: float,
        late: Sequence[float] | None = None,
        measure: str = "best",
    ) -> None:
        self._steps = [step for step, _ in table]
        self._cutoffs = [cutoff for _, cutoff in table]
        self._late = self._cutoffs if late is None else list(late)
        self._once = once
        self._measure = measure
        self._end = end
        self._met = 0
        self._judged = -math.inf  # the step whose cut-off the trial last met
        self._passed = -math.inf  # where the trial was when it got this rule

    def follow(self, before: Any, curve: Curve | None) -> None:
        """Take the place of another rule: what it has let pass is not judged again."""
        if isinstance(before, Cutoffs):
            self._judged = before._judged
            self._met = bisect_right(self._steps, self._judged)
        if curve is not None and curve.last is not None:
            self._passed = curve.last[0]

    def stops(self, curve: Curve) -> bool:
        """Whether the trial has to end, after its latest report."""
        assert curve.last is not None
        step = curve.last[0]
        reached = bisect_right(self._steps, step)
        if reached == 0 or step >= self._end:
            return False
        if not self._once:
            return curve.level(self._measure) > self._cutoffs[reached - 1]
        for rung in range(reached - 1, self._met - 1, -1):
            late = self._steps[rung] <= self._passed
            cutoff = (self._late if late else self._cutoffs)[rung]
            if not (late and math.isinf(cutoff)):  # otherwise a later table may say more
                self._met, self._judged = rung + 1, self._steps[rung]
                return curve.level(self._measure) > cutoff
        return False


class Patience:
    """Ends a trial that has not improved for some steps."""

    def __init__(self, steps: float, least: float, grace: float) -> None:
        self._patience, self._least, self._grace = steps, least, grace
        self._best, self._since = math.inf, 0.0

    def follow(self, before: Any, curve: Curve | None) -> None:
        """Take the place of another rule."""
        if isinstance(before, Patience):
            self._best, self._since = before._best, before._since
        elif curve is not None:
            for step, loss in zip(curve.steps, curve.losses, strict=True):
                self._take(step, loss)

    def _take(self, step: float, loss: float) -> None:
        if loss < self._best - self._least or math.isinf(self._best):
            self._best, self._since = loss, step

    def stops(self, curve: Curve) -> bool:
        """Whether the trial has to end, after its latest report."""
        assert curve.last is not None
        step, loss = curve.last
        self._take(step, loss)
        return step >= self._grace and step - self._since >= self._patience


class Folds:
    """Ends a trial that is worse than the best one on the folds that both have.

    Wilcoxon's signed-rank test of the differences, one-sided.
    """

    def __init__(self, best: Sequence[tuple[float, float]], p: float, least: int) -> None:
        self._best = dict(best)
        self._p, self._least = p, least
        self._differences: list[float] = []

    def follow(self, before: Any, curve: Curve | None) -> None:
        """Take the place of another rule."""
        if curve is not None:
            for step, loss in zip(curve.steps, curve.losses, strict=True):
                self._take(step, loss)

    def _take(self, step: float, loss: float) -> None:
        if step in self._best:
            self._differences.append(loss - self._best[step])

    def stops(self, curve: Curve) -> bool:
        """Whether the trial has to end, after its latest report."""
        assert curve.last is not None
        self._take(*curve.last)
        found = self._differences
        if len(found) < self._least or sum(found) <= 0 or len(found) == len(self._best):
            return False
        return signed_rank_p(found) < self._p


class Custom:
    """Asks a function of the user's, with the curves of other trials."""

    def __init__(self, pickled: bytes) -> None:
        self._pickled = pickled
        self._known: tuple[Any, Any] | None = None

    def stops(self, curve: Curve) -> bool:
        """Whether the trial has to end, after its latest report."""
        if self._known is None:
            self._known = _Unpickler(io.BytesIO(self._pickled)).load()
        stop, curves = self._known
        return bool(stop(curves, (list(curve.steps), list(curve.losses))))


class _Unpickler(pickle.Unpickler):
    """Finds cloudpickle in PySpark where it is not installed by itself."""

    def find_class(self, module: str, name: str) -> Any:
        """Return what a name stands for."""
        if module.partition(".")[0] == "cloudpickle":
            with contextlib.suppress(ImportError):
                return super().find_class(module, name)
            module = f"pyspark.{module}"
        return super().find_class(module, name)


def signed_rank_p(differences: Sequence[float]) -> float:
    """Return how probable so large differences are if they are as often below zero as above.

    Wilcoxon's signed-rank test, one-sided; zeros have ranks, but count on neither side (Pratt
    1959). Counted out for up to 30 differences, beyond that by the normal distribution.
    """
    order = sorted(differences, key=abs)
    sizes = [abs(each) for each in order]
    doubled: list[int] = []  # twice the ranks, of which equal ones have the mean
    start = 0
    while start < len(sizes):
        end = start
        while end < len(sizes) and sizes[end] == sizes[start]:
            end += 1
        doubled += [start + end + 1] * (end - start)
        start = end
    above = sum(rank for rank, each in zip(doubled, order, strict=True) if each > 0)
    ranks = [rank for rank, each in zip(doubled, order, strict=True) if each != 0]
    if not ranks:
        return 1.0
    if len(ranks) <= _EXACT:
        ways: list[int] = [1] + [0] * sum(ranks)
        for rank in ranks:
            for total in range(len(ways) - 1, rank - 1, -1):
                ways[total] += ways[total - rank]
        return float(sum(ways[above:]) / 2 ** len(ranks))
    mean, variance = sum(ranks) / 2, sum(rank * rank for rank in ranks) / 4
    return 0.5 * math.erfc((above - mean) / math.sqrt(2 * variance))


_KINDS = {"cutoffs": Cutoffs, "patience": Patience, "folds": Folds, "custom": Custom}


def rule_of(data: tuple[str, dict[str, Any]]) -> Any:
    """Return the rule of its name and arguments."""
    kind, arguments = data
    return _KINDS[kind](**arguments)
