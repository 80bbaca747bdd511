"""Time one suggestion of sparktune beside those of Hyperopt, Optuna and Rustuna.

Every library gets the same mixed space of ten parameters and the same history of N finished trials,
inserted directly. Then they take turns. In each round each library runs a few trials in its own
loop (`fmin`, `Study.optimize`), whose objective costs next to nothing; then it makes one suggestion
by hand and is told its result, as code that keeps its own loop does, so that nobody can live off a
cache that a real search would spoil. The tables hold medians over the rounds. Read them as ratios:
times depend on the machine, and the libraries do not compute the same thing (see the note under the
tables).

    python benches/vs_peers.py [--quick] [--sizes 100 1000 10000] [--rounds 15]
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import math
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

SIZES = (100, 1_000, 10_000)
# Trials that a library runs in its own loop, a round; the time before the first is set-up.
LOOP_TRIALS = 4
CHOICES = ("a", "b", "c", "d", "e")
# label -> (kind, low, high, step)
SPACE: dict[str, tuple[str, float, float, float]] = {
    "u0": ("uniform", -5.0, 5.0, 0.0),
    "u1": ("uniform", 0.0, 1.0, 0.0),
    "u2": ("uniform", 10.0, 20.0, 0.0),
    "l0": ("loguniform", 1e-5, 1.0, 0.0),
    "l1": ("loguniform", 1e-2, 1e3, 0.0),
    "q0": ("quniform", 0.0, 100.0, 5.0),
    "q1": ("quniform", 0.0, 1.0, 0.01),
    "c0": ("choice", 0, len(CHOICES), 1),
    "c1": ("choice", 0, len(CHOICES), 1),
    "i0": ("randint", 0, 50, 1),
}
Point = dict[str, float]


def draw(rng: np.random.Generator) -> Point:
    """Draw one point of the space; a choice is its index."""
    point: Point = {}
    for label, (kind, low, high, step) in SPACE.items():
        if kind == "uniform":
            point[label] = float(rng.uniform(low, high))
        elif kind == "loguniform":
            point[label] = math.exp(rng.uniform(math.log(low), math.log(high)))
        elif kind == "quniform":
            point[label] = step * int(rng.integers(round(low / step), round(high / step) + 1))
        else:
            point[label] = int(rng.integers(int(low), int(high)))
    return point


def loss_of(point: Point) -> float:
    """Score a point: smooth, with one optimum, so that the good trials lie together."""
    return (
        (point["u0"] - 1) ** 2 / 10
        + abs(point["u1"] - 0.3)
        + (math.log10(point["l0"]) + 3) ** 2 / 5
        + abs(point["q0"] - 40) / 50
        + (0.0 if point["c0"] == 2 else 0.5)
        + point["i0"] / 100
    )


class Peer(Protocol):
    """One library with one study."""

    def fill(self, points: Sequence[Point]) -> None:
        """Insert finished trials."""

    def loop(self, count: int) -> list[float]:
        """Run trials in the library's own loop; return when the objective was called."""

    def ask(self) -> Any:
        """Make one suggestion: what is timed first."""

    def tell(self, suggestion: Any) -> None:
        """Report the result of a suggestion: what is timed second."""


