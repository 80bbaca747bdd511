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
- After `Ledger.refresh` (that is, `Trials.refresh`), it compares lists, documents, states and which
  object the result is, the losses of the next `LOSSES_AFTER_REFRESH` documents and the values of
  the next `WINDOW_AFTER_REFRESH`.
- Otherwise, each time a suggester reads the documents, it compares the unfinished ones and the next
  `WINDOW` documents. So the work is proportional to what changed, and every change is found in the
  end.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import compress
from math import inf
from operator import is_not, itemgetter
from typing import Any

from sparktune._trials.documents import (
    JOB_STATE_CANCEL,
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    JOB_VALID_STATES,
    Trial,
    is_lost,
)
from sparktune._trials.entry import Entry
from sparktune._trials.results import finite_loss

__all__ = ["Ledger", "Subscription"]

# Comparing the values of a document takes about 1 us, a suggestion some tens of us.
WINDOW = 1
# Many callers refresh for each trial, so these must be bounded. Results are scattered over memory:
# reading those of 10,000 trials takes longer than a suggestion.
WINDOW_AFTER_REFRESH = 64
LOSSES_AFTER_REFRESH = 256

_state_of = itemgetter("state")
_result_of = itemgetter("result")


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
        # Their documents, and the states and results of those: what `_compare` compares first.
        self._known: list[Trial] = []
        self._states: list[int | None] = []
        self._results: list[Any] = []
        self._unfinished: dict[int, Entry] = {}
        self._best: float | None = inf  # None if it has to be searched
        self._rule = (False, exp_key)  # what decided on `Entry.shows`
        # What to compare at the next check.
        self._all_states = False
        self._depth = WINDOW
        self._next = 0
        self._next_loss = 0
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
        docs = self.docs
        if self._was_only_appended_to(docs):
            self._append()
        else:
            self.trials = [doc for doc in docs if self._shows(doc)]
            self.ids.update([doc["tid"] for doc in self.trials])
            self._taken, self._taken_from = len(docs), docs
        self._compare_more(WINDOW_AFTER_REFRESH)

    def _was_only_appended_to(self, docs: list[Trial]) -> bool:
        """Whether the documents taken in are those recorded, with the same states."""
        return (
            self._taken_from is docs
            and self._rule == (False, self.exp_key)
            and self._taken == len(self._known) <= len(docs)
            and not any(map(is_not, self._known, docs))
            and self._states == list(map(_state_of, docs[: self._taken]))
        )

    def take_in(self) -> None:
        """Do what `refresh` does, if documents were only appended."""
        if self._taken_from is not self.docs or self._taken > len(self.docs):
            self.refresh()
        self._append()

    def _append(self) -> None:
        docs = self.docs
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
        if (
            len(order) <= len(docs)
            and rule == self._rule
            and not any(map(is_not, self._known, docs))
        ):
            # After each `refresh` all documents come here, so this reads little of each.
            count = len(order)
            if (states := list(map(_state_of, docs[:count]))) != self._states:
                for entry, state in zip(order, states, strict=True):
                    if entry.state != state:
                        self._read(entry)
            for at in compress(range(count), map(is_not, self._results, map(_result_of, docs))):
                self._read(order[at])
            end = self._next_loss + LOSSES_AFTER_REFRESH
            for entry in order[self._next_loss : end]:
                if not entry.has_outcome():
                    self._read(entry)
            self._next_loss = end if end < len(order) else 0
            return
        # If the rule of what shows has changed, everything is read again.
        staying = set(map(id, docs)) if rule == self._rule else ()
        self._rule = rule
        for key in [key for key in self._entries if key not in staying]:
            self._drop(self._entries.pop(key))
        self._order, self._known, self._states, self._results = [], [], [], []
        for doc in docs:
            self._add(doc)

    def _add(self, doc: Trial) -> None:
        place = len(self._order)
        entry = self._entries.get(id(doc))
        if entry is None:
            entry = self._entries[id(doc)] = Entry(doc, place)
            self._read(entry)
        else:
            entry.place = place
            if not entry.has_outcome():
                self._read(entry)
        self._order.append(entry)
        self._known.append(doc)
        self._states[place:] = [entry.state]
        self._results[place:] = [doc["result"]]

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
        if entry.place < len(self._order):
            self._states[entry.place] = state
            self._results[entry.place] = result
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
