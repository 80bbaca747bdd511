"""`Listener`: the driver's end of the lines of trials; see `sparktune._worker.line`.

One thread reads what running trials report, tells the `Pruner`, and sends each trial its rule when
that has changed. Nothing here can fail a search: a connection that does not keep to the rules is
closed, and its trial goes on with the rule that it has.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import secrets
import selectors
import socket
import threading
import time
from typing import Any

from sparktune._pruning.pruner import Pruner
from sparktune._trials.attempts import attempt_of
from sparktune._trials.documents import Trial
from sparktune._worker.wire import NONCE, Channel, session_key

__all__ = ["Listener"]

logger = logging.getLogger("sparktune.dispatch")

# The shortest pause between two rounds in which rules are made and sent, and how many times as long
# as a round a pause is at least: so that rules take no more than a thirtieth of a processor.
_ROUND_SECONDS = 0.5
_ROUND_SHARE = 30.0
# Bounds on what others send: a message has up to 64 points.
_LARGEST_MESSAGE = 16 * 1024
_MOST_POINTS = 64
_MOST_CONNECTIONS = 1024
# A trial sends two messages per second at most; this is for those that the network has held up.
_MESSAGES_PER_SECOND, _MOST_AT_ONCE = 4.0, 40.0
# How long a connection may take for its first message.
_FIRST_SECONDS = 5.0
# When a host that has vanished is noticed: idle seconds, pause and number of probes.
_PROBES = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))
_CLOSE_SECONDS = 2.0


class Listener:
    """Waits for the lines of the trials of a search; opened when the first trial starts.

    Parameters
    ----------
    pruner : Pruner
        Gets the reports, and makes the rules.
    hosts : tuple of str
        The address to listen at, and the one by which workers reach it.
    """

    def __init__(self, pruner: Pruner, hosts: tuple[str, str]) -> None:
        self._pruner = pruner
        self._bind, self._reach = hosts
        self._key = secrets.token_bytes(32)
        self._attempts: dict[int, int] = {}  # of each trial that was started, the latest
        self._port: int | None = None
        self._opened = False
        self._thread: threading.Thread | None = None
        self._selector: selectors.BaseSelector | None = None
        self._sockets: list[socket.socket] = []
        self._connections: dict[socket.socket, _Connection] = {}
        self._by_trial: dict[int, _Connection] = {}
        self._next_round = 0.0

    def data(self, trial: Trial) -> tuple[str, int, bytes, Any] | None:
        """Return what the `Line` of a trial is made from; None if no line can be opened."""
        if not self._opened:
            self._opened = True
            try:
                self._open()
            except OSError as error:
                logger.debug("No line for running trials at %s: %s.", self._bind, error)
        if self._port is None:
            return None
        attempt = attempt_of(trial)
        self._attempts[trial["tid"]] = attempt
        return self._reach, self._port, self._key, (trial["tid"], attempt)

    def _open(self) -> None:
        family, _, _, _, address = socket.getaddrinfo(
            self._bind, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        server = socket.create_server(address[:2], family=family, backlog=_MOST_CONNECTIONS)
        ours, theirs = socket.socketpair()
        self._sockets = [server, ours, theirs]
        self._selector = selectors.DefaultSelector()
        for each in (server, theirs):
            each.setblocking(False)
            self._selector.register(each, selectors.EVENT_READ)
        # A daemon, as all threads of a search are.
        self._thread = threading.Thread(target=self._serve, name="sparktune-live", daemon=True)
        self._thread.start()
        self._port = server.getsockname()[1]

    def close(self) -> None:
        """Close all lines. May be called twice."""
        self._port, self._opened = None, True
        if self._thread is not None:
            with contextlib.suppress(OSError):
                self._sockets[1].send(b"x")
            self._thread.join(_CLOSE_SECONDS)
            self._thread = None

    # -- on the thread -------------------------------------------------------------------------

    def _serve(self) -> None:
        try:
            while self._once():
                pass
        except Exception:
            logger.debug("The lines of running trials are closed.", exc_info=True)
        finally:
            self._port = None
            for connection in list(self._connections.values()):
                self._drop(connection)
            assert self._selector is not None
            self._selector.close()
            for each in self._sockets:
                each.close()

    def _once(self) -> bool:
        """Wait for what happens next, and answer it; False if the search is over."""
        assert self._selector is not None
        server, _, over = self._sockets
        for event, mask in self._selector.select(_ROUND_SECONDS if self._connections else None):
            if event.fileobj is over:
                return False
            if event.fileobj is server:
                self._accept(server)
            elif event.data.is_open:
                self._exchange(event.data, mask)
        now = time.monotonic()
        for connection in [each for each in self._connections.values() if each.is_late(now)]:
            self._drop(connection)
        if now >= self._next_round and self._by_trial:
            self._send_rules()
            took = time.monotonic() - now
            self._next_round = now + max(_ROUND_SECONDS, _ROUND_SHARE * took)
        return True

    def _accept(self, server: socket.socket) -> None:
        try:
            accepted, _ = server.accept()
        except OSError:  # it has hung up, or there are no descriptors left
            time.sleep(0.01)
            return
        if len(self._connections) >= _MOST_CONNECTIONS:
            accepted.close()
            return
        assert self._selector is not None
        connection = _Connection(accepted, self._key)
        self._connections[accepted] = connection
        self._selector.register(accepted, selectors.EVENT_READ, connection)
        self._exchange(connection, selectors.EVENT_WRITE)  # our random number

    def _exchange(self, connection: _Connection, mask: int) -> None:
        """Read and write what is possible now; close a connection with which that is an error."""
        try:
            if mask & selectors.EVENT_READ:
                for message in connection.read():
                    self._hear(connection, message)
            connection.write()
        except Exception as error:  # whatever the other side has sent
            logger.debug("A line is closed: %r", error)
            self._drop(connection)
            return
        assert self._selector is not None
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.out else 0)
        if self._selector.get_key(connection.socket).events != events:
            self._selector.modify(connection.socket, events, connection)

    def _hear(self, connection: _Connection, message: Any) -> None:
        """Take in a message; raise if it is none."""
        if not isinstance(message, dict) or message.keys() != {"trial", "steps", "losses"}:
            raise ValueError("no message of a trial")
        tid, attempt = message["trial"]
        if self._attempts.get(tid) != attempt:
            raise ValueError("a trial that is not running")
        if connection.tid is None:
            if tid in self._by_trial:  # lost on the way, or an attempt before this one
                self._drop(self._by_trial[tid])
            connection.tid = tid
            self._by_trial[tid] = connection
            self._pruner.hung_up(tid)
        if connection.tid != tid:
            raise ValueError("another trial")
        steps, losses = _numbers(message["steps"]), _numbers(message["losses"])
        if not 0 < len(steps) == len(losses) <= _MOST_POINTS:
            raise ValueError("points that do not fit")
        before = [connection.step, *steps[:-1]]
        if not all(a < b < math.inf for a, b in zip(before, steps, strict=True)):
            raise ValueError("steps that do not grow")
        connection.step = steps[-1]
        self._pruner.heard(tid, steps, losses)

    def _send_rules(self) -> None:
        """Send each trial its rule if that has changed since."""
        version = self._pruner.version
        encoded: dict[int, bytes] = {}  # by the identity of a rule, which many trials share
        rules: list[Any] = []  # so that these stay what they are
        for tid, connection in list(self._by_trial.items()):
            if connection.version == version or connection.out:
                continue
            connection.version = version
            rule = self._pruner.rule_by_now(tid)
            if rule is None:
                continue
            rules.append(rule)
            if id(rule) not in encoded:
                encoded[id(rule)] = json.dumps({"rule": rule}).encode()
            if connection.push(encoded[id(rule)]):
                self._exchange(connection, selectors.EVENT_WRITE)

    def _drop(self, connection: _Connection) -> None:
        assert self._selector is not None
        connection.is_open = False
        del self._connections[connection.socket]
        self._selector.unregister(connection.socket)
        connection.socket.close()
        if connection.tid is not None and self._by_trial.get(connection.tid) is connection:
            del self._by_trial[connection.tid]
            self._pruner.hung_up(connection.tid)


class _Connection:
    """One trial that has connected, or something else that has."""

    def __init__(self, accepted: socket.socket, key: bytes) -> None:
        accepted.setblocking(False)
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _PROBES:
            with contextlib.suppress(AttributeError, OSError):  # not on each system
                accepted.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        self.socket = accepted
        self.is_open = True
        self.tid: int | None = None  # known from its first message on
        self.step = -math.inf
        self.version = -1
        self.out = self._nonce = secrets.token_bytes(NONCE)
        self._key = key
        self._begin = b""
        self._channel: Channel | None = None
        self._pushed = b""
        self._since = self._filled = time.monotonic()
        self._allowed = _MOST_AT_ONCE

    def is_late(self, now: float) -> bool:
        """Whether it has not sent a message in the time for the first one."""
        return self.tid is None and now - self._since > _FIRST_SECONDS

    def read(self) -> list[Any]:
        """Return the messages that have arrived; raise at the end, and if they are none."""
        try:
            data = self.socket.recv(65536)
        except (BlockingIOError, InterruptedError):
            return []
        if not data:
            raise EOFError("it has hung up")
        if self._channel is None:
            self._begin += data
            if len(self._begin) < NONCE:
                return []
            key = session_key(self._key, self._nonce, self._begin[:NONCE])
            self._channel = Channel(key, b"d", _LARGEST_MESSAGE)
            data = self._begin[NONCE:]
        messages = self._channel.take(data)
        now = time.monotonic()
        self._allowed += (now - self._filled) * _MESSAGES_PER_SECOND
        self._allowed = min(self._allowed, _MOST_AT_ONCE) - len(messages)
        self._filled = now
        if self._allowed < 0:
            raise ValueError("too many messages")
        return messages

    def push(self, message: bytes) -> bool:
        """Have a message sent unless it is the same as the last; return whether it is not."""
        assert self._channel is not None
        if message == self._pushed:
            return False
        self._pushed = message
        self.out += self._channel.pack(message)
        return True

    def write(self) -> None:
        """Send as much as the other side takes now."""
        if self.out:
            with contextlib.suppress(BlockingIOError, InterruptedError):
                self.out = self.out[self.socket.send(self.out) :]


def _numbers(values: Any) -> list[float]:
    """Return numbers; raise if they are none."""
    if not isinstance(values, list):
        raise TypeError("no list of numbers")
    for each in values:
        if type(each) not in (int, float) or each != each:
            raise ValueError("no number")
    return [float(each) for each in values]
