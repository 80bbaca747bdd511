"""`Worker`: a process that runs trials; `Guard`: what kills workers when the driver dies.

Why not loky or `concurrent.futures`, which also keep processes: there a worker that is killed
breaks the pool, and with it the trials of all other workers, whereas a cancelled or timed-out trial
must not affect others. What an objective has started must end with the trial and with the driver,
so each worker leads a process group that the guard can kill.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from sparktune import _worker
from sparktune._worker.guard import kill_tree
from sparktune._worker.process import UNREACHABLE
from sparktune.exceptions import JobFailed, TrialLost

__all__ = ["Guard", "Worker"]

# The scripts that the processes run; read as files, since a worker starts without sparktune.
_SCRIPTS = Path(_worker.__file__).parent
# How long a process that has closed its connection may take to end: it may be about to.
_END_SECONDS = 2.0
# How long the guard may take to end.
_GUARD_SECONDS = 2.0
# What to look for when a signal has ended a worker.
_SIGNAL_HINTS: dict[int, str] = {
    signal.SIGKILL: " The search has not done that; too little memory is a common reason.",
    signal.SIGINT: " Something other than the search has interrupted it.",
    signal.SIGSEGV: " An extension module that the objective uses has crashed.",
}
# How often to check that a worker is running, where the system cannot notify us.
_LOOK_SECONDS = 0.5


class Guard:
    """Kills worker processes if the driver dies; its own process starts with the first worker."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._groups: set[int] = set()
        self._lock = threading.Lock()
        self._closed = False

    def add(self, group: int) -> None:
        """Watch over a process group."""
        with self._lock:
            if self._closed:
                raise TrialLost("The search has ended.")
            if self._process is None:
                self._process = subprocess.Popen(
                    [sys.executable, "-IS", str(_SCRIPTS / "guard.py"), str(os.getpid())],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                    bufsize=0,
                )
                assert self._process.stdin is not None
                os.set_blocking(self._process.stdin.fileno(), False)  # it may have been stopped
            self._groups.add(group)
            self._write(f"+{group}\n")

    def remove(self, group: int) -> None:
        """Forget a process group that is gone."""
        with self._lock:
            self._groups.discard(group)
            self._write(f"-{group}\n")

    def _write(self, line: str) -> None:
        if self._process is not None and not self._closed:
            assert self._process.stdin is not None
            with contextlib.suppress(OSError):  # it was killed
                self._process.stdin.write(line.encode())

    def close(self) -> None:
        """End the guard, which kills the groups that were not removed."""
        with self._lock:
            self._closed = True
        if self._process is None:
            return
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(_GUARD_SECONDS)
        except subprocess.TimeoutExpired:  # something has stopped it
            for group in list(self._groups):
                kill_tree(group)
            self._process.kill()
            self._process.wait()


class Worker:
    """A fresh interpreter that runs one trial at a time, perhaps several in a row.

    Only `kill` may be called from any thread. `task` is the pickled `Cargo.task`; the worker has
    the descriptors `files` under the same numbers.
    """

    def __init__(
        self, guard: Guard, task: bytes, files: Sequence[int], environment: Mapping[str, str]
    ) -> None:
        self._guard = guard
        self._lock = threading.Lock()
        self._reaped = False
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self._process = subprocess.Popen(
                [sys.executable, str(_SCRIPTS / "process.py"), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), *files),
                env=dict(environment),
                # A group of its own: Ctrl-C is for the driver, and what the objective starts can
                # be killed with the worker.
                start_new_session=True,
            )
            self._connection = Connection(ours.detach())
        self._sentinel: int | None = None
        with contextlib.suppress(OSError, AttributeError):  # Linux before 5.3, macOS
            self._sentinel = os.pidfd_open(self._process.pid)
        try:
            guard.add(self._process.pid)
            # An idle worker ends by itself when its driver does; from here on it may be busy.
            self._send(pickle.dumps((sys.path, sys.argv, task)))
        except BaseException:
            self.end()
            raise

    def run(self, payloads: Sequence[bytes], seconds: float | None = None) -> Iterator[bytes]:
        """Run trials one after the other and yield the answer of each; see `Backend.submit`.

        Raises
        ------
        JobFailed
            If the process ends meanwhile.
        TrialLost
            If it had ended before.
        """
        self._send(pickle.dumps((seconds, list(payloads))))
        for _ in payloads:
            if not self._has_answer():
                raise self._died()
            try:
                answer = self._connection.recv_bytes()
            except (EOFError, OSError):
                raise self._died() from None
            if not answer:  # the others have not begun
                return
            yield answer
            del answer

    def _send(self, data: bytes) -> None:
        try:
            self._connection.send_bytes(data)
        except OSError:  # before the objective ran
            raise self._died(TrialLost) from None

    def _has_answer(self) -> bool:
        """Wait until there is an answer or the process has ended.

        The connection alone is not enough: a process that the objective forked holds it open.
        """
        connection = self._connection.fileno()
        poll = select.poll()
        poll.register(connection, select.POLLIN)
        if self._sentinel is not None:
            poll.register(self._sentinel, select.POLLIN)
        while True:
            ready = dict(poll.poll(None if self._sentinel is not None else _LOOK_SECONDS * 1000))
            if connection in ready:
                return True
            if not self.lives():
                return bool(self._connection.poll(0))  # it may have answered in between

    def lives(self) -> bool:
        """Return whether the process is running."""
        return not self._ends_within(0.0)

    def _ends_within(self, seconds: float) -> bool:
        if self._sentinel is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
            return self._process.returncode is not None
        # Does not reap the process: its number stays its own until its group is killed.
        poll = select.poll()
        poll.register(self._sentinel, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def _died(self, kind: type[JobFailed] = JobFailed) -> JobFailed:
        """End the process, and return why it did not answer."""
        by_itself = self._ends_within(_END_SECONDS)
        self.end()
        code = self._process.returncode
        if not by_itself or code == UNREACHABLE:
            how = "closed its connection to the driver"
            hint = (
                " The objective, or a library that it uses, has closed descriptors that it did not "
                "open, as os.closerange does."
            )
        elif code < 0:
            how = f"was killed by {_signal_name(-code)}"
            hint = _SIGNAL_HINTS.get(-code, "")
        else:
            how = f"ended with exit code {code}"
            hint = " The objective, or a library that it uses, has ended it."
        return kind(f"The worker process {how} before the trial was done.{hint}")

    def kill(self) -> None:
        """Kill the process and all that it has started."""
        with self._lock:
            if not self._reaped:
                kill_tree(self._process.pid)

    def hang_up(self) -> None:
        """Let an idle process end by itself."""
        self._connection.close()

    def end(self, patience: float = 0.0) -> None:
        """Kill the process unless it ends within `patience` seconds; release what it used."""
        self._ends_within(max(0.0, patience))
        self.kill()  # before it is reaped: its number is certainly still its own
        with self._lock:
            if self._reaped:
                return
            self._process.wait()
            self._guard.remove(self._process.pid)
            self._connection.close()
            sentinel, self._sentinel = self._sentinel, None
            if sentinel is not None:
                os.close(sentinel)
            self._reaped = True  # at last: a call that Ctrl-C interrupts can be repeated


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
