"""`Writer`: puts records into a store, and keeps them while the store cannot be written to."""

from __future__ import annotations

import logging
import math
import time
from typing import Any

from sparktune._journal.lease import LeaseLost
from sparktune._journal.record import line_of
from sparktune._journal.store import Store
from sparktune._journal.values import Values

__all__ = ["Writer"]

logger = logging.getLogger("sparktune.journal")

# Seconds after which a store that failed is tried again, and for which lines that need not be safe
# at once wait where each write is dear.
_AGAIN = 1.0
_GATHERED = 1.0


class Writer:
    """Numbers records and writes them; no method raises for a store that fails.

    Parameters
    ----------
    store : Store
        Open for writing.
    values : Values
        What the records refer to; goes into the store before them.
    number : int
        The number of the next record.
    fsync : bool
        Whether `flush` waits for the disk.
    """

    def __init__(self, store: Store, values: Values, number: int, fsync: bool) -> None:
        self._store = store
        self._values = values
        self._fsync = fsync
        # The number of the first record that is not in the store, and all those that are not. They
        # are encoded when they are written, until when the caller may complete their fields. One
        # attribute, so that Ctrl-C finds both changed or none.
        self._waiting: tuple[int, list[bytes | tuple[str, dict[str, Any]]]] = (number, [])
        self._failing = False
        self._not_before = 0.0  # when to try again
        self._gathered = 0.0  # when to write what is being gathered; 0 if nothing is

    def add(self, kind: str, fields: dict[str, Any]) -> None:
        """Take a record; `flush` writes it, and until then its fields may be completed."""
        self._waiting[1].append((kind, fields))

    def flush(self, durable: bool = True, insist: bool = False) -> None:
        """Write all records.

        Parameters
        ----------
        durable : bool
            Whether they have to survive a loss of power when this returns.
        insist : bool
            Whether to try even if that failed a moment ago.
        """
        if not insist and (time.monotonic() < self._not_before or self._gathers(durable)):
            return
        try:
            # After a failure, only what the disk confirms is complete.
            self._write(durable or self._failing)
        except LeaseLost as error:
            self._give_up(error)
        except OSError as error:
            self._not_before = time.monotonic() + _AGAIN
            self._warn(error)
        else:
            self._not_before = self._gathered = 0.0
            if self._failing:
                self._failing = False
                logger.warning("The journal %r is complete again.", self._store.place)

    def _gathers(self, durable: bool) -> bool:
        """Whether records wait for more, because each write is dear and they need not be safe."""
        if not self._store.gathers or self._failing or (durable and self._fsync):
            return False
        if not self._waiting[1]:
            return True
        now = time.monotonic()
        self._gathered = self._gathered or now + _GATHERED
        return now < self._gathered

    def _write(self, durable: bool) -> None:
        first, waiting = self._waiting
        lines: list[bytes] = []
        for number, record in enumerate(waiting):
            line = record if isinstance(record, bytes) else line_of(first + number, *record)
            waiting[number] = line
            lines.append(line)
        values = self._values.waiting
        while values:
            name = next(iter(values))
            self._store.put_value(name, values[name])
            del values[name]
        if lines:
            end = first + len(lines)
            self._store.append(b"".join(lines), first, end - 1)
            self._waiting = (end, [])
        if not self._fsync:
            self._store.trust()
        elif durable:
            self._store.sync()

    def _give_up(self, error: LeaseLost) -> None:
        """Keep nothing more: what another process has written there would contradict it."""
        if self._not_before != math.inf:
            self._not_before = math.inf
            logger.warning(
                "The journal %r is not written any more (%s). The search goes on without it; in "
                "memory its trials are complete.", self._store.place, error.strerror,
            )  # fmt: skip
        self._waiting = (self._waiting[0] + len(self._waiting[1]), [])
        self._values.waiting.clear()

    def _warn(self, error: OSError) -> None:
        level = logging.DEBUG if self._failing else logging.WARNING
        self._failing = True
        logger.log(
            level,
            "The journal %r cannot be written (%s: %s). The search goes on; its records are kept "
            "in memory, and written as soon as that works.",
            self._store.place, type(error).__name__, error,
        )  # fmt: skip

    def close(self) -> None:
        """Write what is left, or say that it is lost."""
        self.flush(insist=True)
        if self._failing:
            logger.warning(
                "The last %s of the search are missing in the journal %r, which still cannot be "
                "written. In memory the trials are complete.",
                f"{len(self._waiting[1])} records" if self._waiting[1] else "records",
                self._store.place,
            )  # fmt: skip
