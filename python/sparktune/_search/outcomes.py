"""What trials come to: outcomes are written into documents, failures are counted."""

from __future__ import annotations

import logging
from typing import Any

from sparktune._search.runner import Finished, TrialError
from sparktune._trials.documents import (
    JOB_STATE_CANCEL,
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    JOB_STATE_NEW,
    JOB_STATE_RUNNING,
    Trial,
    coarse_utcnow,
)
from sparktune._trials.findings import first_failure
from sparktune._trials.results import split_attachments
from sparktune.exceptions import SearchFailed

__all__ = ["Failures", "cancel", "write"]

logger = logging.getLogger("sparktune.fmin")

# A share of failed trials says little before so many have ended.
_FEW = 10


def write(finished: Finished, trials: Any, elsewhere: bool) -> bool:
    """Write an outcome into the trial's document.

    Parameters
    ----------
    finished : Finished
        The outcome.
    trials : Trials
        Keeps the attachments.
    elsewhere : bool
        Whether the trial ran in another process.

    Returns
    -------
    bool
        False if the document has its last state already.
    """
    trial, error = finished.trial, finished.error
    if trial["state"] not in (JOB_STATE_NEW, JOB_STATE_RUNNING):
        return False
    if error is None and finished.result is not None:
        result = dict(finished.result)
        for name, value in split_attachments(result).items():
            trials.trial_attachments(trial)[name] = value
        trial["result"] = result
        trial["state"] = JOB_STATE_DONE
    else:
        trial["state"] = JOB_STATE_ERROR
        if error is not None:
            logger.error("Trial %s failed: %s", trial["tid"], error.message)
            # As Hyperopt has it: where a trial ran elsewhere, this is all there is to see.
            text = error.traceback if elsewhere else error.message
            trial["misc"]["error"] = (error.type_name, text or error.message)
            trial["misc"]["traceback"] = error.traceback
    trial["refresh_time"] = coarse_utcnow()
    return True


def cancel(trial: Trial) -> None:
    """Write into a document that the trial was cancelled.

    Parameters
    ----------
    trial : Trial
        The document.
    """
    trial["state"] = JOB_STATE_CANCEL
    trial["refresh_time"] = coarse_utcnow()


class Failures:
    """How many trials have ended and failed, and whether the search survives that."""

    def __init__(self) -> None:
        self.ended = 0
        self.failed = 0

    def take(
        self, error: TrialError, trials: Any, survives: bool, allowed: float | None, limit: int
    ) -> None:
        """Count a failure.

        Parameters
        ----------
        error : TrialError
            What went wrong.
        trials : Trials
            Have the first failure.
        survives : bool
            Whether the search goes on after a failure of this kind.
        allowed : int, float or None
            `max_failures` of `fmin`.
        limit : int
            The most trials of the search.

        Raises
        ------
        SearchFailed
            If more trials failed than allowed.
        BaseException
            What the objective raised, unless the search survives it.
        """
        self.failed += 1
        if not survives:
            if error.exception is not None:
                raise error.exception
            raise SearchFailed(f"{error.message}\n{error.traceback}")
        if allowed is None:
            return
        if isinstance(allowed, float):
            enough = self.ended >= min(_FEW, limit)
            too_many = enough and self.failed > allowed * self.ended
        else:
            too_many = self.failed > allowed
        if too_many:
            first = first_failure(trials._dynamic_trials) or error.traceback
            raise SearchFailed(
                f"{self.failed} of {self.ended} trials failed, and `max_failures` is {allowed}. "
                f"The first failure:\n{first}"
            ) from error.exception
