"""The contract between a search and its tracking; imports nothing outside the standard library."""

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
    "Trial",
]


@dataclass(frozen=True)
class ResumedSearch:
    """Where trials that were read from a tracking store came from.

    Parameters
    ----------
    run_id : str
        The parent run.
    uuid : str
        The search's ``fmin_uuid``.
    space : Any
        The description of its space, as JSON has it; ``None`` if it could not be read.
    open_runs : frozenset of str
        Runs that are still open although their trials have ended: the driver died in between.
    """

    run_id: str
    uuid: str
    space: Any = None
    open_runs: frozenset[str] = frozenset()


@dataclass(frozen=True)
class SearchInfo:
    """What a tracker must know about a search before its first trial.

    Parameters
    ----------
    params : mapping of str to Any
        The arguments of `fmin` and of the `Trials` object to record, by name: ``max_evals``,
        ``timeout``, ``loss_threshold``, ``max_queue_len``, ``algo`` (its name), ``parallelism`` and
        others. They become params of the parent run; values of ``None`` are left out.
    space : Any
        The expression of the search space (``domain.expr``), for the description of the space and
        for the readable values of choices. ``None`` leaves both out.
    uuid : str
        Identifies this search: 32 hexadecimal digits, by default new ones.
    resumed : ResumedSearch or None
        The search that this one continues: its parent run is used again, unless another run is
        active.
    past : sequence of Trial
        The trials of `resumed` that have ended; they are counted, not written again.
    """

    params: Mapping[str, Any]
    space: Any = None
    uuid: str = field(default_factory=lambda: uuid.uuid4().hex)
    resumed: ResumedSearch | None = None
    past: Sequence[Trial] = ()


@dataclass(frozen=True)
class SearchSummary:
    """How a search ended.

    Parameters
    ----------
    status : {"FINISHED", "FAILED", "KILLED"}
        ``FAILED`` when an exception ends `fmin`, ``KILLED`` when that is a `KeyboardInterrupt`.
    best_trial : dict or None
        The best trial's document where there is one, trials of earlier searches included.
    error : str or None
        The traceback, as text, of the exception that ended the search.
    """

    status: Literal["FINISHED", "FAILED", "KILLED"]
    best_trial: Trial | None = None
    error: str | None = None


class TrackedRun(Protocol):
    """The run of one trial, which may not exist yet."""

    def payload(self, timeout: float | None = None) -> dict[str, Any] | None:
        """Wait for the run and return what the worker needs to log into it.

        Call it on a thread that may block (just before the trial is submitted), never in the loop.

        Parameters
        ----------
        timeout : float or None
            The longest wait in seconds; ``None`` means the tracker's own limit.

        Returns
        -------
        dict or None
            Plain picklable data for `sparktune._worker.mlflow_run.worker_run`; its ``run_id`` is
            ``None`` when there is no run to log into. ``None`` when nothing is recorded.
        """
        ...

    def note(self, text: str) -> None:
        """Take a message of a worker about its logging; called on any thread.

        Parameters
        ----------
        text : str
            A message for the user, who is told the first one of each search.
        """
        ...


class Tracker(Protocol):
    """Records a search. No method raises, and none waits longer than a bounded time.

    `begin` and `end` are called on the thread that called `fmin`, the others on the search loop's.
    """

    def begin(self, info: SearchInfo) -> None:
        """Start recording; called once, before the first trial."""
        ...

    def trial_started(self, trial: Trial) -> TrackedRun | None:
        """Record that `trial` is about to run."""
        ...

    def trial_finished(self, trial: Trial) -> None:
        """Record the end of `trial`: its state is DONE, ERROR or CANCEL."""
        ...

    def local_run(self, trial: Trial) -> AbstractContextManager[object]:
        """Return the context in which a trial runs on this thread, so that it can log."""
        ...

    def end(self, summary: SearchSummary) -> None:
        """Finish recording; called once, however the search ended, even if `begin` was interrupted.

        Ctrl-C ends the waiting, but what says how the runs ended is still written if that is quick.
        """
        ...


class NullTracker:
    """Records nothing."""

    def begin(self, info: SearchInfo) -> None:
        """Do nothing."""

    def trial_started(self, trial: Trial) -> None:
        """Do nothing."""

    def trial_finished(self, trial: Trial) -> None:
        """Do nothing."""

    def local_run(self, trial: Trial) -> AbstractContextManager[object]:
        """Return a context that does nothing."""
        return nullcontext()

    def end(self, summary: SearchSummary) -> None:
        """Do nothing."""
