"""`Backend`: what trials run on, as the dispatcher sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sparktune.exceptions import BackendLost, JobFailed

__all__ = ["Backend", "BackendLost", "JobFailed"]


class Backend(Protocol):
    """Where trials run. `submit` and `cancel` are called from several threads at once.

    A back end serves one search and is made from a `sparktune._parallel.cargo.Cargo`. It ships
    ``cargo.data`` and each of ``cargo.parcels`` (the data of `sparktune.with_data`) to its workers
    once, by the best means that it has, and gets the function that runs a trial from
    ``cargo.task(shipped, parcels)``. `shipped` and the values of `parcels` are bytes, objects with
    bytes as their ``value``, or functions that return bytes or a mapped file on the worker
    (`sparktune._worker.task.mapped`).
    """

    def thread_body(self, body: Callable[[], None]) -> Callable[[], None]:
        """Return `body` prepared for a thread of its own; called on the caller's thread."""
        ...

    def submit(self, tag: str, payload: bytes, description: str) -> bytes:
        """Run one trial and return its answer.

        Parameters
        ----------
        tag : str
            Identifies the trial for `cancel`; unique.
        payload : bytes
            See `sparktune._worker.task.encode_payload`.
        description : str
            For people, where the back end shows its jobs.

        Returns
        -------
        bytes
            A pickled `sparktune._worker.task.Answer`.

        Raises
        ------
        BackendLost
            If nothing can run any more.
        Exception
            Anything else fails this trial only.
        """
        ...

    def cancel(self, tag: str) -> None:
        """Stop the trial if it runs; its `submit` then returns or raises soon."""
        ...

    def started(self, tag: str) -> float | None:
        """Return when a trial that was submitted began to run, by the clock `time.monotonic`.

        Infinity means that the trial waits for a slot, None that the time is unknown. Called on the
        search's thread when a trial may have timed out: must not block for long.
        """
        ...

    def slots(self) -> int | None:
        """Return how many trials should run at once now.

        Called when the search begins and then, at most once per second, on a thread of its own.
        None means that the back end sets no limit: the number is unknown, or the back end grows
        while work waits. If it is None at first, it is not asked for again. Less than 1 counts as
        1.
        """
        ...

    def close(self) -> None:
        """Release everything that was made for the search."""
        ...
