"""`Batches`: which trials go to a worker together, and how many."""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Callable, Sequence

from sparktune._parallel.flight import Flight, Landing, Seat
from sparktune._parallel.parallelism import TrialsPerTask

__all__ = ["Batches"]

# "auto": how long a task should last at most, how long it may have lasted when its last trial
# begins, and how many trials it has at most.
_TASK_SECONDS = 1.5
_LATEST_SECONDS = 3.0
_MOST = 100
# And how many times as long as its cost a task should last: what it takes beside its trials.
_COSTS = 20.0
# How many recent trials and tasks it looks at.
_RECENT = 32


class Batches:
    """Puts trials together into batches, one per task.

    Parameters
    ----------
    per_task : int or "auto"
        The most trials of a task. ``"auto"``: as many as make a task last 20 times as long as what
        it costs to run one, but no longer than a second and a half, and no more trials at once
        than have ended.
    left : callable or None
        Returns how many trials are still to come. The last ones are spread over the slots.

    Attributes
    ----------
    seconds : float or None
        How long a task may have lasted when its last trial begins.
    """

    def __init__(self, per_task: TrialsPerTask = 1, left: Callable[[], int] | None = None) -> None:
        self._auto = per_task == "auto"
        self._number = 1 if per_task == "auto" else per_task
        self._left = left
        self._most = _MOST  # halved when a batch is lost, doubled when one is not
        self._known = 0  # how many trials have ended
        self._durations: deque[float] = deque(maxlen=_RECENT)
        self._costs: deque[float] = deque(maxlen=_RECENT)
        self._again: deque[Seat] = deque()  # before all others
        self._forming: list[Seat] = []
        self._planned = 0  # how many trials the batch that is forming will have
        self.seconds = _LATEST_SECONDS if self._auto else None

    # -- in and out ----------------------------------------------------------------------------

    def capacity(self, free: int, slots: int) -> int:
        """Return how many more trials may come, if `free` of `slots` slots have no task."""
        free -= len(self._again)
        if self._forming:
            return max(0, self._planned - len(self._forming) + (free - 1) * self.size(slots))
        return max(0, free * self.size(slots))

    def add(self, seat: Seat, slots: int) -> None:
        """Take in a trial that starts."""
        if seat.alone:
            self._again.append(seat)
            return
        if not self._forming:
            self._planned = self.size(slots, 1)
        self._forming.append(seat)

    def landed(self, flight: Flight, landing: Landing) -> None:
        """Take in that a flight is over, and what is left of it."""
        told = {id(outcome.trial) for outcome in landing.ended}
        left = [seat for seat in flight.seats if id(seat.trial) not in told]
        # If no trial began, the task was lost and Spark started it again.
        lost = landing.error is not None or len(left) == flight.size
        if self._auto:
            self._learn(landing, flight.size, lost=lost)
        suspects = 1 if flight.streams else len(left)
        self.put_back(left, suspects=suspects if lost else 0)

    def put_back(self, seats: Sequence[Seat], suspects: int = 0) -> None:
        """Take in trials that have to run again, or did not begin.

        The first of them, as many as `suspects`, may be why a task was lost, and run alone.
        """
        for seat in seats[:suspects]:
            seat.alone = True
        self._again.extendleft(reversed(seats))

    def take(self, free: int, slots: int, *, only_full: bool) -> list[Seat]:
        """Take out the trials of the next task; none if there is no such task.

        `only_full` leaves a batch that is forming.
        """
        if self._again:
            if free <= 0:
                return []
            seats = [self._again.popleft()]
            most = 1 if seats[0].alone else self.size(slots, len(self._again))
            while len(seats) < most and self._again and not self._again[0].alone:
                seats.append(self._again.popleft())
            return seats
        if only_full and len(self._forming) < self._planned:
            return []
        seats, self._forming = self._forming, []
        return seats

    def clear(self) -> list[Seat]:
        """Take out all trials."""
        seats = [*self._again, *self._forming]
        self._again.clear()
        self._forming = []
        return seats

    # -- how many ------------------------------------------------------------------------------

    def size(self, slots: int, more: int = 0) -> int:
        """Return how many trials the next batch should have; `more` have been started already."""
        number = self._number
        if self._auto:
            # No more on their way than have ended: suggestions would know too little.
            number = min(number, self._known // slots)
        if number > 1 and self._left is not None:
            number = min(number, math.ceil((self._left() + more) / slots))
        return max(1, number)

    def _learn(self, landing: Landing, size: int, *, lost: bool) -> None:
        """Learn from a task of `size` trials how many the next ones should have."""
        self._known += len(landing.seconds)
        self._durations.extend(landing.seconds)
        if lost:
            self._most = max(1, size // 2)
        elif landing.seconds:
            self._costs.append(max(0.0, landing.cost))
            if size >= self._most:
                self._most = min(_MOST, 2 * self._most)
        if self._costs:
            seconds = min(_TASK_SECONDS, _COSTS * statistics.median(self._costs))
            number = seconds / max(1e-6, statistics.median(self._durations))
            self._number = max(1, int(min(number, self._most)))
