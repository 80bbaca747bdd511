"""`Contents`: what the records of a journal say, taken together."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from sparktune._journal.events import document_of
from sparktune._journal.record import Log, Record
from sparktune._journal.values import Values
from sparktune._trials.documents import Trial
from sparktune._trials.large import LargeDict
from sparktune._trials.plain_data import decode

__all__ = ["FORMAT", "VERSION", "Contents", "Unknown", "without_collections"]

FORMAT: Final = "sparktune journal"
VERSION: Final = 1


class Unknown(Exception):
    """A journal of another version, or something else than a journal."""


class Contents:
    """What a journal holds.

    Parameters
    ----------
    log : Log
        The records. Those that refer to a trial whose own record is damaged are left out.

    Attributes
    ----------
    id : str
        Of the journal; empty if it has no records.
    trials : dict of int to dict
        By id, what is known of each trial, in the order in which they were suggested.
    order : list of int
        The ids of trials that are done, in the order in which they ended.
    search : Record
        How the latest search began; empty if none did.
    draws : int
        How many seeds that search, or those that it continues, have drawn.
    points : list of int
        The ids of the trials of its `points_to_evaluate`.
    suggested : set of int
        The ids of trials that a suggester made.
    opened : Record
        Which process wrote last.
    tracking : Record
        The MLflow run of the latest search; empty if there is none.
    end : Record
        How the latest search ended; empty if it did not.
    orphans : int
        Records that were left out.
    """

    def __init__(self, log: Log) -> None:
        self.id = ""
        self.began: Any = None
        self.trials: dict[int, Record] = {}
        self.order: list[int] = []
        self.attached: dict[str, Any] = {}
        self.search: Record = {}
        self.draws = 0
        self.points: list[int] = []
        self.suggested: set[int] = set()
        self.opened: Record = {}
        self.tracking: Record = {}
        self.end: Record = {}
        self.orphans = 0
        self._readers: dict[str, Callable[[Record], None]] = {
            "journal": self._journal,
            "opened": self._opened,
            "search": self._search,
            "tracking": self._tracking,
            "suggested": self._suggested,
            "added": self._added,
            "started": self._started,
            "finished": self._finished,
            "pruned": self._finished,
            "failed": self._failed,
            "cancelled": self._cancelled,
            "changed": self._changed,
            "removed": self._removed,
            "attached": self._attached,
            "ended": self._ended,
        }
        self.read(log.records)

    def read(self, records: list[Record]) -> None:
        """Take in further records; kinds that this version does not know are skipped."""
        readers = self._readers
        for record in records:
            reader = readers.get(record["kind"])
            if reader is not None:
                reader(record)

    # -- one method per kind of record ----------------------------------------------------------

    def _journal(self, record: Record) -> None:
        if record.get("format") != FORMAT or record.get("version") != VERSION:
            raise Unknown(
                f"its first record says format {record.get('format')!r} and version "
                f"{record.get('version')!r}, not {FORMAT!r} and {VERSION}"
            )
        self.id, self.began = record["id"], record["at"]

    def _opened(self, record: Record) -> None:
        self.opened = record

    def _search(self, record: Record) -> None:
        self.search, self.draws, self.end = record, record["draws"], {}
        self.points = record.get("points", [])
        if self.tracking.get("uuid") != record["id"]:
            self.tracking = {}

    def _tracking(self, record: Record) -> None:
        self.tracking = record

    def _suggested(self, record: Record) -> None:
        self.draws += 1
        self._added(record)
        self.suggested.update(trial["tid"] for trial in record["trials"])

    def _added(self, record: Record) -> None:
        for trial in record["trials"]:
            self.trials[trial["tid"]] = trial

    def _of(self, record: Record) -> Record:
        trial = self.trials.get(record["tid"])
        if trial is None:
            self.orphans += 1
            return {}
        return trial

    def _started(self, record: Record) -> None:
        trial = self._of(record)
        trial["state"] = "running"
        trial["began"] = trial["at"] = record["at"]
        if "misc" in record:
            trial["misc"] = record["misc"]

    def _came_out(self, record: Record, state: str) -> None:
        trial = self._of(record)
        for key in ("began", "at", "result", "error", "traceback", "owner", "misc"):
            if key in record:
                trial[key] = record[key]
        trial["state"] = state

    def _finished(self, record: Record) -> None:
        self._came_out(record, "done")
        self.order.append(record["tid"])

    def _failed(self, record: Record) -> None:
        self._came_out(record, "error")

    def _cancelled(self, record: Record) -> None:
        self._came_out(record, "cancelled")

    def _changed(self, record: Record) -> None:
        self.trials[record["trial"]["tid"]] = record["trial"]

    def _removed(self, record: Record) -> None:
        for tid in record["tids"]:
            self.trials.pop(tid, None)

    def _attached(self, record: Record) -> None:
        self.attached[record["key"]] = record["value"]

    def _ended(self, record: Record) -> None:
        self.end = record

    # -- answers --------------------------------------------------------------------------------

    def documents(self, values: Values) -> list[Trial]:
        """Return the documents of the trials.

        Raises
        ------
        Exception
            Whatever is raised for fields that were not written by a journal.
        """
        return [document_of(trial, values) for trial in self.trials.values()]

    def attachments(self, values: Values) -> LargeDict:
        """Return the attachments by their keys in `Trials.attachments`."""
        tags, found = values.tags, LargeDict()
        for key, written in self.attached.items():
            found[key] = decode(written, tags)
        return found


@contextmanager
def without_collections() -> Iterator[None]:
    """Make many objects without looking for garbage among them, which takes most of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            if not gc.get_freeze_count():
                # As if the objects had survived some collections: the next one is a quick one.
                gc.freeze()
                gc.unfreeze()
            gc.enable()
