"""`Backend`: what trials run on, as the dispatcher sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sparktune.exceptions import SparktuneError

__all__ = ["Backend", "BackendLost", "JobFailed"]


class JobFailed(SparktuneError, RuntimeError):
    """The job of one trial failed outside the objective: its process died, say."""


class BackendLost(SparktuneError, RuntimeError):
    """No trial can run any more, such as when the Spark session was stopped."""


class Backend(Protocol):
    """Where trials run. `submit` and `cancel` are called from several threads at once."""

    def thread_body(self, body: Callable[[], None]) -> Callable[[], None]:
        """Return `body` as it must run on a thread of its own; called on the caller's thread."""
        ...

    def submit(self, tag: str, payload: bytes, description: str) -> bytes:
        """Run one trial and return its answer.

        Parameters
        ----------
        tag : str
            Names the trial for `cancel`; unique.
        payload : bytes
            See `sparktune.dispatch.task.encode_payload`.
        description : str
            For people, where the back end shows its jobs.

        Returns
        -------
        bytes
            A pickled `sparktune.dispatch.task.Answer`.

        Raises
        ------
        BackendLost
            If nothing can run any more.
        Exception
            Anything else fails this trial only.
        """
        ...

    def cancel(self, tag: str) -> None:
        """Stop the trial, if it runs; its `submit` then ends soon, however it likes."""
        ...

    def slots(self) -> int | None:
        """Return how many trials can run at once; None if unknown."""
        ...

    def close(self) -> None:
        """Let go of everything that was made for the search."""
        ...