class HyperoptLike:
    """Hyperopt or sparktune: they have one interface."""

    def __init__(self, package: str, seed: int) -> None:
        base = importlib.import_module(f"{package}.base")
        hp = importlib.import_module(f"{package}.hp")
        self.suggest = importlib.import_module(f"{package}.tpe").suggest
        self.base = base
        self.fmin = importlib.import_module(f"{package}.fmin")
        make = {
            "uniform": lambda label, low, high, step: hp.uniform(label, low, high),
            "loguniform": lambda label, low, high, step: hp.loguniform(
                label, math.log(low), math.log(high)
            ),
            "quniform": hp.quniform,
            "choice": lambda label, low, high, step: hp.choice(label, CHOICES),
            "randint": lambda label, low, high, step: hp.randint(label, int(low), int(high)),
        }
        space = {label: make[kind](label, *rest) for label, (kind, *rest) in SPACE.items()}
        self.calls: list[float] = []
        self.domain = base.Domain(self.objective, space)
        self.trials = base.Trials()
        self.rng = np.random.default_rng(seed)

    def fill(self, points: Sequence[Point]) -> None:
        tids = self.trials.new_trial_ids(len(points))
        docs = []
        for tid, point in zip(tids, points, strict=True):
            kinds = {label: SPACE[label][0] for label in point}
            vals = {
                label: [np.int64(v) if kinds[label] in ("choice", "randint") else np.float64(v)]
                for label, v in point.items()
            }
            misc = {
                "tid": tid,
                "cmd": self.domain.cmd,
                "workdir": None,
                "idxs": {label: [tid] for label in point},
                "vals": vals,
            }
            result = {"status": "ok", "loss": loss_of(point)}
            (doc,) = self.trials.new_trial_docs([tid], [None], [result], [misc])
            doc["state"] = self.base.JOB_STATE_DONE
            docs.append(doc)
        self.trials.insert_trial_docs(docs)
        self.trials.refresh()

    def objective(self, point: dict[str, Any]) -> float:
        self.calls.append(time.perf_counter())
        return loss_of({**point, "c0": CHOICES.index(point["c0"])})

    def loop(self, count: int) -> list[float]:
        self.calls = []
        self.fmin.FMinIter(
            self.suggest,
            self.domain,
            self.trials,
            rstate=self.rng,
            max_evals=len(self.trials.trials) + count,
            show_progressbar=False,
        ).exhaust()
        return self.calls

    def ask(self) -> Any:
        tids = self.trials.new_trial_ids(1)
        (doc,) = self.suggest(tids, self.domain, self.trials, int(self.rng.integers(2**31 - 1)))
        return doc

    def tell(self, suggestion: Any) -> None:
        vals = suggestion["misc"]["vals"]
        loss = loss_of({label: float(v[0]) for label, v in vals.items()})
        suggestion["state"] = self.base.JOB_STATE_DONE
        suggestion["result"] = {"status": "ok", "loss": loss}
        self.trials.insert_trial_docs([suggestion])
        self.trials.refresh()


class OptunaLike:
    """Optuna or Rustuna: the same interface as far as this goes."""

    def __init__(self, package: str, **sampler: Any) -> None:
        library = importlib.import_module(package)
        samplers = importlib.import_module(f"{package}.samplers")
        distributions = importlib.import_module(f"{package}.distributions")
        if package == "optuna":
            library.logging.set_verbosity(library.logging.ERROR)
        self.create_trial = (
            library.trial.create_trial if package == "optuna" else library.create_trial
        )
        self.study = library.create_study(sampler=samplers.TPESampler(**sampler))
        make = {
            "uniform": lambda low, high, step: distributions.FloatDistribution(low, high),
            "loguniform": lambda low, high, step: distributions.FloatDistribution(
                low, high, log=True
            ),
            "quniform": lambda low, high, step: distributions.FloatDistribution(
                low, high, step=step
            ),
            "choice": lambda low, high, step: distributions.CategoricalDistribution(list(CHOICES)),
            "randint": lambda low, high, step: distributions.IntDistribution(
                int(low), int(high) - 1
            ),
        }
        self.distributions = {label: make[kind](*rest) for label, (kind, *rest) in SPACE.items()}

    def fill(self, points: Sequence[Point]) -> None:
        for point in points:
            params = {
                label: CHOICES[int(v)] if SPACE[label][0] == "choice" else v
                for label, v in point.items()
            }
            trial = self.create_trial(
                value=loss_of(point), params=params, distributions=self.distributions
            )
            self.study.add_trial(trial)

    def loop(self, count: int) -> list[float]:
        calls: list[float] = []

        def objective(trial: Any) -> float:
            # The suggestions are made here, so the end of making them is what counts.
            point = self.suggest(trial)
            calls.append(time.perf_counter())
            return loss_of(point)

        self.study.optimize(objective, n_trials=count)
        return calls

    def ask(self) -> Any:
        trial = self.study.ask()
        return trial, self.suggest(trial)

    def suggest(self, trial: Any) -> Point:
        point: Point = {}
        for label, (kind, low, high, step) in SPACE.items():
            if kind == "choice":
                point[label] = CHOICES.index(trial.suggest_categorical(label, list(CHOICES)))
            elif kind == "randint":
                point[label] = trial.suggest_int(label, int(low), int(high) - 1)
            elif kind == "quniform":
                point[label] = trial.suggest_float(label, low, high, step=step)
            else:
                point[label] = trial.suggest_float(label, low, high, log=kind == "loguniform")
        return point

    def tell(self, suggestion: Any) -> None:
        trial, point = suggestion
        # By number, which both libraries know.
        self.study.tell(trial.number, loss_of(point))


