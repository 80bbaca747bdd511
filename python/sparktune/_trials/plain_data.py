"""Any plain value as JSON and back, with exact values and types.

Numbers, text, lists and dicts with text keys are themselves. What JSON does not have is a dict
whose first key begins with ``$``: ``$tuple``, ``$dict`` (a list of pairs), ``$time``, ``$float``
(not finite), ``$bytes`` (base64), ``$numpy`` and ``$array`` (with a dtype). Anybody may have
written what is decoded, so nothing in it is trusted.
"""

from __future__ import annotations

import base64
import datetime
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

__all__ = [
    "DTYPES",
    "LEAVES",
    "Inexpressible",
    "Unreadable",
    "decode",
    "encode",
    "encode_entries",
    "encode_or_none",
    "expect",
    "is_id",
]

MAX_TEXT = 10_000
MAX_ITEMS = 5_000
_MAX_DEPTH = 50
_MAX_BITS = 1_000  # so that a float can hold it
# The dtypes that are written by name; no other is made of a name that is read.
DTYPES: Final = frozenset(
    ["bool", "float16", "float32", "float64"]
    + [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
)
LEAVES: Final = frozenset((float, str, bool, type(None)))  # which JSON tells apart
_TAGS: Final = ("$tuple", "$dict", "$time", "$float", "$bytes", "$numpy", "$array")


class Unreadable(ValueError):
    """Something that was not written here."""


class Inexpressible(Exception):
    """A value that cannot be written exactly, or is too large."""


def expect(holds: bool) -> None:
    """Raise `Unreadable` unless something holds."""
    if not holds:
        raise Unreadable("a part of the document is not what is written there")


def is_id(value: Any) -> bool:
    """Whether a value can be the id of a trial."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    return whole and 0 <= value < 2**63


def encode_or_none(value: Any) -> Any:
    """Return `encode` of a value, None if it cannot be written."""
    try:
        return encode(value)
    except Inexpressible:
        return None


def encode_entries(entries: Mapping[Any, Any]) -> Any:
    """Return `encode` of a dict without the entries that cannot be written."""
    kept = {}
    for key, value in entries.items():
        try:
            encode((key, value))
        except Inexpressible:
            continue
        kept[key] = value
    return encode(kept, items=len(kept) * MAX_ITEMS + 1)


def encode(value: Any, items: float = MAX_ITEMS, text: float = MAX_TEXT) -> Any:
    """Return a value as JSON has it.

    Raises
    ------
    Inexpressible
        If it is not plain data, or has more than `items` items or a text of more than `text`
        characters (for bytes three quarters of that).
    """
    kind = type(value)
    if (kind is float and math.isfinite(value)) or (kind is str and len(value) <= text):
        return value
    return _encode(value, [items], text, 0)


def _encode(value: Any, left: list[float], text: float, depth: int) -> Any:
    left[0] -= 1
    if left[0] < 0 or depth > _MAX_DEPTH:
        raise Inexpressible

    def inner(item: Any) -> Any:
        return _encode(item, left, text, depth + 1)

    kind = type(value)
    if kind is float:
        return _float(value)
    if value is None or kind is bool:
        return value
    if kind is int and value.bit_length() <= _MAX_BITS:
        return value
    if kind is str and len(value) <= text:
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
    if kind is bytes and len(value) * 4 <= text * 3:
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, np.generic) and value.dtype.name in DTYPES:
        return {"$numpy": value.dtype.name, "value": _float(value.item())}
    if kind is np.ndarray and value.dtype.name in DTYPES:
        left[0] -= value.size
        if left[0] >= 0:
            return {"$array": value.dtype.name, "shape": list(value.shape),
                    "value": [_float(item) for item in value.ravel().tolist()]}  # fmt: skip
    raise Inexpressible


def _float(value: Any) -> Any:
    if type(value) is float and not math.isfinite(value):
        return {"$float": repr(value)}
    return value


def decode(value: Any, more: Mapping[str, Callable[[Any], Any]] | None = None) -> Any:
    """Return what `encode` was given.

    Parameters
    ----------
    value : Any
        What JSON has.
    more : mapping of str to callable, optional
        Further keys with ``$``, and what to make of a dict that has them.

    Raises
    ------
    Unreadable
        If `value` was not written by `encode`.
    """
    kind = type(value)
    return value if kind is float or kind is str else _decode(value, more or {}, 0)


def _decode(value: Any, more: Mapping[str, Callable[[Any], Any]], depth: int) -> Any:
    expect(depth <= _MAX_DEPTH)
    if isinstance(value, list):
        return [_decode(item, more, depth + 1) for item in value]
    if not isinstance(value, dict):
        expect(type(value) is not int or value.bit_length() <= _MAX_BITS)
        return value
    tag = next(iter(value), "")
    if not tag.startswith("$"):
        return {
            key: item if type(item) in LEAVES else _decode(item, more, depth + 1)
            for key, item in value.items()
        }
    if tag in more:
        return more[tag](value)
    expect(tag in _TAGS)
    inside = value[tag]
    if tag == "$tuple":
        return tuple(_decode(item, more, depth + 1) for item in inside)
    if tag == "$dict":
        pairs = [[_decode(each, more, depth + 1) for each in pair] for pair in inside]
        return dict(pairs)
    return _decode_leaf(tag, inside, value)


def _decode_leaf(tag: str, inside: Any, value: dict[str, Any]) -> Any:
    if tag == "$float":
        expect(inside in ("nan", "inf", "-inf"))
        return float(inside)
    if tag == "$bytes":
        return base64.b64decode(inside, validate=True)
    if tag == "$time":
        moment = datetime.datetime.fromisoformat(inside)
        expect(moment.tzinfo is None)
        return moment
    if tag == "$numpy":
        return _of_dtype(inside, [value["value"]])[0]
    items, shape = value["value"], value["shape"]
    expect(all(type(side) is int and side >= 0 for side in shape))
    expect(math.prod(shape) == len(items))
    return _of_dtype(inside, items).reshape(shape)


def _of_dtype(name: Any, items: Any) -> np.ndarray[Any, Any]:
    expect(isinstance(name, str) and name in DTYPES and isinstance(items, list))
    items = [decode(item) if isinstance(item, dict) else item for item in items]
    expect(all(isinstance(item, (bool, int, float)) for item in items))
    return np.array(items, dtype=name)
