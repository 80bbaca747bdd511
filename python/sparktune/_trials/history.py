"""`HistoryFeeder`: keeps the Rust `History` in step with a ledger, at the cost of what changed.

The documents are the truth, and the history is a cache of them in columns that can be rebuilt.
The ledger knows which documents changed, and which teach. Trials that failed, whatever the state of
their documents, are finished trials without a loss.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable
from math import inf, isnan, nan
from typing import TYPE_CHECKING, Any

import numpy as np

from sparktune._core import History
from sparktune._trials.documents import (
    JOB_STATE_ERROR,
    STATUS_FAIL,
    UNFINISHED,
    Trial,
    check_id,
)
from sparktune._trials.entry import Entry, same_values
from sparktune._trials.ledger import Ledger
from sparktune.exceptions import InvalidTrial

if TYPE_CHECKING:
    from sparktune._space.compile import CompiledSpace

__all__ = ["HistoryFeeder"]

logger = logging.getLogger("sparktune.history")


class HistoryFeeder:
    """Feeds the Rust `history` of a space, which the sampler reads, from a ledger."""

    def __init__(self, ledger: Ledger, space: CompiledSpace) -> None:
        self.ledger = ledger
        self.space = space
        self._subscription = ledger.subscribe()
        self._labels = space.labels
        self._conditional = any(param.conditions != ((),) for param in space.params)
        self._made: dict[int, tuple[Any, ...]] = {}
        self._begin()

    def expect(self, tids: Iterable[int], rows: Iterable[list[float]]) -> None:
        """Note the rows of the latest suggestion, which `history` has kept.

        If a trial comes back with these values, its row need not be read again.
        """
        self._made = {
            tid: tuple([value for value in row if value == value])
            for tid, row in zip(tids, rows, strict=True)
        }

    def _begin(self) -> None:
        self.history = History(self.space.core)
        # The trials that stand for each key: one, or a trial and those that were derived from it.
        self._standing: dict[int, list[Entry]] = {}
        self._keys: dict[Entry, int] = {}
        # What the history has for each key, and the keys for which that may be out of date.
        self._fed: dict[int, tuple[float, tuple[Any, ...]]] = {}
        self._open: dict[int, None] = {}
        self._news: deque[Entry] = deque()  # what was not placed yet

    def __len__(self) -> int:
        return len(self.history)

    @property
    def best_loss(self) -> float:
        """The lowest finite loss, infinite if there is none; as of the last sync."""
        return self.ledger.best_loss

    def sync(self) -> History:
        """Bring the history in line with the documents, and return it.

        Raises
        ------
        InvalidTrial
            If a document has a value that the space cannot have, or an id that is not an int. The
            next call tries it again.
        """
        self.ledger.check()
        news, anew = self._subscription.news()
        if anew:
            self._begin()
        self._news.extend(news)
        while self._news:
            self._place(self._news[0])
            self._news.popleft()  # not before: the next call must find it
        if len(self._open) > len(self._fed):
            self._feed_at_once()
        for key in list(self._open):
            self._feed(key)
            del self._open[key]
        return self.history

    def _place(self, entry: Entry) -> None:
        """Note which key a trial stands for, and that the key has to be fed."""
        before = self._keys.get(entry)
        # A trial that was derived from another replaces it if it is better.
        key = entry.source if entry.teaches else None
        if entry.teaches and type(key) is not int:
            name = "from_tid" if "from_tid" in entry.doc["misc"] else "tid"
            key = check_id(name, key)
        if before is not None:
            self._open[before] = None
            if key == before:
                return
            del self._keys[entry]
            self._standing[before].remove(entry)
        if key is not None:
            self._keys[entry] = key
            self._standing.setdefault(key, []).append(entry)
            self._open[key] = None

    def _feed(self, key: int) -> None:
        """Tell the history what it does not know yet about a key."""
        standing = self._standing[key]
        if not standing:
            del self._standing[key]
            if self._fed.pop(key, None) is not None:
                self.history.remove(key)
            return
        entry = standing[0] if len(standing) == 1 else _winner(standing)
        loss, values, fed = _loss_as_fed(entry), entry.values(), self._fed.get(key)
        if fed is None:
            made = self._made.pop(key, None)
            if made is not None and same_values(made, values) and self.history.accept(key, loss):
                fed = loss, values
        if fed is None or fed[1] is not values:
            try:
                self._observe(key, loss, entry.doc)
            except InvalidTrial:
                if entry.state != JOB_STATE_ERROR:
                    raise
                # That is why it failed. It does not show, so nobody can be asked to correct it.
                if self._fed.pop(key, None) is not None:
                    self.history.remove(key)
                return
        elif not _same(fed[0], loss):
            self.history.tell(key, loss)
        self._fed[key] = loss, values

    def _observe(self, key: int, loss: float, doc: Trial) -> None:
        try:
            self.history.observe(key, loss, self._values(doc))
        except (KeyError, IndexError, TypeError, ValueError, OverflowError):
            try:
                self.history.observe(key, loss, self._row(doc))
            except (ValueError, OverflowError) as error:
                raise InvalidTrial(
                    f"Trial {doc['tid']} must have values of the space: {error}. "
                    "Hint: correct its `misc['vals']`, or remove the trial and refresh."
                ) from error

    def _feed_at_once(self) -> None:
        """Feed all keys in one call instead of one call per trial."""
        standing = {key: entries for key, entries in self._standing.items() if entries}
        winners = [each[0] if len(each) == 1 else _winner(each) for each in standing.values()]
        losses = [_loss_as_fed(entry) for entry in winners]
        rows = np.array([self._row(entry.doc) for entry in winners], dtype=np.float64)
        rows = rows.reshape(len(winners), len(self._labels))
        self.history, self._fed = History(self.space.core), {}
        try:
            self.history.extend(list(standing), losses, rows)
        except (ValueError, OverflowError):
            # One of them cannot be fed; feeding them one by one shows which.
            self.history, self._open = History(self.space.core), dict.fromkeys(self._standing)
            return
        self._standing, self._open = standing, {}
        for key, loss, entry in zip(standing, losses, winners, strict=True):
            self._fed[key] = loss, entry.values()

    # -- rows ----------------------------------------------------------------------------------

    def _values(self, doc: Trial) -> list[Any]:
        """Return the row of a document in the usual form, quickly."""
        vals = doc["misc"]["vals"]
        if self._conditional:
            return [some[0] if len(some := vals[label]) else nan for label in self._labels]
        return [vals[label][0] for label in self._labels]

    def _row(self, doc: Trial) -> list[float]:
        """Return the row of any document, NaN where a hyperparameter is inactive."""
        vals = doc["misc"]["vals"]
        return [self._value(doc, vals.get(label), label) for label in self._labels]

    def _value(self, doc: Trial, values: Any, label: str) -> float:
        try:
            # A label that the trial does not have is inactive in it.
            return nan if values is None or not len(values) else float(values[0])
        except (KeyError, IndexError, TypeError, ValueError, OverflowError):
            logger.warning(
                "Trial %s has %r for %r, which is not a number; the sampler takes it as inactive.",
                doc["tid"],
                values,
                label,
            )
            return nan


def _loss_as_fed(entry: Entry) -> float:
    """Return a loss as the history takes it: infinite while a trial runs, NaN if it failed."""
    if entry.state == JOB_STATE_ERROR or entry.status == STATUS_FAIL:
        return nan
    try:
        loss = float(entry.loss)
    except (TypeError, ValueError, OverflowError):
        loss = inf
    if isnan(loss) or loss == -inf:
        loss = inf
    return nan if loss == inf and entry.state not in UNFINISHED else loss


def _same(one: float, other: float) -> bool:
    return one == other or (isnan(one) and isnan(other))


def _winner(rivals: list[Entry]) -> Entry:
    """Return the trial with the lowest loss, of several the one with the highest id."""

    def loss(entry: Entry) -> float:
        fed = _loss_as_fed(entry)
        return inf if isnan(fed) else fed

    best, *others = sorted(rivals, key=lambda entry: entry.doc["tid"])
    for rival in others:
        if loss(rival) <= loss(best):
            best = rival
    return best
