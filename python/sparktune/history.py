"""Keeps the Rust `History` in step with trial documents, at the price of what changed.

The documents are the truth. They are plain dicts, and callers may change them behind our back, so
each sync looks at the documents it was told about, at all unfinished ones, and at a window of the
others that moves on. After `Trials.refresh`, which whoever changes documents calls, it looks at all
losses too, and at a larger window.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from itertools import chain, islice
from math import inf, isnan, nan
from typing import TYPE_CHECKING, Any

import numpy as np

from sparktune._core import History
from sparktune.documents import JOB_STATE_NEW, JOB_STATE_RUNNING, JOB_VALID_STATES, Trial

if TYPE_CHECKING:
    from sparktune.compile import CompiledSpace

__all__ = ["HistoryCache"]

logger = logging.getLogger("sparktune.history")

# How many documents that nobody told us about are checked at each sync. A check takes about half a
# microsecond and a suggestion some tens of them, so many more would be felt.
WINDOW = 6

# The same after a refresh. Many loops refresh for each trial, so this must not be everything. (A
# search by `fmin` begins with a look at everything.)
WINDOW_AFTER_REFRESH = 256


def _worst_if_unknown(loss: Any) -> float:
    """Return a loss as the sampler takes it: what is no loss, or no real one, is the worst.

    Parameters
    ----------
    loss : Any
        The `loss` of a result.
    """
    try:
        value = float(loss)
    except (TypeError, ValueError):
        return inf
    return inf if isnan(value) or value == -inf else value


LOSS = 1  # where `_seen` has it


class _Entry:
    """What was read from one document."""

    __slots__ = ("doc", "key", "loss", "seen", "state")

    def __init__(self, doc: Trial) -> None:
        self.doc = doc  # also keeps id(doc) from being given to another
        self.key = _key_of(doc)
        self.read()

    def read(self) -> None:
        """Remember what the document holds now."""
        self.state = self.doc["state"]
        self.seen = _seen(self.doc)
        self.loss = _worst_if_unknown(self.doc["result"].get("loss"))

    def is_current(self) -> bool:
        """Whether the document still holds what was read."""
        doc = self.doc
        # Tuples compare identical objects as equal without a look at them, so this costs little,
        # and a NaN that nobody touched is the same.
        try:
            return self.state == doc["state"] and self.seen == _seen(doc)
        except Exception:  # values such as arrays, which do not compare to a bool
            return False


def _key_of(doc: Trial) -> int:
    # A trial that was derived from another stands in for it, if it is better.
    return int(doc["misc"].get("from_tid", doc["tid"]))


def _seen(doc: Trial) -> tuple[Any, ...]:
    """Return the objects in a document that the sampler takes something from."""
    misc = doc["misc"]
    return (
        misc.get("from_tid", doc["tid"]),
        doc["result"].get("loss"),
        *chain.from_iterable(misc["vals"].values()),
    )


class HistoryCache:
    """A Rust `History` of one space that follows the documents of one `Trials`.

    Parameters
    ----------
    space : CompiledSpace
        The space.

    Attributes
    ----------
    history : sparktune._core.History
        What the sampler reads.
    best_loss : float
        The lowest loss, infinite when there is none; as of the last sync.
    """

    def __init__(self, space: CompiledSpace) -> None:
        self.space = space
        self._labels = space.labels
        self._clear()

    def _clear(self) -> None:
        self.history = History(self.space.core)
        self._entries: dict[int, _Entry] = {}  # by id() of the document
        self._keys: dict[int, list[_Entry]] = {}  # trials that stand for one tid, oldest first
        self._unfinished: dict[int, Trial] = {}
        self._told: list[Trial] = []
        self._list: Sequence[Trial] | None = None
        self._window = 0
        self.best_loss = inf

    def __len__(self) -> int:
        return len(self._keys)

    def note(self, doc: Trial) -> None:
        """Remember that a document changed.

        Parameters
        ----------
        doc : Trial
            The document, in whatever state.
        """
        self._told.append(doc)

    def sync(self, docs: Sequence[Trial]) -> History:
        """Bring the history in line with documents.

        Parameters
        ----------
        docs : sequence of Trial
            ``trials.trials``: all documents that count. Work is proportional to what changed if
            this is the list of the last time, only with items appended or noted ones removed;
            a new list costs a look at which documents it has.

        Returns
        -------
        sparktune._core.History
            `history`.
        """
        if self._list is docs:
            self._sync_changes(docs, WINDOW)
        elif self._list is not None:
            self._sync_refreshed(docs)
        if self._list is not docs or len(docs) != len(self._entries):
            self._sync_all(docs)
        return self.history

    def _sync_refreshed(self, docs: Sequence[Trial]) -> None:
        """Take a list that a refresh made, if it only lacks documents that left or has new ones."""
        self._forget_others(docs)
        if not self._entries:
            return
        self._list = docs
        self._sync_changes(docs, WINDOW_AFTER_REFRESH)
        if len(docs) == len(self._entries) and not self._has_losses_of(docs):
            self._list = None

    def _has_losses_of(self, docs: Sequence[Trial]) -> bool:
        entries = self._entries
        try:
            # As in `_Entry.is_current`, only for all of them at once.
            return [entries[id(doc)].seen[LOSS] for doc in docs] == [
                doc["result"].get("loss") for doc in docs
            ]
        except Exception:
            return False

    def _sync_changes(self, docs: Sequence[Trial], window: int) -> None:
        told, self._told = self._told, []
        for doc in told:
            self._check(doc)
        if self._unfinished:
            for doc in list(self._unfinished.values()):
                self._check(doc)
        fresh = len(docs) - len(self._entries)
        if fresh > 0:
            self._feed_all(docs[-fresh:])
        start = self._window if self._window < len(docs) else 0
        around = max(0, start + window - len(docs))
        for doc in chain(docs[start : start + window], docs[: min(around, start)]):
            self._check(doc)
        self._window = around if around else start + window

    def _sync_all(self, docs: Sequence[Trial]) -> None:
        self._told = []
        self._forget_others(docs)
        if not self._entries:
            self._clear()
        fresh = []
        for doc in docs:
            if id(doc) in self._entries:
                self._check(doc)
            else:
                fresh.append(doc)
        self._feed_all(fresh)
        self._list = docs

    def _check(self, doc: Trial) -> None:
        """Feed a document again if it is not what was fed."""
        ident = id(doc)
        entry = self._entries.get(ident)
        if entry is None or entry.is_current():
            return  # not in the list yet, or not at all; or nothing to do
        state = doc["state"]
        if state not in JOB_VALID_STATES:
            self._forget(ident)
            return
        if state in (JOB_STATE_NEW, JOB_STATE_RUNNING):
            self._unfinished[ident] = doc
        else:
            self._unfinished.pop(ident, None)
        if len(self._keys[entry.key]) == 1 and _key_of(doc) == entry.key:
            self._replace(entry)
        else:
            self._forget(ident)
            self._feed(doc)

    def _replace(self, entry: _Entry) -> None:
        before = entry.loss
        entry.read()
        self._observe(entry)
        if entry.loss <= self.best_loss:
            self.best_loss = entry.loss
        elif before == self.best_loss:
            self._find_best()

    def _feed_all(self, docs: Iterable[Trial]) -> None:
        docs = list(docs)
        first_time = not self._entries and len(docs) > 1
        if not first_time:
            for doc in docs:
                if id(doc) not in self._entries:
                    self._feed(doc)
            return
        # The whole history at once: one call instead of one a trial.
        for doc in docs:
            self._enter(doc)
        winners = [(key, _winner(rivals)) for key, rivals in self._keys.items()]
        rows = np.array([self._row(entry.doc) for _, entry in winners], dtype=np.float64)
        self.history.extend(
            [key for key, _ in winners],
            [entry.loss for _, entry in winners],
            rows.reshape(len(winners), len(self._labels)),
        )

    def _enter(self, doc: Trial) -> _Entry:
        entry = _Entry(doc)
        self._entries[id(doc)] = entry
        self._keys.setdefault(entry.key, []).append(entry)
        if entry.state in (JOB_STATE_NEW, JOB_STATE_RUNNING):
            self._unfinished[id(doc)] = doc
        if entry.loss < self.best_loss:
            self.best_loss = entry.loss
        return entry

    def _feed(self, doc: Trial) -> None:
        entry = self._enter(doc)
        rivals = self._keys[entry.key]
        if len(rivals) > 1:
            rivals.sort(key=lambda rival: rival.doc["tid"])
        self._observe(_winner(rivals))

    def _observe(self, entry: _Entry) -> None:
        self.history.observe(entry.key, entry.loss, self._row(entry.doc))

    def _forget_others(self, docs: Sequence[Trial]) -> None:
        """Forget the documents that have left."""
        for ident in self._entries.keys() - set(map(id, docs)):
            self._forget(ident)

    def _forget(self, ident: int) -> None:
        entry = self._entries.pop(ident)
        self._unfinished.pop(ident, None)
        rivals = self._keys[entry.key]
        rivals.remove(entry)
        if rivals:
            self._observe(_winner(rivals))
        else:
            del self._keys[entry.key]
            self.history.remove(entry.key)
        if entry.loss == self.best_loss and entry.loss != inf:
            self._find_best()

    def _find_best(self) -> None:
        self.best_loss = min((entry.loss for entry in self._entries.values()), default=inf)

    def _row(self, doc: Trial) -> list[float]:
        vals = doc["misc"]["vals"]
        row = []
        for label in self._labels:
            values = vals.get(label)
            try:
                # A label that the trial does not have is inactive in it.
                row.append(nan if values is None or not len(values) else float(values[0]))
            except (TypeError, ValueError):
                logger.warning(
                    "Trial %s has %r for %r, which is no number; the sampler takes it as inactive.",
                    doc["tid"],
                    values,
                    label,
                )
                row.append(nan)
        return row


def _winner(rivals: list[_Entry]) -> _Entry:
    """Return the entry with the lowest loss, the latest of several."""
    best = rivals[0]
    for rival in islice(rivals, 1, None):
        if rival.loss <= best.loss:
            best = rival
    return best
