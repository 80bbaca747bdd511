"""Measure searches in which a part of the space fails, and print the table of `docs/quality.md`.

Twelve small problems, of which 20 to 62 % of the space (or of the trials, at random) fails: beyond
a plane or outside a ball, near the optimum or far from it, in a branch of a choice, for pairs of
options, where integers need too much memory. Each library searches them through its own interface,
one trial at a time and with simulated workers that finish out of order. A failing trial is one that
raised (`sparktune`, `hyperopt`, `optuna`) or one that returned STATUS_FAIL (`... fail`). All trials
count towards the budget.

The table shows the share of trials that failed, and the regret: the best loss minus the optimum,
divided by the same difference for the median of random search, at most 1. `--problems` adds the
regret on each problem.

    python benches/failures.py [--quick] [--peers sparktune optuna] [--seeds 10] [--workers 1 8]
        [--budget 100] [--jobs 1] [--first-seed 0] [--problems]
"""

from __future__ import annotations

import argparse
import heapq
import importlib.metadata
import math
import os
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent / "quality"))

import numpy as np
from peers import HyperoptLike, OptunaLike, Peer, Random
from spaces import Param, Point, Space, choice


@dataclass(frozen=True)
class Problem:
    """A loss over a space, where it fails, and its smallest value where it does not."""

    space: Space
    loss: Callable[[Point], float]
    fails: Callable[[Point], bool]
    optimum: float = 0.0
    at_random: float = 0.0  # the share of trials that fail wherever they are


def floats(count: int, low: float, high: float) -> Space:
    """Return parameters `x0`, `x1`, ..."""
    return tuple(Param(f"x{i}", "float", low, high) for i in range(count))


def x(point: Point) -> np.ndarray:
    """Return the values of `x0`, `x1`, ..."""
    return np.array([value for label, value in sorted(point.items()) if label[0] == "x"])


def bowl(*centre: float) -> Callable[[Point], float]:
    """Return a loss with its minimum at a point."""
    return lambda point: float(((x(point) - centre) ** 2).sum())


def branch_loss(point: Point) -> float:
    if point["kind"] == 0:
        return 0.3 + point["x0"] ** 2
    if point["kind"] == 1:
        return (math.log10(point["rate"]) + 3) ** 2 + (point["x1"] - 0.5) ** 2
    return 0.6 + abs(point["n"] - 4) / 8


def branch_fails(point: Point) -> bool:
    # Of the best branch the better half, a whole branch that promises little, and a corner.
    return bool(
        (point["kind"] == 1 and math.log10(point["rate"]) > -2.5)
        or point["kind"] == 3
        or (point["kind"] == 2 and point["n"] > 6)
    )


def pair_loss(point: Point) -> float:
    return 0.5 * abs(point["a"] - 2) + 0.5 * abs(point["b"] - 1) + bowl(0.3, 0.7)(point)


def pair_fails(point: Point) -> bool:
    """Fail for 8 of 16 pairs; the best pair is legal, most of its neighbours are not."""
    return bool((point["a"] + point["b"]) % 2 == 0)


def memory_loss(point: Point) -> float:
    depth, width = point["depth"], point["width"]
    return abs(depth - 9) / 8 + abs(math.log2(width) - 7) / 3 + (math.log10(point["rate"]) + 3) ** 2


def rate_fails(point: Point) -> bool:
    return math.log10(point["rate"]) > -1.5 - 2 * point["x0"] + point["x1"]


def rate_loss(point: Point) -> float:
    rate = math.log10(point["rate"])
    return (rate + 2.2) ** 2 + bowl(0.5, 0.4, 0.6)(point)


