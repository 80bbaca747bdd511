"""`Flight`: one trial, or several on the same worker, on their way to a back end and back."""

from __future__ import annotations

import datetime
import hashlib
import time
from dataclasses import dataclass, field, replace
from queue import SimpleQueue
from typing import Any

from sparktune._parallel import answers
from sparktune._parallel.backend import Backend
from sparktune._search.runner import Finished
from sparktune._tracking.base import TrackedRun
from sparktune._trials.documents import Trial, coarse_utcnow, spec_from_misc
from sparktune._trials.stored import LargeValues
from sparktune._worker.task import encode_payload
from sparktune.exceptions import BackendLost, ObjectiveNotLoaded, TrialLost

__all__ = ["CANCEL_AGAIN_SECONDS", "Flight", "Landing", "Seat"]

CANCEL_AGAIN_SECONDS = 0.5
"""How long to wait after the first cancellation before cancelling again."""


@dataclass(eq=False)
class Seat:
    """A trial and what goes with it."""

    trial: Trial  # only read
    tracked: TrackedRun | None = None
    handle: dict[str, Any] | None = None  # see `Handles.data`
    alone: bool = False  # whether it must not share a task


@dataclass
class Landing:
    """How a flight ended: what was not told before, and why trials without an outcome have none."""

    ended: list[Finished] = field(default_factory=list)
    error: BaseException | None = None
    seconds: list[float] = field(default_factory=list)  # of all trials with an answer
    cost: float = 0.0  # how much longer than these the job took


@dataclass(eq=False)
class Flight:
    """Trials on their way, in one job."""

    seats: list[Seat]  # of trials without an outcome; only changed by the search's thread
    tag: str  # of its job
    streams: bool = False  # see `Backend.streams`
    search_seed: int | None = None
    seconds: float | None = None  # see `Backend.submit`
    trial_timeout: float | None = None
    cancelled: bool = False
    submitted: float | None = None  # when; written by the thread
    told: float | None = None  # when the latest of several answers came
    deadline: float = float("inf")  # when the flight times out
    cancel_again: float = float("inf")  # when to cancel once more, ...
    patience: float = CANCEL_AGAIN_SECONDS  # ... and how long after the last time
    size: int = 0  # how many trials it took off with
    names: str = ""  # of these trials

    def __post_init__(self) -> None:
        self.size = len(self.seats)
        if self.size > 1 and self.trial_timeout is not None:
            self.seconds = min(self.seconds or self.trial_timeout, self.trial_timeout)
        self.names = ", ".join(str(seat.trial["tid"]) for seat in self.seats[:10])
        self.names += ", ..." if self.size > 10 else ""

    @property
    def time_allowed(self) -> float:
        """How many seconds the job may take, or each of its trials if answers stream."""
        if self.trial_timeout is None:
            return float("inf")
        # The last trial of a task may begin when `seconds` have passed.
        before = self.seconds if self.size > 1 and not self.streams else None
        return (before or 0.0) + self.trial_timeout

    def take_answer(self, outcome: Finished, now: float) -> None:
        """Take in that a trial has ended that was not the last."""
        self.seats = [seat for seat in self.seats if seat.trial is not outcome.trial]
        self.told = now
        self.deadline = now + self.time_allowed

    def run(self, backend: Backend, store: LargeValues, events: SimpleQueue[Any]) -> Landing:
        """Submit the trials and wait for their answers.

        Answers that stream go to `events` with this flight, except for that of the last trial.
        """
        seats, landing = tuple(self.seats), Landing()
        try:
            if self.cancelled:
                return landing
            payloads, description = self._payloads(seats)
            begin = self.submitted = time.monotonic()
            if self.cancelled:
                return landing
            answered = backend.submit(self.tag, payloads, description, self.seconds)
            del payloads
            # In this order: what is submitted is read to its end.
            for answer, seat in zip(answered, seats, strict=False):
                outcome = self._outcome(seat, answer, store)
                landing.seconds.append(outcome.seconds or 0.0)
                if self.streams and seat is not seats[-1]:
                    events.put((self, _dated(outcome, coarse_utcnow())))
                else:
                    landing.ended.append(outcome)
                del answer, outcome
            landing.cost = time.monotonic() - begin - sum(landing.seconds)
            if self.size == 1 and not landing.ended:
                raise TrialLost("The task of the trial returned no answer.")
        except BaseException as error:
            alone = self.size == 1 and not isinstance(error, BackendLost)
            if alone or isinstance(error, ObjectiveNotLoaded):
                landing.ended = landing.ended or [answers.failed(seats[0].trial, error)]
            else:
                landing.error = error
        if self.size > 1:
            _date(landing)
        return landing

    def _payloads(self, seats: tuple[Seat, ...]) -> tuple[list[bytes], str]:
        payloads, description = [], ""
        for seat in seats:
            tracked = None if seat.tracked is None else seat.tracked.payload()
            values = spec_from_misc(seat.trial["misc"])
            seed = self._seed(seat.trial)
            payloads.append(encode_payload(values, tracked, seed, seat.handle))
            description = description or _description(seat.trial, values)
        if self.size > 1:
            description = f"sparktune trials {self.names}"
        return payloads, description

    def _outcome(self, seat: Seat, answer: bytes, store: LargeValues) -> Finished:
        if self.cancelled:
            return Finished(seat.trial)  # that nobody will look at
        try:
            outcome = answers.finished(seat.trial, answer, seat.tracked, store)
        except Exception as error:
            return answers.failed(seat.trial, error)
        limit = self.trial_timeout
        if self.size > 1 and limit is not None and (outcome.seconds or 0.0) > limit:
            return answers.timed_out(seat.trial, limit)
        return outcome

    def _seed(self, trial: Trial) -> int | None:
        """Return what the random generators of a trial start from, wherever it runs."""
        if self.search_seed is None:
            return None
        text = f"{self.search_seed} {trial['tid']}"
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "little")


def _date(landing: Landing) -> None:
    """Write when the trials ran that were told of together."""
    end = coarse_utcnow()
    for place in reversed(range(len(landing.ended))):
        dated = _dated(landing.ended[place], end)
        landing.ended[place], end = dated, end if dated.span is None else dated.span[0]


def _dated(outcome: Finished, end: datetime.datetime) -> Finished:
    if outcome.seconds is None:
        return outcome
    begin = end - datetime.timedelta(milliseconds=int(1000 * outcome.seconds))
    return replace(outcome, span=(begin, end))


def _description(trial: Trial, values: dict[str, Any]) -> str:
    shown = ", ".join(
        f"{label}={value:.4g}" if isinstance(value, float) else f"{label}={value}"
        for label, value in values.items()
    )
    text = f"sparktune trial {trial['tid']}: {shown}"
    return text if len(text) <= 200 else text[:197] + "..."
