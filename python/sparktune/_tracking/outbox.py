"""One background thread that does a tracker's work, and retries while the server is away."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

__all__ = ["FIRST", "LAST", "NORMAL", "Outbox"]

FIRST, NORMAL, LAST = 0, 1, 2

_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 30.0
# The longest pause while `close`, and with it the user, waits.
_LONGEST_PAUSE_AT_END = 2.0
_LAST_WAIT = 1.0
# How many jobs may wait; further ones are dropped, so that memory stays bounded.
_LIMIT = 20_000
# A job that fails this often while others succeed is itself at fault.
_TRIES = 4


@dataclass(order=True)
class _Job:
    order: int
    number: int
    run: Callable[[], None] = field(compare=False)
    about: Any = field(compare=False)
    on_drop: Callable[[], None] | None = field(compare=False)
    failures: int = field(default=0, compare=False)
    succeeded_before: int = field(default=0, compare=False)  # other jobs, at the first failure


class Outbox:
    """Runs jobs one after the other on a daemon thread, and retries those that fail for a while.

    `is_passing` says whether the same job may succeed later (the server is away). `on_failure` is
    called with each exception and whether the job will be tried again. The thread works in the
    context that `context` returns.
    """

    def __init__(
        self,
        name: str,
        is_passing: Callable[[Exception], bool],
        on_failure: Callable[[Exception, bool], None],
        on_success: Callable[[], None],
        context: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        self._is_passing = is_passing
        self._on_failure = on_failure
        self._on_success = on_success
        self._context = context
        self._changed = threading.Condition()
        self._jobs: list[_Job] = []
        self._running: _Job | None = None
        self._running_since: float | None = None
        self._numbers = itertools.count()
        self._succeeded = 0
        self._pause = _FIRST_PAUSE
        self._closing = False
        self._stopped = False
        self._lost: list[Any] = []
        self.unanswered = 0.0  # for how long the job had been running that `close` gave up
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread; jobs may have been put before."""
        self._thread.start()

    def put(
        self,
        run: Callable[[], None],
        *,
        order: int = NORMAL,
        about: Any = None,
        on_drop: Callable[[], None] | None = None,
    ) -> None:
        """Add a job, which may be called several times until it returns without an exception.

        `FIRST` overtakes all others; `LAST` waits until no other is left. If the job is dropped,
        `on_drop` is called, and `close` returns `about`.
        """
        job = _Job(order, next(self._numbers), run, about, on_drop)
        with self._changed:
            if not self._stopped and (order != NORMAL or len(self._jobs) < _LIMIT):
                heapq.heappush(self._jobs, job)
                self._changed.notify_all()
                return
        self._lose(job)

    def seconds_at_work(self) -> float:
        """Return for how many seconds the current job has been running; 0 if none is."""
        since = self._running_since
        return 0.0 if since is None else time.monotonic() - since

    def close(self, idle: float, total: float, call: float = 0.0) -> list[Any]:
        """Wait until all jobs are done; return `about` of those that were dropped. Called once.

        The wait ends after `idle` seconds without a job that succeeds, but not before a job has
        been running for `call` seconds, and after `total` seconds. Ctrl-C leaves time for the last
        job and little else.
        """
        try:
            with self._changed:
                self._closing = True
                self._changed.notify_all()
                try:
                    self._wait(idle, total, call)
                except KeyboardInterrupt:
                    self._hurry()
                    raise
        finally:
            self._stop()
        if self._thread.ident is not None:
            self._thread.join(_LAST_WAIT)  # more only if it hangs in a call to the server
        return list(self._lost)

    def _wait(self, idle: float, total: float, call: float = 0.0) -> None:
        """Wait until all jobs are done, or time is up."""
        end = time.monotonic() + total
        since = self._running_since
        succeeded, patience = self._succeeded, time.monotonic() + idle
        if since is not None:
            patience = max(patience, since + call)
        while self._thread.is_alive() and (self._jobs or self._running is not None):
            if succeeded != self._succeeded:
                succeeded, patience = self._succeeded, time.monotonic() + idle
            left = min(patience, end) - time.monotonic()
            if left <= 0:
                break
            self._changed.wait(left)

    def _hurry(self) -> None:
        """Record how the search ended, then what else a moment allows."""
        for job in self._jobs:
            job.order = FIRST if job.order == LAST else NORMAL
        heapq.heapify(self._jobs)
        self._wait(_LAST_WAIT, _LAST_WAIT)

    def _stop(self) -> None:
        with self._changed:
            self._stopped = True
            undone, self._jobs = self._jobs, []
            if self._running is not None:
                undone.append(self._running)
                self.unanswered = self.seconds_at_work()
            self._changed.notify_all()
        for job in undone:
            self._lose(job)

    # -- on the thread -------------------------------------------------------------------------

    def _work(self) -> None:
        with self._context():
            self._work_on()

    def _work_on(self) -> None:
        while (job := self._next()) is not None:
            try:
                job.run()
            except Exception as error:
                self._failed(job, error)
                continue
            with self._changed:
                self._succeeded += 1
                self._pause = _FIRST_PAUSE
            self._on_success()
            with self._changed:
                self._running = self._running_since = None
                self._changed.notify_all()

    def _next(self) -> _Job | None:
        with self._changed:
            while not self._jobs:
                if self._closing or self._stopped:
                    return None
                self._changed.wait()
            self._running = heapq.heappop(self._jobs)
            self._running_since = time.monotonic()
            return self._running

    def _failed(self, job: _Job, error: Exception) -> None:
        if job.failures == 0:
            job.succeeded_before = self._succeeded
        job.failures += 1
        others_succeed = self._succeeded > job.succeeded_before
        again = self._is_passing(error) and not (job.failures >= _TRIES and others_succeed)
        self._on_failure(error, again)
        with self._changed:
            stopped = self._stopped
            self._running = self._running_since = None
            if again and not stopped:
                job.number = next(self._numbers)  # behind its peers: it may be at fault itself
                heapq.heappush(self._jobs, job)
            self._changed.notify_all()
        if again:
            self._wait_a_while()  # not at all if stopped
        elif not stopped:  # else `close` has counted it
            self._lose(job)

    def _wait_a_while(self) -> None:
        with self._changed:
            start = time.monotonic()
            while not self._stopped:
                longest = _LONGEST_PAUSE_AT_END if self._closing else _LONGEST_PAUSE
                left = start + min(self._pause, longest) - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def _lose(self, job: _Job) -> None:
        self._lost.append(job.about)
        if job.on_drop is not None:
            job.on_drop()
