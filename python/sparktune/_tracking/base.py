"""The contract between a search and its tracking."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from sparktune._trials.documents import Trial

__all__ = [
    "NullTracker",
    "ResumedSearch",
    "SearchInfo",
    "SearchSummary",
    "TrackedRun",
    "Tracker",
]


@dataclass(frozen=True)
class ResumedSearch:
    """Where trials that were read from a tracking store came from."""

    run_id: str  # of the parent run
    uuid: str  # of the search
    space: Any = None  # its description, as JSON has it; None if it could not be read
    # The driver died in between: runs that were not ended, and ended trials that have no run.
    open_runs: frozenset[str] = frozenset()
    missing: frozenset[int] = frozenset()


@dataclass(frozen=True)
class SearchInfo:
    """What a tracker must know about a search before its first trial."""

    params: Mapping[str, Any]  # of the parent run; values of None are left out
    space: Any = None  # the expression of the space; None leaves out its description
    uuid: str = field(default_factory=lambda: uuid.uuid4().hex)
    resumed: ResumedSearch | None = None  # its parent run is used again, unless another is active
    past: Sequence[Trial] = ()  # its trials that have ended: counted, not written again
    objective: str = ""  # its name, empty if it has none
    trials_class: str = "Trials"
    maximize: bool = False  # whether losses are negative scores
    known_run: str | None = None  # of a trial that was there before, if it was recorded
    trials: Any = None  # for the report


@dataclass(frozen=True)
class SearchSummary:
    """How a search ended: FAILED by an exception, KILLED by a `KeyboardInterrupt`."""

    status: Literal["FINISHED", "FAILED", "KILLED"]
    best_trial: Trial | None = None  # of all trials, those of earlier searches included
    error: str | None = None  # the traceback of the exception that ended the search


class TrackedRun(Protocol):
    """The run of one trial, which may not exist yet."""

    def payload(self) -> dict[str, Any] | None:
        """Wait for the run and return the payload of `sparktune._worker.mlflow_run.worker_run`.

        Its ``run_id`` is None if there is no run to log into. The result is None if nothing is
        recorded. Never call it in the search loop, as it may block for seconds.
        """
        ...

    def note(self, text: str) -> None:
        """Take a worker's message for the user about its logging; called on any thread."""
        ...


class Tracker(Protocol):
    """Records a search. No method raises, and none waits longer than a bounded time.

    `begin` and `end` are called on the thread that called `fmin`, the others on the search loop's.
    """

    def begin(self, info: SearchInfo) -> None:
        """Start recording; called once, before the first trial."""
        ...

    def parent(self) -> dict[str, str] | None:
        """Return `uri`, `run_id` and `uuid` of what is recorded; None until the run is known."""
        ...

    def trial_started(self, trial: Trial) -> TrackedRun | None:
        """Record that `trial` is about to run, or to run again after it was lost."""
        ...

    def trial_finished(self, trial: Trial) -> None:
        """Record the end of `trial`: its state is DONE, ERROR or CANCEL."""
        ...

    def local_run(self, trial: Trial) -> AbstractContextManager[object]:
        """Return the context in which a trial runs on this thread, so that it can log."""
        ...

    def end(self, summary: SearchSummary) -> None:
        """Finish recording; called once, however the search ended, even if `begin` was interrupted.

        Ctrl-C ends the wait, but how the runs ended is still written if that is quick.
        """
        ...


class NullTracker:
    """Records nothing."""

    def begin(self, info: SearchInfo) -> None:
        """Do nothing."""

    def parent(self) -> None:
        """Return None."""

    def trial_started(self, trial: Trial) -> None:
        """Do nothing."""

    def trial_finished(self, trial: Trial) -> None:
        """Do nothing."""

    def end(self, summary: SearchSummary) -> None:
        """Do nothing."""

    def local_run(self, trial: Trial) -> AbstractContextManager[object]:
        """Return a context that does nothing."""
        return nullcontext()
