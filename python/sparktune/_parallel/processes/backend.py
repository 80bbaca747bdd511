"""Trials in worker processes: a `sparktune._parallel.backend.Backend`."""

from __future__ import annotations

import functools
import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

import cloudpickle

from sparktune._parallel.backend import LOOPBACK
from sparktune._parallel.cargo import Cargo, by_value
from sparktune._parallel.parallelism import cpus
from sparktune._parallel.processes.pool import Guard, Worker
from sparktune._worker.task import mapped
from sparktune.exceptions import TrialLost

__all__ = ["ProcessBackend"]

logger = logging.getLogger("sparktune.dispatch")

# How long all workers together may take to end by themselves.
_EXIT_SECONDS = 2.0

# What libraries read to decide how many threads to compute with.
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)


class ProcessBackend:
    """Runs each trial in a worker process, which it starts when needed and reuses.

    The cargo is sent to each worker once. Parcels are files that workers map, so that they share
    the memory; the files have no name, so none is left behind. `parallelism` workers share the
    processors: each gets its share for the threads of numerical libraries, unless the environment
    sets their number.
    """

    streams = True

    def __init__(self, cargo: Cargo, parallelism: int) -> None:
        self._files: list[IO[bytes]] = []
        parcels: dict[str, Any] = {}
        map_file = by_value(mapped, cargo.pickler)
        for parcel in cargo.parcels:
            file = tempfile.TemporaryFile(prefix="sparktune-")  # noqa: SIM115 - closed by `close`
            self._files.append(file)
            parcel.write(file)
            file.flush()
            parcels[parcel.key] = functools.partial(map_file, file.fileno())
        self._task: bytes = cloudpickle.dumps(cargo.task(cargo.data, parcels))
        self._environment = dict(os.environ)
        threads = str(max(1, cpus() // parallelism))
        for name in _THREAD_VARIABLES:
            self._environment.setdefault(name, threads)
        self._guard = Guard()
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        self._running: dict[str, Worker] = {}
        self._cancelled: set[str] = set()  # before they ran
        self._closed = False

    def thread_body(self, body: Callable[[], None]) -> Callable[[], None]:
        """Return `body`."""
        return body

    def submit(
        self, tag: str, payloads: Sequence[bytes], description: str, seconds: float | None = None
    ) -> Iterator[bytes]:
        """Run trials and yield each answer as it comes; see `Backend`."""
        worker = self._get_worker(tag)
        usable = False
        try:
            yield from worker.run(payloads, seconds)
            usable = True
        finally:
            with self._lock:
                del self._running[tag]
                usable = usable and not self._closed
                if usable:
                    self._idle.append(worker)
            if not usable:
                worker.end()

    def _get_worker(self, tag: str) -> Worker:
        while True:
            with self._lock:
                self._check_wanted(tag)
                worker = self._idle.pop() if self._idle else None
                if worker is not None and worker.lives():
                    self._running[tag] = worker
                    return worker
            if worker is None:
                break
            worker.end()  # something has killed it; that must not fail the next trial
        files = [file.fileno() for file in self._files]
        try:
            worker = Worker(self._guard, self._task, files, self._environment)
        except OSError as error:
            raise TrialLost(f"A worker process could not be started: {error}.") from error
        try:
            with self._lock:
                self._check_wanted(tag)
                self._running[tag] = worker
        except TrialLost:
            worker.end()
            raise
        return worker

    def _check_wanted(self, tag: str) -> None:
        if self._closed or tag in self._cancelled:
            self._cancelled.discard(tag)
            raise TrialLost("The trial was cancelled.")

    def cancel(self, tag: str) -> None:
        """Kill the worker of a trial, or make sure that the trial never runs."""
        with self._lock:  # so that the worker cannot have gone on to another trial
            worker = self._running.get(tag)
            if worker is None:
                self._cancelled.add(tag)
            else:
                worker.kill()

    def started(self, tag: str) -> float | None:
        """Return None: trials do not wait for a worker, they start one."""
        return None

    def slots(self) -> int | None:
        """Return None: the operating system shares the processors among the workers."""
        return None

    def line_hosts(self) -> tuple[str, str] | None:
        """Return the loopback address, for both sides."""
        return LOOPBACK, LOOPBACK

    def close(self) -> None:
        """End all processes and remove the files."""
        with self._lock:
            self._closed = True
            for worker in self._running.values():  # those that the dispatcher has given up
                worker.kill()
        for worker in self._idle:
            worker.hang_up()
        deadline = time.monotonic() + _EXIT_SECONDS
        while self._idle:
            self._idle[-1].end(patience=deadline - time.monotonic())
            del self._idle[-1]  # not before: after a Ctrl-C, the next call must find it
        self._guard.close()
        for file in self._files:
            file.close()
