"""The contract of `SegmentStore` in all places: each record once, whatever fails."""

import contextlib
import itertools
import os
import types

import pytest
from segment_kit import QUICK, Faulty, Killed, lines, make_place, numbers, reader

from sparktune._journal import lease as lease_module
from sparktune._journal.folders import LocalFolder
from sparktune._journal.lease import LeaseLost
from sparktune._journal.pieces import Segment
from sparktune._journal.segments import SegmentStore


@pytest.fixture
def store(place):
    store = SegmentStore(place.folder(), limit=4, **QUICK)
    yield store
    store.close()


def files(place):
    """Return the names of the files, less that of the lease."""
    return sorted(name for name in place.folder().names() if not name.startswith("holder-"))


class TestContract:
    def test_append_and_read(self, store, place):
        assert not store.exists()
        store.open()
        assert not reader(place).exists()
        assert numbers(store) == []
        store.append(lines(0, 0), 0, 0)
        store.append(lines(1, 9), 1, 9)
        store.sync()
        store.trust()
        assert reader(place).exists()
        assert b"".join(part.data for part in reader(place).read()) == lines(0, 9)
        assert numbers(store) == list(range(10))
        assert store.place == place.folder().place
        assert store.gathers

    def test_a_journal_that_is_closed_is_written_again(self, store, place):
        store.open()
        store.append(lines(0, 4), 0, 4)
        store.close()
        store.close()
        assert not any(name.startswith("holder-") for name in place.folder().names())
        again = SegmentStore(place.folder(), **QUICK)
        again.open()
        again.append(lines(5, 6), 5, 6)
        again.close()
        store.open()
        store.append(lines(7, 7), 7, 7)
        assert numbers(reader(place)) == list(range(8))

    @pytest.mark.parametrize("more", [0, 3])
    def test_an_append_that_failed_is_repeated(self, place, more):
        """It may have been stored, and more lines may be written then."""
        for when in ("before", "after"):
            start = len(numbers(reader(place)))
            faulty = Faulty(place.folder(), 1 << 30, when, OSError)
            store = SegmentStore(faulty, limit=5, **QUICK)
            store.open()
            assert len(list(store.read())) == len(files(place))
            with store._lease._lock:  # no renewal comes between
                faulty._at = faulty.steps
                with pytest.raises(OSError, match="step"):
                    store.append(lines(start, start + 1), start, start + 1)
            last = start + 1 + more
            store.append(lines(start, last), start, last)
            store.append(lines(last + 1, last + 1), last + 1, last + 1)
            assert numbers(reader(place)) == list(range(last + 2))
            store.close()

    def test_many_appends_leave_few_files(self, store, place):
        store.open()
        for n in range(25):
            store.append(lines(n, n), n, n)
            assert len(files(place)) <= 5
        assert numbers(reader(place)) == list(range(25))
        assert numbers(store) == list(range(25))

    def test_a_merge_of_appends_that_failed(self, place):
        """They were stored, so each is in two segments."""
        store = SegmentStore(place.folder(), limit=4, **QUICK)
        store.open()
        generation = store._lease.generation
        folder = place.folder()
        for n in range(0, 30, 3):
            folder.write(Segment.of(n, n + 1, generation).name, lines(n, n + 1))
            store.append(lines(n, n + 2), n, n + 2)
        store.close()
        assert numbers(reader(place)) == list(range(30))
        # Each merge has deleted those in it.
        assert len(files(place)) <= 8

    def test_full_segments_are_not_merged(self, place):
        store = SegmentStore(place.folder(), limit=3, full=40, **QUICK)
        store.open()
        for n in range(30):
            store.append(lines(n, n), n, n)
        store.close()
        sizes = [len(part.data) for part in reader(place).read()]
        assert max(sizes) < 2 * 40
        assert sum(size < 40 for size in sizes) <= 4
        assert numbers(reader(place)) == list(range(30))

    def test_values(self, store, place):
        store.open()
        for data in (b"first", b"second"):
            store.put_value("wert-ä.pkl", data)
        assert reader(place).get_value("wert-ä.pkl") == b"first"
        path = store.path_of_value("wert-ä.pkl")
        assert (path is not None) == (place.kind == "local")
        assert path is None or path.read_bytes() == b"first"
        with pytest.raises(FileNotFoundError):
            store.get_value("other")

    def test_odd_files_in_the_folder(self, store, place):
        store.open()
        store.append(lines(0, 1), 0, 1)
        folder = place.folder()
        odd = [
            "README.md", "journal-1-2.log", "journal-000000000000-000000000009-000001.log.crc",
            ".journal-000000000002-000000000003-000001.log~0123456789abcdef.tmp", "holder-.json",
            "journal-000000000009-000000000002-000001.log", "values/journal.log",
        ]  # fmt: skip
        for name in odd:
            folder.write(name, b"?")
        assert numbers(reader(place)) == [0, 1]
        store.append(lines(2, 2), 2, 2)
        assert numbers(store) == [0, 1, 2]

    def test_a_log_that_was_copied_comes_first(self, store, place):
        folder = place.folder()
        folder.make()
        folder.write("journal.log", lines(0, 3) + b"4 ha")
        assert store.exists()
        store.open()
        (part,) = store.read()
        assert part == ("journal.log", lines(0, 3) + b"4 ha", True)
        store.cut(len(lines(0, 3)))
        store.append(lines(4, 5), 4, 5)
        first, second = reader(place).read()
        assert first == ("journal.log", lines(0, 3), True)
        assert second.data == lines(4, 5)
        assert not second.is_open

    def test_files_that_vanish_while_one_reads(self, place, monkeypatch):
        """A writer merges them between the listing and the reading."""
        writer = SegmentStore(place.folder(), limit=4, **QUICK)
        writer.open()
        for n in range(4):
            writer.append(lines(n, n), n, n)
        slow = place.folder()
        names = slow.names

        def list_before_a_merge():
            found = names()
            monkeypatch.setattr(slow, "names", names)
            writer.append(lines(4, 4), 4, 4)
            return found

        monkeypatch.setattr(slow, "names", list_before_a_merge)
        assert numbers(SegmentStore(slow)) == list(range(5))
        writer.close()

    def test_a_listing_that_misses_a_merge_is_repeated(self, place, monkeypatch):
        folder = place.folder()
        folder.make()
        for first, last in ((0, 3), (4, 5), (6, 9)):
            folder.write(Segment.of(first, last, 1).name, lines(first, last))
        names, listings = folder.names, itertools.count()

        def without_one():
            found = sorted(names())
            return found if next(listings) else [found[0], found[-1]]

        monkeypatch.setattr(folder, "names", without_one)
        assert numbers(SegmentStore(folder)) == list(range(10))

    def test_a_segment_that_was_deleted(self, store, place):
        """The journal has to find out; what is left is never merged over the gap."""
        store.open()
        for n in range(3):
            store.append(lines(n, n), n, n)
        place.folder().delete(Segment.of(1, 1, 1).name)
        assert numbers(store) == [0, 2]
        for n in range(3, 16):
            store.append(lines(n, n), n, n)
        assert numbers(reader(place)) == [0, *range(2, 16)]

    def test_deleting_may_be_forbidden(self, place, monkeypatch):
        """Nothing is merged twice for it."""

        def refuse(name):
            raise PermissionError(name)

        folder = place.folder()
        store = SegmentStore(folder, limit=4, **QUICK)
        store.open()
        written = []
        write = folder.write
        monkeypatch.setattr(folder, "delete", refuse)
        monkeypatch.setattr(
            folder, "write", lambda name, data: (written.append(name), write(name, data))
        )
        for n in range(16):
            store.append(lines(n, n), n, n)
        assert numbers(reader(place)) == list(range(16))
        merges = [
            name for name in written if Segment.named(name) and Segment.named(name).records > 1
        ]
        assert len(merges) < 16 / 2
        store.close()


