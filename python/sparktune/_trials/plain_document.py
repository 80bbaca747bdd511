"""Documents of trials as JSON values and back: what MLflow's tags and a journal have in common.

The keys are `state` (a name), `vals` (one value per label, None where inactive), `types` of those
that JSON does not tell, `result`, `misc` (what is left of it), `error`, `traceback`, `book_time`,
`refresh_time`, `owner` and `version`. All but `vals` may be missing.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import numpy as np

from sparktune._trials.documents import JOB_STATE_NEW, Misc, Trial, new_trial_doc
from sparktune._trials.plain_data import DTYPES, decode, encode_or_none, expect, is_id
from sparktune._trials.table import STATE_NAMES

__all__ = [
    "CMD",
    "KNOWN_MISC",
    "STATE_OF",
    "TIMES_AND_OWNER",
    "encode_error",
    "encode_vals",
    "read_document",
]

TIMES_AND_OWNER: Final = ("book_time", "refresh_time", "owner")
# Keys of `misc` that are written separately, or that the reader can reconstruct.
KNOWN_MISC = frozenset({"tid", "cmd", "workdir", "idxs", "vals", "error", "traceback", "run_id"})
STATE_OF = {name: state for state, name in STATE_NAMES.items()}
CMD = ("domain_attachment", "FMinIter_Domain")
_MAX_TEXT = 10_000


def encode_vals(misc: Misc) -> dict[str, Any]:
    """Return the keys `vals` and, if it is needed, `types` of a document."""
    vals: dict[str, Any] = {}
    types: dict[str, str] = {}
    for label, values in misc["vals"].items():
        vals[label] = None  # inactive
        if len(values):
            value = values[0]
            if type(value) is float or type(value) is int:  # nearly always
                vals[label] = value
            else:
                vals[label], types[label] = _encode_value(value)
    return {"vals": vals, "types": types} if types else {"vals": vals}


def _encode_value(value: Any) -> tuple[Any, str]:
    if isinstance(value, np.generic) and value.dtype.kind in "biuf" and value.dtype.itemsize <= 8:
        return value.item(), value.dtype.name
    if isinstance(value, (bool, int, float, str)):
        return value, "python"
    return encode_or_none(value), "other"


def encode_error(misc: Misc, clean: Callable[[str], str] = str) -> dict[str, Any]:
    """Return the keys `error` and `traceback` of a document; `clean` removes secrets from texts."""
    found: dict[str, Any] = {}
    if misc.get("error"):
        found["error"] = [clean(str(part))[:_MAX_TEXT] for part in misc["error"]]
    if misc.get("traceback"):
        found["traceback"] = clean(str(misc["traceback"]))[-_MAX_TEXT:]
    return found


def read_document(
    found: Mapping[str, Any], tid: int, more: Mapping[str, Callable[[Any], Any]] | None = None
) -> Trial:
    """Return the document that was written; for `more` see `decode`.

    Raises
    ------
    Exception
        Whatever NumPy, datetime and Python raise for what they do not take.
    """
    misc = _read_vals(found, tid)
    extra = found.get("misc")
    if extra:
        extra = decode(extra, more)
        expect(type(extra) is dict and KNOWN_MISC.isdisjoint(extra))
        expect(is_id(extra.get("from_tid", tid)))
        misc.update(cast("Misc", extra))
    result = decode(found["result"], more)
    expect(isinstance(result, dict) and isinstance(result.get("status", ""), str))
    if "error" in found:
        kind, message = found["error"]
        expect(isinstance(kind, str) and isinstance(message, str))
        misc["error"] = (kind, message)
    if "traceback" in found:
        expect(isinstance(found["traceback"], str))
        misc["traceback"] = found["traceback"]
    doc = new_trial_doc(tid, None, result, misc)
    doc["state"] = STATE_OF[found["state"]] if "state" in found else JOB_STATE_NEW
    if "version" in found:
        doc["version"] = found["version"]
        expect(is_id(doc["version"]))
    for key in TIMES_AND_OWNER:
        if (value := found.get(key)) is not None:
            if type(value) is not datetime.datetime:
                value = decode(value)
                expect(key == "owner" or value is None or isinstance(value, datetime.datetime))
            doc[key] = value
    return doc


def _read_vals(found: Mapping[str, Any], tid: int) -> Misc:
    types = found.get("types")
    if types is None:
        types = {}
    vals: dict[str, list[Any]] = {}
    idxs: dict[str, list[int]] = {}
    for label, value in found["vals"].items():
        idxs[label] = [tid]
        if type(value) is float and label not in types:  # nearly always
            if value - value != 0.0:
                expect(False)
            vals[label] = [value]
            continue
        kind = types.get(label)
        expect(kind is None or kind in ("python", "other") or kind in DTYPES)
        if value is None and label not in types:
            vals[label], idxs[label] = [], []
        else:
            vals[label] = [_checked(_decode_value(_scalar(value, kind), kind))]
    "".join(vals).encode()  # without halves of surrogate pairs
    return {
        "tid": tid,
        "cmd": CMD,
        "workdir": None,
        "idxs": idxs,
        "vals": vals,
    }


def _scalar(value: Any, kind: str | None) -> Any:
    """Return what was written for the value of a hyperparameter."""
    if kind == "other":
        return value
    expect(isinstance(value, (bool, int, float)) or (kind == "python" and isinstance(value, str)))
    return value


def _decode_value(value: Any, kind: str | None) -> Any:
    if kind is None or kind == "python":
        return value
    return decode(value) if kind == "other" else np.dtype(kind).type(value)


def _checked(value: Any) -> Any:
    """Return the value of a hyperparameter, which must be finite and fit into 64 bits."""
    if isinstance(value, (int, float, np.number)):
        expect(math.isfinite(value) and (not isinstance(value, int) or abs(value) < 2**63))
    return value
