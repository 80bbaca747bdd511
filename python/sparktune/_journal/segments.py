"""`SegmentStore`: a journal in a folder whose files cannot be appended to."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from sparktune._journal.folders import Folder, delete_all, read_all
from sparktune._journal.lease import Lease
from sparktune._journal.pieces import Segment, first_to_merge, pieces_of
from sparktune._journal.store import LOG, VALUES, Part

__all__ = ["SegmentStore", "has_segments"]

logger = logging.getLogger("sparktune.journal")

_ATTEMPTS = 5


class SegmentStore:
    """See `Store`.

    Each append writes one file, a segment, which is never changed. When there are more than
    `limit`, those at the end are merged into a larger one and then deleted. A process may be killed
    between any two steps: readers take each record once (see `pieces_of`).

    A `journal.log` that a `FileStore` wrote is read first.

    Parameters
    ----------
    folder : Folder
        Where the files are.
    limit : int
        How many segments may be there, besides those that are full.
    full : int
        Bytes from which on a segment is not merged any more.
    renew, expires, settle : float
        See `Lease`.
    """

    gathers = True

    def __init__(
        self,
        folder: Folder,
        *,
        limit: int = 64,
        full: int = 64 << 20,
        renew: float = 5.0,
        expires: float = 15.0,
        settle: float = 0.5,
    ) -> None:
        self.place = folder.place
        self._folder = folder
        self._limit, self._full = limit, full
        self._lease = Lease(folder, renew, expires, settle)
        # What this writer knows to be there, since it read the journal.
        self._pieces: list[Segment] | None = None
        self._unused: list[str] = []  # files to be deleted

    def exists(self) -> bool:
        """Whether there is a journal."""
        return any(name == LOG or Segment.named(name) for name in self._folder.names())

    def read(self) -> Iterator[Part]:
        """Return a `journal.log`, if there is one, and the segments."""
        found = self._read()
        if self._lease.generation:
            self._pieces, self._unused = found.pieces, found.unused
        if found.log is not None:
            yield Part(LOG, found.log, is_open=True)
        for piece in found.pieces:
            yield Part(piece.name, found.contents.pop(piece.name), is_open=False)

    def open(self) -> None:
        """Take the lease."""
        self.close()
        self._pieces = None
        self._folder.make()
        self._lease.take()

    def _segments(self) -> list[Segment]:
        return [found for name in self._folder.names() if (found := Segment.named(name))]

    def cut(self, size: int) -> None:
        """Cut the `journal.log`."""
        self._lease.check()
        self._folder.write(LOG, self._folder.read(LOG)[:size])

    def append(self, lines: bytes, first: int, last: int) -> None:
        """Write a segment."""
        self._lease.check()
        if self._pieces is None:
            found = self._read()
            self._pieces, self._unused = found.pieces, found.unused
        new = Segment.of(first, last, self._lease.generation, len(lines))
        self._folder.write(new.name, lines)
        # An append that failed may have stored some of these lines.
        self._pieces = pieces_of([*self._pieces, new])
        # The lines are safe: what fails from here on can wait for the next append.
        try:
            self._delete_unused()
            self._merge(self._pieces)
        except FileNotFoundError:  # a writer that was replaced has merged segments meanwhile
            self._pieces = None
        except OSError as error:
            logger.debug("%s was not tidied up: %s", self.place, error)

    def _delete_unused(self) -> None:
        unused, self._unused = self._unused, []
        delete_all(self._folder, unused)

    def _merge(self, pieces: list[Segment]) -> None:
        """Replace segments at the end by one, if there are too many."""
        start = first_to_merge(pieces, self._full)
        old = pieces[start:]
        if len(old) < 2 or sum(piece.size < self._full for piece in pieces) <= self._limit:
            return
        contents = read_all(self._folder, [piece.name for piece in old])
        data = b"".join(map(_lines_of, old, contents))
        self._lease.check()
        new = Segment.of(old[0].first, old[-1].last, self._lease.generation, len(data))
        self._folder.write(new.name, data)
        pieces[start:] = [new]
        # Those of appends that failed, but were stored, are there too.
        delete_all(self._folder, [one.name for one in self._segments() if new.replaces(one)])

    def _read(self) -> _Found:
        """Read the journal, again if a writer merges segments meanwhile."""
        for attempt in range(_ATTEMPTS):
            try:
                found = self._read_once()
            except FileNotFoundError:
                if attempt + 1 == _ATTEMPTS:
                    raise
                continue
            # A store that lists in several requests may show neither the old segments nor the new.
            if attempt + 1 == _ATTEMPTS or not found.has_gaps:
                break
        return found

    def _read_once(self) -> _Found:
        names = self._folder.names()
        segments = {name: found for name in names if (found := Segment.named(name))}
        log = self._folder.read(LOG) if LOG in names else None
        contents: dict[str, bytes] = {}
        while True:
            pieces = pieces_of(segments.values())
            new = [piece.name for piece in pieces if piece.name not in contents]
            contents.update(zip(new, read_all(self._folder, new), strict=True))
            if not _shorten(segments, new, contents):
                break
        for i, piece in enumerate(pieces):
            contents[piece.name] = lines = _lines_of(piece, contents[piece.name])
            pieces[i] = piece._replace(size=len(lines))
        used = {piece.name for piece in pieces}
        unused = [name for name in names if Segment.named(name) and name not in used]
        return _Found(log, pieces, contents, unused)

    def sync(self) -> None:
        """Do nothing: what was appended is safe."""

    def trust(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Release the lease."""
        self._lease.release()

    def put_value(self, name: str, data: bytes) -> None:
        """Keep a value in a file of its own."""
        if not self._folder.exists(f"{VALUES}/{name}"):
            self._folder.write(f"{VALUES}/{name}", data)

    def get_value(self, name: str) -> bytes:
        """Return a value."""
        return self._folder.read(f"{VALUES}/{name}")

    def path_of_value(self, name: str) -> Path | None:
        """Return the path of a value, None if it is not a file of this computer."""
        return self._folder.path_of(f"{VALUES}/{name}")


class _Found(NamedTuple):
    log: bytes | None
    pieces: list[Segment]
    contents: dict[str, bytes]  # by the names of the pieces
    unused: list[str]  # segments that do not count

    @property
    def has_gaps(self) -> bool:
        pairs = zip(self.pieces, self.pieces[1:], strict=False)
        return any(one.last + 1 != next_.first for one, next_ in pairs)


def _shorten(segments: dict[str, Segment], names: list[str], contents: dict[str, bytes]) -> bool:
    """Correct the ends of segments that have fewer lines than their names say.

    Their writer was killed where files cannot be renamed. That of a merge has left the segments it
    merged; what an append has written is the end of the journal. Return whether there were any.
    """
    found = False
    for name in names:
        segment, lines = segments[name], contents[name].count(b"\n")
        if lines >= segment.records:
            continue
        found = True
        del segments[name]
        elsewhere = any(one.first <= segment.first <= one.last for one in segments.values())
        if lines and not elsewhere:
            segments[name] = segment._replace(last=segment.first + lines - 1)
    return found


def _lines_of(piece: Segment, data: bytes) -> bytes:
    """Return the lines of a piece from the contents of its file."""
    whole = Segment.named(piece.name)
    if whole is None or (whole.first, whole.last) == (piece.first, piece.last):
        return data
    lines = data.split(b"\n")[piece.first - whole.first :][: piece.records]
    return b"\n".join([*lines, b""])


def has_segments(folder: Folder) -> bool:
    """Whether there is a journal in segments."""
    return any(Segment.named(name) for name in folder.names())
