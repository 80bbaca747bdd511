"""Runs trials side by side: a pool of threads, one queue of events, no sleeping.

The `Dispatcher` knows nothing of Spark. What a trial runs on is a `Backend`.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
import time
import uuid
from queue import Empty, SimpleQueue
from typing import Any

from sparktune._parallel import answers
from sparktune._parallel.backend import Backend
from sparktune._parallel.batches import Batches
from sparktune._parallel.flight import CANCEL_AGAIN_SECONDS, Flight, Seat
from sparktune._search.handles import HandleOptions, Handles
from sparktune._search.runner import Finished
from sparktune._tracking.base import TrackedRun
from sparktune._trials.attempts import attempt_of
from sparktune._trials.documents import Trial
from sparktune._trials.stored import LargeValues
from sparktune.exceptions import BackendLost

__all__ = ["Dispatcher"]

logger = logging.getLogger("sparktune.dispatch")

# The longest wait for an event. A signal that arrives just before the wait begins does not end it
# and is handled after it: with an endless wait, a Ctrl-C could remain without effect.
_WAIT_SECONDS = 0.5
# How long `close` waits for threads whose jobs were cancelled.
_CLOSE_SECONDS = 10.0
# The longest pause between two cancellations of the same job while the search goes on.
_CANCEL_AGAIN_AT_MOST = 30.0
# How long all slots may be taken by cancelled jobs before the back end counts as lost.
_STUCK_SECONDS = 60.0
# A cluster does not announce that it has grown: the shortest pause between two questions for its
# slots, asked when trials end, and the longest, while fewer trials run than the user allows.
_ASK_SECONDS = 1.0
_ASK_AT_LEAST_SECONDS = 10.0
# Work for a thread: read the slots, which may take a call to a server.
_READ_SLOTS = object()


class Dispatcher:
    """Runs up to `parallelism` trials at once; a `sparktune._search.runner.Runner`.

    `start`, `wait`, `cancel` and `close` must be called on one thread, that of the search loop.
    Closing the dispatcher closes the back end. A trial that runs for longer than `trial_timeout`
    seconds is cancelled and fails with `TrialTimeout`; the time counts from its submission where
    the back end cannot tell when it began to run. Large values of results go to `store`, and
    `handles`, which the dispatcher closes, says what objectives get beside the point.
    """

    def __init__(
        self,
        backend: Backend,
        parallelism: int,
        trial_timeout: float | None = None,
        seed: int | None = None,
        store: LargeValues | None = None,
        handles: Handles | None = None,
        batches: Batches | None = None,
    ) -> None:
        self._backend = backend
        self._parallelism = parallelism
        self._trial_timeout = trial_timeout
        self._seed = seed
        self._store = store or LargeValues()
        self._handles = handles or Handles(None, HandleOptions())
        self._batches = batches or Batches()
        self._search = uuid.uuid4().hex[:12]
        self._tags = itertools.count()
        self._flights: dict[str, Flight] = {}  # by tag: neither over nor cancelled
        self._ghosts: dict[str, Flight] = {}  # by tag: cancelled, but still with a thread
        self._threads: list[threading.Thread] = []
        self._closed = False
        self._backend_closed = False
        self._lost: BackendLost | None = None
        self._told_lost = False
        self._stuck_since: float | None = None
        self._limit = parallelism  # how many trials may run at once now
        self._follows_slots: bool | None = None  # None: not asked yet
        self._asking = False
        self._asked_at = time.monotonic()
        # Shared with the threads; a free one takes the next piece of work.
        self._work: SimpleQueue[Any] = SimpleQueue()
        self._events: SimpleQueue[tuple[Flight | None, Any]] = SimpleQueue()
        self._lock = threading.Lock()
        self._airborne: dict[str, Flight] = {}  # by tag: a thread has or will have it

    def capacity(self) -> int:
        """Return how many more trials may start now."""
        if self._closed or self._lost is not None:
            return 0
        if self._follows_slots is None:
            slots = self._slots()
            self._follows_slots = slots is not None
            self._set_limit(slots)
        return self._batches.capacity(self._room() - len(self._flights), self._limit)

    def start(self, trial: Trial, tracked: TrackedRun | None = None) -> None:
        """Hand a trial to a thread, at once or with those that start after it."""
        if self._closed:
            raise RuntimeError("This Dispatcher is closed.")
        alone = attempt_of(trial) > 0  # it may be what was lost
        seat = Seat(trial, tracked, self._handles.data(trial), alone)
        self._batches.add(seat, self._limit)
        self._take_off(only_full=True)

    def flush(self) -> None:
        """Hand out the trials that wait for others to start with."""
        self._take_off()

    def _take_off(self, only_full: bool = False) -> None:
        """Hand out the trials that wait."""
        while self._lost is None and not self._closed:
            free = self._room() - len(self._flights)
            seats = self._batches.take(free, self._limit, only_full=only_full)
            if not seats:
                return
            # A flight that was given up may still have a thread and a job.
            tag = f"sparktune-{self._search}-{seats[0].trial['tid']}-{next(self._tags)}"
            flight = Flight(
                seats, tag, self._backend.streams, self._seed, self._batches.seconds,
                self._trial_timeout,
            )  # fmt: skip
            with self._lock:
                self._airborne[tag] = flight
            flight.deadline = time.monotonic() + flight.time_allowed
            self._flights[tag] = flight
            self._hand_out(flight)

    def wait(self, timeout: float | None) -> list[Finished]:
        """Wait until a trial ends, for `timeout` seconds at most, and return all that have ended.

        The list is empty at the time-out, when no trial is running, and when only the number of
        trials that may start has changed.

        Raises
        ------
        BackendLost
            If the back end is gone, so that no trial can run any more.
        """
        deadline = float("inf") if timeout is None else time.monotonic() + timeout
        ended: list[Finished] = []
        room = self._room()
        self._take_off()
        self._take_all(ended)
        while not ended and self._lost is None and (self._flights or self._crowded()):
            with contextlib.suppress(Empty):
                self._take(self._events.get(timeout=self._pause(deadline)), ended)
            self._take_all(ended)
            now = time.monotonic()
            ended += self._out_of_time(now)
            self._cancel_again(now)
            self._take_off()
            if now >= self._next_question():
                self._ask_for_slots()
            if now >= deadline or self._room() > room:
                break
        if ended and time.monotonic() >= self._asked_at + _ASK_SECONDS:
            self._ask_for_slots()
        if self._lost is not None and not ended and not self._told_lost:
            self._told_lost = True  # raised once: the search cleans up afterwards
            raise self._lost
        return ended

    def _pause(self, until: float) -> float:
        """Return how many seconds to wait for an event."""
        until = min(
            until,
            self._next_question(),
            *(flight.deadline for flight in self._flights.values()),
            *(ghost.cancel_again for ghost in self._ghosts.values()),
        )
        if self._stuck_since is not None:
            until = min(until, self._stuck_since + _STUCK_SECONDS)
        return min(max(0.0, until - time.monotonic()), _WAIT_SECONDS)

    def _take_all(self, ended: list[Finished]) -> None:
        with contextlib.suppress(Empty):
            while True:
                self._take(self._events.get_nowait(), ended)

    def _take(self, event: tuple[Flight | None, Any], ended: list[Finished]) -> None:
        flight, outcome = event
        if flight is None:
            self._asking = False
            self._set_limit(outcome)
        elif isinstance(outcome, Finished):
            if not flight.cancelled:
                flight.take_answer(outcome, time.monotonic())
                ended.append(outcome)
        else:
            self._ghosts.pop(flight.tag, None)
            if flight.cancelled or self._flights.pop(flight.tag, None) is None:
                return  # a late answer
            ended += outcome.ended
            if isinstance(outcome.error, BackendLost):
                self._lost = outcome.error
                self._flights[flight.tag] = flight  # for `cancel`: these trials did not end
            else:
                self._batches.landed(flight, outcome)

    # -- time and room -------------------------------------------------------------------------

    def _room(self) -> int:
        """Return how many trials may run at once.

        Threads of cancelled jobs are replaced, but at most as many as may run.
        """
        return self._limit - max(0, len(self._ghosts) - self._limit)

    def _set_limit(self, slots: int | None) -> None:
        limit = self._parallelism if slots is None else max(1, min(slots, self._parallelism))
        if limit != self._limit:
            logger.info("Running up to %d trials at once now; it was %d.", limit, self._limit)
        self._limit = limit

    def _next_question(self) -> float:
        """Return when to ask for the slots if nothing else happens."""
        if not self._follows_slots or self._asking or self._limit >= self._parallelism:
            return float("inf")
        return self._asked_at + _ASK_AT_LEAST_SECONDS

    def _ask_for_slots(self) -> None:
        if self._follows_slots and not self._asking:
            self._asking = True
            self._asked_at = time.monotonic()
            self._hand_out(_READ_SLOTS)

    def _out_of_time(self, now: float) -> list[Finished]:
        """Cancel the trials that have timed out, and return them."""
        ended = []
        for flight in [each for each in self._flights.values() if each.deadline <= now]:
            assert self._trial_timeout is not None
            # A trial that has not started cannot time out before the whole limit has passed again.
            flight.deadline = min(self._started(flight), now) + flight.time_allowed
            if flight.deadline > now:
                continue
            self._give_up([flight])
            if flight.size == 1 or flight.streams:
                late = flight.seats.pop(0).trial
                ended.append(answers.timed_out(late, self._trial_timeout))
                self._batches.put_back(flight.seats)
            else:
                self._batches.put_back(flight.seats, suspects=flight.size)
        return ended

    def _started(self, flight: Flight) -> float:
        """Return when a trial began to run; infinity if it waits for a slot or its MLflow run."""
        if flight.submitted is None:
            return float("inf")
        if flight.told is not None:
            return flight.told
        started = None
        try:
            started = self._backend.started(flight.tag)
        except Exception:
            logger.debug("When a trial started could not be read.", exc_info=True)
        return flight.submitted if started is None else started

    def _give_up(self, flights: list[Flight]) -> None:
        """Cancel trials; late answers are ignored."""
        for flight in flights:
            flight.cancelled = True  # all of them first, for threads that are about to submit
            del self._flights[flight.tag]
        for flight in flights:
            self._ghosts[flight.tag] = flight
            flight.cancel_again = time.monotonic() + flight.patience
            self._cancel_job(flight)
            logger.debug("trial task %s cancelled.", flight.names)

    def _cancel_again(self, now: float) -> None:
        """Cancel again: a cancellation that overtakes its submission does nothing."""
        for ghost in self._ghosts.values():
            if ghost.cancel_again <= now:
                ghost.patience = min(2 * ghost.patience, _CANCEL_AGAIN_AT_MOST)
                ghost.cancel_again = now + ghost.patience
                self._cancel_job(ghost)

    def _crowded(self) -> bool:
        """Return whether cancelled jobs prevent all trials from starting."""
        if self._closed or self._flights or len(self._ghosts) < 2 * self._limit:
            self._stuck_since = None
            return False
        now = time.monotonic()
        self._stuck_since = self._stuck_since or now
        if now - self._stuck_since >= _STUCK_SECONDS:
            self._lost = BackendLost(
                f"{len(self._ghosts)} jobs did not end within {_STUCK_SECONDS:.0f} s of being "
                "cancelled, so no trial can start; trials that had finished are kept."
            )
            return False
        return True

    def cancel(self) -> list[Trial]:
        """Stop all trials and return those that were running; late answers are ignored."""
        flights = list(self._flights.values())
        if flights:
            logger.debug("Cancelling all running jobs: %d.", len(flights))
        self._give_up(flights)
        running = [seat for flight in flights for seat in flight.seats]
        return [seat.trial for seat in (*running, *self._batches.clear())]

    def close(self) -> None:
        """Stop all trials, end all threads and close the back end.

        Ctrl-C skips only the wait for the threads. A call after an interrupted one does the rest.
        """
        if self._backend_closed:
            return
        patient, self._closed = not self._closed, True
        for _ in self._threads:
            self._work.put(None)
        try:
            self.cancel()
            if patient:
                self._join_threads()
            else:
                self._cancel_airborne()
        finally:
            self._backend.close()
            self._handles.close()
            self._backend_closed = True
            self._threads.clear()

    def _join_threads(self) -> None:
        deadline = time.monotonic() + _CLOSE_SECONDS
        for thread in self._threads:
            while thread.is_alive() and time.monotonic() < deadline:
                thread.join(CANCEL_AGAIN_SECONDS)
                if thread.is_alive():
                    self._cancel_airborne()
        alive = sum(thread.is_alive() for thread in self._threads)
        if alive:
            logger.warning(
                "%d jobs did not end within %.0f s of being cancelled.", alive, _CLOSE_SECONDS
            )

    def _cancel_airborne(self) -> None:
        """Cancel every job that a thread has or will have."""
        with self._lock:
            left = list(self._airborne.values())
        for flight in left:
            self._cancel_job(flight)

    def _cancel_job(self, flight: Flight) -> None:
        try:
            self._backend.cancel(flight.tag)
        except Exception:
            logger.warning(
                "The job of trial %s could not be cancelled.", flight.names, exc_info=True
            )

    # -- on the threads ------------------------------------------------------------------------

    def _hand_out(self, work: Any) -> None:
        """Give a flight, or `_READ_SLOTS`, to a free thread."""
        with self._lock:
            needed = len(self._airborne) + self._asking
        if needed > len(self._threads):
            # Daemons, so that a job that cannot be ended never keeps the interpreter from ending.
            thread = threading.Thread(
                target=self._backend.thread_body(self._run_thread),
                name=f"sparktune-{self._search}-{len(self._threads)}",
                daemon=True,
            )
            # First noted, then started: a Ctrl-C in between would leave a thread running.
            self._threads.append(thread)
            thread.start()
        self._work.put(work)

    def _run_thread(self) -> None:
        while (work := self._work.get()) is not None:
            if work is _READ_SLOTS:
                self._events.put((None, self._slots()))
                continue
            flight: Flight = work
            landing = flight.run(self._backend, self._store, self._events)
            failed = landing.error or any(outcome.error for outcome in landing.ended)
            how = "catches an exception" if failed else "exits normally"
            logger.debug("trial %s task thread %s.", flight.names, how)
            with self._lock:
                self._airborne.pop(flight.tag, None)
            self._events.put((flight, landing))
            del work, flight, landing  # a result may be large, and the next trial may be far off

    def _slots(self) -> int | None:
        try:
            return self._backend.slots()
        except Exception:
            logger.debug("The number of slots could not be read.", exc_info=True)
            return None
