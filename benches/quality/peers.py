"""The libraries that are compared, each behind `ask` and `tell`.

A trial is running from `ask` until `tell`. All libraries but random search are aware of running
trials.
"""

from __future__ import annotations

import importlib
import math
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import numpy as np
from spaces import Param, Point, Space, active, draw


class Peer(Protocol):
    """A search in progress."""

    def ask(self) -> tuple[Any, Point]:
        """Return a token for a new trial, and its point."""

    def tell(self, token: Any, loss: float) -> None:
        """Report the result of a trial."""


class Random:
    """Independent draws from the prior."""

    def __init__(self, space: Space, seed: int) -> None:
        self.space = space
        self.rng = np.random.default_rng(seed)

    def ask(self) -> tuple[Any, Point]:
        return None, draw(self.space, self.rng)

    def tell(self, token: Any, loss: float) -> None:
        pass


class HyperoptLike:
    """Hyperopt or sparktune, through `algo(new_ids, domain, trials, seed)`."""

    def __init__(
        self, space: Space, seed: int, package: str, algo: str = "suggest", **settings: Any
    ) -> None:
        self.base = importlib.import_module(f"{package}.base")
        self.hp = importlib.import_module(f"{package}.hp")
        suggest = getattr(importlib.import_module(f"{package}.tpe"), algo)
        self.suggest = partial(suggest, verbose=False, **settings)
        self.domain = self.base.Domain(lambda point: 0.0, self._dict(space))
        self.trials = self.base.Trials()
        self.rng = np.random.default_rng(seed)

    def _dict(self, space: Space) -> dict[str, Any]:
        return {param.label: self._node(param) for param in space}

    def _node(self, param: Param) -> Any:
        hp, label, low, high = self.hp, param.label, param.low, param.high
        if param.kind == "float":
            return hp.uniform(label, low, high)
        if param.kind == "log":
            return hp.loguniform(label, math.log(low), math.log(high))
        if param.kind == "int":
            return hp.uniformint(label, int(low), int(high))
        if param.branches:
            return hp.choice(label, [self._dict(branch) for branch in param.branches])
        return hp.choice(label, list(range(int(high) + 1)))

    def ask(self) -> tuple[Any, Point]:
        (tid,) = self.trials.new_trial_ids(1)
        seed = int(self.rng.integers(2**31 - 1))
        (doc,) = self.suggest([tid], self.domain, self.trials, seed)
        self.trials.insert_trial_docs([doc])
        self.trials.refresh()
        vals = doc["misc"]["vals"]
        # The stored document is the live one.
        stored = self.trials._dynamic_trials[-1]
        stored["state"] = self.base.JOB_STATE_RUNNING
        return stored, {label: float(v[0]) for label, v in vals.items() if len(v)}

    def tell(self, token: Any, loss: float) -> None:
        token["state"] = self.base.JOB_STATE_DONE
        token["result"] = {"status": "ok", "loss": loss}
        self.trials.refresh()


class OptunaLike:
    """Optuna or Rustuna, through `Study.ask` and `Study.tell`."""

    def __init__(
        self, space: Space, seed: int, package: str, sampler: str = "TPESampler", **settings: Any
    ) -> None:
        warnings.simplefilter("ignore")
        library = importlib.import_module(package)
        if package == "optuna":
            library.logging.set_verbosity(library.logging.ERROR)
        samplers = importlib.import_module(f"{package}.samplers")
        self.space = space
        self.study = library.create_study(sampler=getattr(samplers, sampler)(seed=seed, **settings))

    def ask(self) -> tuple[Any, Point]:
        trial = self.study.ask()
        point: Point = {}
        for param in active(self.space, point):
            label, low, high = param.label, param.low, param.high
            if param.kind == "choice":
                point[label] = trial.suggest_categorical(label, list(range(int(high) + 1)))
            elif param.kind == "int":
                point[label] = trial.suggest_int(label, int(low), int(high))
            else:
                point[label] = trial.suggest_float(label, low, high, log=param.kind == "log")
        return trial, point

    def tell(self, token: Any, loss: float) -> None:
        self.study.tell(token.number, loss)


Make = Callable[[Space, int], Peer]

# name -> (PyPI package whose version the report states, factory)
PEERS: dict[str, tuple[str, Make]] = {
    "random": ("numpy", Random),
    "hyperopt": ("hyperopt", partial(HyperoptLike, package="hyperopt")),
    "optuna": ("optuna", partial(OptunaLike, package="optuna")),
    "optuna-group": ("optuna", partial(OptunaLike, package="optuna", group=True)),
    "optuna-univariate": ("optuna", partial(OptunaLike, package="optuna", multivariate=False)),
    "optuna-gp": ("optuna", partial(OptunaLike, package="optuna", sampler="GPSampler")),
    "rustuna": ("rustuna", partial(OptunaLike, package="rustuna")),
    "sparktune": ("sparktune", partial(HyperoptLike, package="sparktune")),
}


def ours(**settings: Any) -> Make:
    """Return a factory of our search with settings that differ from the default."""
    return partial(HyperoptLike, package="sparktune", **settings)
