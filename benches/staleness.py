"""Measure what batches cost in what a search finds, and print the table of `docs/parallel.md`.

Four simulated slots take 1, 4 or 16 trials at a time, suggested together. "auto" takes up to 15 or
100, as for trials of 100 or 10 ms on Spark, but never has more on their way than have ended.
Answers come when the whole task has ended (Spark), or one by one (processes). Durations are random,
so that tasks end out of order.

Regret is the best loss minus the optimum after some trials, divided by the same difference for the
median of random search after as many trials, at most 1. Brackets hold 95 % intervals from
resampling the seeds.

    python benches/staleness.py [--seeds 20] [--jobs 1]
"""

from __future__ import annotations

import argparse
import heapq
import math
import os
import statistics
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent / "quality"))

import numpy as np
from peers import PEERS
from spaces import Param

SLOTS = 4
BUDGETS = (50, 100, 200, 400)
WAYS = [
    (1, "together"),
    *product((4, 16), ("together", "one by one")),
    ("auto, up to 15", "together"),
    ("auto, up to 100", "together"),
]


def rosenbrock(x):
    return float(np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2))


def rastrigin(x):
    return float(10 * len(x) + np.sum(x**2 - 10 * np.cos(2 * math.pi * x)))


def ackley(x):
    spread = math.exp(np.mean(np.cos(2 * math.pi * x)))
    return float(20 - 20 * math.exp(-0.2 * math.sqrt(np.mean(x**2))) + math.e - spread)


def levy(x):
    w = 1 + (x - 1) / 4
    ends = math.sin(math.pi * w[0]) ** 2 + (w[-1] - 1) ** 2
    return float(ends + np.sum((w[:-1] - 1) ** 2 * (1 + 10 * np.sin(math.pi * w[:-1] + 1) ** 2)))


def styblinski_tang(x):
    return float(np.mean(x**4 - 16 * x**2 + 5 * x) / 2 + 39.16616570377142)


# Shifted, because the middle of a space is where many samplers look first.
PROBLEMS = {
    "sphere": (5, lambda x: float(np.sum((x - 1.3) ** 2))),
    "ellipsoid": (5, lambda x: float(np.sum(10.0 ** np.arange(5) * (x + 0.7) ** 2))),
    "rosenbrock": (5, rosenbrock),
    "rastrigin": (4, lambda x: rastrigin(x - 0.9)),
    "ackley": (5, lambda x: ackley(x + 1.1)),
    "levy": (5, lambda x: levy(x - 0.4)),
    "styblinski-tang": (5, styblinski_tang),
    "sum of roots": (6, lambda x: float(np.sum(np.sqrt(np.abs(x - 0.6))))),
}


def search(job):
    """Return the best loss after each budget."""
    name, (size, way), peer, seed = job
    dimension, loss = PROBLEMS[name]
    space = tuple(Param(f"x{n}", "float", -5.0, 5.0) for n in range(dimension))
    labels = [param.label for param in space]
    peer = PEERS[peer][1](space, seed)
    rng = np.random.default_rng([seed, 11])
    queue, order, started, best, trace = [], 0, 0, math.inf, []
    free = [0.0] * SLOTS
    while len(trace) < BUDGETS[-1]:
        while free and started < BUDGETS[-1]:
            now = clock = free.pop()
            batch = []
            number = size
            if isinstance(size, str):
                number = max(1, min(int(size.split()[-1]), len(trace) // SLOTS))
            for _ in range(min(number, -(-(BUDGETS[-1] - started) // SLOTS))):
                token, point = peer.ask()
                clock += math.exp(rng.normal(0.0, 0.5))
                batch.append((clock, token, loss(np.array([point[label] for label in labels]))))
            started += len(batch)
            for at, token, value in batch:
                order += 1
                told = clock if way == "together" else at
                heapq.heappush(queue, (told, order, token, value, at == clock, now))
        clock, _, token, value, last, _ = heapq.heappop(queue)
        peer.tell(token, value)
        best = min(best, value)
        trace.append(best)
        if last:
            free.append(clock)
    return [trace[budget - 1] for budget in BUDGETS]


def main():
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    seeds = range(options.seeds)
    with ProcessPoolExecutor(options.jobs) as pool:
        run = partial(pool.map, search, chunksize=4)
        chance = {}
        for name in PROBLEMS:
            found = run([(name, WAYS[0], "random", seed) for seed in range(50)])
            chance[name] = np.median(list(found), axis=0)
        print("| trials per task | answers |", " | ".join(f"after {n}" for n in BUDGETS), "|")
        print("| --- | --- |", " | ".join("---:" for _ in BUDGETS), "|")
        for way in WAYS:
            regrets = []  # problems x seeds x budgets
            for name in PROBLEMS:
                found = np.array(list(run([(name, way, "sparktune", seed) for seed in seeds])))
                regrets.append(np.minimum(1.0, found / chance[name]))
            by_seed = np.mean(regrets, axis=0)
            rng = np.random.default_rng(0)
            again = [
                by_seed[rng.integers(len(seeds), size=len(seeds))].mean(0) for _ in range(2000)
            ]
            low, high = np.quantile(again, [0.025, 0.975], axis=0)
            cells = (
                f"{statistics.fmean(by_seed[:, n]):.3f} [{low[n]:.3f}, {high[n]:.3f}]"
                for n in range(len(BUDGETS))
            )
            print(
                f"| {way[0]} | {way[1] if way[0] != 1 else ''} |",
                " | ".join(cells),
                "|",
                flush=True,
            )


if __name__ == "__main__":
    main()