PLANE = floats(2, -5, 5)
RATE = Param("rate", "log", 1e-5, 1.0)
PROBLEMS = {
    "plane": Problem(PLANE, bowl(1, 1), lambda p: p["x0"] > 1.2),
    "plane, far": Problem(PLANE, bowl(-1, -1), lambda p: p["x0"] > 3),
    "plane, optimum on it": Problem(
        PLANE, bowl(1, 1), lambda p: (p["x0"] - 1) + 2 * (p["x1"] - 1) > 0
    ),
    "plane, downhill": Problem(PLANE, bowl(3, 0), lambda p: p["x0"] > 1, optimum=4.0),
    "in a ball": Problem(
        floats(3, -1, 1), bowl(0.6, 0.6, 0.6), lambda p: np.linalg.norm(x(p)) < 0.85
    ),
    "outside a ball": Problem(
        floats(3, -1, 1), bowl(0.2, 0.2, 0.2), lambda p: np.linalg.norm(x(p)) > 0.9
    ),
    "eight dimensions": Problem(
        floats(8, -1, 1), bowl(*[-0.1] * 8), lambda p: float(x(p).sum()) > 0.3
    ),
    "branch": Problem(
        (
            choice(
                "kind",
                (Param("x0", "float", -2, 2),),
                (RATE, Param("x1", "float", 0, 1)),
                (Param("n", "int", 1, 12),),
                (Param("x2", "float", 0, 1),),
            ),
        ),
        branch_loss,
        branch_fails,
    ),
    "pairs of options": Problem(
        (Param("a", "choice", 0, 3), Param("b", "choice", 0, 3), *floats(2, 0, 1)),
        pair_loss,
        pair_fails,
    ),
    "memory": Problem(
        (Param("depth", "int", 1, 16), Param("width", "int", 16, 512), RATE),
        memory_loss,
        lambda p: p["depth"] * p["width"] > 1200,
        optimum=min(
            abs(depth - 9) / 8 + abs(math.log2(width) - 7) / 3
            for depth, width in product(range(1, 17), range(16, 513))
            if depth * width <= 1200
        ),
    ),
    "rate that diverges": Problem((RATE, *floats(3, 0, 1)), rate_loss, rate_fails),
    "at random": Problem(PLANE, bowl(1, 1), lambda p: False, at_random=0.3),
}


class Raising:
    """Hyperopt or sparktune, told of failures as if the objective had raised."""

    def __init__(self, space: Space, seed: int, **settings: Any) -> None:
        self.peer = HyperoptLike(space, seed, **settings)
        self.ask = self.peer.ask

    def tell(self, token: Any, loss: float | None) -> None:
        if loss is not None:
            self.peer.tell(token, loss)
            return
        token["state"] = self.peer.base.JOB_STATE_ERROR
        token["misc"]["error"] = ("<class 'ValueError'>", "it fails here")
        self.peer.trials.refresh()


class Failing(Raising):
    """The same, as if the objective had returned STATUS_FAIL."""

    def tell(self, token: Any, loss: float | None) -> None:
        if loss is not None:
            self.peer.tell(token, loss)
            return
        token["state"] = self.peer.base.JOB_STATE_DONE
        token["result"] = {"status": "fail"}
        self.peer.trials.refresh()


class Optuna(OptunaLike):
    """Optuna, told of failures as `Study.optimize(catch=...)` does."""

    def tell(self, token: Any, loss: float | None) -> None:
        from optuna.trial import TrialState

        if loss is None:
            self.study.tell(token.number, state=TrialState.FAIL)
        else:
            super().tell(token, loss)


PEERS: dict[str, tuple[str, Callable[[Space, int], Any]]] = {
    "sparktune": ("sparktune", partial(Raising, package="sparktune")),
    "sparktune fail": ("sparktune", partial(Failing, package="sparktune")),
    "hyperopt": ("hyperopt", partial(Raising, package="hyperopt")),
    "hyperopt fail": ("hyperopt", partial(Failing, package="hyperopt")),
    "optuna": ("optuna", partial(Optuna, package="optuna")),
    "random": ("numpy", Random),
}


class Job(NamedTuple):
    """One search to run."""

    peer: str
    problem: str
    workers: int
    budget: int
    seed: int


class Outcome(NamedTuple):
    """What a search found."""

    job: Job
    failed: float  # the share of its trials
    best: float


