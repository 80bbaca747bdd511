"""Which hyperparameters mattered, as a table."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Sequence
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sparktune._core import Space as CoreSpace
from sparktune._core import importance
from sparktune._trials.documents import JOB_STATE_DONE, STATUS_OK, STATUS_PRUNED, Trial
from sparktune.exceptions import InvalidArgument

if TYPE_CHECKING:
    import pandas as pd

    from sparktune._space.compile import CompiledSpace

__all__ = ["FEW", "importance_columns", "importance_table"]

logger = logging.getLogger("sparktune.importance")

METHODS = ("fanova", "ped-anova")

#: With fewer trials than this, importances are rough.
FEW = 100

# As many whole numbers as the core tells apart; more are a range of numbers.
_OPTIONS = 128


def importance_columns(trials: Any) -> tuple[list[str], list[float], list[float], list[float]]:
    """Return labels, importances, and the ends of their intervals, the most important ones first.

    For charts, which say themselves that there are few trials: nothing is logged.
    """
    logger.addFilter(_is_not_said)
    try:
        table = trials.importance()
    finally:
        logger.removeFilter(_is_not_said)
    labels, shares = list(table["parameter"]), list(table["importance"])
    order = sorted(range(len(labels)), key=lambda at: -shares[at])
    shares, low, high = (
        [float(column[at]) for at in order]
        for column in (shares, list(table["low"]), list(table["high"]))
    )
    return [str(labels[at]) for at in order], shares, low, high


def _is_not_said(record: logging.LogRecord) -> bool:
    return False


def importance_table(
    docs: Iterable[Trial], space: CompiledSpace | None, method: str, *, pairs: bool
) -> pd.DataFrame:
    """Return a table with one row per hyperparameter; see `Trials.importance`."""
    pd = _pandas()
    if method not in METHODS:
        raise InvalidArgument(f"`method` must be one of {', '.join(METHODS)}; got {method!r}.")
    if pairs and method != "fanova":
        raise InvalidArgument(f"`pairs` needs the method 'fanova'; got {method!r}.")
    counted, losses = _counted(docs)
    labels = _labels(counted) if space is None else space.labels
    rows = _rows(counted, labels)
    core = _space_of(labels, rows) if space is None else space.core
    if len(counted) < FEW:
        logger.warning(
            "Importances of %d trials are rough; the columns low and high say how rough.",
            len(counted),
        )
    effects = importance(core, losses, rows, method=method, pairs=pairs)
    active = ~np.isnan(rows)
    found = [
        {
            "parameter": labels[one],
            "partner": None if other is None else labels[other],
            "importance": share,
            "low": low,
            "high": high,
            "active": int((active[:, one] & active[:, one if other is None else other]).sum()),
        }
        for one, other, share, low, high in effects
    ]
    columns = ["parameter", "partner", "importance", "low", "high", "active"]
    if not pairs:
        columns.remove("partner")
    table = pd.DataFrame(found, columns=columns)
    return table.sort_values("importance", ascending=False, kind="stable", ignore_index=True)


def _pandas() -> Any:
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            "`importance` needs pandas, which is not installed; hint: pip install pandas."
        ) from error
    return pandas


def _counted(docs: Iterable[Trial]) -> tuple[list[Trial], list[float]]:
    """Return the trials that ended with a loss, and their losses, all finite."""
    counted, losses = [], []
    for doc in docs:
        if doc["state"] != JOB_STATE_DONE:
            continue
        result = doc["result"]
        if result.get("status") not in (STATUS_OK, STATUS_PRUNED):
            continue
        counted.append(doc)
        try:
            losses.append(float(result.get("loss", math.nan)))
        except (OverflowError, TypeError, ValueError):
            losses.append(math.nan)
    finite = [loss for loss in losses if math.isfinite(loss)]
    if len(finite) < 2:
        raise InvalidArgument(
            "Importance needs at least two trials with a finite loss; "
            f"got {len(finite)} of {len(counted)} that ended with status ok or pruned."
        )
    worst = max(finite)
    losses = [loss if math.isfinite(loss) else worst for loss in losses]
    if min(losses) == worst:
        raise InvalidArgument(
            f"Importance needs losses that differ; all {len(losses)} are {worst!r}."
        )
    return counted, losses


def _labels(docs: Sequence[Trial]) -> tuple[str, ...]:
    labels: dict[str, None] = {}
    for doc in docs:
        if not doc["misc"]["vals"].keys() <= labels.keys():
            labels.update(dict.fromkeys(doc["misc"]["vals"]))
    return tuple(labels)


def _rows(docs: Sequence[Trial], labels: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return the values of the trials, NaN where a hyperparameter is inactive."""
    every = [doc["misc"]["vals"] for doc in docs]
    if len(labels) > 1:
        try:
            return _usual_rows(every, labels)
        except (KeyError, OverflowError, TypeError, ValueError):
            pass
    return np.array([[_value(vals.get(label)) for label in labels] for vals in every], dtype=float)


def _usual_rows(every: Sequence[Any], labels: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return the same if all have a list of one number or none for each label, which is faster."""
    lists = list(chain.from_iterable(map(itemgetter(*labels), every)))
    active = np.fromiter(map(len, lists), dtype=np.int64, count=len(lists))
    if active.max(initial=0) > 1:
        raise ValueError("several values")
    rows = np.full(len(lists), math.nan)
    count = int(active.sum())
    rows[active == 1] = np.fromiter(chain.from_iterable(lists), dtype=float, count=count)
    return rows.reshape(len(every), len(labels))


def _value(values: Any) -> float:
    try:
        return float(values[0])
    except (IndexError, KeyError, OverflowError, TypeError, ValueError):
        return math.nan


def _space_of(labels: Sequence[str], rows: npt.NDArray[np.float64]) -> CoreSpace:
    """Return a space in which the values lie; the core finds out when each is active."""
    params: list[tuple[str, str, list[float], list[list[tuple[int, int]]]]] = []
    for label, column in zip(labels, rows.T, strict=True):
        values = column[np.isfinite(column)]
        low, high = (values.min(), values.max()) if len(values) else (0.0, 0.0)
        whole = bool((values == np.floor(values)).all()) and abs(high) + abs(low) < 2**52
        params.append((label, *_prior(float(low), float(high), values, whole), [[]]))
    return CoreSpace(params)


def _prior(
    low: float, high: float, values: npt.NDArray[np.float64], whole: bool
) -> tuple[str, list[float]]:
    if whole and high - low < _OPTIONS:
        return "randint", [low, high + 1]
    if low == high:
        return "randint", [0.0, 1.0]
    if low > 0 and _evenness(np.log(values)) > _evenness(values):
        return "loguniform", [math.log(low), math.log(high)]
    return "uniform", [low, high]


def _evenness(values: npt.NDArray[np.float64]) -> float:
    """Return the standard deviation, of values scaled to a range of 1."""
    return float(np.std(values) / (values.max() - values.min()))
