"""The searches that are compared, each behind `ask`: ours by policy, and Optuna's by pruner."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import peers
from learners import Learner
from spaces import Point

from sparktune._pruning.policies import policy_of
from sparktune._pruning.pruner import Pruner
from sparktune._worker.handle import TrialHandle, TrialPruned


class Running(Protocol):
    """A trial that runs."""

    point: Point

    def report(self, loss: float, step: float) -> bool:
        """Report a loss; return whether the trial must end."""

    def finish(self, loss: float | None) -> None:
        """End the trial with its loss, None if it was pruned."""


class Rival(Protocol):
    """A search in progress."""

    def ask(self) -> Running:
        """Return a new trial."""


class Ours:
    """Our default search, with a policy, as `fmin` runs it.

    `enters` says with which loss a pruned trial enters the history: "estimate", what sparktune
    does; "own", its lowest; "worst", the highest loss of all; "never", not at all. With `line`,
    trials learn of each other's reports at once.
    """

    def __init__(
        self,
        learner: Learner,
        seed: int,
        prune: Any,
        enters: str = "estimate",
        line: bool = False,
    ) -> None:
        self.peer = peers.PEERS["sparktune"][1](learner.space, seed)
        self.pruner = Pruner(policy_of(prune))
        self.enters = enters
        self.line = line

    def ask(self) -> Running:
        """Return a new trial."""
        document, point = self.peer.ask()
        return _OurTrial(self, document, point)


class _OurTrial:
    def __init__(self, search: Ours, document: Any, point: Point) -> None:
        self.search, self.document, self.point = search, document, point
        self.version = search.pruner.version
        self.handle = TrialHandle(document["tid"], rule=search.pruner.rule(document))

    def report(self, loss: float, step: float) -> bool:
        if self.search.line:
            self._follow()
            self.search.pruner.heard(self.document["tid"], [step], [loss])
        try:
            self.handle.report(loss, step)
        except TrialPruned:
            return True
        return False

    def _follow(self) -> None:
        """Take the rule of now, as `sparktune._worker.line` does."""
        pruner = self.search.pruner
        if pruner.version != self.version:
            self.version = pruner.version
            data = pruner.rule_by_now(self.document["tid"])
            if data is not None:
                self.handle._follow(data)

    def finish(self, loss: float | None) -> None:
        search = self.search
        result = {"status": "ok" if loss is not None else "pruned", "curve": self.handle._close()}
        if loss is not None:
            result["loss"] = loss
        elif search.enters == "own":
            result["loss"] = min(result["curve"]["losses"])
        elif search.enters != "estimate":
            known = [each.losses[0] for each in search.pruner._curves.all]
            result["loss"] = max(known, default=0.0)
        search.pruner.complete(self.document, result)
        if loss is None and search.enters == "never":
            result["status"] = "fail"
        self.document["state"], self.document["result"] = 2, result
        search.peer.trials.refresh()


class Optuna:
    """Optuna's default search with one of its pruners, in memory."""

    def __init__(self, learner: Learner, seed: int, make: Callable[[Any, int], Any]) -> None:
        import optuna

        self.peer = peers.PEERS["optuna"][1](learner.space, seed)
        self.peer.study.pruner = make(optuna.pruners, len(learner.at))
        self.places = {step: number for number, step in enumerate(learner.at)}

    def ask(self) -> Running:
        """Return a new trial."""
        trial, point = self.peer.ask()
        return _OptunaTrial(self, trial, point)


class _OptunaTrial:
    def __init__(self, search: Optuna, trial: Any, point: Point) -> None:
        self.search, self.trial, self.point = search, trial, point

    def report(self, loss: float, step: float) -> bool:
        self.trial.report(loss, self.search.places[step])
        return bool(self.trial.should_prune())

    def finish(self, loss: float | None) -> None:
        import optuna

        if loss is None:
            self.search.peer.study.tell(self.trial, state=optuna.trial.TrialState.PRUNED)
        else:
            self.search.peer.study.tell(self.trial, loss if math.isfinite(loss) else 1e300)


Make = Callable[[Learner, int], Rival]

OURS: dict[str, Make] = {
    "unpruned": partial(Ours, prune=None),
    **{
        name: partial(Ours, prune=name)
        for name in (
            "envelope",
            "median",
            "percentile",
            "asha",
            "hyperband",
            "patience",
            "wilcoxon",
        )
    },
}
LINES: dict[str, Make] = {
    f"{name}+line": partial(Ours, prune=name, line=True)
    for name in ("envelope", "median", "asha", "hyperband")
}
OPTUNA: dict[str, Make] = {
    "optuna": partial(Optuna, make=lambda pruners, _: pruners.NopPruner()),
    "optuna-median": partial(Optuna, make=lambda pruners, _: pruners.MedianPruner()),
    "optuna-halving": partial(Optuna, make=lambda pruners, _: pruners.SuccessiveHalvingPruner()),
    "optuna-hyperband": partial(
        Optuna, make=lambda pruners, steps: pruners.HyperbandPruner(max_resource=steps)
    ),
    "optuna-wilcoxon": partial(Optuna, make=lambda pruners, _: pruners.WilcoxonPruner()),
}
ESTIMATES: dict[str, Make] = {
    f"{policy}+line/{enters}": partial(Ours, prune=policy, enters=enters, line=True)
    for policy in ("envelope", "median", "asha", "hyperband")
    for enters in ("own", "worst", "never")
}
RIVALS = {**OURS, **LINES, **OPTUNA, **ESTIMATES}