# --- Kills and errors at every step ---------------------------------------------------------------

COUNT = 11


def write(store, known):
    """Go on with a journal, one and two records at a time; `known` has how many are safe."""
    store.open()
    known.safe = n = len(numbers(store))
    while n < COUNT:
        last = n + n % 2
        store.append(lines(n, last), n, last)
        n = last + 1
        known.safe = n
    store.close()


STILL = {"renew": 1000.0, "expires": 0.0, "settle": 0.0}  # no renewal comes between the steps


@pytest.fixture
def all_are_dead(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda file: None)  # it takes longest
    monkeypatch.setattr(lease_module, "_is_dead", lambda holder: True)


def steps_of(kind):
    """Return the steps to fail in; some of them where each takes long."""
    return itertools.count(0, 20 if kind == "s3" else 1)


def kill_at_every_step(kind, when, request):
    for at in steps_of(kind):
        place = make_place(kind, request)
        faulty = Faulty(place.folder(), at, when)
        known = types.SimpleNamespace(safe=0)
        with contextlib.suppress(Killed):
            write(SegmentStore(faulty, limit=4, **STILL), known)
        found = numbers(reader(place))
        assert found == list(range(len(found)))
        assert known.safe <= len(found) <= COUNT + 1
        # Another one finds the same, goes on, and is killed in turn.
        second = Faulty(place.folder(), at, when)
        with contextlib.suppress(Killed):
            write(SegmentStore(second, limit=4, **STILL), known)
        assert len(numbers(reader(place))) >= max(known.safe, len(found))
        write(SegmentStore(place.folder(), limit=4, **STILL), known)
        assert numbers(reader(place)) == list(range(known.safe))
        assert len(files(place)) <= COUNT
        if not faulty.has_failed:
            assert at > 25
            return


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", ["local", "memory", pytest.param("s3", marks=pytest.mark.slow)])
@pytest.mark.usefixtures("all_are_dead")
def test_a_kill_at_every_step(kind, when, request):
    kill_at_every_step(kind, when, request)


