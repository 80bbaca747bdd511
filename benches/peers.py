"""The libraries that the benchmarks compare, each with one study over one space.

Every library gets the same mixed space of ten parameters and the same history of N finished trials,
inserted directly. Times are processor time, because other work on the machine disturbs it less than
wall-clock time, and long measurements no more than short ones.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import math
import os
import platform
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

OURS = "sparktune"
OURS_JOINT = "sparktune multivariate"
OURS_DEFAULT = "sparktune default"
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
    """Score a point; smooth with a single optimum, so that the good trials form a cluster."""
    return (
        (point["u0"] - 1) ** 2 / 10
        + abs(point["u1"] - 0.3)
        + (math.log10(point["l0"]) + 3) ** 2 / 5
        + abs(point["q0"] - 40) / 50
        + (0.0 if point["c0"] == 2 else 0.5)
        + point["i0"] / 100
    )


class Loop:
    """Times recorded in a library's own loop.

    Attributes
    ----------
    calls : list of float
        The time of each call of the objective, when its point is complete.
    suggestions : list of float
        Seconds taken by each call of the suggester, if the loop exposes it.
    """

    def __init__(self) -> None:
        self.calls: list[float] = []
        self.suggestions: list[float] = []


class Peer(Protocol):
    """One library with one study."""

    def fill(self, points: Sequence[Point]) -> None:
        """Insert finished trials."""

    def loop(self, count: int, objective: Callable[[Point], float]) -> Loop:
        """Run trials in the library's own loop."""

    def ask(self) -> Any:
        """Make one suggestion by hand."""

    def tell(self, suggestion: Any) -> None:
        """Report the result of a suggestion."""

    def queue(self, count: int) -> None:
        """Make `count` suggestions without reporting a result."""


class HyperoptLike:
    """Hyperopt or sparktune, which share an interface."""

    def __init__(self, package: str, seed: int, algo: str = "suggest", **settings: Any) -> None:
        base = importlib.import_module(f"{package}.base")
        hp = importlib.import_module(f"{package}.hp")
        suggest = getattr(importlib.import_module(f"{package}.tpe"), algo)
        self.suggest = partial(suggest, **settings) if settings else suggest
        # Only sparktune suggests several trials per call.
        self.batches = package == OURS
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
        self.space = {label: make[kind](label, *rest) for label, (kind, *rest) in SPACE.items()}
        self.fn: Callable[[Any], float] = float  # set by each loop
        self.domain = base.Domain(lambda point: self.fn(point), self.space)
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

    def loop(self, count: int, objective: Callable[[Point], float]) -> Loop:
        seen = Loop()

        def fn(point: Any) -> float:
            seen.calls.append(time.process_time())
            return objective({**point, "c0": CHOICES.index(point["c0"])})

        def suggest(*args: Any) -> Any:
            start = time.process_time()
            docs = self.suggest(*args)
            seen.suggestions.append(time.process_time() - start)
            return docs

        self.fn = fn
        self.fmin.FMinIter(
            suggest,
            self.domain,
            self.trials,
            rstate=self.rng,
            max_evals=len(self.trials.trials) + count,
            show_progressbar=False,
        ).exhaust()
        return seen

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

    def queue(self, count: int) -> None:
        tids = self.trials.new_trial_ids(count)
        for ids in [tids] if self.batches else [[tid] for tid in tids]:
            self.suggest(ids, self.domain, self.trials, int(self.rng.integers(2**31 - 1)))


class OptunaLike:
    """Optuna or Rustuna, which share the interface used here."""

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

    def loop(self, count: int, objective: Callable[[Point], float]) -> Loop:
        seen = Loop()

        def fn(trial: Any) -> float:
            point = self.suggest(trial)
            seen.calls.append(time.process_time())
            return objective(point)

        self.study.optimize(fn, n_trials=count)
        return seen

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
        # By number, which both libraries accept.
        self.study.tell(trial.number, loss_of(point))

    def queue(self, count: int) -> None:
        for _ in range(count):
            self.ask()


PEERS: dict[str, tuple[str, Callable[[int], Peer]]] = {
    OURS: ("sparktune", lambda seed: HyperoptLike("sparktune", seed, "hyperopt_suggest")),
    OURS_JOINT: (
        "sparktune",
        # As the others do: their number of candidates, and no Gaussian process.
        lambda seed: HyperoptLike(
            "sparktune", seed, multivariate=True, n_EI_candidates=24, gp_share=0.0
        ),
    ),
    OURS_DEFAULT: ("sparktune", lambda seed: HyperoptLike("sparktune", seed)),
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


def installed(names: Iterable[str]) -> tuple[list[str], dict[str, str]]:
    """Return the peers whose library is installed, and the versions of the libraries."""
    found: list[str] = []
    versions: dict[str, str] = {}
    for name in names:
        package = PEERS[name][0]
        try:
            versions[package] = importlib.metadata.version(package)
            importlib.import_module(package)
        except ImportError:
            print(f"{name}: left out, {package} is not installed")
            continue
        found.append(name)
    return found, versions


def machine(versions: dict[str, str]) -> str:
    """Describe the date, the machine and the versions behind the numbers."""
    model = platform.machine()
    try:
        with Path("/proc/cpuinfo").open() as lines:
            model += next(f" ({x.split(':')[1].strip()})" for x in lines if "model name" in x)
    except (OSError, StopIteration):
        pass
    libraries = ", ".join(f"{package} {version}" for package, version in versions.items())
    return (
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} CPUs {model}, "
        f"Python {platform.python_version()}, {libraries}"
    )
