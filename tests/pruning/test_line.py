"""`Line`: a trial goes on, whatever its way to the driver does."""

import contextlib
import gc
import os
import socket
import threading
import time
from pathlib import Path

import pytest
from live_kit import eventually, until_pruned

from sparktune._pruning.policies import Asha
from sparktune._worker import home, line, wire
from sparktune._worker.handle import TrialHandle

pytestmark = [pytest.mark.timeout(60), pytest.mark.usefixtures("quick")]

OPEN = Path("/proc/self/fd")


def test_a_trial_without_a_driver_goes_on(begin, monkeypatch):
    monkeypatch.setattr(line, "_AGAIN_SECONDS", 0.05)
    search = begin(Asha())
    handle = search.start(0)
    handle.report(1.0, 0)
    eventually(lambda: search.running() == {0: 0})
    search.listener.close()
    for step in range(1, 50):
        handle.report(1.0, step)
        time.sleep(0.01)
    assert handle._close()["steps"] == list(range(50))
    assert "sparktune-line" not in {thread.name for thread in threading.enumerate()}


def test_a_lost_line_is_opened_again_and_tells_all(begin, monkeypatch):
    monkeypatch.setattr(line, "_AGAIN_SECONDS", 0.05)
    search = begin(Asha())
    handle = search.start(0)
    for step in range(5):
        handle.report(1.0, step)
    eventually(lambda: search.running() == {0: 4})
    for connection in list(search.listener._connections):
        connection.shutdown(socket.SHUT_RDWR)
    eventually(lambda: search.running() == {})

    def is_back():
        is_back.step += 1
        handle.report(1.0, is_back.step)
        return 0 in search.running()

    is_back.step = 4
    eventually(is_back)
    assert search.pruner._curves.running[0].steps[:5] == [0, 1, 2, 3, 4]


@pytest.fixture
def impostor():
    """Return what makes a server that is not the driver and says one thing to each client."""
    servers, taken = [], []

    def make(answer):
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def serve():
            try:
                while True:
                    accepted, _ = server.accept()
                    taken.append(accepted)
                    accepted.settimeout(10)
                    answer(accepted)
            except OSError:
                pass

        threading.Thread(target=serve, daemon=True).start()
        return server.getsockname()[1]

    make.taken = taken
    yield make
    for each in taken + servers:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()


KEY = b"k" * 32
RULE = ("cutoffs", {"table": [(0, 100.0)], "once": False, "end": 1e9})
STRICT = ["cutoffs", {"table": [[0, -1.0]], "once": False, "end": 1e9}]


def with_key(body, key=KEY, side=b"d"):
    def answer(accepted):
        accepted.sendall(bytes(wire.NONCE))
        ours = accepted.recv(wire.NONCE, socket.MSG_WAITALL)
        channel = wire.Channel(wire.session_key(key, bytes(wire.NONCE), ours), side, 1 << 20)
        accepted.sendall(channel.pack(body))

    return answer


IMPOSTORS = {
    "hangs up": lambda accepted: accepted.shutdown(socket.SHUT_RDWR),
    "is silent": lambda accepted: None,
    "is half silent": lambda accepted: accepted.sendall(bytes(wire.NONCE)),
    "garbage": lambda accepted: accepted.sendall(os.urandom(5000)),
    "too large": lambda accepted: accepted.sendall(bytes(wire.NONCE) + b"\xff" * 40),
    "wrong key": with_key({"rule": STRICT}, key=b"x" * 32),
    "reflected": with_key({"rule": STRICT}, side=b"t"),
    "a pickle": with_key({"rule": ["custom", {"pickled": "cos\nsystem\n(S'false'\ntR."}]}),
    "another rule": with_key({"rule": ["no such", {}]}),
    "wrong arguments": with_key({"rule": ["cutoffs", {"tables": []}]}),
    "no rule": with_key({"rule": None}),
    "a list": with_key([1, 2]),
    "not JSON": with_key(b"{"),
}


@pytest.mark.parametrize("what", IMPOSTORS)
def test_what_a_wrong_driver_says_changes_nothing(impostor, what):
    port = impostor(IMPOSTORS[what])
    handle = TrialHandle(tid=0, rule=RULE, line=("127.0.0.1", port, KEY, (0, 0)))
    before = handle._rule
    for step in range(20):
        handle.report(1.0, step)
        time.sleep(0.01)
    eventually(lambda: impostor.taken)
    time.sleep(0.1)
    handle.report(1.0, 20)
    assert handle._rule is before
    assert handle._close() == {"steps": list(range(21)), "losses": [1.0] * 21}


def test_the_right_driver_is_heard(impostor):
    port = impostor(with_key({"rule": STRICT}))
    handle = TrialHandle(tid=0, rule=RULE, line=("127.0.0.1", port, KEY, (0, 0)))
    assert until_pruned(handle, 1.0) > 0
    handle._close()


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_a_host_that_cannot_be_reached_is_left_alone_for_a_while(host):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    first = TrialHandle(tid=0, line=(host, port, KEY, (0, 0)))
    first.report(1.0, 0)
    eventually(lambda: not first._line._call.thread.is_alive())
    first._close()
    second = TrialHandle(tid=1, line=(host, port, KEY, (1, 0)))
    second.report(1.0, 0)
    assert second._line._call is None
    second._close()


@pytest.mark.skipif(not OPEN.is_dir(), reason="counts descriptors in /proc")
def test_many_trials_leave_no_thread_and_no_socket(begin):
    search = begin(Asha())
    search.start(0)
    count, threads = len(list(OPEN.iterdir())), threading.active_count()
    for tid in range(1, 60):
        handle = search.start(tid)
        handle.report(1.0, 0)
        if tid % 3:
            eventually(lambda tid=tid: tid in search.running())
        handle._close()
        assert threading.active_count() == threads
    del handle
    search.started.clear()
    gc.collect()
    eventually(lambda: not search.listener._connections)
    assert len(list(OPEN.iterdir())) == count
    assert not vars(home.home()).get("lines")
