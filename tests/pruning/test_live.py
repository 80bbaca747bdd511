"""`Listener`, over real sockets: running trials, and others."""

import contextlib
import math
import os
import socket
import threading
import time
from types import SimpleNamespace

import pytest
from live_kit import document, eventually, until_pruned

from sparktune._parallel import live
from sparktune._parallel.live import Listener
from sparktune._pruning.policies import Asha, Custom, Hyperband, Median, Patience, Wilcoxon
from sparktune._pruning.pruner import Pruner
from sparktune._worker import line, wire

pytestmark = [pytest.mark.timeout(60), pytest.mark.usefixtures("quick")]


# -- both ends -------------------------------------------------------------------------------------


def test_reports_go_up_while_the_trial_runs_and_are_forgotten_with_it(begin):
    search = begin(Asha())
    handle = search.start(3)
    for step in range(5):
        handle.report(5.0 - step, step)
    eventually(lambda: search.running() == {3: 4})
    known = search.pruner._curves.running[3]
    assert (known.losses, known.levels("best"), known.is_complete) == (
        [5, 4, 3, 2, 1],
        [5, 4, 3, 2, 1],
        False,
    )
    handle.report(9.0, 7)
    eventually(lambda: search.running() == {3: 7})
    assert known.levels("best")[-1] == 1.0
    handle._close()
    assert "sparktune-line" not in {thread.name for thread in threading.enumerate()}
    eventually(lambda: search.running() == {})


def test_what_ends_meanwhile_ends_a_trial_that_started_before(begin):
    search = begin(Median(startup=5))
    handle = search.start(9)
    assert handle._rule is None
    handle.report(1.0, 1)
    for tid in range(5):
        search.end(tid, [0.5] * 6000)
    until_pruned(handle, 1.0, 2)


def test_running_trials_count_at_the_rungs_that_they_have_passed(begin):
    search = begin(Asha(grace=1))
    search.end(0, [9.0] * 8000)  # how long trials are
    good = [search.start(tid) for tid in (1, 2, 3, 4, 5)]
    for handle in good:
        handle.report(1.0, 0)
        handle.report(1.0, 1)
    bad = search.start(6)
    bad.report(2.0, 0)
    eventually(lambda: bad._rule is not None and bad._rule._cutoffs == [1.0])
    assert until_pruned(bad, 2.0, 1) == 1
    assert not any(handle._pruned for handle in good)


def test_a_trial_that_took_a_rung_alone_is_judged_when_others_have_come(begin):
    search = begin(Asha(grace=1))
    bad = search.start(1)
    bad.report(2.0, 1)  # nothing is known yet, not even how long trials are
    search.end(0, [1.0] * 8000)
    eventually(lambda: search.running() == {1: 1})
    time.sleep(0.2)
    bad.report(2.0, 2)  # not by one other: of two trials, a third is none
    others = [search.start(tid) for tid in (2, 3)]
    for handle in others:
        handle.report(1.0, 1)
    assert until_pruned(bad, 2.0, 3) > 3


def test_the_search_goes_on_with_what_a_trial_reported_in_the_end(begin):
    search = begin(Asha())
    handle = search.start(0)
    handle.report(1.0, 0)
    eventually(lambda: search.running() == {0: 0})
    search.end(0, [1.0, 0.5])
    assert search.running() == {}
    handle.report(0.4, 2)
    time.sleep(0.1)
    assert search.running() == {}
    assert len(search.pruner._curves.all) == 1


def test_trials_of_a_bracket_share_its_table(begin):
    policy = Hyperband(brackets=2)
    tids = [tid for tid in range(100) if policy.bracket_of(tid) == 0]
    search = begin(policy)
    for tid in tids[:6]:
        search.end(tid, [1.0] * 30)
    handle = search.start(tids[6])
    handle.report(0.5, 1)
    eventually(lambda: search.running() == {tids[6]: 1})
    rule = search.pruner.rule_by_now(tids[7])
    assert rule[1]["table"][0][0] == 9
    assert rule is search.pruner.rule_by_now(tids[8])
    other = next(tid for tid in range(100) if policy.bracket_of(tid) == 1)
    assert search.pruner.rule_by_now(other) is None


def test_a_short_trial_opens_nothing(begin, monkeypatch):
    monkeypatch.setattr(line, "_WAIT_SECONDS", 30.0)
    search = begin(Asha())
    handle = search.start(0)
    threads = set(threading.enumerate())
    for step in range(100):
        handle.report(1.0, step)
    assert set(threading.enumerate()) == threads
    assert search.listener._connections == {}


def test_a_million_reports_are_few_points_and_none_is_better(begin):
    search = begin(Asha())
    handle = search.start(0)
    losses = [abs(math.sin(step * 1.7)) for step in range(30_000)]
    for step, loss in enumerate(losses):
        handle.report(loss, step)
    eventually(lambda: search.running() == {0: 29_999})
    known = search.pruner._curves.running[0]
    assert len(known.steps) <= 1024
    assert known.steps == sorted(set(known.steps))
    assert known.levels("best")[-1] == min(losses)


@pytest.mark.parametrize(
    "policy", [Patience(3), Custom(lambda curves, curve: False), SimpleNamespace(rule=print), None]
)
def test_there_is_no_line_where_no_newer_rule_can_come(policy):
    assert not Pruner(policy).follows


def test_an_address_that_is_not_ours_means_no_line():
    pruner = Pruner(Asha())
    for host in ("192.0.2.1", "no such host"):
        listener = Listener(pruner, (host, host))
        assert listener.data(document(0)) is None
        assert listener.data(document(1)) is None
        listener.close()