OURS = "sparktune"
PEERS: dict[str, tuple[str, Callable[[int], Peer]]] = {
    OURS: ("sparktune", lambda seed: HyperoptLike("sparktune", seed)),
    "hyperopt": ("hyperopt", lambda seed: HyperoptLike("hyperopt", seed)),
    "optuna": ("optuna", lambda seed: OptunaLike("optuna", seed=seed)),
    "optuna univariate": (
        "optuna",
        lambda seed: OptunaLike("optuna", seed=seed, multivariate=False),
    ),
    "rustuna": ("rustuna", lambda seed: OptunaLike("rustuna", seed=seed)),
    "rustuna univariate": (
        "rustuna",
        lambda seed: OptunaLike("rustuna", seed=seed, multivariate=False),
    ),
}


@dataclass
class Times:
    """Seconds, one entry a timing."""

    loop: list[float] = field(default_factory=list)
    ask: list[float] = field(default_factory=list)
    tell: list[float] = field(default_factory=list)


def measure(peers: dict[str, Peer], rounds: int, warm_up: int = 1) -> dict[str, Times]:
    """Let the peers take turns."""
    times = {name: Times() for name in peers}
    names = list(peers)
    for turn in range(-warm_up, rounds):
        # Nobody always goes first, with a cold cache, or always follows the slowest.
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            calls = peers[name].loop(LOOP_TRIALS + 1)
            start = time.perf_counter()
            suggestion = peers[name].ask()
            asked = time.perf_counter()
            peers[name].tell(suggestion)
            told = time.perf_counter()
            if turn >= 0:
                times[name].loop += [after - before for before, after in pairwise(calls)]
                times[name].ask.append(asked - start)
                times[name].tell.append(told - asked)
    return times


def table(title: str, medians: dict[int, dict[str, float]], names: Sequence[str]) -> str:
    """Format milliseconds, and in brackets how many times ours that is."""
    lines = [
        f"**{title}**",
        "",
        "| N | " + " | ".join(names) + " |",
        "| ---: |" + " ---: |" * len(names),
    ]
    for size, row in medians.items():
        cells = []
        for name in names:
            cell = f"{row[name] * 1e3:.3g} ms"
            if name != OURS and OURS in row:
                cell += f" ({row[name] / row[OURS]:.3g}x)"
            cells.append(cell)
        lines.append(f"| {size:,} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="N = 100 and 1,000, five rounds")
    parser.add_argument("--sizes", type=int, nargs="+", help="numbers of finished trials")
    parser.add_argument("--rounds", type=int, help="turns of each library, for each N")
    parser.add_argument("--only", nargs="+", choices=sorted(PEERS), help="leave the others out")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    sizes = options.sizes or (SIZES[:2] if options.quick else SIZES)
    rounds = options.rounds or (5 if options.quick else 15)

    # Peers warn of their own experimental arguments; that is none of this table's business.
    warnings.simplefilter("ignore")
    versions: dict[str, str] = {}
    names: list[str] = []
    for name in options.only or PEERS:
        package = PEERS[name][0]
        try:
            versions[package] = importlib.metadata.version(package)
            importlib.import_module(package)
        except ImportError:
            print(f"{name}: left out, {package} is not installed")
            continue
        names.append(name)

    medians: dict[str, dict[int, dict[str, float]]] = {"loop": {}, "ask": {}, "tell": {}}
    for size in sizes:
        rng = np.random.default_rng(options.seed)
        points = [draw(rng) for _ in range(size)]
        peers = {name: PEERS[name][1](options.seed) for name in names}
        for peer in peers.values():
            peer.fill(points)
        times = measure(peers, rounds)
        for what, rows in medians.items():
            rows[size] = {name: statistics.median(getattr(times[name], what)) for name in names}

    print(
        f"Python {platform.python_version()} on {platform.machine()}, {os.cpu_count()} CPUs; "
        + ", ".join(f"{package} {version}" for package, version in versions.items())
    )
    print(f"d = {len(SPACE)}, medians of {rounds} interleaved rounds; in brackets: times ours.\n")
    print(
        table(
            "One trial in the library's own loop, after N finished trials", medians["loop"], names
        )
    )
    print()
    print(table("One suggestion by hand", medians["ask"], names))
    print()
    print(table("Reporting one result by hand", medians["tell"], names))
    print(
        "\nsparktune and hyperopt: univariate TPE, 24 candidates. optuna and rustuna: TPESampler, "
        "24 candidates, multivariate (their default) and univariate."
    )


if __name__ == "__main__":
    main()
