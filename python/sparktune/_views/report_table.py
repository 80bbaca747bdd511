"""The table of trials in the report: as compact JSON for its script, and the first rows as HTML."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from sparktune._views.draw.markup import plain
from sparktune._views.parameters import Parameter, parameters_of
from sparktune._views.trial_data import TrialData

__all__ = ["rows_to_keep", "table_html", "table_json"]

_FIRST = 20  # rows that need no script
_FIRST_LABELS = 12
_MOST_CELLS = 400_000
_EXACT_CELLS = 60_000  # with more of them, numbers have fewer digits
_LONGEST = 300  # of an error

Clean = Callable[[str], str]


def rows_to_keep(data: TrialData) -> list[int]:
    """Return the rows of the table: all, or of very many the best and evenly some of the others."""
    most = max(1000, _MOST_CELLS // (len(data.values) + 5))
    if len(data) <= most:
        return list(range(len(data)))
    order = _from_the_best(data)
    best, others = order[: most // 2], order[most // 2 :]
    step = math.ceil(len(others) / (most - most // 2))
    return sorted([*best, *others[::step]])


def _from_the_best(data: TrialData) -> list[int]:
    losses = np.where(data.ok, data.losses, np.inf)
    return np.argsort(losses, kind="stable").tolist()  # type: ignore[no-any-return]


def table_json(data: TrialData, clean: Clean) -> str:
    """Return the table as columns of JSON, in which no text ends a script."""
    rows = rows_to_keep(data)
    digits = 6 if len(rows) * (len(data.values) + 3) <= _EXACT_CELLS else 4
    statuses = list(dict.fromkeys(data.outcomes))
    place = {each: i for i, each in enumerate(statuses)}
    errors = list(dict.fromkeys(each for each in data.errors if each))
    at = {each: i for i, each in enumerate(errors)}
    seconds = data.ends - data.starts if len(data.ends) else np.full(len(data), np.nan)
    began = data.starts - np.nanmin(data.starts) if np.isfinite(data.starts).any() else seconds
    parameters = parameters_of(data, list(data.values))
    columns = {
        "what": json.dumps(data.what),
        "tid": json.dumps([data.tids[row] for row in rows], default=str, separators=(",", ":")),
        "status": _list([place[data.outcomes[row]] for row in rows]),
        "statuses": json.dumps(statuses),
        "loss": _numbers(data.sign * data.losses[rows], digits),
        "start": _numbers(began[rows], 6),
        "seconds": _numbers(seconds[rows], 4),
        "error": _list([at.get(data.errors[row] or "", -1) for row in rows]) if errors else "null",
        "errors": json.dumps([clean(each)[:_LONGEST] for each in errors]),
        "labels": json.dumps([clean(each.label) for each in parameters]),
        "names": json.dumps([[clean(name) for name in each.names] for each in parameters]),
        "values": "[" + ",".join(_numbers(each.values[rows], digits) for each in parameters) + "]",
    }
    text = "{" + ",".join(f'"{key}":{value}' for key, value in columns.items()) + "}"
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028")


def _list(values: list[int]) -> str:
    return "[" + ",".join(map(str, values)) + "]"


def _numbers(values: Any, digits: int) -> str:
    """Return numbers with a few digits; null for NaN."""
    form = f"%.{digits}g"
    texts = [form % value for value in np.asarray(values, float).tolist()]
    return "[" + ",".join([_json_number(each) for each in texts]) + "]"


def _json_number(text: str) -> str:
    if text[-1] in "nf":  # nan, inf
        return "null" if text == "nan" else f'"{text}"'
    return text.replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")


def table_html(data: TrialData, clean: Clean) -> str:
    """Return the head of the table and the rows of the best trials; the script adds the others."""
    parameters = parameters_of(data, list(data.values)[:_FIRST_LABELS])
    names = ["trial", "status", data.what, *(each.label for each in parameters)]
    head = "".join(f'<th scope="col">{plain(clean(name))}</th>' for name in names)
    lines = []
    for row in _from_the_best(data)[:_FIRST]:
        loss = f"{data.sign * data.losses[row]:.6g}" if not math.isnan(data.losses[row]) else ""
        cells = [str(data.tids[row]), data.outcomes[row], loss]
        cells += [_text(each, row) for each in parameters]
        lines.append("".join(f"<td>{plain(clean(cell))}</td>" for cell in cells))
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table id=t><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _text(parameter: Parameter, row: int) -> str:
    value = float(parameter.values[row])
    if math.isnan(value):
        return ""
    return parameter.names[int(value)] if parameter.names else f"{value:.6g}"
