"""How trials run: the `Runner` protocol and the runners that need no cluster."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from sparktune._search.ctrl import Ctrl
from sparktune._tracking.base import NullTracker, TrackedRun, Tracker
from sparktune._trials.documents import (
    JOB_STATE_CANCEL,
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    JOB_STATE_NEW,
    JOB_STATE_RUNNING,
    Trial,
    spec_from_misc,
)
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
    "runner_of",
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
        The exception itself, where it could be had.
    fatal : bool
        Whether other trials would fare no better, so that the search ends: the objective returned
        something that is not a result, or a worker could not load it.
    """

    type_name: str
    message: str
    traceback: str
    exception: BaseException | None = None
    fatal: bool = False

    @classmethod
    def from_exception(cls, error: BaseException) -> TrialError:
        """Describe `error`, which is being or has been raised.

        Parameters
        ----------
        error : BaseException
            The exception, with its traceback.
        """
        try:
            message = str(error)
        except Exception:
            message = f"<{type(error).__name__} whose str() fails>"
        return cls(
            type_name=str(type(error)),
            message=message,
            traceback="".join(traceback.format_exception(type(error), error, error.__traceback__)),
            exception=error,
            fatal=isinstance(error, (InvalidResult, ObjectiveNotLoaded)),
        )


@dataclass(frozen=True)
class Finished:
    """A trial that ended, with a result or with an error.

    Attributes
    ----------
    trial : Trial
        The document that `Runner.start` was given.
    result : Mapping or None
        A validated result document (see `sparktune._trials.results.normalize_result`).
        `attachments` in it are split off by the search loop.
    error : TrialError or None
        What went wrong.
    """

    trial: Trial
    result: Mapping[str, Any] | None = None
    error: TrialError | None = None


@dataclass(frozen=True)
class RunnerOptions:
    """What the search tells a runner when it is made.

    Attributes
    ----------
    asynchronous : bool
        Whether trials run while the search goes on.
    poll_interval_secs : float
        Pause between two looks of a runner that has to poll.
    max_evals : int or None
        The most trials the search will have, None when there is no bound.
    verbose : bool
        The `verbose` of `fmin`.
    tracker : Tracker
        The search's tracker, for a runner that evaluates trials in this thread.
    """

    asynchronous: bool = False
    poll_interval_secs: float = 1.0
    max_evals: int | None = None
    verbose: bool = False
    tracker: Tracker = field(default_factory=NullTracker)


class Runner(Protocol):
    """Runs trials. The search loop owns the documents; a runner only reads them."""

    def capacity(self) -> int:
        """Return how many more trials may start now."""
        ...

    def start(self, trial: Trial, tracked: TrackedRun | None = None) -> None:
        """Start a trial, whose state is RUNNING from here on; must not block.

        Parameters
        ----------
        trial : Trial
            The document.
        tracked : TrackedRun, optional
            The MLflow run that the objective's own logging belongs to.
        """
        ...

    def wait(self, timeout: float | None) -> list[Finished]:
        """Return the trials that ended: at least one, or none at the time-out.

        Parameters
        ----------
        timeout : float or None
            Seconds; None waits for as long as it takes.
        """
        ...

    def cancel(self) -> list[Trial]:
        """Stop all that runs, and return the trials that were stopped."""
        ...

    def close(self) -> None:
        """Let go of every thread, job group and tag. May be called twice."""
        ...


class SerialRunner:
    """Runs one trial after the other, in this process and this thread.

    Parameters
    ----------
    domain : Domain
        Evaluates the trials.
    trials : Trials
        Handed to the objective by way of `Ctrl`.
    tracker : Tracker, optional
        Gives the context in which the objective's own logging lands in the trial's run.
    """

    def __init__(self, domain: Domain, trials: Any, tracker: Tracker | None = None) -> None:
        self._domain = domain
        self._trials = trials
        self._tracker: Tracker = tracker or NullTracker()
        self._waiting: Trial | None = None

    def capacity(self) -> int:
        """Return 1 when no trial is waiting, else 0."""
        return 1 if self._waiting is None else 0

    def start(self, trial: Trial, tracked: TrackedRun | None = None) -> None:
        """Take a trial; `wait` evaluates it."""
        self._waiting = trial

    def wait(self, timeout: float | None) -> list[Finished]:
        """Evaluate the trial. A time-out cannot interrupt it: it has this thread."""
        if self._waiting is None:
            return []
        # Here, since Ctrl needs Trials, which need this module.

        trial = self._waiting
        ctrl = Ctrl(self._trials, current_trial=trial)
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
        """Do nothing: there is nothing to let go of."""


class PollingRunner:
    """Watches trials that somebody else runs, such as workers that share a database.

    The workers take NEW trials and write states and results themselves, so nothing is ever started
    here, and the only way to see a change is to look.

    Parameters
    ----------
    trials : Trials
        Any object with Hyperopt's `refresh` and `_dynamic_trials`.
    poll_interval_secs : float
        Pause between two looks.
    """

    def __init__(self, trials: Any, poll_interval_secs: float = 1.0) -> None:
        self._trials = trials
        self._interval = poll_interval_secs
        self._open: set[Any] = self._unfinished()

    def _unfinished(self) -> set[Any]:
        return {
            trial["tid"]
            for trial in self._trials._dynamic_trials
            if trial["state"] in (JOB_STATE_NEW, JOB_STATE_RUNNING)
        }

    def capacity(self) -> int:
        """Return 0: the workers take the trials themselves."""
        return 0

    def start(self, trial: Trial, tracked: TrackedRun | None = None) -> None:
        """Raise: trials are not started from here."""
        raise RuntimeError("Trials of a polled Trials object are started by its own workers.")

    def wait(self, timeout: float | None) -> list[Finished]:
        """Look until a trial that was unfinished has ended."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            self._trials.refresh()
            ended = []
            for trial in self._trials._dynamic_trials:
                tid, state = trial["tid"], trial["state"]
                if state in (JOB_STATE_NEW, JOB_STATE_RUNNING):
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
        """Do nothing: there is nothing to let go of."""


def runner_of(trials: Any, domain: Domain, options: RunnerOptions) -> Runner:
    """Return what runs the trials of a search.

    Parameters
    ----------
    trials : Trials
        Ours, which say it themselves, or any object with Hyperopt's methods.
    domain : Domain
        Objective and space.
    options : RunnerOptions
        What the search says about itself.
    """
    if hasattr(trials, "make_runner"):
        runner: Runner = trials.make_runner(domain, options)
        return runner
    return make_runner(trials, domain, options)


def _as_finished(trial: Trial) -> Finished:
    state = trial["state"]
    if state == JOB_STATE_DONE:
        return Finished(trial, result=trial["result"])
    if state in (JOB_STATE_ERROR, JOB_STATE_CANCEL):
        type_name, message = trial["misc"].get("error", ("cancelled", ""))
        return Finished(
            trial, error=TrialError(type_name, message, trial["misc"].get("traceback", ""))
        )
    raise AssertionError(state)


def make_runner(trials: Any, domain: Domain, options: RunnerOptions) -> Runner:
    """Return what runs the trials of a search; a method of `Trials`."""
    if options.asynchronous:
        return PollingRunner(trials, options.poll_interval_secs)
    return SerialRunner(domain, trials, options.tracker)
