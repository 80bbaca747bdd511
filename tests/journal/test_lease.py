"""One writer at a time: who may take over when, and what a writer that was replaced may do."""

import gc
import json
import os
import signal
import threading

import pytest
from segment_kit import PATIENT, QUICK, holders, lines, numbers, reader

from sparktune._journal import lease as lease_module
from sparktune._journal.folders import LocalFolder
from sparktune._journal.lease import Lease, LeaseLost
from sparktune._journal.segments import SegmentStore
from sparktune._journal.store import InUse

# A holder that does not renew its lease by itself, which is never too old.
IDLE = {"renew": 1e4, "expires": 1e6, "settle": 0.01}


def test_two_writers(place):
    first = SegmentStore(place.folder(), **PATIENT)
    first.open()
    first.append(lines(0, 0), 0, 0)
    second = SegmentStore(place.folder(), **PATIENT)
    with pytest.raises(InUse, match=rf"in use by process {os.getpid()} on .*Hint: "):
        second.open()
    first.append(lines(1, 1), 1, 1)
    assert numbers(second) == [0, 1]
    first.close()
    second.open()
    second.append(lines(2, 2), 2, 2)
    second.close()
    assert holders(place) == []
    assert numbers(reader(place)) == [0, 1, 2]


def test_without_opening_nothing_is_written(place):
    store = SegmentStore(place.folder(), **QUICK)
    for _ in range(2):
        with pytest.raises(LeaseLost, match="has not opened"):
            store.append(lines(0, 0), 0, 0)
        with pytest.raises(LeaseLost, match="has not opened"):
            store.cut(0)
        store.open()
        store.close()
    assert not store.exists()


def test_a_holder_that_does_not_renew_is_replaced(place):
    first = SegmentStore(place.folder(), **IDLE)
    first.open()
    first.append(lines(0, 1), 0, 1)
    second = SegmentStore(place.folder(), **QUICK)
    second.open()
    assert numbers(second) == [0, 1]
    second.append(lines(2, 2, "second"), 2, 2)
    # It has not looked yet.
    first.append(lines(2, 4, "first"), 2, 4)
    expected = lines(0, 1) + lines(2, 2, "second")
    assert b"".join(part.data for part in reader(place).read()) == expected
    first._lease.renew()
    for call in (lambda: first.append(lines(5, 5), 5, 5), lambda: first.cut(0)):
        with pytest.raises(LeaseLost, match=r"was taken over by process \d+ on .*Hint: "):
            call()
    first.close()
    assert len(holders(place)) == 1
    second.append(lines(3, 3, "second"), 3, 3)
    second.close()
    assert numbers(reader(place)) == [0, 1, 2, 3]
    third = SegmentStore(place.folder(), **QUICK)
    third.open()
    assert numbers(third) == [0, 1, 2, 3]
    third.append(lines(4, 4), 4, 4)
    third.close()
    assert len(reader(place)._segments()) == 4  # what the first wrote too late is deleted


def test_a_writer_that_was_replaced_merges_without_harm(place):
    first = SegmentStore(place.folder(), limit=4, **IDLE)
    first.open()
    for n in range(4):
        first.append(lines(n, n), n, n)
    second = SegmentStore(place.folder(), limit=100, **QUICK)
    second.open()
    assert numbers(second) == [0, 1, 2, 3]
    for n in range(4, 7):
        second.append(lines(n, n, "second"), n, n)
    first.append(lines(4, 9, "first"), 4, 9)  # and merges 0 to 9
    assert len(first._pieces) < 5
    expected = lines(0, 3) + lines(4, 6, "second")
    assert b"".join(part.data for part in reader(place).read()) == expected
    second._limit = 3
    for n in range(7, 12):  # the segments that it knew are gone
        second.append(lines(n, n, "second"), n, n)
    expected += lines(7, 11, "second")
    assert b"".join(part.data for part in reader(place).read()) == expected
    assert len(second._pieces) <= 4
    second.close()


def test_after_a_sleep_a_holder_looks_first(place, monkeypatch):
    """Clocks say that it has not renewed its lease for long."""
    first = SegmentStore(place.folder(), **IDLE)
    first.open()
    then = lease_module._now
    monkeypatch.setattr(lease_module, "_now", lambda: (then()[0], then()[1] + 2e6))
    first.append(lines(0, 0), 0, 0)  # nobody took over
    second = SegmentStore(place.folder(), **QUICK)
    second.open()
    monkeypatch.setattr(lease_module, "_now", lambda: (then()[0] + 5e6, then()[1]))
    with pytest.raises(LeaseLost):
        first.append(lines(1, 1), 1, 1)
    assert numbers(second) == [0]
    second.close()


def test_a_holder_whose_lease_cannot_be_renewed_looks_first(place, monkeypatch):
    folder = place.folder()
    store = SegmentStore(folder, renew=1e4, expires=0.0, settle=0.0)  # too old at once
    store.open()
    names = folder.names

    def fail():
        raise OSError("away")

    monkeypatch.setattr(folder, "names", fail)
    with pytest.raises(OSError, match="away") as caught:
        store.append(lines(0, 0), 0, 0)
    assert not isinstance(caught.value, LeaseLost)
    monkeypatch.setattr(folder, "names", names)
    store.append(lines(0, 0), 0, 0)
    assert numbers(reader(place)) == [0]
    store.close()