def run(job: Job) -> Outcome:
    """Search. Each of several workers takes a random time per trial, and gets the next at once."""
    problem = PROBLEMS[job.problem]
    peer: Peer = PEERS[job.peer][1](problem.space, job.seed)
    rng = np.random.default_rng([job.seed, 7])
    queue: list[tuple[float, int, Any, float | None]] = []
    clock, started, failed, best = 0.0, 0, 0, math.inf
    for _ in range(job.budget):
        while len(queue) < job.workers and started < job.budget:
            token, point = peer.ask()
            duration = 1.0 if job.workers == 1 else math.exp(rng.normal(0.0, 0.5))
            fails = problem.fails(point) or rng.uniform() < problem.at_random
            loss = None if fails else problem.loss(point)
            heapq.heappush(queue, (clock + duration, started, token, loss))
            started += 1
        clock, _, token, loss = heapq.heappop(queue)
        peer.tell(token, loss)  # type: ignore[arg-type]
        failed += loss is None
        best = best if loss is None else min(best, loss)
    return Outcome(job, failed / job.budget, best)


def regrets(outcomes: Iterable[Outcome]) -> dict[Job, float]:
    """Return the regret of each search, relative to random search of the same size."""
    outcomes = list(outcomes)
    by_random = defaultdict(list)
    for job, _, best in outcomes:
        if job.peer == "random":
            by_random[job.problem, job.workers].append(best)
    found = {}
    for job, _, best in outcomes:
        optimum = PROBLEMS[job.problem].optimum
        scale = statistics.median(by_random[job.problem, job.workers]) - optimum
        found[job] = min(1.0, (best - optimum) / scale)
    return found


def interval(values: np.ndarray) -> str:
    """Return mean and 95 % interval; `values` has a row per problem and a column per seed."""
    rng = np.random.default_rng(0)
    draws = [
        values[:, rng.integers(values.shape[1], size=values.shape[1])].mean() for _ in range(1000)
    ]
    low, high = np.quantile(draws, [0.025, 0.975])
    return f"{values.mean():.3f} [{low:.3f}, {high:.3f}]"


def report(outcomes: list[Outcome], by_problem: bool) -> None:
    """Print the tables."""
    regret = regrets(outcomes)
    failed = {job: share for job, share, _ in outcomes}
    peers, problems, workers = (
        list(dict.fromkeys(getattr(job, name) for job in regret))
        for name in ("peer", "problem", "workers")
    )

    def grid(of: dict[Job, float], peer: str, count: int) -> np.ndarray:
        rows = [
            [of[job] for job in of if job[:3] == (peer, problem, count)] for problem in problems
        ]
        return np.array(rows)

    print("| | at a time | failed | regret | seeds |\n| --- | ---: | ---: | ---: | ---: |")
    for count, peer in product(workers, peers):
        values = grid(regret, peer, count)
        share = grid(failed, peer, count).mean()
        print(f"| {peer} | {count} | {share:.0%} | {interval(values)} | {values.shape[1]} |")
    if by_problem:
        print(f"\n| | at a time | {' | '.join(peers)} |\n| --- | ---: |{' ---: |' * len(peers)}")
        for count, (at, problem) in product(workers, enumerate(problems)):
            cells = []
            for peer in peers:
                share = grid(failed, peer, count)[at].mean()
                cells.append(f"{grid(regret, peer, count)[at].mean():.3f} ({share:.0%})")
            print(f"| {problem} | {count} | {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="two seeds of sparktune and random")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--budget", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=1, help="searches at the same time")
    parser.add_argument("--problems", action="store_true", help="show each problem too")
    options = parser.parse_args()
    if options.quick:
        options.peers, options.seeds = ["sparktune", "sparktune fail"], 2
    peers = list(dict.fromkeys([*options.peers, "random"]))
    packages = sorted({PEERS[peer][0] for peer in peers})
    print(", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages), "\n")
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    jobs = [
        Job(peer, problem, count, options.budget, seed)
        for peer, problem, count, seed in product(peers, PROBLEMS, options.workers, seeds)
    ]
    if options.jobs > 1:
        with ProcessPoolExecutor(options.jobs) as pool:
            outcomes = list(pool.map(run, jobs, chunksize=4))
    else:
        outcomes = [run(job) for job in jobs]
    report(outcomes, options.problems)


if __name__ == "__main__":
    main()
