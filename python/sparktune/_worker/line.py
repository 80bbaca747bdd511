"""`Line`: a trial's way to the driver while it runs, where there is one.

Reports go up and newer rules come down, on a background thread. All that can go wrong with it makes
the trial decide by the rule that it has.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from bisect import bisect_left, bisect_right
from typing import Any

from sparktune._worker.home import home
from sparktune._worker.wire import NONCE, Channel, session_key

__all__ = ["Line"]

# Trials that take no longer than this need no line.
_WAIT_SECONDS = 0.5
# The shortest pause between two messages of a trial.
_PACE_SECONDS = 0.5
_CONNECT_SECONDS = 1.0
# How long the driver may take to answer, or to read.
_ANSWER_SECONDS = 5.0
# How long the end of a trial may wait for its thread, which needs less than a millisecond.
_END_SECONDS = 0.5
# The pause before a lost line is opened again, first and at most; and that of all trials of this
# process where the driver cannot be reached.
_AGAIN_SECONDS, _AGAIN_AT_MOST = 5.0, 60.0
# The most points in a message.
_POINTS = 64
_LARGEST_MESSAGE = 1024 * 1024
# Rules that are plain data.
_KINDS = ("cutoffs", "patience", "folds")


class Line:
    """Opens the line of a trial when it has run for a moment, and again when it was lost.

    Parameters
    ----------
    data : tuple
        Host and port of the driver, the key of the search, and what identifies the trial there.
    handle : TrialHandle
        The trial.
    """

    def __init__(self, data: tuple[str, int, bytes, Any], handle: Any) -> None:
        self._data, self._handle = data, handle
        self._begin = time.monotonic() + _WAIT_SECONDS
        self._again = _AGAIN_SECONDS
        self._process = os.getpid()
        self._call: _Call | None = None
        self._lock = threading.Lock()

    def reported(self) -> None:
        """Open the line if it is time; called at each report, under the handle's lock."""
        if time.monotonic() >= self._begin:
            with self._lock:
                if time.monotonic() >= self._begin:
                    self._open()

    def _open(self) -> None:
        now = time.monotonic()
        unreachable, until = vars(home()).get("unreachable", (None, 0.0))
        if self._process != os.getpid():  # the objective has forked: the trial is in the other one
            self._begin = float("inf")
        elif unreachable == self._data[:2] and now < until:
            self._begin = until
        else:
            self._begin = now + self._again
            self._again = min(2 * self._again, _AGAIN_AT_MOST)
            if self._call is None or not self._call.thread.is_alive():
                _open_lines().add(self)
                self._call = _Call(self._data, self._handle)

    def hang_up(self) -> None:
        """End the thread; a later report opens the line again."""
        with self._lock:
            call, self._call = self._call, None
            if call is not None:
                self._begin = time.monotonic() + _PACE_SECONDS
                _open_lines().discard(self)
        if call is not None:
            call.end()

    def close(self) -> None:
        """End the thread for good."""
        self.hang_up()
        self._begin = float("inf")


def _open_lines() -> set[Line]:
    """Return the lines of this process that are open.

    A fork copies neither their threads nor the state that these have left locks in, and Python
    warns of forks with threads: so lines are closed before a fork.
    """
    kept = vars(home())
    if "lines" not in kept:
        kept["lines"] = set()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=lambda: [each.hang_up() for each in tuple(home().lines)])
    lines: set[Line] = kept["lines"]
    return lines


