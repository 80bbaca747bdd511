"""How a result travels: what is small in one pickle, each large value in one of its own.

The driver then can put large values on disk without unpickling them. Two values that refer to the
same object are no longer the same in this respect if one of them is large.
"""

from __future__ import annotations

import contextlib
import importlib
import pickle
from collections.abc import Mapping
from typing import Any

__all__ = ["LARGE", "dumps", "pack_result"]

LARGE = 1024 * 1024
"""From how many bytes a pickled value is large."""

# What the search reads of each result.
_READ = ("loss", "status")

Packed = tuple[bytes, dict[tuple[Any, ...], bytes]]


def dumps(value: Any, pickler: str) -> bytes:
    """Pickle with the module `pickler`, or with `pickle` if that is not here."""
    module = pickle
    with contextlib.suppress(ImportError):
        module = importlib.import_module(pickler)
    return module.dumps(value)


def pack_result(result: Any, pickler: str, limit: tuple[int, str] | None = None) -> Packed:
    """Return a pickled result without its large values, and those by the path of their keys.

    In the place of a large value is None. An attachment has a path of two keys, another value of
    one.

    Raises
    ------
    TypeError
        If the result cannot be pickled; names the key.
    ValueError
        If it has more bytes than `limit`, which is their number and why it is so.
    """
    try:
        pickled = dumps(result, pickler)
    except Exception as error:
        raise _unpicklable(result, pickler, error) from None
    if limit is not None and len(pickled) > limit[0]:
        raise _too_large(result, pickler, len(pickled), *limit)
    if len(pickled) < LARGE or not isinstance(result, Mapping):
        return pickled, {}
    del pickled
    large: dict[tuple[Any, ...], bytes] = {}
    small = _without_large(result, (), pickler, large)
    if isinstance(result.get("attachments"), Mapping):
        attached = result["attachments"]
        small["attachments"] = _without_large(attached, ("attachments",), pickler, large)
    return dumps(small, pickler), large


def _without_large(
    values: Mapping[Any, Any], path: tuple[Any, ...], pickler: str, large: dict[Any, bytes]
) -> dict[Any, Any]:
    """Return the small values; put the pickles of the others into `large`."""
    small = dict(values)
    for key, value in values.items():
        if not path and (key in _READ or (key == "attachments" and isinstance(value, Mapping))):
            continue
        pickled = dumps(value, pickler)
        if len(pickled) >= LARGE:
            large[(*path, key)], small[key] = pickled, None
    return small


def _unpicklable(result: Any, pickler: str, error: Exception) -> TypeError:
    where = f"a {type(result).__name__}"
    if isinstance(result, Mapping):
        for name, value in result.items():
            if _size(value, pickler) is None:
                where = f"its key {name!r} holds a {type(value).__name__}"
                break
    return TypeError(
        f"The result of the objective must be picklable, to travel back to the driver; {where}"
        f" ({error}). Return plain data, or save it and return where it is."
    )


def _too_large(result: Any, pickler: str, size: int, limit: int, why: str) -> ValueError:
    largest = ""
    if isinstance(result, Mapping) and result:
        sizes = {name: _size(value, pickler) or 0 for name, value in result.items()}
        name = max(sizes, key=lambda each: sizes[each])
        largest = f", of which its key {name!r} has {_megabytes(sizes[name])}"
    return ValueError(
        f"The result of the objective must be at most {_megabytes(limit)} when pickled, {why}; "
        f"got {_megabytes(size)}{largest}. Hint: raise that setting before the session starts, or "
        "save what is large and return its path."
    )


def _megabytes(size: int) -> str:
    return f"{size / 1024 / 1024:.1f} MB"


def _size(value: Any, pickler: str) -> int | None:
    """Return how large a value is when pickled, None if it cannot be."""
    try:
        return len(dumps(value, pickler))
    except Exception:
        return None
