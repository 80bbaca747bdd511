"""`Board`: what the search loop knows of the trials without reading them all again."""

from __future__ import annotations

import copy
from collections import deque
from typing import Any

from sparktune._trials.documents import (
    JOB_STATE_CANCEL,
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    JOB_STATE_NEW,
    JOB_STATE_RUNNING,
    Trial,
    finite_loss,
)
from sparktune.trials import Trials

__all__ = ["Board"]


class Board:
    """Queue, counts and best loss of a search, kept up to date as documents change.

    Parameters
    ----------
    trials : Trials
        Ours, or any object with Hyperopt's methods.
    polled : bool
        Whether workers of somebody else's run the trials, so that any document may change.

    Attributes
    ----------
    queue : deque of Trial
        Trials that have not started, in order.
    running : dict of tid to Trial
        Trials that this search started and that have not ended; if `polled`, all that run. A trial
        that runs according to a loaded file is nobody's to wait for.
    finished : list of Trial
        Trials that are DONE, in the order in which they ended.
    failed, cancelled : int
        Numbers of trials in the states ERROR and CANCEL.
    best_loss : float or None
        The lowest finite loss of a trial with status ``'ok'``.
    """

    def __init__(self, trials: Any, polled: bool = False) -> None:
        self._trials = trials
        self._polled = polled
        # Whether the object's own `refresh` may be left out in favour of quicker ways.
        self.plain = isinstance(trials, Trials) and trials._cheaply_refreshed and not polled
        self._view: Any = None
        self.running: dict[Any, Trial] = {}
        self.finished: list[Trial] = []
        self._reset()
        self.sync()

    def _reset(self) -> None:
        self.queue: deque[Trial] = deque()
        if self._polled:
            self.running = {}
        self.failed = 0
        self.cancelled = 0
        self.best_loss: float | None = None
        self._seen = 0
        self._seen_of: list[Trial] | None = None

    @property
    def busy(self) -> bool:
        """Whether a trial is waiting or running."""
        return bool(self.queue or self.running)

    def refresh(self) -> None:
        """Bring `trials.trials` in line with documents that were appended."""
        if self.plain:
            self._trials._note_inserted()
        else:
            self._trials.refresh()

    def sync(self) -> None:
        """Take in documents that appeared, from whomever."""
        docs: list[Trial] = self._trials._dynamic_trials
        if not self.plain or self._seen_of is not docs or self._seen > len(docs):
            self._reset()
            self._seen_of = docs
            known = {id(doc) for doc in docs}
            self.finished[:] = [doc for doc in self.finished if id(doc) in known]
        known_finished = {id(doc) for doc in self.finished} if self._seen == 0 else set()
        exp_key = getattr(self._trials, "_exp_key", None)
        for doc in docs[self._seen :]:
            if exp_key is not None and doc["exp_key"] != exp_key:
                continue
            state = doc["state"]
            if state == JOB_STATE_NEW:
                self.queue.append(doc)
            elif state == JOB_STATE_RUNNING and self._polled:
                self.running[doc["tid"]] = doc
            elif state == JOB_STATE_DONE:
                if id(doc) not in known_finished:
                    self.finished.append(doc)
                self._take_loss(doc)
            elif state == JOB_STATE_ERROR:
                self.failed += 1
            elif state == JOB_STATE_CANCEL:
                self.cancelled += 1
        self._seen = len(docs)

    def _take_loss(self, doc: Trial) -> None:
        loss = finite_loss(doc["result"])
        if loss is not None and (self.best_loss is None or loss < self.best_loss):
            self.best_loss = loss

    def next_ready(self) -> Trial | None:
        """Take the next trial from the queue, None when there is none."""
        while self.queue:
            doc = self.queue.popleft()
            if doc["state"] == JOB_STATE_NEW:  # somebody may have changed it meanwhile
                return doc
        return None

    def note_ended(self, doc: Trial) -> None:
        """Take in that a trial was given its last state.

        Parameters
        ----------
        doc : Trial
            DONE, ERROR or CANCEL.
        """
        self.running.pop(doc["tid"], None)
        if not self.plain:
            self._trials.refresh()  # and the next sync counts it
            return
        self._trials._note_changed(doc)
        if doc["state"] == JOB_STATE_ERROR:
            self.failed += 1
        elif doc["state"] == JOB_STATE_CANCEL:
            self.cancelled += 1

    def note_finished(self, doc: Trial) -> None:
        """Put a DONE trial behind those that finished before it."""
        if not self.plain:  # it may be there already, or an older copy of it
            tid = doc["tid"]
            self.finished[:] = [other for other in self.finished if other["tid"] != tid]
        self.finished.append(doc)
        self._take_loss(doc)

    def finished_view(self) -> Any:
        """Return an object like the search's trials that shows only `finished`."""
        if isinstance(self._trials, Trials):
            if self._view is None:
                self._view = self._trials._showing(self.finished)
            # Whoever was given the view may have called its `refresh`.
            self._view._trials = self.finished
            return self._view
        view = copy.copy(self._trials)
        view._trials = self.finished
        return view
