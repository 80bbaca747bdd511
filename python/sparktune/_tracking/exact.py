"""Trial documents as text and back, with exact values and types: what a search resumes from.

MLflow's params are text for people, and the objective may add its own. So the run of each trial
also has its document as JSON, in one tag, or in several if one is too short.
"""

from __future__ import annotations

import datetime
import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import numpy as np

from sparktune._trials.documents import Misc, Trial, new_trial_doc
from sparktune._trials.large import small_items
from sparktune._trials.table import STATE_NAMES

__all__ = ["TAG", "Unreadable", "decode_trial", "encode_trial", "from_tags", "to_tags"]

# MLflow's page shows no tags with the prefix "mlflow."; this one is long and not for people.
TAG = "mlflow.sparktune.trial"
# Servers before 2.15 accept 5,000 characters per tag. Of a document that exceeds the second limit,
# only scalar results are kept.
_TAG_CHARACTERS = 5000
_MAX_CHARACTERS = 60_000
_MAX_TEXT = 10_000
_MAX_ITEMS = 5_000
_MAX_DEPTH = 50
_MAX_BITS = 1_000  # so that a float can hold it
# The dtypes that are written by name; no other is made of a name that is read.
_DTYPES: Final = frozenset(
    ["bool", "float16", "float32", "float64"]
    + [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
)

_STATE_OF = {name: state for state, name in STATE_NAMES.items()}
_TIMES_AND_OWNER: Final = ("book_time", "refresh_time", "owner")
# Keys of `misc` that are written separately, or that the reader can reconstruct.
_KNOWN_MISC = frozenset({"tid", "cmd", "workdir", "idxs", "vals", "error", "traceback", "run_id"})


class Unreadable(ValueError):
    """A text that `encode_trial` has not written."""


class _Inexpressible(Exception):
    """A value that JSON cannot hold exactly."""


def encode_trial(trial: Trial, clean: Callable[[str], str] = str) -> str:
    """Return a document as JSON; `clean` removes secrets from the texts of errors.

    Values of `result` that are not plain data (numbers, text, lists, dicts, small numeric arrays)
    are left out; `vals` must be scalars.
    """
    misc = trial["misc"]
    vals: dict[str, Any] = {}
    types: dict[str, str] = {}
    for label, values in misc["vals"].items():
        vals[label] = None  # inactive
        if len(values):
            vals[label], kind = _encode_value(values[0])
            if kind is not None:
                types[label] = kind
    found: dict[str, Any] = {
        "state": STATE_NAMES[trial["state"]],
        "vals": vals,
        "types": types,
        **{key: _encode_or_none(trial.get(key)) for key in _TIMES_AND_OWNER},
        "version": trial.get("version", 0),
    }
    if misc.get("error"):
        found["error"] = [clean(str(part))[:_MAX_TEXT] for part in misc["error"]]
    if misc.get("traceback"):
        found["traceback"] = clean(str(misc["traceback"]))[-_MAX_TEXT:]
    found["misc"] = _encode_entries({k: v for k, v in misc.items() if k not in _KNOWN_MISC})
    result = dict(small_items(trial.get("result") or {}))
    found["result"] = _encode_entries(result)
    text = _dump(found)
    if len(text) > _MAX_CHARACTERS:
        found["misc"] = {}
        scalars = (int, float, np.number, np.bool_)
        kept = {k: v for k, v in result.items() if k == "status" or isinstance(v, scalars)}
        found["result"] = _encode_entries(kept)
        text = _dump(found)
    return text


def decode_trial(text: str, tid: int) -> Trial:
    """Return the document that `encode_trial` was given, without what it left out.

    Anyone who may write to the store may have changed the text, so nothing in it is trusted.

    Raises
    ------
    Unreadable
        If the text is not such a document.
    """
    try:
        return _read_trial(text, tid)
    except Exception as error:  # whatever json, NumPy and datetime raise for what they do not take
        raise Unreadable(f"{type(error).__name__}: {error!s:.200}") from error


def _read_trial(text: str, tid: int) -> Trial:
    found = json.loads(text)
    types = found["types"]
    vals: dict[str, list[Any]] = {}
    for label, value in found["vals"].items():
        label.encode()  # not a half of a surrogate pair
        kind = types.get(label)
        _expect(kind is None or kind in ("python", "other") or kind in _DTYPES)
        missing = value is None and label not in types
        vals[label] = [] if missing else [_checked(_decode_value(_scalar(value, kind), kind))]
    misc: Misc = {
        "tid": tid,
        "cmd": ("domain_attachment", "FMinIter_Domain"),
        "workdir": None,
        "idxs": {label: [tid] if values else [] for label, values in vals.items()},
        "vals": vals,
    }
    result, more = _decode(found["result"]), _decode(found["misc"])
    _expect(type(result) is dict and type(more) is dict and _KNOWN_MISC.isdisjoint(more))
    _expect(isinstance(result.get("status", ""), str))
    _expect(_is_id(more.get("from_tid", tid)))
    misc.update(cast("Misc", more))
    if "error" in found:
        kind, message = found["error"]
        _expect(isinstance(kind, str) and isinstance(message, str))
        misc["error"] = (kind, message)
    if "traceback" in found:
        _expect(isinstance(found["traceback"], str))
        misc["traceback"] = found["traceback"]
    doc = new_trial_doc(tid, None, result, misc)
    doc["state"] = _STATE_OF[found["state"]]
    _expect(_is_id(found["version"]))
    doc["version"] = found["version"]
    for key in _TIMES_AND_OWNER:
        doc[key] = _decode(found[key])
    for moment in (doc["book_time"], doc["refresh_time"]):
        _expect(moment is None or isinstance(moment, datetime.datetime))
    return doc


def _expect(holds: bool) -> None:
    if not holds:
        raise Unreadable("a part of the document is not what is written there")


def _is_id(value: Any) -> bool:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    return whole and 0 <= value < 2**63


def _scalar(value: Any, kind: str | None) -> Any:
    """Return what was written for the value of a hyperparameter."""
    if kind == "other":
        return value
    _expect(isinstance(value, (bool, int, float)) or (kind == "python" and isinstance(value, str)))
    return value


def _checked(value: Any) -> Any:
    """Return the value of a hyperparameter, which must be finite and fit into 64 bits."""
    if isinstance(value, (int, float, np.number)):
        _expect(math.isfinite(value) and (not isinstance(value, int) or abs(value) < 2**63))
    return value


def to_tags(text: str) -> dict[str, str]:
    """Return tags that hold a text of any length."""
    if len(text) <= _TAG_CHARACTERS:
        return {TAG: text}
    size = _TAG_CHARACTERS - 10
    parts = [text[i : i + size] for i in range(0, len(text), size)]
    tags = {f"{TAG}.{number}": part for number, part in enumerate(parts[1:], 2)}
    # How many there are: a shorter text may have replaced a longer one.
    return {TAG: f"{len(parts)}|{parts[0]}", **tags}


def from_tags(tags: Mapping[str, str]) -> str | None:
    """Return the text that `to_tags` was given; None if a part of it is missing."""
    first = tags.get(TAG)
    if first is None or first.startswith("{"):
        return first
    count, _, start = first.partition("|")
    if not re.fullmatch("[0-9]{1,9}", count) or int(count) > len(tags):
        return None
    names = [f"{TAG}.{number}" for number in range(2, int(count) + 1)]
    if not all(name in tags for name in names):
        return None
    return start + "".join(tags[name] for name in names)


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True)


