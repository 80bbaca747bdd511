"""What charts read of trials: read once, as columns."""

from __future__ import annotations

import datetime
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from sparktune._space.reader import SpaceReader
from sparktune._trials.documents import STATUS_FAIL, STATUS_OK, UNFINISHED
from sparktune._trials.findings import docs_of, error_of, outcome_of
from sparktune._trials.results import is_score
from sparktune.exceptions import InvalidArgumentType

__all__ = ["Floats", "Lost", "TrialData", "read_trials"]

Floats = npt.NDArray[np.float64]

_WORDS = {STATUS_OK: "without a finite loss", STATUS_FAIL: "failed"}


@dataclass(frozen=True)
class Lost:
    """An attempt of a trial that was lost, and was made again."""

    row: int
    start: float
    end: float
    error: str


@dataclass(frozen=True)
class TrialData:
    """The trials of a search in the order of their ids, as columns with one value per trial.

    Attributes
    ----------
    tids : list
        Their ids.
    outcomes : list of str
        The status of the result; "fail" if it raised, "cancelled" if it was.
    losses : array
        Such as they are, also infinite; NaN if there is none.
    maximized : bool
        Whether the losses are the negatives of scores.
    values : dict of str to array
        By label, NaN where the hyperparameter was inactive.
    options : dict of str to list
        Names of the options of each choice, in the order of the space, if that is known.
    priors : dict of str to str
        The distribution of each hyperparameter, such as "loguniform", if that is known.
    starts, ends : array
        Seconds since the epoch, NaN if there is none.
    errors : list of str or None
        The exception of a trial that raised, in one line.
    curves : dict of int to (steps, losses)
        What trials reported, by their row.
    lost : list of Lost
        Attempts that were lost.
    brief : bool
        Whether the texts for hovering only name the trial: the report adds the rest by itself.
    """

    tids: list[Any]
    outcomes: list[str]
    losses: Floats
    maximized: bool = False
    values: dict[str, Floats] = field(default_factory=dict)
    options: dict[str, list[Any]] = field(default_factory=dict)
    priors: dict[str, str] = field(default_factory=dict)
    starts: Floats = field(default_factory=lambda: np.empty(0))
    ends: Floats = field(default_factory=lambda: np.empty(0))
    errors: list[str | None] = field(default_factory=list)
    curves: dict[int, tuple[Floats, Floats]] = field(default_factory=dict)
    lost: list[Lost] = field(default_factory=list)
    brief: bool = False

    def __len__(self) -> int:
        return len(self.tids)

    @property
    def what(self) -> str:
        """What charts call the losses: "loss", or "score"."""
        return "score" if self.maximized else "loss"

    @property
    def sign(self) -> float:
        """What a loss is multiplied by to be shown."""
        return -1.0 if self.maximized else 1.0

    @cached_property
    def x(self) -> Floats:
        """The place of each trial on an axis of trials: its id, if all ids are numbers."""
        if all(isinstance(tid, (int, float)) for tid in self.tids):
            return np.array(self.tids, dtype=float)
        return np.arange(len(self.tids), dtype=float)

    @cached_property
    def finite(self) -> npt.NDArray[np.bool_]:
        """Whether each trial has a finite loss."""
        return np.isfinite(self.losses)

    @cached_property
    def ok(self) -> npt.NDArray[np.bool_]:
        """Whether each trial may be the best one."""
        ok: npt.NDArray[np.bool_] = np.array([each == STATUS_OK for each in self.outcomes], bool)
        return ok & self.finite

    @cached_property
    def best(self) -> int | None:
        """The row of the best trial, the first of equals."""
        return int(np.argmin(np.where(self.ok, self.losses, math.inf))) if self.ok.any() else None

    def rows(self, outcome: str) -> npt.NDArray[np.intp]:
        """Return the rows of trials with an outcome."""
        return np.flatnonzero([each == outcome for each in self.outcomes])

    def counted(self) -> str:
        """Return what became of the trials, such as "12 trials: 10 failed, 2 running"."""
        counts = Counter(
            _WORDS[each] if each == STATUS_FAIL or (each == STATUS_OK and not finite) else each
            for each, finite in zip(self.outcomes, self.finite.tolist(), strict=True)
        )
        listed = ", ".join(f"{count} {what}" for what, count in counts.most_common())
        return f"{len(self)} trial{'s' if len(self) > 1 else ''}: {listed}"


