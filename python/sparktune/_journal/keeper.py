"""`JournalKeeper`: writes what happens to the documents of one search into its journal.

Most of it comes from the ledger, which tells what was added, changed or removed, whoever did that.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from sparktune._journal.contents import FORMAT, VERSION, Contents
from sparktune._journal.events import fields_of, more_of, outcome_of, written_time
from sparktune._journal.journal import Journal, this_process
from sparktune._journal.store import Store
from sparktune._journal.values import Values
from sparktune._journal.writer import Writer
from sparktune._trials.collection import TrialCollection
from sparktune._trials.documents import UNFINISHED, Trial
from sparktune._trials.entry import Entry
from sparktune._trials.ledger import Ledger, Subscription

__all__ = ["JournalKeeper"]

logger = logging.getLogger("sparktune.journal")

# Belongs to the search, which puts it there again.
_NOT_KEPT = frozenset({"FMinIter_Domain"})


class JournalKeeper:
    """Writes a search into an open journal; while it is at it, no method raises for the disk.

    Parameters
    ----------
    journal : Journal
        Open.
    store : Store
        What opening it returned.
    contents : Contents or None
        What it holds; None if it is new.
    number : int
        The number of the next record.
    values : Values
        For values of results.
    trials : TrialCollection
        The trials of the search. Those that the journal holds are there already.

    Attributes
    ----------
    resumed : Contents or None
        `contents`.
    stream : tuple of (Any, int)
        The state in which the search's generator of seeds began, and how many it has drawn since.
    points : list of int
        The ids of the trials of `points_to_evaluate`.
    """

    def __init__(
        self,
        journal: Journal,
        store: Store,
        contents: Contents | None,
        number: int,
        values: Values,
        trials: TrialCollection,
    ) -> None:
        self.journal = journal
        self.resumed = contents
        self.stream: tuple[Any, int] = (None, 0)
        self.id = uuid.uuid4().hex if contents is None else contents.id
        self._store = store
        self._values = values
        self._writer = Writer(store, values, number, journal.fsync)
        self._trials = trials
        self._ledger: Ledger | None = None
        self._subscription: Subscription | None = None
        self.points: list[int] = [] if contents is None else contents.points
        self._known: dict[int, tuple[Trial, Any, Any]] = {}
        self._tids: set[Any] = set()
        self._attached: dict[str, Any] = {}
        self._of_trial: dict[str, list[str]] = {}  # keys in `_attached` by their first part
        # The fields of trials in records that are not written, by id.
        self._suggested: dict[int, dict[str, Any]] = {}
        self._seed: int | None = None  # of trials that the ledger is about to tell
        self._told = False
        self._parent: Callable[[], Any] | None = None
        if contents is None:
            self._add("journal", format=FORMAT, version=VERSION, id=self.id, at=_now())
        self._add("opened", at=_now(), **this_process())

    @property
    def folder_of_values(self) -> Path | None:
        """Where large values of results may be put at once."""
        return self.journal.values

    @property
    def was_told(self) -> bool:
        """Whether all that the journal held is in MLflow, if it was to be there."""
        return self.resumed is None or not self.resumed.tracking or bool(self.resumed.end)

    # -- what happens --------------------------------------------------------------------------

    def expect(self, docs: Iterable[Trial], outcomes: Iterable[Trial]) -> None:
        """Take documents as written, because they are, except for the `outcomes` of some."""
        missing = {id(doc) for doc in outcomes}
        for doc in docs:
            written = (None, None) if id(doc) in missing else (doc["state"], doc["result"])
            self._known[id(doc)] = (doc, *written)
            self._tids.add(doc["tid"])
        there = {} if self.resumed is None else self.resumed.attached
        for key, value in dict.items(self._trials.attachments):
            if key in there:
                self._note_attached(key, value)
            else:
                self._attach_one(key, value)

    def begin(self, search: dict[str, Any]) -> None:
        """Record that a search begins, with the fields of its record, and who writes it."""
        self._add("search", at=_now(), **search)
        self._writer.flush(durable=False)

    def follow(self, ledger: Ledger) -> None:
        """Read from now on what happens to documents from their ledger."""
        self._ledger = ledger
        self._take()

    def track(self, parent: Callable[[], dict[str, str] | None]) -> None:
        """Record which MLflow run the search has, as soon as `parent` knows it."""
        self._parent = parent
        self._ask_for_run()

    def _ask_for_run(self) -> None:
        if self._parent is not None and (found := self._parent()) is not None:
            self._parent = None
            self._add("tracking", at=_now(), **found)

    def suggested(self, seed: int) -> None:
        """Record the trials that a suggester made of a seed."""
        self._seed = seed
        self._take()

    def started(self, trial: Trial) -> None:
        """Record that a trial starts."""
        began = written_time(trial["book_time"])
        suggested = self._suggested.pop(trial["tid"], None)
        if suggested is not None:
            suggested.update(state="running", began=began, at=began)
        else:
            more = more_of(trial["misc"], self._values) if "attempts" in trial["misc"] else None
            self._add("started", tid=trial["tid"], at=began, **({"misc": more} if more else {}))
        self._known[id(trial)] = (trial, trial["state"], trial["result"])

    def rest(self) -> None:
        """Write what happened; it need not be safe from a loss of power."""
        self._ask_for_run()
        self._suggested.clear()
        self._writer.flush(durable=False)

    def secure(self) -> None:
        """Write what happened, before the search acts on it."""
        self._take()
        self._suggested.clear()
        self._writer.flush()

    def end(self, reason: str, message: str, error: str | None) -> None:
        """Record that the search ended."""
        self._take()
        self._ask_for_run()
        fields = {"reason": reason, "message": message, **({"error": error} if error else {})}
        self._add("ended", at=_now(), **fields)

    def close(self) -> None:
        """Write all, and let others write the journal."""
        try:
            self._writer.close()
        finally:
            self._store.close()

    # -- records -------------------------------------------------------------------------------

    def _add(self, kind: str, **fields: Any) -> None:
        self._writer.add(kind, fields)

    def _take(self) -> None:
        """Record what the ledger tells."""
        if self._ledger is None:
            return
        self._ledger.update()
        # If Ctrl-C comes before all news are recorded, the next call reads everything.
        subscription, self._subscription = self._subscription or self._ledger.subscribe(), None
        self._record(*subscription.news())
        self._subscription = subscription

    def _record(self, news: list[Entry], anew: bool) -> None:
        if anew:
            there = {id(entry.doc) for entry in news}
            self._remove([key for key in self._known if key not in there])
        self._attach()
        new: dict[Any, Trial] = {}  # by id, the first of each
        for entry in news:
            doc, key = entry.doc, id(entry.doc)
            known = self._known.get(key)
            if entry.state is None:
                self._remove([key] if known is not None else [])
            elif known is None:
                if self._is_recordable(doc):
                    new.setdefault(doc["tid"], doc)
            elif known[1] != doc["state"] or known[2] is not doc["result"]:
                self._attach_again(doc)
                self._change(doc)
                self._known[key] = (doc, doc["state"], doc["result"])
        if new or self._seed is not None:
            self._record_new(list(new.values()))

    def _record_new(self, new: list[Trial]) -> None:
        trials = [fields_of(doc, self._values) for doc in new]
        seed, self._seed = self._seed, None
        if seed is None:
            self._add("added", at=_now(), trials=trials)
        else:
            self._add("suggested", at=_now(), seed=seed, trials=trials)
        for doc, trial in zip(new, trials, strict=True):
            self._known[id(doc)] = (doc, doc["state"], doc["result"])
            self._tids.add(doc["tid"])
            self._suggested[doc["tid"]] = trial

    def _is_recordable(self, doc: Trial) -> bool:
        tid = doc["tid"]
        if type(tid) is int and tid not in self._tids:
            return True
        if not self._told:
            self._told = True
            logger.warning(
                "Trial %r is missing in the journal: a trial must have an int as its id, which no "
                "other trial has. Hint: trials.new_trial_ids(1).",
                tid,
            )
        return False

    def _change(self, doc: Trial) -> None:
        if doc["state"] in UNFINISHED:
            self._add("changed", at=_now(), trial=fields_of(doc, self._values))
        else:
            kind, fields = outcome_of(doc, self._values)
            self._add(kind, **fields)

    def _remove(self, keys: list[int]) -> None:
        if keys:
            gone = [self._known.pop(key)[0]["tid"] for key in keys]
            self._tids.difference_update(gone)
            self._add("removed", at=_now(), tids=gone)

    def _attach(self) -> None:
        """Record attachments with new keys."""
        new: list[tuple[str, Any]] = []
        for key, value in reversed(dict.items(self._trials.attachments)):
            if key in self._attached and self._attached[key] is value:
                break  # those before are older
            new.append((key, value))
        for key, value in reversed(new):
            self._attach_one(key, value)

    def _attach_again(self, doc: Trial) -> None:
        """Record those attachments of a trial that took the place of others."""
        for key in self._of_trial.get(self._trials.aname(doc, ""), ()):
            value = dict.get(self._trials.attachments, key)
            if key in self._trials.attachments and value is not self._attached[key]:
                self._attach_one(key, value)

    def _attach_one(self, key: str, value: Any) -> None:
        if not isinstance(key, str):
            if key not in self._attached:
                logger.warning(
                    "An attachment is missing in the journal: keys of `trials.attachments` must be "
                    "text; got %r.", key,
                )  # fmt: skip
        elif key not in _NOT_KEPT:
            self._add("attached", key=key, value=self._values.value(value))
        self._note_attached(key, value)

    def _note_attached(self, key: str, value: Any) -> None:
        if key not in self._attached and isinstance(key, str) and key.startswith("ATTACH::"):
            first = "::".join([*key.split("::", 2)[:2], ""])
            self._of_trial.setdefault(first, []).append(key)
        self._attached[key] = value


def _now() -> int:
    return time.time_ns() // 1_000_000
