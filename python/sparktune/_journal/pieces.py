"""Which files make up a journal whose records are in many, and which of them are to be merged."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

__all__ = ["Segment", "first_to_merge", "generation_of", "pieces_of"]

_NAME = re.compile(r"journal-(\d{12})-(\d{12})-(\d{6})\.log")


class Segment(NamedTuple):
    """Some records in a file, whose name has their numbers and the generation of the writer.

    A piece of a segment has the name of its file.
    """

    first: int
    last: int
    generation: int
    name: str
    size: int = 0  # bytes, where they are known

    @classmethod
    def of(cls, first: int, last: int, generation: int, size: int = 0) -> Segment:
        """Return a segment that is to be written."""
        name = f"journal-{first:012}-{last:012}-{generation:06}.log"
        return cls(first, last, generation, name, size)

    @classmethod
    def named(cls, name: str) -> Segment | None:
        """Return the segment in a file, None if the file is something else."""
        match = _NAME.fullmatch(name)
        if match is None:
            return None
        first, last, generation = map(int, match.groups())
        return cls(first, last, generation, name) if first <= last else None

    @property
    def records(self) -> int:
        """How many records it has."""
        return self.last - self.first + 1

    def replaces(self, other: Segment) -> bool:
        """Whether a segment is not needed beside this one, a merge."""
        # A newer one was written by the process that replaced this one's writer.
        return (
            self.first <= other.first
            and other.last <= self.last
            and other.generation <= self.generation
            and other.name != self.name
        )


def generation_of(segments: Iterable[Segment]) -> int:
    """Return the newest generation."""
    return max((segment.generation for segment in segments), default=0)


def pieces_of(segments: Iterable[Segment]) -> list[Segment]:
    """Return the pieces of segments that hold each record once, in order.

    - A record that several segments have comes from the newest generation that has it. A writer
      that was replaced, and does not know it yet, has an older one.
    - Of one generation, the segment that reaches furthest counts: it is the result of a merge, or
      of an append that was repeated.
    - After a record of one generation come none of older ones.

    Records that are in no segment are left out.
    """
    waiting = sorted(segments, key=lambda segment: (segment.first, -segment.last, segment.name))
    pieces: list[Segment] = []
    # Those that begin at `number` or before, the newest and longest on top.
    begun: list[tuple[int, int, str, Segment]] = []
    at = number = generation = 0
    while at < len(waiting) or begun:
        if not begun:
            number = max(number, waiting[at].first)
        while at < len(waiting) and waiting[at].first <= number:
            new = waiting[at]
            heapq.heappush(begun, (-new.generation, -new.last, new.name, new))
            at += 1
        top = begun[0][-1]
        if top.last < number or top.generation < generation:
            heapq.heappop(begun)
            continue
        end = _end(top, waiting, at)
        pieces.append(top._replace(first=number, last=end))
        number, generation = end + 1, top.generation
    return pieces


def _end(top: Segment, waiting: Sequence[Segment], at: int) -> int:
    """Return where a segment ends, or a newer generation begins in it."""
    while at < len(waiting) and waiting[at].first <= top.last:
        if waiting[at].generation > top.generation:
            return waiting[at].first - 1
        at += 1
    return top.last


def first_to_merge(pieces: Sequence[Segment], full: int) -> int:
    """Return from which piece on all are to be merged into one.

    Whatever is not larger than all that follow it is merged with them. So each piece that is left
    is larger than the rest together, which leaves few, and a record is in a piece twice as large
    after each merge, which makes few merges. Pieces with `full` bytes are left as they are.
    """
    first = len(pieces)
    rest = 0
    for i in reversed(range(len(pieces))):
        follows = i + 1 == len(pieces) or pieces[i].last + 1 == pieces[i + 1].first
        if pieces[i].size >= full or not follows:
            break
        if pieces[i].size <= rest:
            first = i
        rest += pieces[i].size
    return first
