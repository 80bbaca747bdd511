"""Which segments count, whatever appends, merges and replaced writers left behind."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparktune._journal.pieces import Segment, first_to_merge, pieces_of


def read(stored):
    """Return the records of files, a dict of lists by segment."""
    found = []
    for piece in pieces_of(stored):
        whole = Segment.named(piece.name)
        assert whole is not None
        assert whole.first <= piece.first <= piece.last <= whole.last
        found += stored[whole][piece.first - whole.first : piece.last - whole.first + 1]
    return found


def test_names():
    segment = Segment.of(3, 17, 2)
    assert segment.name == "journal-000000000003-000000000017-000002.log"
    assert Segment.named(segment.name) == segment


@pytest.mark.parametrize(
    "name",
    ["journal.log", "journal-3-17-2.log", "journal-000000000003-000000000002-000001.log", "x",
     ".journal-000000000003-000000000017-000001.log~0011223344556677.tmp",
     "journal-000000000003-000000000017-000001.log.crc"],
)  # fmt: skip
def test_other_files_are_not_segments(name):
    assert Segment.named(name) is None


intervals = st.tuples(st.integers(0, 30), st.integers(0, 12))


@given(st.sets(intervals))
def test_overlapping_segments_of_a_writer_give_each_record_once(found):
    segments = [Segment.of(first, first + more, 1) for first, more in found]
    got = [n for piece in pieces_of(segments) for n in range(piece.first, piece.last + 1)]
    assert got == sorted({n for s in segments for n in range(s.first, s.last + 1)})
    names = [piece.name for piece in pieces_of(segments)]
    assert len(set(names)) == len(names)


@given(st.sets(st.tuples(intervals, st.integers(1, 4))))
def test_the_newest_generation_counts(found):
    segments = [Segment.of(first, first + more, gen) for (first, more), gen in found]
    pieces = pieces_of(segments)
    got = {n: piece for piece in pieces for n in range(piece.first, piece.last + 1)}
    assert sum(piece.records for piece in pieces) == len(got)
    assert [*got] == sorted(got)
    generations = [piece.generation for piece in pieces]
    assert generations == sorted(generations)
    newest = max((s.generation for s in segments), default=0)
    of_newest = {n for s in segments if s.generation == newest
                 for n in range(s.first, s.last + 1)}  # fmt: skip
    assert all(got[n].generation == newest for n in of_newest)


class Writers:
    """A journal, as writers who follow each other leave it: `log` has the writer of each record."""

    def __init__(self):
        self.stored, self.log, self.generation = {}, [], 1
        self.replaced = []  # (generation, number of its next record)

    def append(self, count, stored=True):
        first = len(self.log)
        records = [(first + i, self.generation) for i in range(count)]
        if stored:
            self.stored[Segment.of(first, first + count - 1, self.generation)] = records
            self.log += records

    def fail(self, count):
        """Store lines, but do not know it; more will be written."""
        first = len(self.log)
        records = [(first + i, self.generation) for i in range(count)]
        self.stored[Segment.of(first, first + count - 1, self.generation)] = records
        self.append(count + 1)

    def follow(self):
        self.replaced.append((self.generation, len(self.log)))
        self.generation += 1
        self.append(1)

    def write_late(self, count):
        """Let a writer that was replaced write records, and merge them with those before."""
        if self.replaced:
            generation, first = self.replaced[-1]
            records = [(first + i, generation) for i in range(count)]
            self.stored[Segment.of(first, first + count - 1, generation)] = records
            if first > count:
                start = first - count
                merged = Segment.of(start, first + count - 1, generation)
                self.stored[merged] = self.log[start:first] + records
                self.delete(merged, count)

    def merge(self, count):
        start = max(0, len(self.log) - count)
        if len(self.log) - start > 1:
            merged = Segment.of(start, len(self.log) - 1, self.generation)
            self.stored[merged] = self.log[start:]
            self.delete(merged, count)

    def delete(self, merged, count):
        contained = [segment for segment in self.stored if merged.replaces(segment)]
        for segment in contained[:count]:
            del self.stored[segment]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["append", "fail", "follow", "write_late", "merge"]),
            st.integers(1, 9),
        ),
        max_size=25,
    )
)
def test_writers_who_follow_each_other(steps):
    writers = Writers()
    for name, count in steps:
        if name == "follow":
            writers.follow()
        else:
            getattr(writers, name)(count)
        assert read(writers.stored) == writers.log


def test_after_a_gap_comes_what_is_left():
    segments = [Segment.of(0, 4, 1), Segment.of(8, 9, 1), Segment.of(20, 20, 2)]
    assert pieces_of(segments) == segments


def test_only_neighbours_are_merged():
    pieces = [Segment.of(0, 0, 1, 5), Segment.of(2, 2, 1, 5), Segment.of(3, 3, 1, 5)]
    assert first_to_merge(pieces, 100) == 1
    assert first_to_merge([], 100) == 0


@pytest.mark.parametrize("largest", [1, 50])
def test_merges_leave_few_segments_and_cost_little(largest):
    rng = random.Random(0)
    limit, full, pieces, total, merged = 8, 1 << 40, [], 0, 0
    for n in range(20_000):
        size = rng.randint(1, largest)
        total += size
        pieces.append(Segment.of(n, n, 1, size))
        start = first_to_merge(pieces, full)
        if len(pieces) > limit and start < len(pieces):
            size = sum(piece.size for piece in pieces[start:])
            pieces[start:] = [Segment.of(pieces[start].first, n, 1, size)]
            merged += size
        assert len(pieces) <= limit + math.log2(2 * total)
    assert merged < total * math.log2(total)


def test_full_segments_are_left_as_they_are():
    pieces = [Segment.of(n, n, 1, 100 if n < 5 else 1) for n in range(9)]
    assert first_to_merge(pieces, 100) == 5
