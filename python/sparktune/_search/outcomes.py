"""Writes into documents what becomes of trials, and counts failures."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from sparktune._search.options import SearchOptions
from sparktune._search.runner import Finished, TrialError
from sparktune._trials.attempts import count_lost, note_lost
from sparktune._trials.collection import TrialCollection
from sparktune._trials.documents import (
    JOB_STATE_CANCEL,
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    JOB_STATE_NEW,
    JOB_STATE_RUNNING,
    UNFINISHED,
    Trial,
    coarse_utcnow,
)
from sparktune._trials.findings import docs_of, first_failure
from sparktune._trials.large import LargeDict
from sparktune._trials.results import split_attachments
from sparktune.exceptions import ObjectiveNotLoaded, SearchFailed

__all__ = ["Failures", "begin", "cancel", "put_back", "write"]

# The number of ended trials below which the share of failed ones means little.
_FEW = 10

_MISSING = (ModuleNotFoundError,)


def begin(trial: Trial) -> None:
    """Write that a trial starts."""
    trial["state"] = JOB_STATE_RUNNING
    trial["book_time"] = trial["refresh_time"] = coarse_utcnow()


def cancel(trials: Iterable[Trial]) -> None:
    """Write that trials are given up."""
    for trial in trials:
        trial["state"], trial["refresh_time"] = JOB_STATE_CANCEL, coarse_utcnow()


def put_back(finished: Finished, retries: Mapping[str, int]) -> bool:
    """Make a trial new again that ended through no fault of its objective; False if it has ended.

    `retries` says how many attempts may be lost in which way; see `TrialError.reason`.
    """
    trial, error = finished.trial, finished.error
    if error is None or error.reason is None or trial["state"] not in UNFINISHED:
        return False
    if count_lost(trial, error.reason) >= retries.get(error.reason, 0):
        return False
    note_lost(trial, error.reason, error.type_name, error.message)
    trial["state"] = JOB_STATE_NEW
    trial["book_time"] = trial["refresh_time"] = None
    return True


def write(finished: Finished, trials: Any, elsewhere: bool) -> bool:
    """Write an outcome into the trial's document; False if the trial has already ended.

    `trials` keeps the attachments; `elsewhere` says whether the trial ran in another process.
    """
    trial, error = finished.trial, finished.error
    if trial["state"] not in UNFINISHED:
        return False
    if error is None and finished.result is not None:
        result: dict[str, Any] = copy.copy(finished.result)
        for name, value in _for_storage(trials, split_attachments(result)):
            trials.trial_attachments(trial)[name] = value
        trial["result"] = result
        trial["state"] = JOB_STATE_DONE
    else:
        trial["state"] = JOB_STATE_ERROR
        if error is not None:
            # As in Hyperopt: if a trial ran elsewhere, this is all that users can see.
            text = error.traceback if elsewhere else error.message
            trial["misc"]["error"] = (error.type_name, text or error.message)
            trial["misc"]["traceback"] = error.traceback
    if finished.span is None:
        trial["refresh_time"] = coarse_utcnow()
    else:
        trial["book_time"], trial["refresh_time"] = finished.span
    return True


def _for_storage(trials: Any, attachments: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    """Return attachments as `trials` can keep them: large ones on disk if they are in our dict."""
    ours = getattr(type(trials), "trial_attachments", None) is TrialCollection.trial_attachments
    if ours and isinstance(trials.attachments, LargeDict):
        return dict.items(attachments)
    return attachments.items()


class Failures:
    """How many trials have ended and failed, and whether the search survives that."""

    def __init__(self) -> None:
        self.ended = 0
        self.failed = 0
        self.succeeded = 0

    def count(self, done: bool) -> None:
        """Count a trial that ended, whether with a result or with an error, which `take` gets."""
        self.ended += 1
        self.succeeded += done

    def recall(self, trials: Any) -> None:
        """Count the trials that another process of this search has run."""
        for doc in docs_of(trials):
            if doc["state"] in (JOB_STATE_DONE, JOB_STATE_ERROR):
                self.count(doc["state"] == JOB_STATE_DONE)
                self.failed += doc["state"] == JOB_STATE_ERROR

    def survives(self, error: TrialError, options: SearchOptions, asynchronous: bool) -> bool:
        """Whether the search goes on after a failure; one bad trial does not end parallel ones.

        A module that is missing where trials run would fail all of them, until one has succeeded.
        """
        caught = options.catch_eval_exceptions
        if isinstance(caught, tuple):
            return error.is_one_of(caught)
        fatal = error.fatal or (error.is_one_of(_MISSING) and not self.succeeded)
        return caught or (asynchronous and not fatal)

    def take(
        self,
        error: TrialError,
        trials: Any,
        survives: bool,
        options: SearchOptions,
        elsewhere: bool,
    ) -> None:
        """Count a failure, and raise what ends the search.

        Unless the search `survives` failures of this kind, that is what the objective raised. It is
        `SearchFailed`, with the first failure, if more trials failed than the
        `max_failures` of `fmin` allows.
        """
        __tracebackhide__ = True
        self.failed += 1
        if not survives:
            if elsewhere and error.is_one_of(_MISSING):
                raise ObjectiveNotLoaded(
                    f"A trial failed with {error.message!r} before any succeeded, so all would. "
                    "Hint: install the module where the workers run; if other trials can do "
                    f"without it, catch_eval_exceptions=True.\n{error.traceback}"
                ) from error.exception
            if error.exception is not None:
                raise error.exception
            raise SearchFailed(f"{error.message}\n{error.traceback}")
        allowed = options.max_failures
        if allowed is None:
            return
        share = isinstance(allowed, float)
        enough = not share or self.ended >= min(_FEW, options.limit)
        if enough and self.failed > (allowed * self.ended if share else allowed):
            first = first_failure(trials._dynamic_trials) or error.traceback
            raise SearchFailed(
                f"{self.failed} of {self.ended} trials failed, and `max_failures` is {allowed}. "
                f"The first failure:\n{first}"
            ) from error.exception
