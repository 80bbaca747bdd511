"""`Backend`: what trials run on, as the dispatcher sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

__all__ = ["LOOPBACK", "Backend"]

LOOPBACK = "127.0.0.1"
"""Where processes of this machine, and nobody else, reach the driver."""


class Backend(Protocol):
    """Where trials run. `submit` and `cancel` are called from several threads at once.

    A back end serves one search and is made from a `sparktune._parallel.cargo.Cargo`. It ships
    ``cargo.data`` and each of ``cargo.parcels`` (the data of `sparktune.with_data`) to its workers
    once, and gets the function that runs a trial from ``cargo.task(shipped, parcels)``. `shipped`
    and the values of `parcels` are what `sparktune._worker.task` accepts.
    """

    def thread_body(self, body: Callable[[], None]) -> Callable[[], None]:
        """Return `body` prepared for a thread of its own; called on the caller's thread."""
        ...

    def submit(self, tag: str, payload: bytes, description: str) -> bytes:
        """Run one trial and return its answer, a pickled `sparktune._worker.task.Answer`.

        `tag` is unique and identifies the trial to `cancel`; `description` is shown to people.

        Raises
        ------
        BackendLost
            If nothing can run any more.
        TrialLost
            If the trial ended through no fault of its objective.
        Exception
            Anything else fails this trial only, and counts as the objective's failure.
        """
        ...

    def cancel(self, tag: str) -> None:
        """Stop the trial if it is running; its `submit` then returns or raises soon."""
        ...

    def started(self, tag: str) -> float | None:
        """Return when a submitted trial began to run, by the clock `time.monotonic`.

        Infinity means that the trial waits for a slot, None that the time is unknown. Called on the
        search's thread when a trial may have timed out: must not block for long.
        """
        ...

    def slots(self) -> int | None:
        """Return how many trials should run at once now; less than 1 counts as 1.

        None means that the back end sets no limit, because the number is unknown or the back end
        grows while work waits. Called when the search begins and then, unless that returned None,
        at most once per second on a thread of its own.
        """
        ...

    def line_hosts(self) -> tuple[str, str] | None:
        """Return where the driver can listen to running trials, and how workers reach it.

        None means that workers cannot reach the driver.
        """
        ...

    def close(self) -> None:
        """Release everything that was made for the search."""
        ...