# -- values of hyperparameters: int and float nearly always, so these are written bare ------------


def _encode_value(value: Any) -> tuple[Any, str | None]:
    if type(value) in (int, float):
        return value, None
    if isinstance(value, np.generic) and value.dtype.kind in "biuf" and value.dtype.itemsize <= 8:
        return value.item(), value.dtype.name
    if isinstance(value, (bool, int, float, str)):
        return value, "python"
    return _encode_or_none(value), "other"


def _decode_value(value: Any, kind: str | None) -> Any:
    if kind is None or kind == "python":
        return value
    return _decode(value) if kind == "other" else np.dtype(kind).type(value)


# -- anything else --------------------------------------------------------------------------------


def _encode_or_none(value: Any) -> Any:
    try:
        return _encode(value, [_MAX_ITEMS])
    except _Inexpressible:
        return None


def _encode_entries(entries: Mapping[Any, Any]) -> Any:
    """Encode a dict without the entries that cannot be."""
    kept = {}
    for key, value in entries.items():
        try:
            _encode((key, value), [_MAX_ITEMS])
        except _Inexpressible:
            continue
        kept[key] = value
    return _encode(kept, [len(kept) * _MAX_ITEMS + 1])


def _encode(value: Any, left: list[int], depth: int = 0) -> Any:
    left[0] -= 1
    if left[0] < 0 or depth > _MAX_DEPTH:
        raise _Inexpressible

    def inner(item: Any) -> Any:
        return _encode(item, left, depth + 1)

    kind = type(value)
    if value is None or kind in (bool, float):
        return value
    if kind is int and value.bit_length() <= _MAX_BITS:
        return value
    if kind is str and len(value) <= _MAX_TEXT:
        return value
    if kind is list:
        return [inner(item) for item in value]
    if kind is tuple:
        return {"$tuple": [inner(item) for item in value]}
    if kind is dict:
        if all(type(key) is str and not key.startswith("$") for key in value):
            return {key: inner(item) for key, item in value.items()}
        return {"$dict": [[inner(key), inner(item)] for key, item in value.items()]}
    if kind is datetime.datetime and value.tzinfo is None:
        return {"$time": value.isoformat()}
    if isinstance(value, np.generic) and value.dtype.name in _DTYPES:
        return {"$numpy": value.dtype.name, "value": value.item()}
    if kind is np.ndarray and value.dtype.name in _DTYPES:
        left[0] -= value.size
        if left[0] >= 0:
            return {"$array": value.dtype.name, "shape": list(value.shape),
                    "value": value.ravel().tolist()}  # fmt: skip
    raise _Inexpressible


def _decode(value: Any, depth: int = 0) -> Any:
    _expect(depth <= _MAX_DEPTH)
    if isinstance(value, list):
        return [_decode(item, depth + 1) for item in value]
    if not isinstance(value, dict):
        _expect(type(value) is not int or value.bit_length() <= _MAX_BITS)
        return value
    if "$tuple" in value:
        return tuple(_decode(item, depth + 1) for item in value["$tuple"])
    if "$dict" in value:
        pairs = value["$dict"]
        return {_decode(key, depth + 1): _decode(item, depth + 1) for key, item in pairs}
    if "$time" in value:
        moment = datetime.datetime.fromisoformat(value["$time"])
        _expect(moment.tzinfo is None)
        return moment
    if "$numpy" in value:
        return _of_dtype(value["$numpy"], [value["value"]])[0]
    if "$array" in value:
        items, shape = value["value"], value["shape"]
        _expect(all(type(side) is int and side >= 0 for side in shape))
        _expect(math.prod(shape) == len(items))
        return _of_dtype(value["$array"], items).reshape(shape)
    return {key: _decode(item, depth + 1) for key, item in value.items()}


def _of_dtype(name: Any, items: Any) -> np.ndarray[Any, Any]:
    _expect(isinstance(name, str) and name in _DTYPES and isinstance(items, list))
    _expect(all(isinstance(item, (bool, int, float)) for item in items))
    return np.array(items, dtype=name)
