"""Runs trials side by side: a pool of threads, one queue of events, no sleeping and no polling.

The `Dispatcher` knows nothing of Spark. What a trial runs on is a `Backend`.
"""

from __future__ import annotations

import logging
import pickle
import platform
import sys
import threading
import time
import uuid
from queue import Empty, SimpleQueue
from typing import Any

from sparktune.dispatch.backend import Backend, BackendLost
from sparktune.dispatch.task import encode_payload
from sparktune.documents import Trial, normalize_result, spec_from_misc
from sparktune.exceptions import ObjectiveNotLoaded
from sparktune.runner import Finished, TrialError
from sparktune.tracking.base import TrackedRun

__all__ = ["Dispatcher"]

logger = logging.getLogger("sparktune.dispatch")

# How long `close` waits for threads whose jobs were cancelled, and how often it cancels again.
_CLOSE_SECONDS = 10.0
_CANCEL_AGAIN_SECONDS = 0.5


class _Flight:
    """A trial on its way."""

    def __init__(self, trial: Trial, tracked: TrackedRun | None, tag: str) -> None:
        self.trial = trial
        self.tracked = tracked
        self.tag = tag
        self.cancelled = False


class Dispatcher:
    """Runs up to `parallelism` trials at once; a `sparktune.runner.Runner`.

    `start`, `wait`, `cancel` and `close` are for one thread, that of the search loop.

    Parameters
    ----------
    backend : Backend
        Where the trials run; closed with the dispatcher.
    parallelism : int
        The most trials at once, at least 1.
    """

    def __init__(self, backend: Backend, parallelism: int) -> None:
        self._backend = backend
        self._parallelism = parallelism
        self._search = uuid.uuid4().hex[:12]
        self._flights: dict[str, _Flight] = {}  # by tag: started, neither reported nor cancelled
        self._threads: list[threading.Thread] = []
        self._closed = False
        self._lost: BackendLost | None = None
        self._told_lost = False
        # Shared with the threads. A queue for work, so that whichever thread is free takes it.
        self._work: SimpleQueue[_Flight | None] = SimpleQueue()
        self._events: SimpleQueue[tuple[_Flight, Finished | BackendLost | None]] = SimpleQueue()
        self._lock = threading.Lock()
        self._airborne: dict[str, _Flight] = {}  # by tag: a thread has or will have it

    def capacity(self) -> int:
        """Return how many more trials may start now."""
        return 0 if self._closed else self._parallelism - len(self._flights)

    def start(self, trial: Trial, tracked: TrackedRun | None = None) -> None:
        """Hand a trial to a thread.

        Parameters
        ----------
        trial : Trial
            The document; only read.
        tracked : TrackedRun, optional
            The run that what the objective logs belongs to.
        """
        if self._closed:
            raise RuntimeError("This Dispatcher is closed.")
        flight = _Flight(trial, tracked, f"sparktune-{self._search}-{trial['tid']}")
        with self._lock:
            self._airborne[flight.tag] = flight
            needed = len(self._airborne)
        self._flights[flight.tag] = flight
        if needed > len(self._threads):
            self._add_thread()
        self._work.put(flight)

    def wait(self, timeout: float | None) -> list[Finished]:
        """Wait until a trial ends.

        Parameters
        ----------
        timeout : float or None
            Seconds; None waits for as long as it takes.

        Returns
        -------
        list of Finished
            All trials that have ended; empty at the time-out, and when none is running.

        Raises
        ------
        BackendLost
            If the back end is gone, so that no trial can run any more.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        ended: list[Finished] = []
        while not ended and self._flights and self._lost is None:
            left = None
            if deadline is not None:
                left = min(max(0.0, deadline - time.monotonic()), threading.TIMEOUT_MAX)
            try:
                self._take(self._events.get(timeout=left), ended)
                while True:
                    self._take(self._events.get_nowait(), ended)
            except Empty:
                if deadline is not None and time.monotonic() >= deadline:
                    break
        if self._lost is not None and not ended and not self._told_lost:
            self._told_lost = True  # once: the search cleans up after it
            raise self._lost
        return ended

    def _take(
        self, event: tuple[_Flight, Finished | BackendLost | None], ended: list[Finished]
    ) -> None:
        flight, outcome = event
        if flight.cancelled or self._flights.pop(flight.tag, None) is None:
            return  # what a cancelled trial still says is too late
        if isinstance(outcome, BackendLost):
            self._lost = outcome
            self._flights[flight.tag] = flight  # for `cancel`: this trial did not end
        elif outcome is not None:
            ended.append(outcome)

    def cancel(self) -> list[Trial]:
        """Stop all trials.

        Returns
        -------
        list of Trial
            Those that were running. Whatever they still answer is ignored.
        """
        flights = list(self._flights.values())
        self._flights.clear()
        for flight in flights:
            flight.cancelled = True  # first all: a thread that is about to submit must see it
        if flights:
            logger.debug("Cancelling all running jobs: %d.", len(flights))
        for flight in flights:
            self._cancel_job(flight)
            logger.debug("trial task %s cancelled.", flight.trial["tid"])
        return [flight.trial for flight in flights]

    def close(self) -> None:
        """Stop what runs, end all threads and close the back end. May be called twice."""
        if self._closed:
            return
        self._closed = True
        self.cancel()
        for _ in self._threads:
            self._work.put(None)
        deadline = time.monotonic() + _CLOSE_SECONDS
        for thread in self._threads:
            while thread.is_alive() and time.monotonic() < deadline:
                thread.join(_CANCEL_AGAIN_SECONDS)
                if thread.is_alive():
                    # A cancellation that overtakes its job's submission does nothing.
                    with self._lock:
                        left = list(self._airborne.values())
                    for flight in left:
                        self._cancel_job(flight)
        alive = sum(thread.is_alive() for thread in self._threads)
        if alive:
            logger.warning(
                "%d jobs did not end within %.0f s of being cancelled.", alive, _CLOSE_SECONDS
            )
        self._threads.clear()
        self._backend.close()

    def _cancel_job(self, flight: _Flight) -> None:
        try:
            self._backend.cancel(flight.tag)
        except Exception:
            logger.warning(
                "The job of trial %s could not be cancelled.", flight.trial["tid"], exc_info=True
            )

    # -- on the threads ------------------------------------------------------------------------

    def _add_thread(self) -> None:
        # Daemons, so that a job which cannot be ended never keeps the interpreter from ending.
        thread = threading.Thread(
            target=self._backend.thread_body(self._run_thread),
            name=f"sparktune-{self._search}-{len(self._threads)}",
            daemon=True,
        )
        thread.start()
        self._threads.append(thread)

    def _run_thread(self) -> None:
        while (flight := self._work.get()) is not None:
            outcome: Finished | BackendLost | None
            try:
                outcome = self._run(flight)
            except BackendLost as lost:
                outcome = lost
            except BaseException as error:
                outcome = Finished(flight.trial, error=TrialError.from_exception(error))
            failed = isinstance(outcome, BackendLost) or (outcome and outcome.error)
            logger.debug(
                "trial %s task thread %s.",
                flight.trial["tid"],
                "catches an exception" if failed else "exits normally",
            )
            with self._lock:
                self._airborne.pop(flight.tag, None)
            self._events.put((flight, outcome))
            del flight, outcome  # a result may be large, and the next trial may be far off

    def _run(self, flight: _Flight) -> Finished | None:
        if flight.cancelled:
            return None
        tracked = None if flight.tracked is None else flight.tracked.payload()
        values = spec_from_misc(flight.trial["misc"])
        payload = encode_payload(values, tracked)
        if flight.cancelled:
            return None
        answer = self._backend.submit(flight.tag, payload, _description(flight.trial, values))
        return None if flight.cancelled else _finished(flight.trial, answer)


def _description(trial: Trial, values: dict[str, Any]) -> str:
    shown = ", ".join(
        f"{label}={value:.4g}" if isinstance(value, float) else f"{label}={value}"
        for label, value in values.items()
    )
    text = f"sparktune trial {trial['tid']}: {shown}"
    return text if len(text) <= 200 else text[:197] + "..."


def _finished(trial: Trial, answer: bytes) -> Finished:
    """Turn what a task answered into what the search loop is told."""
    kind, *body, meta = pickle.loads(answer)
    logger.debug(
        "Trial %s: %s after %.3f s in process %s on %s, attempt %s.",
        trial["tid"], kind, meta["seconds"], meta["pid"], meta["host"], meta["attempt"],
    )  # fmt: skip
    if kind == "ok":
        return Finished(trial, result=normalize_result(pickle.loads(body[0])))
    if kind == "not loaded":
        what, traceback = body
        error = ObjectiveNotLoaded(
            f"The objective cannot be loaded on the workers, which run {meta['python']}: {what}. "
            f"The driver runs {sys.executable} (Python {platform.python_version()}). Hint: install "
            "there what the objective imports, or have the workers run the driver's Python (Spark: "
            "set PYSPARK_PYTHON before the session is made)."
        )
        return Finished(
            trial, error=TrialError(str(type(error)), str(error), traceback, error, fatal=True)
        )
    type_name, message, traceback, pickled = body
    return Finished(
        trial,
        error=TrialError(
            type_name=type_name,
            message=message,
            traceback=traceback,
            exception=_exception(pickled),
        ),
    )


def _exception(pickled: bytes | None) -> BaseException | None:
    if pickled is None:
        return None
    try:
        exception = pickle.loads(pickled)
    except Exception:  # many exception classes pickle, but do not unpickle
        return None
    return exception if isinstance(exception, BaseException) else None
