"""`Narrator`: what users are told while a search runs, in the progress bar and in the log."""

from __future__ import annotations

import logging
import os
from collections import deque
from contextlib import AbstractContextManager
from typing import Any

from sparktune._journal.journal import Journal
from sparktune._search.board import Board
from sparktune._search.failure_log import FailureLog
from sparktune._search.runner import TrialError
from sparktune._search.watch import Shown, Watch
from sparktune._trials.documents import STATUS_FAIL, Trial
from sparktune._trials.findings import outcome_of

__all__ = ["Narrator", "tell_that_all_is_done", "tell_what_is_kept"]

logger = logging.getLogger("sparktune.fmin")

# A warning when most of so many recent trials failed: fewer may be bad luck.
_RECENT = 25
_MOST = 20

_AGAIN = {
    "lost": ("trial was lost and run again", "trials were lost and run again"),
    "timeout": ("trial timed out and was run again", "trials timed out and were run again"),
}


class Narrator:
    """Tells how one search goes.

    Parameters
    ----------
    domain : Domain
        The space, for hints about failures.
    maximize : bool
        Whether losses are negative scores.
    """

    def __init__(self, domain: Any, maximize: bool = False) -> None:
        self._failure_log = FailureLog(domain)
        self._recent: deque[bool] = deque(maxlen=_RECENT)
        self._has_warned = False
        self._watch = Watch(domain, maximize)
        self._again: dict[str, set[Any]] = {}  # by reason: trials that were lost and ran again

    def showing(self, search: Shown, board: Board, initial: int) -> AbstractContextManager[None]:
        """Show how the search goes until it ends; see `Watch.showing`."""
        return self._watch.showing(search, board, initial)

    def look(self, capacity: int, seconds_left: float | None) -> float | None:
        """Return how long to wait, and show how the search goes if it is time; see `Watch.look`."""
        return self._watch.look(capacity, seconds_left)

    def trial_failed(self, trial: Trial, error: TrialError, raised: bool) -> None:
        """Log what a trial failed with, unless it is `raised` by the search anyway."""
        self._failure_log.note(trial, error, raised)
        self._watch.trial_failed(trial, error)

    def trial_runs_again(self, trial: Trial) -> None:
        """Log that a trial was lost and runs again, and count it."""
        lost = trial["misc"]["attempts"]
        self._again.setdefault(lost[-1]["reason"], set()).add(trial["tid"])
        text = "Trial %s runs again, after %d lost attempts: %s"
        logger.info(text, trial["tid"], len(lost), lost[-1]["error"])

    def trial_ended(self, trial: Trial) -> None:
        """Count a trial, and warn once if most trials fail."""
        self._recent.append(outcome_of(trial) == STATUS_FAIL)
        bad = sum(self._recent)
        if bad < _MOST:
            # Again only after a time in which most trials were good.
            self._has_warned = self._has_warned and bad > _RECENT - _MOST
        elif not self._has_warned:
            self._has_warned = True
            commonest = self._failure_log.commonest()
            most = f", most of them with {commonest}" if commonest else ""
            logger.warning(
                "%d of the last %d trials failed%s. Hint: if a part of the space always fails, "
                "leave it out. With max_failures=0.5 a search stops when half of its trials fail.",
                bad,
                len(self._recent),
                most,
            )
        self._watch.trial_ended(trial)

    def end(self) -> None:
        """Log how often each failure came, and how many trials ran again."""
        self._failure_log.summarize()
        for reason, tids in self._again.items():
            one, more = _AGAIN[reason]
            logger.warning("%d %s.", len(tids), one if len(tids) == 1 else more)
        self._again.clear()


def tell_that_all_is_done(done: int, max_evals: int) -> None:
    """Say that a search has all its trials."""
    logger.warning(
        "%d of %d trials are done, so none was evaluated. Hint: for more, raise `max_evals`.",
        done,
        max_evals,
    )


def tell_what_is_kept(
    trials: Any, given: bool, file: str | os.PathLike[str], journal: Journal | None
) -> None:
    """Say, after Ctrl-C, how the search can go on."""
    count = len(trials.trials)
    if not count:
        return
    if journal is not None:
        where = f"are kept in the journal {journal.place!r}; the same call of fmin goes on."
    elif file:
        where = f"are kept in {os.fspath(file)!r}; call fmin again with this file to go on."
    elif given:
        where = "are kept in `trials`; call fmin again with them to go on."
    else:
        where = "are lost, because fmin had no `trials`. Hint: trials=Trials() keeps them."
    logger.warning("The search was interrupted. %d trial%s %s", count, "s" * (count != 1), where)
