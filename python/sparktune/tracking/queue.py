"""One background thread that does a tracker's work in order."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable

__all__ = ["BackgroundQueue"]


class BackgroundQueue:
    """Runs jobs one after the other on a daemon thread; urgent ones overtake the others.

    Parameters
    ----------
    on_error : callable
        Called with the exception of a job that raises; returns True to drop all the jobs that
        wait and all that follow.
    name : str
        The thread's name.
    """

    def __init__(self, on_error: Callable[[Exception], bool], name: str) -> None:
        self._on_error = on_error
        self._jobs: queue.PriorityQueue[
            tuple[int, int, Callable[[], None] | None, Callable[[], None] | None]
        ] = queue.PriorityQueue()
        self._numbers = itertools.count()
        self._dropping = threading.Event()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread; jobs may have been put before."""
        self._thread.start()

    def put(
        self,
        job: Callable[[], None],
        *,
        urgent: bool = False,
        on_drop: Callable[[], None] | None = None,
    ) -> None:
        """Add a job; `on_drop` is called if it is dropped instead of run."""
        self._jobs.put((0 if urgent else 1, next(self._numbers), job, on_drop))

    def close(self, timeout: float) -> bool:
        """Wait until all jobs are done; then the thread ends. Called once.

        Returns
        -------
        bool
            False if that took longer than `timeout` seconds; the jobs that wait are dropped, and
            the thread ends with the one that runs.
        """
        self._jobs.put((2, next(self._numbers), None, None))
        if self._thread.ident is None:
            return True
        self._thread.join(timeout)
        if self._thread.is_alive():
            self._dropping.set()
            return False
        return True

    def _work(self) -> None:
        while True:
            _, _, job, on_drop = self._jobs.get()
            if job is None:
                return
            if self._dropping.is_set():
                if on_drop is not None:
                    on_drop()
                continue
            try:
                job()
            except Exception as error:
                if self._on_error(error):
                    self._dropping.set()