def test_a_lease_that_was_deleted_is_written_again(place):
    store = SegmentStore(place.folder(), **IDLE)
    store.open()
    (name,) = holders(place)
    place.folder().delete(name)
    store._lease.renew()
    assert holders(place) == [name]
    store.append(lines(0, 0), 0, 0)
    place.folder().delete(name)
    # Another writer came and went.
    other = SegmentStore(place.folder(), **QUICK)
    other.open()
    other.append(lines(1, 1), 1, 1)
    other.close()
    store._lease.renew()
    with pytest.raises(LeaseLost, match="by another process"):
        store.append(lines(1, 1), 1, 1)
    store.close()
    assert holders(place) == []


@pytest.mark.parametrize("contents", [b"", b"[]", b'{"token": 3', b"\xff\xfe", b'{"pid": "x"}'])
def test_a_broken_lease_expires(place, contents):
    place.folder().make()
    place.folder().write("holder-000007.json", contents)
    store = SegmentStore(place.folder(), **QUICK)
    store.open()
    assert store._lease.generation == 8
    assert holders(place) == ["holder-000008.json"]
    store.close()


def test_a_holder_that_ends_while_it_is_watched(place):
    """The next one need not wait until the lease expires."""
    first = SegmentStore(place.folder(), **IDLE)
    first.open()
    folder = place.folder()
    read, looked = folder.read, threading.Event()

    def read_and_say(name):
        if looked.is_set():
            first.close()
        looked.set()
        return read(name)

    folder.read = read_and_say
    second = SegmentStore(folder, **PATIENT)
    second.open()
    assert len(holders(place)) == 1
    second.close()


def test_ctrl_c_while_it_is_taken(place, monkeypatch):
    """The next try need not wait until the lease expires."""
    folder = place.folder()
    store = SegmentStore(folder, **PATIENT)
    with monkeypatch.context() as patched:
        create = folder.create

        def create_and_interrupt(name, data):
            create(name, data)
            raise KeyboardInterrupt

        patched.setattr(folder, "create", create_and_interrupt)
        with pytest.raises(KeyboardInterrupt):
            store.open()
    assert holders(place) == []
    store.open()
    store.close()


class Racing(LocalFolder):
    """A folder in which another process does something after one has created its lease."""

    then = staticmethod(lambda: None)

    def create(self, name, data):
        super().create(name, data)
        self.then()


def test_a_newer_holder_that_appears_meanwhile(tmp_path):
    folder = Racing(tmp_path)
    newer = tmp_path / "holder-000005.json"
    folder.then = lambda: newer.write_text(json.dumps({"pid": 1, "host": "h", "token": "t"}))
    with pytest.raises(InUse, match="process 1 on h"):
        SegmentStore(folder, **QUICK).open()
    assert [path.name for path in tmp_path.iterdir()] == [newer.name]


def test_a_store_that_let_two_create_the_same_lease(tmp_path):
    folder = Racing(tmp_path)
    path = tmp_path / "holder-000001.json"
    folder.then = lambda: path.write_text(json.dumps({"pid": 1, "host": "h", "token": "t"}))
    with pytest.raises(InUse, match="process 1 on h"):
        SegmentStore(folder, **QUICK).open()
    assert json.loads(path.read_text())["pid"] == 1


def test_a_writer_that_came_and_went_meanwhile(tmp_path):
    folder = Racing(tmp_path)
    written = tmp_path / "journal-000000000000-000000000000-000001.log"
    folder.then = lambda: written.write_bytes(lines(0, 0))
    with pytest.raises(InUse):
        SegmentStore(folder, **QUICK).open()
    assert [path.name for path in tmp_path.iterdir()] == [written.name]


def test_a_request_whose_answer_was_lost(tmp_path):
    """The driver repeats it, and is told that the file is there."""
    folder = Racing(tmp_path)

    def exists():
        raise FileExistsError

    folder.then = exists
    store = SegmentStore(folder, **QUICK)
    store.open()
    store.append(lines(0, 0), 0, 0)
    store.close()
    assert numbers(store) == [0]


def test_a_lease_that_is_forgotten_is_not_renewed(tmp_path):
    before = set(threading.enumerate())
    lease = Lease(LocalFolder(tmp_path), **QUICK)
    lease.take()
    (thread,) = set(threading.enumerate()) - before
    del lease
    gc.collect()
    thread.join()


def test_a_process_is_told_from_a_later_one_with_its_id():
    here = lease_module._this_process()
    assert not lease_module._is_dead(here)
    if not here["machine"]:
        pytest.skip("needs /proc")
    assert lease_module._is_dead({**here, "started": "1"})
    assert lease_module._is_dead({**here, "pid": 2**22 + 1})
    assert not lease_module._is_dead({**here, "machine": "another", "started": "1"})
    assert not lease_module._is_dead({})


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_forked_child_may_open_another_time(tmp_path):
    """Whatever the thread of its parent was doing."""
    store = SegmentStore(LocalFolder(tmp_path), **IDLE)
    store.open()
    with store._lease._lock:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(60)
            try:
                store._lease._expires = 0.3
                store.open()
                store._lease.renew()
                store.append(lines(0, 0), 0, 0)
                store.close()
            except BaseException:
                os._exit(1)
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    store._lease.renew()
    with pytest.raises(LeaseLost):
        store.append(lines(0, 0), 0, 0)
