"""One search: a peer on a problem, one trial at a time or with simulated workers."""

from __future__ import annotations

import heapq
import math
from typing import Any

import numpy as np
from peers import Peer
from problem import Problem


def run(peer: Peer, problem: Problem, budget: int, workers: int, seed: int) -> list[float]:
    """Return the best loss so far after 1, 2, ..., `budget` finished trials.

    With `workers` above 1, that many trials run at any time. The duration of each trial is random
    (a log-normal factor around 1), so trials finish out of order, and each is replaced at once.
    """
    rng = np.random.default_rng([seed, 7])
    queue: list[tuple[float, int, Any, float]] = []
    clock, started = 0.0, 0
    best, trace = math.inf, []
    while len(trace) < budget:
        while len(queue) < workers and started < budget:
            token, point = peer.ask()
            duration = 1.0 if workers == 1 else math.exp(rng.normal(0.0, 0.5))
            heapq.heappush(queue, (clock + duration, started, token, problem.loss(point)))
            started += 1
        clock, _, token, loss = heapq.heappop(queue)
        peer.tell(token, loss)
        best = min(best, loss)
        trace.append(best)
    return trace
