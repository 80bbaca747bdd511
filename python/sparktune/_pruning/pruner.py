"""`Pruner`: the policy of one search, and the curves that it has seen."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Sequence
from typing import Any

from sparktune._pruning.curves import Curves, Known, curve_of
from sparktune._pruning.estimate import estimated_loss
from sparktune._pruning.policy import Policy
from sparktune._trials.documents import JOB_STATE_DONE, STATUS_OK, STATUS_PRUNED, Trial

__all__ = ["Pruner"]

logger = logging.getLogger("sparktune.fmin")


class Pruner:
    """Gives trials their rules, and completes the results of those that ended by them.

    `version`, `heard`, `hung_up` and `rule_by_now` may be called on any thread.

    Parameters
    ----------
    policy : Policy or None
        None prunes nothing.
    trials : iterable of Trial
        Those that are there already.
    maximize : bool
        Whether objectives report scores, of which losses are the negatives.

    Attributes
    ----------
    version : int
        Grows when what is known has changed, so that rules may have.
    """

    def __init__(
        self, policy: Policy | None, trials: Iterable[Trial] = (), maximize: bool = False
    ) -> None:
        self._policy = policy
        self._counts_running = getattr(policy, "counts_running", False) is True
        self.maximize = maximize
        self.version = 0
        self._curves = Curves()
        self._ended: set[int] = set()
        self._rules: dict[int, tuple[int, Any]] = {}  # by bracket: the version, and the rule
        self._lock = threading.Lock()
        self._warned = False
        self._without = 0  # complete trials that reported nothing
        for trial in trials:
            if trial["state"] == JOB_STATE_DONE:
                known = curve_of(trial["tid"], trial["result"])
                if known is not None:
                    self._add(known)

    # A copy of a search goes on by itself.

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _lock=threading.Lock())

    @property
    def follows(self) -> bool:
        """Whether the rule of a trial may change while it runs."""
        return getattr(self._policy, "follows", False) is True

    def rule(self, trial: Trial) -> Any:
        """Return the rule for a trial that starts; None if it must run to its end."""
        if self._policy is None:
            return None
        try:
            if self.follows:
                return self.rule_by_now(trial["tid"])
            return self._policy.rule(self._curves, trial["tid"])
        except Exception as error:  # of a policy that the user wrote
            self._warn(f"{type(error).__name__}: {error}")
            return None

    def rule_by_now(self, tid: int) -> Any:
        """Return the rule of a trial of a policy that `follows`; made once for all that share it.

        The caller must not change it.
        """
        assert self._policy is not None
        bracket_of = getattr(self._policy, "bracket_of", None)
        bracket = 0 if bracket_of is None else bracket_of(tid)
        with self._lock:
            made = self._rules.get(bracket)
            if made is None or made[0] != self.version:
                made = self.version, self._policy.rule(self._curves, tid)
                self._rules[bracket] = made
            return made[1]

    def heard(self, tid: int, steps: Sequence[float], losses: Sequence[float]) -> None:
        """Take in what a trial has reported while it runs; its steps must grow."""
        with self._lock:
            if tid in self._ended or not steps:
                return  # its last message may come after its result
            running = self._curves.running
            if tid in running:
                running[tid].extend(steps, losses)
            else:
                running[tid] = Known(tid, list(steps), list(losses), None)
            self.version += self._counts_running

    def hung_up(self, tid: int) -> None:
        """Forget what a trial has reported while it ran: it has ended, or begins anew."""
        with self._lock:
            if self._curves.running.pop(tid, None) is not None:
                self.version += self._counts_running

    def _add(self, known: Known) -> None:
        self._ended.add(known.tid)
        self._curves.running.pop(known.tid, None)
        self._curves.add(known)
        self.version += 1

    def complete(self, trial: Trial, result: dict[str, Any]) -> None:
        """Take in the curve of a result, and give a pruned trial the loss it would have reached."""
        curve = result.get("curve")
        if isinstance(curve, dict) and "error" in curve:
            self._warn(curve.pop("error"))
        known = curve_of(trial["tid"], result)
        with self._lock:
            if result.get("status") == STATUS_PRUNED:
                if known is not None and "loss" not in result:
                    result["loss"] = estimated_loss(known, self._curves)
            elif known is None and result.get("status") == STATUS_OK:
                self._without += 1
            if known is not None:
                self._add(known)

    def end(self) -> None:
        """Warn if nothing was reported although there is a policy."""
        if self._policy is not None and self._without and not self._curves.all:
            logger.warning(
                "`prune` had no effect: no trial reported anything. Hint: trial.report(loss, "
                "step=epoch) in the objective."
            )

    def _warn(self, error: str) -> None:
        if not self._warned:
            self._warned = True
            logger.warning("The policy of `prune` raised %s; such a trial runs to its end.", error)
