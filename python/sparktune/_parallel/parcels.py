"""Packs the data of `with_data` so that a worker can read it without a copy."""

from __future__ import annotations

import hashlib
import io
import pickle
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

__all__ = ["Parcel"]

_ALIGNMENT = 64


@dataclass(frozen=True)
class Parcel:
    """Data that is shipped beside the cargo; `sparktune._worker.task` unpacks it.

    A parcel is written as one block of bytes: the number of pieces and their lengths as 64-bit
    integers, then the pieces, each at a multiple of 64. The first piece is a pickle; the others
    are the buffers that it refers to (pickle protocol 5), such as the contents of arrays. They are
    views of the user's own arrays, so a parcel needs no memory.
    """

    key: str
    pieces: tuple[Any, ...]

    @classmethod
    def of(cls, pickled: bytes, buffers: list[pickle.PickleBuffer]) -> Parcel:
        """Make a parcel of a pickle and its out-of-band buffers."""
        pieces = (memoryview(pickled), *(buffer.raw() for buffer in buffers))
        digest = hashlib.blake2b(digest_size=20)
        for piece in pieces:
            digest.update(piece.nbytes.to_bytes(8, "little"))
            digest.update(piece)
        return cls(digest.hexdigest(), pieces)

    def _blocks(self) -> Iterator[Any]:
        lengths = [piece.nbytes for piece in self.pieces]
        yield _padded(struct.pack(f"<{len(lengths) + 1}Q", len(lengths), *lengths))
        for piece in self.pieces:
            yield piece
            yield bytes(-piece.nbytes % _ALIGNMENT)

    def write(self, file: IO[bytes]) -> None:
        """Write the parcel; for back ends whose workers can map a file."""
        for block in self._blocks():
            file.write(block)

    def to_bytes(self) -> bytes:
        """Return the parcel; for back ends whose workers get bytes."""
        stream = io.BytesIO()
        self.write(stream)
        return stream.getvalue()


def _padded(head: bytes) -> bytes:
    return head + bytes(-len(head) % _ALIGNMENT)
