"""`Flight`: one trial on its way to a back end and back."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import Any

from sparktune._parallel import answers
from sparktune._parallel.backend import Backend
from sparktune._search.runner import Finished
from sparktune._tracking.base import TrackedRun
from sparktune._trials.documents import Trial, spec_from_misc
from sparktune._trials.stored import LargeValues
from sparktune._worker.task import encode_payload

__all__ = ["CANCEL_AGAIN_SECONDS", "Flight"]

CANCEL_AGAIN_SECONDS = 0.5
"""How long to wait after the first cancellation before cancelling again."""


@dataclass(eq=False)
class Flight:
    """A trial on its way."""

    trial: Trial  # only read
    tracked: TrackedRun | None
    tag: str  # of its job
    search_seed: int | None = None
    handle: dict[str, Any] | None = None  # see `Handles.data`
    cancelled: bool = False
    submitted: float | None = None  # when; written by the thread
    deadline: float = float("inf")  # when the trial times out
    cancel_again: float = float("inf")  # when to cancel once more, ...
    patience: float = CANCEL_AGAIN_SECONDS  # ... and how long after the last time

    def run(self, backend: Backend, store: LargeValues) -> Finished | None:
        """Submit the trial and wait for its answer; None if it was cancelled."""
        if self.cancelled:
            return None
        tracked = None if self.tracked is None else self.tracked.payload()
        values = spec_from_misc(self.trial["misc"])
        payload = encode_payload(values, tracked, self._seed(), self.handle)
        self.submitted = time.monotonic()
        if self.cancelled:
            return None
        answer = backend.submit(self.tag, payload, _description(self.trial, values))
        if self.cancelled:
            return None
        return answers.finished(self.trial, answer, self.tracked, store)

    def _seed(self) -> int | None:
        """Return what the random generators of the trial start from, wherever it runs."""
        if self.search_seed is None:
            return None
        text = f"{self.search_seed} {self.trial['tid']}"
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "little")


def _description(trial: Trial, values: dict[str, Any]) -> str:
    shown = ", ".join(
        f"{label}={value:.4g}" if isinstance(value, float) else f"{label}={value}"
        for label, value in values.items()
    )
    text = f"sparktune trial {trial['tid']}: {shown}"
    return text if len(text) <= 200 else text[:197] + "..."