# -- what may go wrong -----------------------------------------------------------------------------


class Client:
    """Something that connects to a listener and speaks as a trial does, or not."""

    def __init__(self, search, tid=1, key=None):
        host, port, known, self.trial = search.listener.data(document(tid))
        self.socket = socket.create_connection((host, port), timeout=10)
        theirs = self.socket.recv(wire.NONCE, socket.MSG_WAITALL)
        ours = os.urandom(wire.NONCE)
        self.session = wire.session_key(key or known, theirs, ours)
        self.channel = wire.Channel(self.session, b"t", 1 << 20)
        self.socket.sendall(ours)

    def send(self, message):
        self.socket.sendall(self.channel.pack(message))

    def points(self, steps, losses=None, trial=None, **more):
        losses = [1.0] * len(steps) if losses is None else losses
        self.send({"trial": trial or self.trial, "steps": steps, "losses": losses, **more})

    def is_refused(self):
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionError:
            pass
        self.socket.close()
        return True


def repeated(client):
    message = {"trial": client.trial, "steps": [0], "losses": [1.0]}
    packed = client.channel.pack(message)
    client.socket.sendall(packed + packed)


HOSTILE = {
    "random bytes": lambda c: c.socket.sendall(b"GET / HTTP/1.1\r\n\r\n" * 20),
    "too large": lambda c: c.socket.sendall((1 << 30).to_bytes(4, "big")),
    "a little too large": lambda c: c.send(b" " * (16 * 1024 + 1)),
    "not JSON": lambda c: c.send(b"\x80\x04N."),
    "deep": lambda c: c.send(b"[" * 16000),
    "a number": lambda c: c.send(7),
    "unknown key": lambda c: c.points([0], rule=1),
    "missing key": lambda c: c.send({"trial": c.trial}),
    "unknown trial": lambda c: c.points([0], trial=[99, 0]),
    "unhashable trial": lambda c: c.points([0], trial=[[], 0]),
    "another attempt": lambda c: c.points([0], trial=[1, 5]),
    "another trial": lambda c: (c.points([0]), c.points([1], trial=[0, 0])),
    "no points": lambda c: c.points([]),
    "too many points": lambda c: c.points(list(range(65))),
    "points that do not fit": lambda c: c.points([0, 1], [1.0]),
    "steps go back": lambda c: (c.points([5]), c.points([4])),
    "endless step": lambda c: c.points([math.inf]),
    "NaN": lambda c: c.points([0], [math.nan]),
    "text": lambda c: c.points([0], ["1"]),
    "huge number": lambda c: c.points([10**400]),
    "repeated": repeated,
    "flood": lambda c: [c.points([step]) for step in range(200)],
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_does_not_keep_to_the_rules_is_closed_alone(begin, what):
    search = begin(Asha())
    good = search.start(0)
    good.report(1.0, 0)
    client = Client(search)
    with contextlib.suppress(ConnectionError):  # closed already
        HOSTILE[what](client)
    assert client.is_refused()
    good.report(1.0, 1)
    eventually(lambda: search.running() == {0: 1})


def test_wrong_key(begin):
    search = begin(Asha())
    client = Client(search, key=bytes(32))
    client.points([0])
    assert client.is_refused()
    assert search.running() == {}


@pytest.mark.parametrize("said", ["nothing", "a part"])
def test_a_silent_client_blocks_nobody_and_is_closed(begin, monkeypatch, said):
    monkeypatch.setattr(live, "_FIRST_SECONDS", 0.3)
    search = begin(Asha())
    clients = [Client(search) for _ in range(20)]
    if said == "a part":
        for client in clients:
            client.socket.sendall(b"\0\0\1")
    good = search.start(0)
    good.report(1.0, 0)
    eventually(lambda: search.running() == {0: 0})
    assert all(client.is_refused() for client in clients)
    assert search.running() == {0: 0}


def test_a_client_that_does_not_read_blocks_nobody(begin, monkeypatch):
    search = begin(Wilcoxon())
    client = Client(search)
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    client.points([0])
    good = search.start(2)
    good.report(1.0, 0)
    for number in range(300):  # a new best each time, and 20 kB to tell it
        search.end(100 + number, [1.0 / (number + 1) + 1e-9 * each for each in range(1000)])
        time.sleep(0.005)
    eventually(lambda: good._rule is not None and good._rule._best[0] == 1 / 300)
    client.socket.close()


def test_more_connections_than_there_may_be(begin, monkeypatch):
    monkeypatch.setattr(live, "_MOST_CONNECTIONS", 3)
    search = begin(Asha())
    good = search.start(0)
    good.report(1.0, 0)
    eventually(lambda: search.running() == {0: 0})
    clients = [Client(search) for _ in range(2)]
    with socket.create_connection(("127.0.0.1", search.listener._port)) as another:
        assert another.recv(1) == b""
    good.report(1.0, 1)
    eventually(lambda: search.running() == {0: 1})
    for client in clients:
        client.socket.close()


def test_a_second_attempt_takes_the_place_of_the_first(begin):
    search = begin(Asha())
    first = search.start(0)
    first.report(1.0, 5)
    eventually(lambda: search.running() == {0: 5})
    second = search.start(0, attempts=1)
    second.report(2.0, 0)
    eventually(lambda: search.running() == {0: 0})
    first.report(1.0, 6)  # its host was taken for lost
    time.sleep(0.1)
    second.report(2.0, 1)
    eventually(lambda: search.running() == {0: 1})
