"""`Store`: where the lines of a journal are, and the values beside them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

__all__ = ["LOG", "VALUES", "InUse", "Part", "Store"]

LOG = "journal.log"  # the records, where a file can be appended to
VALUES = "values"  # the folder of values


class InUse(Exception):
    """Another process writes the journal."""


class Part(NamedTuple):
    """Some lines of a journal."""

    name: str
    data: bytes
    is_open: bool  # whether lines may still be appended, so that the last one may be incomplete


class Store(Protocol):
    """Bytes in, bytes out: a store knows the numbers of records, but not what is in them.

    Used by one thread at a time. Whatever fails raises `OSError`; the call may then be repeated,
    with the same lines or with more of them. That may also happen after Ctrl-C, when nobody knows
    whether the lines were written: those that were must not be written twice.
    """

    place: str
    """The path or URL of the journal, for messages."""

    gathers: bool
    """Whether a write is so dear that lines which need not be safe at once wait for a second."""

    def exists(self) -> bool:
        """Whether there is a journal."""
        ...

    def read(self) -> Iterator[Part]:
        """Return what the journal holds, in order; does not need `open`."""
        ...

    def open(self) -> None:
        """Become the only writer, and make the journal if there is none.

        Raises
        ------
        InUse
            If another process writes it.
        """
        ...

    def cut(self, size: int) -> None:
        """Cut the open part down to `size` bytes, because its last line is incomplete."""
        ...

    def append(self, lines: bytes, first: int, last: int) -> None:
        """Write whole lines, the records with the numbers from `first` to `last`."""
        ...

    def sync(self) -> None:
        """Return when all that was appended would survive a loss of power."""
        ...

    def trust(self) -> None:
        """Take what was appended as safe, instead of calling `sync`."""
        ...

    def close(self) -> None:
        """Let others write; may be called twice."""
        ...

    def put_value(self, name: str, data: bytes) -> None:
        """Keep a value, unless there is one of that name, which has the same contents."""
        ...

    def get_value(self, name: str) -> bytes:
        """Return a value."""
        ...

    def path_of_value(self, name: str) -> Path | None:
        """Return the path of a value, None if it is not a file of this computer."""
        ...