class _Call:
    """One connection to the driver, and its thread."""

    def __init__(self, data: tuple[str, int, bytes, Any], handle: Any) -> None:
        self._host, self._port, self._key, self._trial = data
        self._handle = handle
        self._sent = float("-inf")  # up to which step
        self._over = False
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self.thread = threading.Thread(target=self._run, name="sparktune-line", daemon=True)
        self.thread.start()

    def end(self) -> None:
        """End the thread."""
        with self._lock:
            self._over = True
            if self._socket is not None:
                with contextlib.suppress(OSError):  # wakes the thread
                    self._socket.shutdown(socket.SHUT_RDWR)
        if self.thread is not threading.current_thread():
            self.thread.join(_END_SECONDS)

    def _run(self) -> None:
        if hasattr(signal, "pthread_sigmask"):  # they are for the objective's threads
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        with contextlib.suppress(Exception):
            connection = self._connect()
            if connection is not None:
                self._talk(connection)
        with self._lock:
            self._over = True
            if self._socket is not None:
                self._socket.close()

    def _connect(self) -> socket.socket | None:
        """Return a connection to the driver, None if there is none, or none is needed any more."""
        with contextlib.suppress(OSError):
            for family, kind, protocol, _, address in socket.getaddrinfo(
                self._host, self._port, type=socket.SOCK_STREAM
            ):
                with self._lock:
                    if self._over:
                        return None
                    if self._socket is not None:
                        self._socket.close()
                    self._socket = connection = socket.socket(family, kind, protocol)
                connection.settimeout(_CONNECT_SECONDS)
                with contextlib.suppress(OSError):
                    connection.connect(address)
                    return connection
        if not self._over:
            home().unreachable = (self._host, self._port), time.monotonic() + _AGAIN_AT_MOST
        return None

    def _talk(self, connection: socket.socket) -> None:
        """Exchange messages until one side hangs up."""
        connection.settimeout(_ANSWER_SECONDS)
        theirs = b""
        while len(theirs) < NONCE:
            received = connection.recv(NONCE - len(theirs))
            if not received:
                return
            theirs += received
        ours = os.urandom(NONCE)
        channel = Channel(session_key(self._key, theirs, ours), b"t", _LARGEST_MESSAGE)
        connection.sendall(ours)
        send_at = 0.0
        while not self._over:
            now = time.monotonic()
            if now >= send_at:
                send_at = now + _PACE_SECONDS
                steps, losses = self._new_points()
                if steps:
                    message = {"trial": self._trial, "steps": steps, "losses": losses}
                    connection.settimeout(_ANSWER_SECONDS)
                    connection.sendall(channel.pack(message))
            connection.settimeout(max(0.001, send_at - time.monotonic()))
            try:
                received = connection.recv(65536)
            except TimeoutError:
                continue
            if not received:
                return
            for message in channel.take(received):
                self._follow(message["rule"])

    def _new_points(self) -> tuple[list[float], list[float]]:
        """Return what was reported since the last message, at most `_POINTS`."""
        with self._handle._lock:
            curve = self._handle._curve
            at = bisect_right(curve.steps, self._sent)
            steps, losses = curve.steps[at:], curve.losses[at:]
            best, best_step = curve.best, curve.best_step
        if not steps:
            return steps, losses
        if best_step is not None and best_step > self._sent:  # a curve has not all points
            at = bisect_left(steps, best_step)
            if at == len(steps) or steps[at] != best_step:
                steps.insert(at, best_step)
                losses.insert(at, best)
        self._sent = steps[-1]
        return _thinned(steps, losses)

    def _follow(self, rule: Any) -> None:
        """Give the trial a newer rule."""
        kind, arguments = rule
        if kind not in _KINDS:
            raise ValueError(f"no rule that may come here: {kind!r}")
        self._handle._follow((kind, arguments))


def _thinned(steps: list[float], losses: list[float]) -> tuple[list[float], list[float]]:
    """Return the best one of each of some groups of points, and the last one."""
    last, groups = len(steps) - 1, _POINTS - 1
    if last < _POINTS:
        return steps, losses
    bounds = [i * last // groups for i in range(groups + 1)]
    kept = [min(range(bounds[i], bounds[i + 1]), key=losses.__getitem__) for i in range(groups)] + [
        last
    ]
    return [steps[i] for i in kept], [losses[i] for i in kept]
