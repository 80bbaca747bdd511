"""Simulated workers: trials run side by side, each step takes its cost, and slots are refilled."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from learners import Learner
from rivals import Rival, Running

MARKS = 100
"""At how many shares of the budget the lowest loss is noted."""

_curves: dict[Any, tuple[list[float], Iterator[float]]] = {}  # of one learner: models are large


def loss_of(learner: Learner, point: dict[str, float], step: int) -> float:
    """Return what a point reports at a step; searches of one process share what was computed."""
    key = (learner.name, *sorted(point.items()))
    if key not in _curves:
        if _curves and next(iter(_curves))[0] != learner.name:
            _curves.clear()
        _curves[key] = [], learner.losses(point)
    known, more = _curves[key]
    while len(known) <= step:
        known.append(next(more))
    return known[step]


def loss_at_end(learner: Learner, point: dict[str, float]) -> float:
    """Return the loss of a complete trial."""
    if learner.folds:
        return float(np.mean([loss_of(learner, point, step) for step in range(len(learner.at))]))
    return loss_of(learner, point, len(learner.at) - 1)


def run(search: Rival, learner: Learner, trials: int, workers: int, seed: int) -> dict[str, Any]:
    """Run a search until it has spent what `trials` complete trials cost.

    The trials differ in speed by a log-normal factor around 1. Returns the lowest loss of a
    complete trial at each mark, and how many trials there were.
    """
    rng = np.random.default_rng([seed, 11])
    budget, spent, best = trials * learner.cost, 0.0, math.inf
    trace: list[float] = []
    counts = {"started": 0, "complete": 0, "pruned": 0}
    queue: list[tuple[float, int, int, float, Running]] = []

    def start(clock: float) -> None:
        speed = math.exp(rng.normal(0.0, 0.3))
        counts["started"] += 1
        trial = search.ask()
        entry = (clock + learner.costs[0] * speed, counts["started"], 0, speed, trial)
        heapq.heappush(queue, entry)

    for _ in range(workers):
        start(0.0)
    while spent < budget:
        clock, number, step, speed, trial = heapq.heappop(queue)
        spent += learner.costs[step]
        loss = loss_of(learner, trial.point, step)
        pruned = trial.report(loss, learner.at[step])
        if pruned:
            trial.finish(None)
            counts["pruned"] += 1
        elif step + 1 == len(learner.at):
            final = loss_at_end(learner, trial.point)
            trial.finish(final)
            counts["complete"] += 1
            best = min(best, final)
        else:
            after = clock + learner.costs[step + 1] * speed
            heapq.heappush(queue, (after, number, step + 1, speed, trial))
            continue
        while len(trace) < MARKS and spent >= budget * (len(trace) + 1) / MARKS:
            trace.append(best)
        start(clock)
    trace += [best] * (MARKS - len(trace))
    return {"losses": trace, **counts}
