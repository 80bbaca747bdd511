"""Cancels jobs of Spark Connect without waiting for the server."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

__all__ = ["Interrupter"]

logger = logging.getLogger("sparktune.spark")

_CLOSE_SECONDS = 2.0
# The shortest and the longest pause between two interruptions of what still runs after `close`.
_INTERRUPT_AGAIN_SECONDS = 0.5
_INTERRUPT_AGAIN_AT_MOST = 5.0


class Interrupter:
    """Interrupts operations on a thread of its own: a server that is gone blocks for minutes.

    `left` returns the tags of the operations that should have ended but have not.
    """

    def __init__(self, spark: Any, left: Callable[[], set[str]]) -> None:
        self._spark = spark
        self._left = left
        self._tags: SimpleQueue[str | None] = SimpleQueue()
        self._waiting: set[str] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def interrupt(self, tag: str) -> None:
        """Interrupt the operations that have a tag, without waiting."""
        if self._spark.is_stopped:
            return
        with self._lock:
            if tag in self._waiting:
                return
            self._waiting.add(tag)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="sparktune-interrupter", daemon=True
                )
                self._thread.start()
        self._tags.put(tag)

    def close(self) -> None:
        """End the thread as soon as nothing is left to interrupt; wait two seconds at most."""
        if self._thread is not None:
            self._tags.put(None)
            self._thread.join(_CLOSE_SECONDS)

    def _run(self) -> None:
        while (tag := self._tags.get()) is not None:
            with self._lock:
                self._waiting.discard(tag)  # from here on it may be asked for again
            self._interrupt_now(tag)
        # A server that was away may handle an interruption before the job that it is meant for.
        # Nothing else asks again by now, and that job would keep its slot until it ends by itself.
        pause = _INTERRUPT_AGAIN_SECONDS
        while (left := self._left()) and not self._spark.is_stopped:
            for tag in left:
                self._interrupt_now(tag)
            time.sleep(pause)
            pause = min(2 * pause, _INTERRUPT_AGAIN_AT_MOST)

    def _interrupt_now(self, tag: str) -> None:
        try:
            self._spark.interruptTag(tag)
        except Exception:
            if not self._spark.is_stopped:
                logger.warning("The job %s could not be cancelled.", tag, exc_info=True)
