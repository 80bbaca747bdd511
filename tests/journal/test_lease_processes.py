"""Processes that open one journal, and are killed, suspended and raced."""

import os

import pytest
from segment_kit import PATIENT, QUICK, Writer, holders, numbers, reader

from sparktune._journal.folders import LocalFolder
from sparktune._journal.segments import SegmentStore
from sparktune._journal.store import InUse


def test_another_process(shared_place):
    first, second = Writer(shared_place, appends=1, **PATIENT), Writer(shared_place, **PATIENT)
    with first, second:
        first.go()
        assert first.says() == "open 0"
        assert first.says() == "has 1"
        second.go()
        assert second.says().startswith("in use:")
        first.go()
        assert first.says() == "closed"
    assert holders(shared_place) == []


def killed_after(appends, writer, total):
    """Kill a writer after some appends; return how many records it said that there are."""
    for _ in range(appends):
        total = int(writer.says().removeprefix("has "))
    for word in writer.kill():
        if word.startswith("has "):
            total = int(word.split()[1])
    return total


def all_are_there(place, total):
    """Check that all records are there, once; return their number."""
    found = numbers(reader(place))
    assert found == list(range(len(found)))
    assert len(found) >= total
    return len(found)


def test_a_writer_that_is_killed_is_replaced_at_once(shared_place):
    """Its process has ended, so nobody waits until the lease expires."""
    total = 0
    for _ in range(3):
        with Writer(shared_place, appends=1_000, renew=1e3, expires=1e4) as writer:
            writer.go()
            assert writer.says() == f"open {total}"
            total = killed_after(8, writer, total)
        total = all_are_there(shared_place, total)


@pytest.mark.slow
def test_kills_in_a_loop_as_seen_from_another_computer(shared_place):
    total = 0
    for i in range(5):
        with Writer(shared_place, appends=1_000, machine=f"computer {i}") as writer:
            writer.go()
            assert writer.says() == f"open {total}"
            total = killed_after(6 * i, writer, total)
        total = all_are_there(shared_place, total)
        assert len(reader(shared_place)._segments()) < 2 * 5 + 2


@pytest.mark.slow
def test_several_processes_take_over_at_once(shared_place):
    """In each turn the holder of the last one has been killed."""
    for turn in range(3):
        takers = [Writer(shared_place, **PATIENT | {"settle": 0.5}) for _ in range(4)]
        try:
            for taker in takers:
                taker.go()
            said = [taker.says() for taker in takers]
            assert sum(words.startswith("open") for words in said) == 1
            assert sum(words.startswith("in use:") for words in said) == 3
            assert holders(shared_place) == [f"holder-{turn + 1:06}.json"]
        finally:
            for taker in takers:
                taker.__exit__()


def test_a_writer_that_was_suspended(shared_place):
    with Writer(shared_place, appends=1_000, machine="first") as first:
        first.go()
        assert first.says() == "open 0"
        first.stop()
        with Writer(shared_place, machine="second", appends=2, renew=0.05) as second:
            second.go()
            assert second.says().startswith("open ")
            first.resume()
            assert second.says().startswith("has ")
            assert second.says().startswith("has ")
            while first.says():  # until it finds out, and ends with an error
                pass
            second.go()
            assert second.says() == "closed"
    found = numbers(reader(shared_place))
    assert found == list(range(len(found)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_neither_renews_nor_releases(tmp_path):
    place = type("Place", (), {"url": str(tmp_path / "j"), "options": None})
    store = SegmentStore(LocalFolder(place.url), **QUICK)
    with Writer(place, fork=True, machine="elsewhere") as writer:
        writer.go()
        assert writer.says() == "open 0"
        with pytest.raises(InUse):
            SegmentStore(LocalFolder(place.url), **PATIENT).open()
        writer._process.kill()  # the child lives on
        writer._process.wait()
        store.open()
        store.close()
        writer.go()
