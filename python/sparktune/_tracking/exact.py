"""Trial documents as text and back, with exact values and types: what a search resumes from.

MLflow's params are text for people, and the objective may add its own. So the run of each trial
also has its document as JSON, in one tag, or in several if one is too short.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import numpy as np

from sparktune._trials.documents import Misc, Trial, new_trial_doc
from sparktune._trials.table import STATE_NAMES

__all__ = ["TAG", "decode_trial", "encode_trial", "from_tags", "to_tags"]

TAG = "sparktune.trial"
# Servers before 2.15 accept 5,000 characters per tag. Of a document that exceeds the second limit,
# only scalar results are kept.
_TAG_CHARACTERS = 5000
_MAX_CHARACTERS = 60_000
_MAX_TEXT = 10_000
_MAX_ITEMS = 5_000

_STATE_OF = {name: state for state, name in STATE_NAMES.items()}
_TIMES_AND_OWNER: Final = ("book_time", "refresh_time", "owner")
# Keys of `misc` that are written separately, or that the reader can reconstruct.
_KNOWN_MISC = frozenset({"tid", "cmd", "workdir", "idxs", "vals", "error", "traceback", "run_id"})


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
    result = trial.get("result") or {}
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
    """Return the document that `encode_trial` was given, without what it left out."""
    found = json.loads(text)
    types = found["types"]
    vals: dict[str, list[Any]] = {
        label: []
        if value is None and label not in types
        else [_decode_value(value, types.get(label))]
        for label, value in found["vals"].items()
    }
    misc: Misc = {
        "tid": tid,
        "cmd": ("domain_attachment", "FMinIter_Domain"),
        "workdir": None,
        "idxs": {label: [tid] if values else [] for label, values in vals.items()},
        "vals": vals,
    }
    misc.update(cast("Misc", _decode(found["misc"])))
    if "error" in found:
        misc["error"] = tuple(found["error"])
    if "traceback" in found:
        misc["traceback"] = found["traceback"]
    doc = new_trial_doc(tid, None, _decode(found["result"]), misc)
    doc["state"] = _STATE_OF[found["state"]]
    doc["version"] = found["version"]
    for key in _TIMES_AND_OWNER:
        doc[key] = _decode(found[key])
    return doc


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
    names = [f"{TAG}.{number}" for number in range(2, int(count) + 1)]
    if not all(name in tags for name in names):
        return None
    return start + "".join(tags[name] for name in names)


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True)


# -- values of hyperparameters: float64 and int64 nearly always, so these are written bare ---------


def _encode_value(value: Any) -> tuple[Any, str | None]:
    if isinstance(value, np.generic) and value.dtype.kind in "biuf" and value.dtype.itemsize <= 8:
        name = value.dtype.name
        return value.item(), None if name in ("float64", "int64") else name
    if isinstance(value, (bool, int, float, str)):
        return value, "python"
    return _encode_or_none(value), "other"


def _decode_value(value: Any, kind: str | None) -> Any:
    if kind is None:
        return np.float64(value) if isinstance(value, float) else np.int64(value)
    if kind == "python":
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


def _encode(value: Any, left: list[int]) -> Any:
    left[0] -= 1
    if left[0] < 0:
        raise _Inexpressible
    kind = type(value)
    if value is None or kind in (bool, int, float):
        return value
    if kind is str and len(value) <= _MAX_TEXT:
        return value
    if kind is list:
        return [_encode(item, left) for item in value]
    if kind is tuple:
        return {"$tuple": [_encode(item, left) for item in value]}
    if kind is dict:
        if all(type(key) is str and not key.startswith("$") for key in value):
            return {key: _encode(item, left) for key, item in value.items()}
        pairs = [[_encode(key, left), _encode(item, left)] for key, item in value.items()]
        return {"$dict": pairs}
    if kind is datetime.datetime and value.tzinfo is None:
        return {"$time": value.isoformat()}
    if isinstance(value, np.generic) and value.dtype.kind in "biuf" and value.dtype.itemsize <= 8:
        return {"$numpy": value.dtype.name, "value": value.item()}
    if kind is np.ndarray and value.dtype.kind in "biuf" and value.dtype.itemsize <= 8:
        left[0] -= value.size
        if left[0] >= 0:
            return {"$array": value.dtype.name, "shape": list(value.shape),
                    "value": value.ravel().tolist()}  # fmt: skip
    raise _Inexpressible


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return [_decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$tuple" in value:
        return tuple(_decode(item) for item in value["$tuple"])
    if "$dict" in value:
        return {_decode(key): _decode(item) for key, item in value["$dict"]}
    if "$time" in value:
        return datetime.datetime.fromisoformat(value["$time"])
    if "$numpy" in value:
        return np.dtype(value["$numpy"]).type(value["value"])
    if "$array" in value:
        return np.array(value["value"], dtype=value["$array"]).reshape(value["shape"])
    return {key: _decode(item) for key, item in value.items()}
