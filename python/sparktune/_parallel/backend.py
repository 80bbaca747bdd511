"""`Backend`: what trials run on, as the dispatcher sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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

    Attributes
    ----------
    streams : bool
        Whether `submit` yields each answer as soon as its trial has ended, so that the first trial
        without an answer is the one that runs.
    """

    streams: bool

    def thread_body(self, body: Callable[[], None]) -> Callable[[], None]:
        """Return `body` prepared for a thread of its own; called on the caller's thread."""
        ...

    def submit(
        self, tag: str, payloads: Sequence[bytes], description: str, seconds: float | None = None
    ) -> Iterable[bytes]:
        """Run trials one after the other on one worker; return or yield their answers in order.

        An answer is a pickled `sparktune._worker.task.Answer`. There may be fewer of them than
        payloads, if there are several: the trials that have none did not begin, because the worker
        was busy for more than `seconds`, or for a reason of the back end. `tag` is unique and
        identifies the job to `cancel`; `description` is shown to people.

        Raises
        ------
        BackendLost
            If nothing can run any more.
        TrialLost
            If the job ended through no fault of an objective.
        Exception
            Anything else fails the job only, and counts as the failure of an objective.
        """
        ...

    def cancel(self, tag: str) -> None:
        """Stop the job if it is running; its `submit` then returns or raises soon."""
        ...

    def started(self, tag: str) -> float | None:
        """Return when a submitted job began to run, by the clock `time.monotonic`.

        Infinity means that the job waits for a slot, None that the time is unknown. Called on the
        search's thread when a trial may have timed out: must not block for long.
        """
        ...

    def slots(self) -> int | None:
        """Return how many jobs should run at once now; less than 1 counts as 1.

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
