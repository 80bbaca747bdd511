"""`ChildRun`: the run of one trial."""

from __future__ import annotations

from typing import Any

from sparktune._tracking.exact import encode_trial
from sparktune._tracking.records import milliseconds
from sparktune._trials.documents import Trial

__all__ = ["ChildRun"]


class ChildRun:
    """What is known about the run of one trial."""

    def __init__(self, trial: Trial) -> None:
        self.tid = int(trial["tid"])
        self.started = milliseconds(trial.get("book_time"))
        self.document = encode_trial(trial)
        self.known: str | None = trial["misc"].get("run_id")  # a resumed trial's
        self.run_id: str | None = None
        self.payload: dict[str, Any] | None = None
        self.attempted = False  # a call that failed may have created the run nevertheless
