"""`Narrator`: what users are told while a search runs, in the progress bar and in the log."""

from __future__ import annotations

import logging
import os
from collections import deque
from math import isfinite
from typing import Any

from sparktune._journal.journal import Journal
from sparktune._search.failure_log import FailureLog
from sparktune._search.runner import TrialError
from sparktune._trials.documents import STATUS_FAIL, STATUS_PRUNED, Trial

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
        self._maximize = maximize
        self._failed = 0
        self._pruned = 0
        self._recent: deque[bool] = deque(maxlen=_RECENT)
        self._has_warned = False
        self._postfix = ""
        self._again: dict[str, set[Any]] = {}  # by reason: trials that were lost and ran again

    def show(self, shown: Any, best_loss: float) -> None:
        """Show the best loss and the number of failures in the progress bar."""
        parts = []
        if isfinite(best_loss):
            what, value = ("score", -best_loss) if self._maximize else ("loss", best_loss)
            parts.append(f"best {what}: {value:.6g}")
        if self._pruned:
            parts.append(f"{self._pruned:,} pruned")
        if self._failed:
            parts.append(f"{self._failed:,} failed")
        text = ", ".join(parts)
        if text and text != self._postfix:
            self._postfix = shown.postfix = text

    def forget_bar(self) -> None:
        """Show everything in the next bar, although it was shown in this one."""
        self._postfix = ""

    def trial_failed(self, trial: Trial, error: TrialError, raised: bool) -> None:
        """Log what a trial failed with, unless it is `raised` by the search anyway."""
        self._failure_log.note(trial, error, raised)

    def trial_runs_again(self, trial: Trial) -> None:
        """Log that a trial was lost and runs again, and count it."""
        lost = trial["misc"]["attempts"]
        self._again.setdefault(lost[-1]["reason"], set()).add(trial["tid"])
        text = "Trial %s runs again, after %d lost attempts: %s"
        logger.info(text, trial["tid"], len(lost), lost[-1]["error"])

    def trial_ended(self, outcome: str) -> None:
        """Count a trial, and warn once if most trials fail."""
        failed = outcome == STATUS_FAIL
        self._failed += failed
        self._pruned += outcome == STATUS_PRUNED
        self._recent.append(failed)
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
