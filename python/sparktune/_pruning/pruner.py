"""`Pruner`: the policy of one search, and the curves that it has seen."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from sparktune._pruning.curves import Curves, curve_of
from sparktune._pruning.estimate import estimated_loss
from sparktune._pruning.policies import Policy
from sparktune._trials.documents import JOB_STATE_DONE, STATUS_OK, STATUS_PRUNED, Trial

__all__ = ["Pruner"]

logger = logging.getLogger("sparktune.fmin")


class Pruner:
    """Gives trials their rules, and completes the results of those that ended by them.

    Parameters
    ----------
    policy : Policy or None
        None prunes nothing.
    trials : iterable of Trial
        Those that are there already.
    maximize : bool
        Whether objectives report scores, of which losses are the negatives.
    """

    def __init__(
        self, policy: Policy | None, trials: Iterable[Trial] = (), maximize: bool = False
    ) -> None:
        self._policy = policy
        self.maximize = maximize
        self._curves = Curves()
        self._warned = False
        self._without = 0  # complete trials that reported nothing
        for trial in trials:
            if trial["state"] == JOB_STATE_DONE:
                known = curve_of(trial["tid"], trial["result"])
                if known is not None:
                    self._curves.add(known)

    def rule(self, trial: Trial) -> Any:
        """Return the rule for a trial that starts; None if it must run to its end."""
        if self._policy is None:
            return None
        try:
            return self._policy.rule(self._curves, trial["tid"])
        except Exception as error:  # of a policy that the user wrote
            self._warn(f"{type(error).__name__}: {error}")
            return None

    def complete(self, trial: Trial, result: dict[str, Any]) -> None:
        """Take in the curve of a result, and give a pruned trial the loss it would have reached."""
        curve = result.get("curve")
        if isinstance(curve, dict) and "error" in curve:
            self._warn(curve.pop("error"))
        known = curve_of(trial["tid"], result)
        if result.get("status") == STATUS_PRUNED:
            if known is not None and "loss" not in result:
                result["loss"] = estimated_loss(known, self._curves)
        elif known is None and result.get("status") == STATUS_OK:
            self._without += 1
        if known is not None:
            self._curves.add(known)

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
