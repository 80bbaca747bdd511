"""Trials as a pandas table."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sparktune._space.compile import CompiledSpace
from sparktune._space.reader import SpaceReader
from sparktune._trials.attempts import attempts_of
from sparktune._trials.documents import JOB_STATES, UNFINISHED, Trial, plain, spec_from_misc
from sparktune._trials.findings import error_of, outcome_of
from sparktune._trials.large import small_items

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["STATE_NAMES", "curves_table", "named", "trials_table"]

STATE_NAMES = dict(zip(JOB_STATES, ("new", "running", "done", "error", "cancelled"), strict=True))

_SCALARS = (str, bool, int, float, np.generic, datetime.date)


def trials_table(docs: Iterable[Trial], space: CompiledSpace | None = None) -> pd.DataFrame:
    """Return a table with one row per trial; see `Trials.to_pandas`."""
    pd = _pandas("to_pandas")
    names = {} if space is None else SpaceReader(space.expr).names()
    docs = list(docs)
    columns: dict[str, list[Any]] = {
        "tid": [doc["tid"] for doc in docs],
        "state": [STATE_NAMES[doc["state"]] for doc in docs],
        "status": [outcome_of(doc) for doc in docs],
        "loss": [_number(doc["result"].get("loss")) for doc in docs],
        "error": [error_of(doc) for doc in docs],
        "start_time": [doc["book_time"] for doc in docs],
        "end_time": [None if doc["state"] in UNFINISHED else doc["refresh_time"] for doc in docs],
        "duration": [],  # here for its place
        "attempts": [attempts_of(doc) for doc in docs],
        "last_step": [_last_step(doc) for doc in docs],
        "run_id": [doc["misc"].get("run_id") for doc in docs],
    }
    specs = [spec_from_misc(doc["misc"]) for doc in docs]
    for label in dict.fromkeys(label for doc in docs for label in doc["misc"]["vals"]):
        options = names.get(label)
        column = [spec.get(label) for spec in specs]
        columns[f"params.{label}"] = (
            column if options is None else [named(options, value) for value in column]
        )
    columns.update(_returned(docs))
    start, end = (pd.Series(pd.to_datetime(columns[name])) for name in ("start_time", "end_time"))
    return pd.DataFrame(
        columns
        | {"start_time": start, "end_time": end, "duration": (end - start).dt.total_seconds()}
    )


def curves_table(docs: Iterable[Trial]) -> pd.DataFrame:
    """Return a table with one row per report of a trial; see `Trials.curves`."""
    pd = _pandas("curves")
    rows = [
        (doc["tid"], outcome_of(doc), step, loss)
        for doc in docs
        for step, loss in zip(*_curve(doc), strict=True)
    ]
    return pd.DataFrame(rows, columns=["tid", "status", "step", "loss"])


def _pandas(method: str) -> Any:
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            f"`{method}` needs pandas, which is not installed; hint: pip install pandas."
        ) from error
    return pandas


def _curve(doc: Trial) -> tuple[Sequence[Any], Sequence[Any]]:
    curve = doc["result"].get("curve")
    if not isinstance(curve, dict) or "steps" not in curve or "losses" not in curve:
        return (), ()
    return curve["steps"], curve["losses"]


def _last_step(doc: Trial) -> Any:
    steps, _ = _curve(doc)
    return steps[-1] if len(steps) else None


def named(options: Sequence[Any], value: Any) -> Any:
    """Return the name of the option that a choice has the value of; other values as they are."""
    if value is None:
        return None
    at = int(value)
    return options[at] if 0 <= at < len(options) else value


def _returned(docs: Sequence[Trial]) -> dict[str, list[Any]]:
    """Return a column for each key under which an objective returned numbers, texts or dates."""
    columns: dict[str, list[Any]] = {}
    for row, doc in enumerate(docs):
        for key, value in small_items(doc["result"]):
            if key not in ("loss", "status") and isinstance(value, _SCALARS):
                name = f"result.{key}"
                if name not in columns:
                    columns[name] = [None] * len(docs)
                columns[name][row] = plain(value)
    return columns


def _number(loss: Any) -> float:
    try:
        return float(loss)
    except (TypeError, ValueError):
        return float("nan")