def read_trials(trials: Any) -> TrialData:
    """Read all trials, those that raised, were cancelled or are running too.

    Parameters
    ----------
    trials : Trials
        Or something with a list of documents `trials`.

    Raises
    ------
    InvalidArgumentType
        If it is neither.
    """
    if not hasattr(trials, "trials"):
        raise InvalidArgumentType(f"`trials` must be a Trials; got {trials!r:.300}.")
    docs: list[Any] = list(docs_of(trials) if hasattr(trials, "_dynamic_trials") else trials.trials)
    try:
        docs.sort(key=lambda doc: doc["tid"])
    except TypeError:  # ids of several types
        docs.sort(key=lambda doc: str(doc["tid"]))
    results = [doc["result"] for doc in docs]
    outcomes = [
        outcome_of(doc) if "state" in doc else str(doc["result"].get("status", "new"))
        for doc in docs
    ]
    losses = _floats([result.get("loss") for result in results])
    scored = [
        is_score(result)
        for result, outcome, finite in zip(results, outcomes, np.isfinite(losses), strict=True)
        if finite and outcome == STATUS_OK
    ]
    maximized = bool(scored) and all(scored)
    space = getattr(trials, "_space", None)
    return TrialData(
        tids=[doc["tid"] for doc in docs],
        outcomes=outcomes,
        losses=losses,
        maximized=maximized,
        values=_columns([doc["misc"]["vals"] for doc in docs]),
        options={} if space is None else SpaceReader(space.expr).names(),
        priors={
            label: str(known[0])
            for label, known in (getattr(trials, "_distributions", None) or {}).items()
        },
        starts=_seconds([doc.get("book_time") for doc in docs]),
        ends=_seconds(
            [None if doc.get("state") in UNFINISHED else doc.get("refresh_time") for doc in docs]
        ),
        errors=[error_of(doc) if "state" in doc else None for doc in docs],
        curves=dict(_curves(results)),
        lost=[lost for row, doc in enumerate(docs) for lost in _lost(row, doc)],
    )


def _columns(vals: Sequence[Mapping[str, Any]]) -> dict[str, Floats]:
    """Return the values by label."""
    labels = dict.fromkeys(chain.from_iterable(dict.fromkeys(map(tuple, vals))))
    return {
        label: _floats([v[0] if (v := each.get(label)) else math.nan for each in vals])
        for label in labels
    }


def _floats(values: Sequence[Any]) -> Floats:
    """Return numbers as an array, NaN for what is not a number."""
    try:
        return np.array([math.nan if value is None else value for value in values], dtype=float)
    except (TypeError, ValueError, OverflowError):
        return np.array([_number(value) for value in values], dtype=float)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _seconds(times: Sequence[Any]) -> Floats:
    """Return times in UTC as seconds since the epoch."""
    known = [time if isinstance(time, datetime.datetime) else None for time in times]
    micros = np.array(known, dtype="datetime64[us]")
    return np.where(np.isnat(micros), np.nan, micros.astype(np.int64) / 1e6)


def _curves(results: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, tuple[Floats, Floats]]]:
    for row, result in enumerate(results):
        curve = result.get("curve")
        if isinstance(curve, Mapping) and "steps" in curve and "losses" in curve:
            steps, losses = _floats(list(curve["steps"])), _floats(list(curve["losses"]))
            if len(steps) == len(losses) > 0:
                yield row, (steps, losses)


def _lost(row: int, doc: Mapping[str, Any]) -> Iterator[Lost]:
    for each in doc["misc"].get("attempts", ()):
        start, end = _seconds([each.get("start_time"), each.get("end_time")]).tolist()
        if math.isfinite(start) and math.isfinite(end):
            yield Lost(row, start, end, str(each.get("error") or each.get("reason") or ""))
