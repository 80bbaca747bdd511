"""Trials as a pandas table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sparktune._space.compile import CompiledSpace
from sparktune._space.reader import SpaceReader
from sparktune._trials.documents import JOB_STATES, UNFINISHED, Trial, spec_from_misc

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["STATE_NAMES", "trials_table"]

STATE_NAMES = dict(zip(JOB_STATES, ("new", "running", "done", "error", "cancelled"), strict=True))


def trials_table(docs: Iterable[Trial], space: CompiledSpace | None = None) -> pd.DataFrame:
    """Return a table with one row per trial; see `Trials.to_pandas`."""
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            "`to_pandas` needs pandas, which is not installed; hint: pip install pandas."
        ) from error
    reader = SpaceReader(None if space is None else space.expr)
    docs = list(docs)
    labels = dict.fromkeys(label for doc in docs for label in doc["misc"]["vals"])
    columns: dict[str, list[Any]] = {
        "tid": [doc["tid"] for doc in docs],
        "state": [STATE_NAMES[doc["state"]] for doc in docs],
        "status": [doc["result"].get("status") for doc in docs],
        "loss": [_number(doc["result"].get("loss")) for doc in docs],
        "start_time": [doc["book_time"] for doc in docs],
        "end_time": [None if doc["state"] in UNFINISHED else doc["refresh_time"] for doc in docs],
        "run_id": [doc["misc"].get("run_id") for doc in docs],
    }
    specs = [spec_from_misc(doc["misc"]) for doc in docs]
    for label in labels:
        columns[f"params.{label}"] = [_value(reader, label, spec) for spec in specs]
    table = pd.DataFrame(columns)
    for name in ("start_time", "end_time"):
        table[name] = pd.to_datetime(table[name])
    return table


def _number(loss: Any) -> float:
    try:
        return float(loss)
    except (TypeError, ValueError):
        return float("nan")


def _value(reader: SpaceReader, label: str, spec: dict[str, Any]) -> Any:
    if label not in spec:
        return None
    known, chosen = reader.chosen(label, spec)
    if not known:
        return spec[label]
    return reader.readable(label, spec) if isinstance(chosen, (list, dict)) else chosen
