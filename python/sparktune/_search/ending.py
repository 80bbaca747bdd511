"""`Ending`: why a search ended. Only the search loop makes one."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, ParamSpec

from sparktune._search.options import SearchOptions
from sparktune._tracking.base import SearchSummary
from sparktune._trials.documents import Trial
from sparktune.exceptions import AllTrialsFailed, BackendLost

__all__ = [
    "STOPPED_EARLY",
    "Ending",
    "best_trial",
    "declare",
    "insist",
    "is_cancelled",
    "limit_reached",
]

logger = logging.getLogger("sparktune.fmin")

P = ParamSpec("P")

# Hyperopt's words, where it has some: callers compare them. The long names are Hyperopt's too.
DONE = "done"
CANCELLED = "cancelled"
FMIN_CANCELLED_REASON_TIMEOUT = "fmin run timeout"
FMIN_CANCELLED_REASON_EARLY_STOPPING = "early stopping condition"
LOSS_THRESHOLD = "loss threshold"
FMIN_CANCELLED_REASON_USER = "fmin run cancelled by user"
NO_SUGGESTION = "no suggestion"
ALL_FAILED = "all trials failed"
BACKEND_LOST = "back end lost"
ERROR = "error"


@dataclass(frozen=True)
class Ending:
    """Why a search ended.

    Attributes
    ----------
    reason : str
        In one word or a few.
    message : str
        For the log: "The search ends: <message>."
    error : str or None
        The traceback, if an exception ends the search.
    cancels : bool
        Whether the search is cancelled: running trials are stopped, and
        ``trials.fmin_cancelled_reason`` says why.
    """

    reason: str
    message: str
    error: str | None = None
    cancels: bool = True

    @classmethod
    def of(cls, error: BaseException) -> Ending:
        """Return the ending that an exception makes, which is being raised."""
        # The text and not the exception, whose traceback keeps all objects of the search alive.
        text = "".join(traceback.format_exception(error))
        if isinstance(error, KeyboardInterrupt):
            return cls(FMIN_CANCELLED_REASON_USER, "it was interrupted", text)
        reasons = {AllTrialsFailed: ALL_FAILED, BackendLost: BACKEND_LOST}
        reason = reasons.get(type(error), ERROR)
        return cls(reason, f"{type(error).__name__} was raised", text, cancels=False)

    def summary(self, best_trial: Trial | None) -> SearchSummary:
        """Return what the tracker is told."""
        status: Literal["FINISHED", "FAILED", "KILLED"] = "FINISHED"
        if self.error is not None:
            status = "KILLED" if self.reason == FMIN_CANCELLED_REASON_USER else "FAILED"
        return SearchSummary(status, best_trial, self.error)


STOPPED_EARLY = Ending(FMIN_CANCELLED_REASON_EARLY_STOPPING, "the early stopping function says so")


def declare(ending: Ending, trials: Any) -> None:
    """Say in the log and in the trials that a search ends."""
    if ending.error is None:
        logger.info("The search ends: %s.", ending.message)
    if ending.cancels and hasattr(trials, "_fmin_cancelled_reason"):
        trials._fmin_cancelled = True
        trials._fmin_cancelled_reason = ending.reason


def is_cancelled(trials: Any) -> bool:
    """Whether a trials object says that its search was cancelled."""
    return bool(getattr(trials, "_fmin_cancelled", False))


def limit_reached(
    trials: Any, options: SearchOptions, best_loss: float, seconds_left: float | None
) -> Ending | None:
    """Return the ending that a limit makes, None if no limit is reached."""
    threshold = options.loss_threshold
    if is_cancelled(trials):
        reason = getattr(trials, "_fmin_cancelled_reason", None)
        return Ending(reason or CANCELLED, "it was cancelled")
    if seconds_left == 0.0:
        message = f"the time-out of {options.timeout} s has passed"
        return Ending(FMIN_CANCELLED_REASON_TIMEOUT, message)
    if threshold is not None and best_loss < threshold:
        what, sign, side = ("score", -1, "above") if options.maximize else ("loss", 1, "below")
        message = f"the {what} {sign * best_loss} is {side} the threshold {sign * threshold}"
        return Ending(LOSS_THRESHOLD, message)
    return None


def insist(clean: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Clean up even if Ctrl-C interrupts it, and then raise the `KeyboardInterrupt`.

    If `clean` is interrupted, it is called once more: it must then continue where it stopped, and
    not wait.
    """
    try:
        clean(*args, **kwargs)
    except KeyboardInterrupt:
        clean(*args, **kwargs)
        raise


def best_trial(trials: Any) -> Trial | None:
    """Return the best trial, None if there is none."""
    try:
        best: Trial = trials.best_trial
    except Exception:
        # Other classes raise their own errors, which must not keep a search from ending.
        return None
    return best
