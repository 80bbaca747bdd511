"""`Board`: which trials of one search wait, run and have finished."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Sequence
from typing import Any

from sparktune._trials.collection import TrialCollection
from sparktune._trials.documents import (
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    JOB_STATE_NEW,
    JOB_STATE_RUNNING,
    JOB_VALID_STATES,
    Trial,
)
from sparktune._trials.entry import Entry
from sparktune._trials.findings import docs_of
from sparktune._trials.following import FollowingLedger, ledger_of

__all__ = ["Board"]


class Board:
    """Sorts the news of a ledger for the search loop.

    Parameters
    ----------
    trials : Trials
        Ours, or any object with Hyperopt's methods.
    polled : bool
        Whether other processes run the trials, so that any document may change.

    Attributes
    ----------
    queue : deque of Trial
        Trials that have not started, in order.
    running : dict of tid to Trial
        Trials that this search started and that have not ended; if `polled`, all that run.
    finished : list of Trial
        Trials that are DONE, in the order in which they ended.
    ledger : Ledger
        The one that tells the news.
    """

    def __init__(self, trials: Any, polled: bool = False) -> None:
        self._trials = trials
        self._polled = polled
        self.ledger = self._ledger = ledger_of(trials, polled)
        if isinstance(trials, TrialCollection):
            trials._ledger.expect_any_change()
        self._subscription = self._ledger.subscribe()
        self.queue: deque[Trial] = deque()
        self.running: dict[Any, Trial] = {}
        self.finished: list[Trial] = []
        self._waiting: set[int] = set()  # id() of documents that are or were in the queue
        self._ended: set[int] = set()  # and of those in `finished`

    @property
    def busy(self) -> bool:
        """Whether a trial is waiting or running."""
        return bool(self.queue or self.running)

    @property
    def best_loss(self) -> float:
        """The lowest finite loss of a trial with status ``'ok'``, otherwise infinity."""
        return self._ledger.best_loss

    def count_failed(self, survives: bool) -> int:
        """Return how many failed trials count towards `max_evals`, those of earlier searches too.

        None unless the search survives failures, as in Hyperopt: loops that search again after each
        failure, until `len(trials)` is enough, would not end.
        """
        if not survives:
            return 0
        return sum(doc["state"] == JOB_STATE_ERROR for doc in docs_of(self._trials))

    def count_evals(self, survives: bool, points: Sequence[Any]) -> int:
        """Return how many trials count towards `max_evals`; those with the ids `points` do not."""
        count = len(self._trials) + self.count_failed(survives)
        if not points:
            return count
        tids, counted = set(points), {*JOB_VALID_STATES, *((JOB_STATE_ERROR,) if survives else ())}
        docs = docs_of(self._trials)
        return count - sum(doc["tid"] in tids and doc["state"] in counted for doc in docs)

    def refresh(self) -> None:
        """Bring `trials.trials` in line with documents that were appended."""
        self._ledger.take_in()

    def sync(self) -> None:
        """Take in documents that appeared, from whatever source."""
        self._ledger.update()
        news, anew = self._subscription.news()
        if anew:
            known = {id(entry.doc) for entry in news}
            self._ended &= known
            self._waiting.clear()
            self.queue.clear()
            self.finished[:] = [doc for doc in self.finished if id(doc) in known]
        for entry in news:
            self._sort(entry)
        if self._polled:
            self.queue = deque(doc for doc in self.queue if doc["state"] == JOB_STATE_NEW)

    def _sort(self, entry: Entry) -> None:
        doc, key = entry.doc, id(entry.doc)
        if entry.state is None:
            if key in self._waiting or key in self._ended:
                self._waiting.discard(key)
                self._ended.discard(key)
                self.queue = deque(other for other in self.queue if other is not doc)
                self.finished[:] = [other for other in self.finished if other is not doc]
        elif entry.shows and entry.state == JOB_STATE_NEW and key not in self._waiting:
            self._waiting.add(key)
            self.queue.append(doc)
        elif entry.shows and entry.state == JOB_STATE_DONE and key not in self._ended:
            self._ended.add(key)
            self.finished.append(doc)
        if self._polled and entry.state == JOB_STATE_RUNNING:
            self.running[doc["tid"]] = doc
        elif self._polled:
            self.running.pop(doc["tid"], None)

    def next_ready(self) -> Trial | None:
        """Take the next trial from the queue; None if it is empty."""
        while self.queue:
            doc = self.queue.popleft()
            if doc["state"] == JOB_STATE_NEW:  # it may have changed meanwhile
                return doc
        return None

    def wait_again(self, doc: Trial) -> None:
        """Put a trial that was running, and is new again, before those that wait."""
        self.running.pop(doc["tid"], None)
        self._waiting.add(id(doc))
        self.queue.appendleft(doc)

    def note_ended(self, doc: Trial) -> None:
        """Take in that a trial reached its last state: DONE, ERROR or CANCEL."""
        self.running.pop(doc["tid"], None)
        self._ledger.changed(doc)

    def note_finished(self, doc: Trial) -> None:
        """Put a DONE trial behind those that finished before it."""
        if isinstance(self._ledger, FollowingLedger):
            # It, or an older copy of it, may be there already.
            tid = doc["tid"]
            self.finished[:] = [other for other in self.finished if other["tid"] != tid]
        self._ended.add(id(doc))
        self.finished.append(doc)

    def finished_view(self) -> Any:
        """Return an object like the search's trials that shows only `finished`."""
        if isinstance(self._trials, TrialCollection):
            return self._trials._showing(self.finished)
        view = copy.copy(self._trials)
        view._trials = self.finished
        return view