@pytest.mark.usefixtures("all_are_dead")
def test_a_kill_in_the_middle_of_every_write(request):
    """As where files cannot be renamed: a file with the beginning of the data is left."""
    kill_at_every_step("local", "middle", request)


def insist(call, *args):
    """Repeat a call until it succeeds."""
    while True:
        with contextlib.suppress(OSError, KeyboardInterrupt):
            return call(*args)


def write_on(store, place):
    """Write a journal, with more lines after each failure; return how many there are."""
    insist(store.open)
    assert insist(numbers, store) == []
    n, more = 0, 0
    while n < COUNT:
        last = n + more
        try:
            store.append(lines(n, last), n, last)
        except LeaseLost:
            raise
        except (OSError, KeyboardInterrupt):
            more += 1
        else:
            n, more = last + 1, 0
        assert numbers(reader(place))[:n] == list(range(n))
    insist(store.close)
    return n


@pytest.mark.parametrize("when", ["before", "middle", "after"])
@pytest.mark.parametrize("kind", ["local", "memory", pytest.param("s3", marks=pytest.mark.slow)])
@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
@pytest.mark.usefixtures("all_are_dead")
def test_an_error_at_every_step(kind, error, when, request):
    for at in steps_of(kind):
        place = make_place(kind, request)
        faulty = Faulty(place.folder(), at, when, error)
        count = write_on(SegmentStore(faulty, limit=4, **STILL), place)
        assert numbers(reader(place)) == list(range(count))
        if not faulty.has_failed:
            return


def test_in_place_writes_that_fail_in_the_middle_of_a_merge(tmp_path):
    """What was left of the merge is not preferred to the segments that are whole."""
    folder = LocalFolder(tmp_path)
    for n in range(6):
        folder.write(Segment.of(n, n, 1).name, lines(n, n))
    folder.write(Segment.of(2, 5, 2).name, lines(2, 3) + b"4")
    folder.write(Segment.of(6, 8, 2).name, lines(6, 7) + b"8 ")
    folder.write(Segment.of(8, 8, 3).name, lines(8, 8))
    store = SegmentStore(folder, **QUICK)
    assert numbers(store) == list(range(9))
    store.open()
    assert numbers(store) == list(range(9))
    store.append(lines(9, 9), 9, 9)
    assert numbers(store) == list(range(10))
    store.close()
