"""`Ledger`: the documents of a search, which of them show and teach, and how they changed.

Documents are plain dicts that users may change, and what is derived from them (the sampler's
history, the points that were tried, the queue of a search) has to follow. The ledger compares
documents with what it read from them and records in a journal which were added, changed or
removed; each subscriber continues to read the journal where it stopped.

The ledger compares objects: first the list, then the documents in it, then the state, the loss and
the values of each document.

A document *shows* if it is in `Trials.trials`, and *teaches* if the sampler's history has it.
Trials that failed (state ERROR) do not show, as in Hyperopt, but teach unless they were lost
through no fault of their objective. Cancelled trials do neither.

- When a search begins, it compares everything.
- After `Ledger.refresh` (that is, `Trials.refresh`), it compares lists, documents, states and
  losses, and the values of the next `WINDOW_AFTER_REFRESH` documents.
- Otherwise, each time a suggester reads the documents, it compares the unfinished ones and the next
  `WINDOW` documents. So the work is proportional to what changed, and every change is found in the
  end.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import chain
from math import inf
from typing import Any

from sparktune._trials.documents import (
    JOB_STATE_CANCEL,
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    JOB_VALID_STATES,
    Trial,
    is_lost,
)
from sparktune._trials.results import finite_loss

__all__ = ["Entry", "Ledger", "Subscription", "same_values", "values_of"]

# Comparing the values of a document takes about 1 us, a suggestion some tens of us.
WINDOW = 1
# Many callers refresh for each trial, so this must be bounded.
WINDOW_AFTER_REFRESH = 64


def values_of(doc: Trial) -> tuple[Any, ...]:
    """Return the values of the hyperparameters of a trial, not copied."""
    vals = doc["misc"]["vals"].values()
    try:
        return tuple(chain.from_iterable(vals))
    except TypeError:  # a user wrote a value without a list around it
        return tuple(vals)


def same_values(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    """Whether values are identical or equal."""
    try:
        return one == other
    except Exception:  # arrays, which do not compare to a bool
        return False


class Entry:
    """A document, and what was read from it.

    Attributes
    ----------
    shows : bool
        Whether the trial is in `Ledger.trials`.
    teaches : bool
        Whether the sampler's history has the trial.
    state : int or None
        One of `JOB_STATES`; None if the document is no longer in the list.
    loss : Any
        The `loss` of its result, None if there is none.
    status : Any
        The `status` of its result.
    source : Any
        The id of the trial that this one was derived from, by default its own.
    rank : float
        The loss if the trial may be the best one, otherwise infinity.
    """

    __slots__ = ("_values", "doc", "loss", "rank", "shows", "source", "state", "status", "teaches")

    def __init__(self, doc: Trial) -> None:
        self.doc = doc
        self.shows = False
        self.teaches = False
        self.state: int | None = None
        self.loss: Any = None
        self.status: Any = None
        self.source: Any = None
        self.rank = inf
        self._values: tuple[Any, ...] | None = None  # None until they are asked for

    def values(self) -> tuple[Any, ...]:
        """Return the values of the hyperparameters: the same tuple while they are equal."""
        values = values_of(self.doc)
        if self._values is None or not same_values(self._values, values):
            self._values = values
        return self._values

    def has_outcome(self) -> bool:
        """Whether state, loss and status of the document are what was read from it."""
        result = self.doc["result"]
        same = self.doc["state"] == self.state and result.get("loss") is self.loss
        return same and bool(result.get("status") == self.status)

    def is_current(self) -> bool:
        """Whether the document still has what was read from it."""
        doc = self.doc
        misc = doc["misc"]
        return (
            self.has_outcome()
            and bool(misc.get("from_tid", doc["tid"]) == self.source)
            and (self._values is None or same_values(values_of(doc), self._values))
        )


class Ledger:
    """Owns the documents of one `Trials`, and knows how they changed.

    Parameters
    ----------
    docs : list of Trial, optional
        The documents in any state; shared, so the caller may change the list.
    exp_key : Any, optional
        Only documents with this key show and teach; None takes all.
    ids : set, optional
        The ids that were given so far, if several ledgers share them.

    Attributes
    ----------
    trials : list of Trial
        The documents that show (new, running or done) as of the last `refresh` or `take_in`.
    """

    def __init__(
        self, docs: list[Trial] | None = None, exp_key: Any = None, ids: set[Any] | None = None
    ) -> None:
        self.docs: list[Trial] = [] if docs is None else docs
        self.exp_key = exp_key
        self.ids: set[Any] = set() if ids is None else ids
        self.trials: list[Trial] = []
        # How many documents have been taken in, and from which list; None if a caller of `show`
        # decided on `trials`.
        self._taken = 0
        self._taken_from: list[Trial] | None = self.docs
        # All entries by id() of the document, and in the order of the list.
        self._entries: dict[int, Entry] = {}
        self._order: list[Entry] = []
        self._unfinished: dict[int, Entry] = {}
        self._best: float | None = inf  # None if it has to be searched
        self._rule = (False, exp_key)  # what decided on `Entry.shows`
        # What to compare at the next check.
        self._all_states = False
        self._depth = WINDOW
        self._next = 0
        # The journal; when it is too long, a new one begins and subscribers read everything again.
        self._journal: list[Entry] = []
        self._volume = 0

    # -- reported changes ----------------------------------------------------------------------

    def _belongs(self, doc: Trial) -> bool:
        return self.exp_key is None or doc["exp_key"] == self.exp_key

    def _shows(self, doc: Trial) -> bool:
        return doc["state"] in JOB_VALID_STATES and self._belongs(doc)

    def _teaches(self, doc: Trial) -> bool:
        """Return whether a document that does not show teaches."""
        return (
            self._taken_from is not None and doc["state"] == JOB_STATE_ERROR and self._belongs(doc)
        )

    @classmethod
    def of(cls, trials: Iterable[Trial]) -> Ledger:
        """Return a ledger of documents that all show, whatever their states."""
        ledger = cls()
        ledger.show(list(trials))
        return ledger

    def refresh(self) -> None:
        """Decide again which documents show, and compare them at the next check."""
        docs, key = self.docs, self.exp_key
        # Reads all documents, and calling `_shows` for each would be most of the cost.
        if key is None:
            self.trials = [doc for doc in docs if doc["state"] in JOB_VALID_STATES]
        else:
            self.trials = [doc for doc in docs if self._shows(doc)]
        self.ids.update([doc["tid"] for doc in self.trials])
        self._taken, self._taken_from = len(docs), docs
        self._compare_more(WINDOW_AFTER_REFRESH)

    def take_in(self) -> None:
        """Do what `refresh` does, if documents were only appended."""
        docs = self.docs
        if self._taken_from is not docs or self._taken > len(docs):
            self.refresh()
        if self._taken == len(docs):
            return
        for doc in docs[self._taken :]:
            if self._shows(doc):
                self.trials.append(doc)
                self.ids.add(doc["tid"])
        self._taken = len(docs)

    def changed(self, doc: Trial) -> None:
        """Do what `refresh` does, if only `doc` changed."""
        entry = self._entries.get(id(doc))
        if entry is None or self._taken_from is not self.docs:
            self.refresh()
            return
        self._read(entry)
        if not entry.shows:
            # From the end: what changes is nearly always recent.
            for at in range(len(self.trials) - 1, -1, -1):
                if self.trials[at] is doc:
                    del self.trials[at]
                    break

    def show(self, trials: list[Trial]) -> None:
        """Let the caller decide which trials show, until the next `refresh`."""
        self.trials, self._taken_from = trials, None
        self._compare_more(WINDOW_AFTER_REFRESH)

    def restore(self) -> None:
        """Follow `docs` again if they decide on `trials`, as they did before both were pickled."""
        shown = self.trials
        self.refresh()
        if list(map(id, shown)) != list(map(id, self.trials)):
            self.show(shown)

    def expect_any_change(self) -> None:
        """Compare everything at the next check, as when a search begins."""
        self._compare_more(sys.maxsize)

    def _compare_more(self, depth: int) -> None:
        self._all_states = True
        self._depth = max(self._depth, depth)

    def update(self) -> None:
        """Take in the documents that were appended, and record them."""
        self.take_in()
        if self._all_states or self._taken != len(self._order):
            self.follow()

    # -- other changes -------------------------------------------------------------------------

    def check(self) -> None:
        """Compare what the docstring of this module says, and record what changed."""
        self.follow()
        for entry in list(self._unfinished.values()):
            if not entry.is_current():
                self._read_all(entry)
        at, source = self._next, self._source
        for _ in range(min(self._depth, len(self._order))):
            at = at + 1 if at + 1 < len(self._order) else 0
            if at >= len(source) or source[at] is not self._order[at].doc:
                self._all_states = True
                self.follow()
                break
            if not self._order[at].is_current():
                self._read_all(self._order[at])
        self._next = at
        self._depth = WINDOW

    @property
    def _source(self) -> list[Trial]:
        return self.trials if self._taken_from is None else self._taken_from

    def follow(self) -> None:
        """Record added documents; after `refresh`, also changed and removed ones."""
        source = self._source
        count = len(source) if self._taken_from is None else min(self._taken, len(source))
        if self._all_states or count < len(self._order):
            self._all_states = False
            self._compare(source if count == len(source) else source[:count])
        for doc in source[len(self._order) : count]:
            self._add(doc)

    def _compare(self, docs: list[Trial]) -> None:
        order, rule = self._order, (self._taken_from is None, self.exp_key)
        moved = len(order) > len(docs) or rule != self._rule
        for entry, doc in zip(order, docs, strict=False):
            if moved or entry.doc is not doc:
                moved = True
                break
            result = doc["result"]
            # `has_outcome`, written out: after each `refresh` all documents come here.
            if (
                entry.state != doc["state"]
                or entry.loss is not result.get("loss")
                or entry.status != result.get("status")
            ):
                self._read(entry)
        if not moved:
            return
        # If the rule of what shows has changed, everything is read again.
        staying = set(map(id, docs)) if rule == self._rule else ()
        self._rule = rule
        for key in [key for key in self._entries if key not in staying]:
            self._drop(self._entries.pop(key))
        self._order = []
        for doc in docs:
            self._add(doc)

    def _add(self, doc: Trial) -> None:
        entry = self._entries.get(id(doc))
        if entry is None:
            entry = self._entries[id(doc)] = Entry(doc)
            self._read(entry)
        elif not entry.has_outcome():
            self._read(entry)
        self._order.append(entry)

    def _read(self, entry: Entry) -> None:
        """Read the document, and record that it changed."""
        doc, before = entry.doc, entry.rank
        result = doc["result"]
        entry.state = state = doc["state"]
        entry.loss = result.get("loss")
        entry.source = doc["misc"].get("from_tid", doc["tid"])
        entry.status = result.get("status")
        entry.shows = shows = self._taken_from is None or self._shows(doc)
        entry.teaches = (shows or self._teaches(doc)) and not (
            state == JOB_STATE_CANCEL or (state == JOB_STATE_ERROR and is_lost(doc))
        )
        loss = finite_loss(result) if shows and state == JOB_STATE_DONE else None
        entry.rank = inf if loss is None else loss
        if shows and state != JOB_STATE_DONE:
            self._unfinished[id(doc)] = entry
        else:
            self._unfinished.pop(id(doc), None)
        self._note(entry, before)

    def _read_all(self, entry: Entry) -> None:
        entry.values()
        self._read(entry)

    def _drop(self, entry: Entry) -> None:
        before = entry.rank
        entry.shows, entry.teaches, entry.state, entry.rank = False, False, None, inf
        self._unfinished.pop(id(entry.doc), None)
        self._note(entry, before)

    def _note(self, entry: Entry, before: float) -> None:
        self._journal.append(entry)
        best = self._best
        if best is not None and best != entry.rank:
            if entry.rank < best:
                self._best = entry.rank
            elif before == best:
                self._best = None

    # -- answers -------------------------------------------------------------------------------

    @property
    def best_loss(self) -> float:
        """The lowest loss of a DONE trial with status ``'ok'`` as last compared, else infinity."""
        if self._best is None:
            self._best = min((entry.rank for entry in self._order), default=inf)
        return self._best

    def subscribe(self) -> Subscription:
        """Return what tells, from now on, what happened to documents."""
        return Subscription(self)


class Subscription:
    """A position in the journal of a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._volume = -1
        self._place = 0

    def news(self) -> tuple[list[Entry], bool]:
        """Return the entries that were added, changed or removed since the last call, oldest first.

        An entry may appear twice. The second value tells whether these are all entries there are,
        so that what the caller read before is void.
        """
        ledger = self._ledger
        if len(ledger._journal) > 4 * len(ledger._order) + 1000:
            ledger._journal.clear()
            ledger._volume += 1
        anew = self._volume != ledger._volume
        if anew:
            self._volume = ledger._volume
            entries = list(ledger._entries.values())
        else:
            entries = ledger._journal[self._place :]
        self._place = len(ledger._journal)
        return entries, anew
