"""Keeps the Rust `History` in step with trial documents, at the price of what changed.

The documents are the truth. They are plain dicts, and callers may change them behind our back, so
each sync looks at the documents it was told about, at all unfinished ones, and at a window of the
others that moves on. After `Trials.refresh`, which whoever changes documents calls, it looks at all
losses too, and at a larger window.

What was read is not kept twice: a document's values are compared with the row that the history has.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import chain
from math import inf, isnan, nan
from operator import is_, itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from sparktune._core import History
from sparktune._trials.documents import JOB_STATE_NEW, JOB_STATE_RUNNING, JOB_VALID_STATES, Trial

if TYPE_CHECKING:
    from sparktune._space.compile import CompiledSpace

__all__ = ["HistoryCache"]

logger = logging.getLogger("sparktune.history")

# How many documents that nobody told us about are checked at each sync. A check takes about a
# microsecond and a suggestion some tens of them, so many would be felt.
WINDOW = 1

# The same after a refresh. Many loops refresh for each trial, so this must not be everything. (A
# search by `fmin` begins with a look at everything.)
WINDOW_AFTER_REFRESH = 64


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


def _key_of(doc: Trial) -> int:
    # A trial that was derived from another stands in for it, if it is better.
    return int(doc["misc"].get("from_tid", doc["tid"]))


class _Unfinished:
    """A document that is likely to change soon, and what was read from it."""

    __slots__ = ("at", "doc", "seen")

    def __init__(self, doc: Trial, at: int) -> None:
        self.doc = doc
        self.at = at  # where it stands, or stood: only earlier documents that left make it wrong
        self.seen = self._look()

    def _look(self) -> tuple[Any, ...]:
        """Return the objects in the document that the sampler takes something from."""
        doc = self.doc
        misc = doc["misc"]
        return (
            doc["state"],
            misc.get("from_tid", doc["tid"]),
            doc["result"].get("loss"),
            *chain.from_iterable(misc["vals"].values()),
        )

    def is_current(self) -> bool:
        # Tuples compare identical objects as equal without a look at them, so this costs little,
        # and a NaN that nobody touched is the same.
        try:
            return self.seen == self._look()
        except Exception:  # values such as arrays, which do not compare to a bool
            return False


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
    """

    def __init__(self, space: CompiledSpace) -> None:
        self.space = space
        self._labels = space.labels
        self._conditional = any(param.conditions != ((),) for param in space.params)
        self._clear()

    def _clear(self) -> None:
        self.history = History(self.space.core)
        # What was fed, in the order of the list: documents, their losses and their keys.
        self._docs: list[Trial] = []
        self._losses: list[Any] = []
        self._keys: list[int] = []
        self._rivals: dict[int, list[Trial]] = {}  # where several documents have one key
        self._unfinished: dict[int, _Unfinished] = {}  # by id() of the document
        self._told: list[Trial] = []
        self._list: Sequence[Trial] | None = None
        self._window = 0
        self._best: float | None = inf  # None when it has to be looked for

    def __len__(self) -> int:
        return len(self.history)

    @property
    def best_loss(self) -> float:
        """The lowest loss, infinite when there is none; as of the last sync."""
        if self._best is None:
            self._best = min(map(_worst_if_unknown, self._losses), default=inf)
        return self._best

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
            a new list costs a look at which documents it has, and at their losses.

        Returns
        -------
        sparktune._core.History
            `history`.
        """
        if not self._docs:
            self._clear()
            self._feed_at_once(docs)
            self._list = docs
            return self.history
        told, self._told = self._told, []
        for doc in told:
            self._take_noted(doc)
        window = WINDOW
        if self._list is not docs:
            window = WINDOW_AFTER_REFRESH
            self._align(docs)
            self._list = docs
            self._check_losses()
        for doc in docs[len(self._docs) :]:
            self._feed(doc)
        if len(docs) != len(self._docs):
            self._align(docs)
        for each in list(self._unfinished.values()):
            if not each.is_current():
                self._check(self._position(each.doc))
        self._check_window(docs, min(window, len(docs)))
        return self.history

    # -- what may have changed -----------------------------------------------------------------

    def _take_noted(self, doc: Trial) -> None:
        if _key_of(doc) not in self.history:
            return  # not in the list yet, or not at all
        at = self._position(doc)
        if at < 0:
            return
        if doc["state"] in JOB_VALID_STATES:
            self._check(at)
        else:
            self._forget(at)

    def _position(self, doc: Trial) -> int:
        """Return where a document is, -1 if nowhere. What changes is nearly always recent."""
        docs = self._docs
        waiting = self._unfinished.get(id(doc))
        at = len(docs) - 1 if waiting is None else min(waiting.at, len(docs) - 1)
        while at >= 0 and docs[at] is not doc:
            at -= 1
        return at

    def _check_window(self, docs: Sequence[Trial], count: int) -> None:
        at = self._window
        for _ in range(count):
            at = at + 1 if at + 1 < len(docs) else 0
            if self._docs[at] is not docs[at]:
                self._align(docs)
            self._check(at)
        self._window = at

    def _check_losses(self) -> None:
        """Look at every loss: one that was not touched is the object that was read."""
        losses = [doc["result"].get("loss") for doc in self._docs]
        if not all(map(is_, losses, self._losses)):
            for at, loss in enumerate(losses):
                if loss is not self._losses[at]:
                    self._check(at)

    def _check(self, at: int) -> None:
        """Feed a document again if it is not what was fed."""
        doc = self._docs[at]
        try:
            current = self._is_current(at, doc)
        except Exception:  # a loss such as an array, which does not compare to a bool
            current = False
        was_unfinished = id(doc) in self._unfinished
        self._note_state(doc, at)
        # A trial that failed has no other loss than before, but it no longer runs.
        if not current or was_unfinished != (id(doc) in self._unfinished):
            self._feed_again(at)

    def _is_current(self, at: int, doc: Trial) -> bool:
        loss, known = doc["result"].get("loss"), self._losses[at]
        key = self._keys[at]
        return (
            (loss is known or bool(loss == known))
            and bool(doc["misc"].get("from_tid", doc["tid"]) == key)
            # Of rivals the history has one only; their losses say which.
            and (self._loses(key, doc) or self._holds(key, doc))
        )

    def _loses(self, key: int, doc: Trial) -> bool:
        rivals = self._rivals.get(key)
        return rivals is not None and doc is not _winner(rivals)

    def _holds(self, key: int, doc: Trial) -> bool:
        try:
            return self.history.holds(key, self._values(doc))
        except (KeyError, IndexError, TypeError, ValueError):
            return self.history.holds(key, self._row(doc))

    # -- following it --------------------------------------------------------------------------

    def _align(self, docs: Sequence[Trial]) -> None:
        """Follow another list: forget what has left, feed what is new, take over the order."""
        known = len(self._docs)
        if known <= len(docs) and all(map(is_, self._docs, docs)):
            return  # what is new stands at the end
        staying = set(map(id, docs))
        for at in range(known - 1, -1, -1):
            if id(self._docs[at]) not in staying:
                self._forget(at)
        if not self._docs:
            self._clear()
            self._feed_at_once(docs)
            return
        read = {id(doc): (self._losses[at], self._keys[at]) for at, doc in enumerate(self._docs)}
        self._docs, self._losses, self._keys = [], [], []
        for doc in docs:
            if id(doc) in read:
                self._append(doc, *read[id(doc)])
        for doc in docs:
            if id(doc) not in read:
                self._feed(doc)
        place = {id(doc): at for at, doc in enumerate(self._docs)}
        order = [place[id(doc)] for doc in docs]
        self._docs = list(docs)
        self._losses = [self._losses[at] for at in order]
        self._keys = [self._keys[at] for at in order]
        for at, doc in enumerate(docs):
            if id(doc) in self._unfinished:
                self._unfinished[id(doc)].at = at

    def _append(self, doc: Trial, loss: Any, key: int) -> None:
        self._docs.append(doc)
        self._losses.append(loss)
        self._keys.append(key)

    def _feed_at_once(self, docs: Sequence[Trial]) -> None:
        """Feed a whole history: one call instead of one a trial."""
        standing: dict[int, list[Trial]] = {}
        for at, doc in enumerate(docs):
            key = _key_of(doc)
            self._append(doc, doc["result"].get("loss"), key)
            self._note_state(doc, at)
            standing.setdefault(key, []).append(doc)
        self._best = None
        self._rivals = {key: rivals for key, rivals in standing.items() if len(rivals) > 1}
        winners = [_winner(rivals) for rivals in standing.values()]
        self.history.extend(
            list(standing),
            list(map(_loss_as_fed, winners)),
            np.array([self._row(doc) for doc in winners], dtype=np.float64).reshape(
                len(winners), len(self._labels)
            ),
        )

    def _feed(self, doc: Trial) -> None:
        """Feed a document that comes last."""
        key, loss = _key_of(doc), doc["result"].get("loss")
        if key in self.history and key in self._keys:
            first = self._docs[self._keys.index(key)]
            self._rivals.setdefault(key, [first]).append(doc)
        self._append(doc, loss, key)
        self._note_state(doc, len(self._docs) - 1)
        self._note_loss(_worst_if_unknown(loss))
        self._observe(key, doc)

    def _feed_again(self, at: int) -> None:
        """Feed a document that is not what it was."""
        doc, key, before = self._docs[at], _key_of(self._docs[at]), self._losses[at]
        if key != self._keys[at]:
            self._forget(at)
            self._feed(doc)
            # It has not moved.
            self._docs.insert(at, self._docs.pop())
            self._losses.insert(at, self._losses.pop())
            self._keys.insert(at, self._keys.pop())
            return
        self._losses[at] = doc["result"].get("loss")
        self._note_loss(_worst_if_unknown(self._losses[at]), _worst_if_unknown(before))
        self._observe(key, doc)

    def _forget(self, at: int) -> None:
        """Forget a document that has left."""
        doc, loss, key = self._docs.pop(at), self._losses.pop(at), self._keys.pop(at)
        self._unfinished.pop(id(doc), None)
        self._note_loss(inf, _worst_if_unknown(loss))
        if key not in self._rivals:
            self.history.remove(key)
            return
        left = [rival for rival in self._rivals[key] if rival is not doc]
        self._rivals[key] = left
        if len(left) == 1:
            del self._rivals[key]
        self._observe(key, left[0])

    def _note_state(self, doc: Trial, at: int) -> None:
        if doc["state"] in (JOB_STATE_NEW, JOB_STATE_RUNNING):
            self._unfinished[id(doc)] = _Unfinished(doc, at)
        elif self._unfinished:
            self._unfinished.pop(id(doc), None)

    def _note_loss(self, loss: float, before: float = inf) -> None:
        if self._best is not None:
            if loss <= self._best:
                self._best = loss
            elif before == self._best:
                self._best = None

    def _observe(self, key: int, doc: Trial) -> None:
        if key in self._rivals:
            doc = _winner(self._rivals[key])
        loss = _loss_as_fed(doc)
        try:
            self.history.observe(key, loss, self._values(doc))
        except (KeyError, IndexError, TypeError, ValueError):
            self.history.observe(key, loss, self._row(doc))

    # -- rows ----------------------------------------------------------------------------------

    def _values(self, doc: Trial) -> list[Any]:
        """Return the row of a document that is as documents mostly are, quickly."""
        vals = doc["misc"]["vals"]
        if self._conditional:
            return [some[0] if len(some := vals[label]) else nan for label in self._labels]
        return [vals[label][0] for label in self._labels]

    def _row(self, doc: Trial) -> list[float]:
        """Return the row of any document."""
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


def _loss_as_fed(doc: Trial) -> float:
    loss = _worst_if_unknown(doc["result"].get("loss"))
    # To the Rust side infinity is a trial that runs, NaN one that failed.
    return nan if loss == inf and doc["state"] not in (JOB_STATE_NEW, JOB_STATE_RUNNING) else loss


def _winner(rivals: list[Trial]) -> Trial:
    """Return the document with the lowest loss, of several the one with the highest id."""
    rivals.sort(key=itemgetter("tid"))
    best = rivals[0]
    for rival in rivals[1:]:
        if _loss_as_fed(rival) <= _loss_as_fed(best):
            best = rival
    return best
