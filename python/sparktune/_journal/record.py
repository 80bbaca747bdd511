"""Records as lines: eight hexadecimal digits of a CRC-32, a space, a JSON object, a newline.

The checksum is that of the bytes of the object. Each object has its number `n`, counted from 0
without gaps, and its `kind`. docs/journal.md describes the kinds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple
from zlib import crc32

from sparktune._journal.store import Part

__all__ = ["Damage", "Log", "Record", "line_of", "may_begin"]

Record = dict[str, Any]

_dump = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
# Records that are parsed at once: faster than one by one, and what is wrong is found again quickly.
_AT_ONCE = 2_000


def line_of(number: int, kind: str, fields: Record) -> bytes:
    """Return a record as a line."""
    text = _dump({"n": number, "kind": kind, **fields}).encode()
    return b"%08x %b\n" % (crc32(text), text)


def may_begin(torn: bytes) -> bool:
    """Whether a journal may begin with an incomplete line, or something else does."""
    if not torn.strip(b"\0"):
        return True  # the disk lost power
    beginning = line_of(0, "journal", {})[9:-2]
    digits, text = torn[:8], torn[9:].rstrip(b"\0")
    return (
        not digits.strip(b"0123456789abcdef\0")
        and torn[8:9] in (b"", b"\0", b" ")
        and (text.startswith(beginning) or beginning.startswith(text))
    )


class Damage(NamedTuple):
    """A line that is not as it was written, or not where it was."""

    number: int  # of the record that should be there
    where: str  # the part, and the line in it
    what: str

    def __str__(self) -> str:
        return f"record {self.number} ({self.where}) {self.what}"


class Log:
    """The records of a journal, and what is wrong with it.

    Attributes
    ----------
    records : list of Record
        In order; those that can be read, if there is damage.
    next : int
        The number of the record that comes next.
    damage : list of Damage
        What cannot be read.
    torn : bytes
        The end of a last line that is not complete: its writer was killed.
    size : int
        Bytes of the open part up to `torn`.
    """

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.next = 0
        self.damage: list[Damage] = []
        self.torn = b""
        self.size = 0

    def read(self, parts: Iterable[Part]) -> Log:
        """Read the records of some parts after those that are there; return this object.

        Never raises for what is in the parts.
        """
        for part in parts:
            lines = part.data.split(b"\n")
            rest = lines.pop()
            if part.is_open:
                # A disk that lost power may show zeros where a line was being written.
                while lines and lines[-1].endswith(b"\0"):
                    rest = lines.pop() + b"\n" + rest
                self.torn, self.size = rest, len(part.data) - len(rest)
            elif rest:
                lines.append(rest)
            for start in range(0, len(lines), _AT_ONCE):
                some = lines[start : start + _AT_ONCE]
                if not self._read_at_once(some):
                    for at, line in enumerate(some, start + 1):
                        self._read_line(line, f"line {at} of {part.name}")
        return self

    def _read_at_once(self, lines: list[bytes]) -> bool:
        """Read lines if all are good."""
        texts = [line[9:] for line in lines]
        if not all(
            line[:9] == b"%08x " % crc32(text) for line, text in zip(lines, texts, strict=True)
        ):
            return False
        try:
            records = json.loads(b"[" + b",".join(texts) + b"]")
            numbers = [record["n"] for record in records]
            kinds = [record["kind"] for record in records]
        except (ValueError, TypeError, KeyError, RecursionError):
            return False
        if numbers != list(range(self.next, self.next + len(lines))) or not all(
            type(kind) is str for kind in kinds
        ):
            return False
        self.records += records
        self.next += len(records)
        return True

    def _read_line(self, line: bytes, where: str) -> None:
        record = _checked(line)
        if record is None:
            self.damage.append(Damage(self.next, where, "is not as it was written"))
            self.next += 1
            return
        number = record["n"]
        if number < self.next:
            self.damage.append(Damage(number, where, "is there twice"))
            return
        if number > self.next:
            self.damage.append(Damage(self.next, where, f"is missing: {number} follows"))
        self.records.append(record)
        self.next = number + 1


def _checked(line: bytes) -> Record | None:
    """Return the record of a line, None if it has none."""
    text = line[9:]
    if line[:9] != b"%08x " % crc32(text):
        return None
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return None
    good = isinstance(record, dict) and type(record.get("n")) is int
    return record if good and isinstance(record.get("kind"), str) else None
