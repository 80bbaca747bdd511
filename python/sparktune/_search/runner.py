"""How trials run: the `Runner` protocol and the runners that need no cluster."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Protocol

from sparktune._search.ctrl import Ctrl
from sparktune._search.handles import HandleOptions, Handles
from sparktune._tracking.base import NullTracker, TrackedRun, Tracker
from sparktune._trials.documents import JOB_STATE_DONE, UNFINISHED, Trial, spec_from_misc
from sparktune._trials.stored import LargeValues
from sparktune.exceptions import InvalidResult, ObjectiveNotLoaded

if TYPE_CHECKING:
    from sparktune._search.domain import Domain

__all__ = [
    "Finished",
    "PollingRunner",
    "Runner",
    "RunnerOptions",
    "SerialRunner",
    "TrialError",
    "make_runner",
]


@dataclass(frozen=True)
class TrialError:
    """What went wrong in a trial.

    Attributes
    ----------
    type_name : str
        ``str(type(exception))``.
    message : str
        ``str(exception)``.
    traceback : str
        The traceback as text, formatted where the objective ran.
    exception : BaseException or None
        The exception itself, if it is available in this process.
    fatal : bool
        Whether all other trials would fail too, so that the search ends: the objective returned
        something that is not a result, or a worker could not load it.
    reason : str or None
        How the trial ended through no fault of its objective, so that it may run again:
        ``"lost"`` with its process or executor, or stopped by a ``"timeout"``. None if the
        objective itself failed.
    """

    type_name: str
    message: str
    traceback: str
    exception: BaseException | None = None
    fatal: bool = False
    reason: Literal["lost", "timeout"] | None = None

    @classmethod
    def from_exception(cls, error: BaseException) -> TrialError:
        """Describe an exception that is being or has been raised."""
        try:
            message = str(error)
        except Exception:
            message = f"<{type(error).__name__} whose str() fails>"
        return cls(
            type_name=str(type(error)),
            message=message,
            traceback="".join(traceback.format_exception(type(error), error, _of_user(error))),
            exception=error,
            fatal=isinstance(error, (InvalidResult, ObjectiveNotLoaded)),
        )

    def is_one_of(self, classes: tuple[type[BaseException], ...]) -> bool:
        """Whether it is an instance of one of some classes."""
        if self.exception is not None:
            return isinstance(self.exception, classes)
        return self.type_name in map(str, classes)  # it could not be pickled


def _of_user(error: BaseException) -> TracebackType | None:
    """Return the traceback of an exception without the frames of this room above the objective."""
    room, frames = str(Path(__file__).parent), error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(room):
        frames = frames.tb_next
    return error.__traceback__ if frames is None else frames


@dataclass(frozen=True)
class Finished:
    """A trial that ended with a validated result, attachments included, or with an error.

    `trial` is the document that `Runner.start` was given, and `seconds` is how long it took in its
    task. `span` is when it ran, if it did not begin when it was started and end when it was told
    of.
    """

    trial: Trial
    result: dict[str, Any] | None = None
    error: TrialError | None = None
    seconds: float | None = None
    span: tuple[datetime, datetime] | None = None


@dataclass(frozen=True)
class RunnerOptions:
    """What the search tells a runner.

    Attributes
    ----------
    asynchronous : bool
        Whether trials run while the search goes on.
    poll_interval_secs : float
        Pause between two polls.
    max_evals : int or None
        The most trials the search will have, None if there is no bound.
    tracker : Tracker
        The search's tracker, for a runner that evaluates trials in this thread.
    seed : int or None
        What a runner of worker processes seeds their random generators from; None: it does not.
    store : LargeValues
        Where large values of results go that come from elsewhere.
    handle : HandleOptions
        What the handles of the trials offer, for objectives that take one.
    left : callable or None
        Returns how many more trials the search will start, as far as is known.
    """

    asynchronous: bool = False
    poll_interval_secs: float = 1.0
    max_evals: int | None = None
    tracker: Tracker = field(default_factory=NullTracker)
    seed: int | None = None
    store: LargeValues = field(default_factory=LargeValues)
    handle: HandleOptions = field(default_factory=HandleOptions)
    left: Callable[[], int] | None = None


class Runner(Protocol):
    """Runs trials. The search loop owns the documents; a runner only reads them."""

    def capacity(self) -> int:
        """Return how many more trials may start now."""

    def start(self, trial: Trial, tracked: TrackedRun | None = None) -> None:
        """Start a trial, whose state is RUNNING from here on; must not block.

        `tracked` is the MLflow run that the objective's own logging belongs to. The trial may not
        begin before `flush` or `wait`.
        """

    def flush(self) -> None:
        """Let all trials begin that were started."""

    def wait(self, timeout: float | None) -> list[Finished]:
        """Return the trials that ended: at least one, or none after `timeout` seconds.

        None waits without a limit.
        """

    def cancel(self) -> list[Trial]:
        """Stop all running trials, and return them."""

    def close(self) -> None:
        """Release every thread, job group and tag. May be called twice."""


class SerialRunner:
    """Runs one trial after the other, in this process and this thread.

    The tracker makes the objective's own logging go to the trial's run.
    """

    def __init__(
        self,
        domain: Domain,
        trials: Any,
        tracker: Tracker | None = None,
        handles: Handles | None = None,
    ) -> None:
        self._domain = domain
        self._trials = trials
        self._tracker: Tracker = tracker or NullTracker()
        self._handles = handles or Handles(None, HandleOptions())
        self._waiting: Trial | None = None

    def capacity(self) -> int:
        """Return 1 when no trial is waiting, else 0."""
        return 1 if self._waiting is None else 0

    def start(self, trial: Trial, tracked: TrackedRun | None = None) -> None:
        """Take a trial; `wait` evaluates it."""
        self._waiting = trial

    def flush(self) -> None:
        """Do nothing: `wait` evaluates the trial."""

    def wait(self, timeout: float | None) -> list[Finished]:
        """Evaluate the trial, which a time-out cannot interrupt, since it has this thread."""
        __tracebackhide__ = True
        if self._waiting is None:
            return []
        trial = self._waiting
        ctrl = Ctrl(self._trials, current_trial=trial)
        ctrl.handle = self._handles.data(trial)
        try:
            with self._tracker.local_run(trial):
                result = self._domain.evaluate(spec_from_misc(trial["misc"]), ctrl)
        except Exception as error:
            finished = Finished(trial, error=TrialError.from_exception(error))
        else:
            finished = Finished(trial, result=result)
        # Not in a `finally`: after Ctrl-C the trial has to be there for `cancel`.
        self._waiting = None
        return [finished]

    def cancel(self) -> list[Trial]:
        """Give up the trial that Ctrl-C interrupted or that never started."""
        waiting, self._waiting = self._waiting, None
        return [] if waiting is None else [waiting]

    def close(self) -> None:
        """Remove what the handles needed."""
        self._handles.close()


class PollingRunner:
    """Watches trials that other processes run, such as workers that share a database.

    The workers take NEW trials and write states and results themselves, so nothing is started here,
    and a change can only be found by polling.
    """

    def __init__(self, trials: Any, poll_interval_secs: float = 1.0) -> None:
        self._trials = trials
        self._interval = poll_interval_secs
        docs: list[Trial] = trials._dynamic_trials
        self._open = {doc["tid"] for doc in docs if doc["state"] in UNFINISHED}

    def capacity(self) -> int:
        """Return 0: the workers take the trials themselves."""
        return 0

    def start(self, trial: Trial, tracked: TrackedRun | None = None) -> None:
        """Raise: trials are not started from here."""
        raise RuntimeError("Trials of a polled Trials object are started by its own workers.")

    def flush(self) -> None:
        """Do nothing."""

    def wait(self, timeout: float | None) -> list[Finished]:
        """Poll until a trial that was unfinished has ended."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            self._trials.refresh()
            ended = []
            for trial in self._trials._dynamic_trials:
                tid, state = trial["tid"], trial["state"]
                if state in UNFINISHED:
                    self._open.add(tid)
                elif tid in self._open:
                    self._open.discard(tid)
                    ended.append(_as_finished(trial))
            left = None if deadline is None else deadline - time.monotonic()
            if ended or (left is not None and left <= 0):
                return ended
            time.sleep(self._interval if left is None else min(self._interval, left))

    def cancel(self) -> list[Trial]:
        """Return nothing: the workers are not ours to stop."""
        return []

    def close(self) -> None:
        """Do nothing."""


def _as_finished(trial: Trial) -> Finished:
    if trial["state"] == JOB_STATE_DONE:
        return Finished(trial, result=trial["result"])
    type_name, message = trial["misc"].get("error", ("cancelled", ""))
    return Finished(trial, error=TrialError(type_name, message, trial["misc"].get("traceback", "")))


def make_runner(trials: Any, domain: Domain, options: RunnerOptions) -> Runner:
    """Return what runs the trials of a search; a method of `Trials`."""
    if options.asynchronous:
        return PollingRunner(trials, options.poll_interval_secs)
    return SerialRunner(domain, trials, options.tracker, Handles(domain, options.handle))
