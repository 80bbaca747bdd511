"""NumPy's dtypes, arrays and scalars out of pickles, from checked arguments.

NumPy's own reconstructors trust the pickle: an array of objects over bytes is an array of forged
pointers, and the state of a dtype can contradict itself. These build each object with NumPy's
public functions, and only if the bytes have exactly the size that dtype and shape ask for.
"""

from __future__ import annotations

import math
import re
from typing import Any, Literal

import numpy as np

from sparktune._hyperopt.plain_pickle import NotPlain, Pending, check_nesting

__all__ = ["NUMPY_CALLS", "named"]

_MAX_DIMENSIONS = 32
_MAX_ITEM = 2**31 - 1
_DTYPE = re.compile(r"[?bhilqpBHILQPefdg]|[biufc]\d{1,2}|[SUV]\d*|[Mm]8|O8?")
_UNITS = frozenset(["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as"])
_ORDERS: dict[str, Literal["<", ">", "=", "|"]] = {"<": "<", ">": ">", "=": "=", "|": "|"}


class _Function:
    """Stands for a function of NumPy in a pickle; it cannot be called."""


_FROMBUFFER, _RECONSTRUCT, _SCALAR = _Function(), _Function(), _Function()
_FUNCTIONS = {"_frombuffer": _FROMBUFFER, "_reconstruct": _RECONSTRUCT, "scalar": _SCALAR}


def named(name: str) -> Any:
    """Return what stands for a name of NumPy, wherever NumPy keeps it; None if it is not let in."""
    if name in _FUNCTIONS:
        return _FUNCTIONS[name]
    kind = getattr(np, name, None) if re.fullmatch(r"\w+", name) else None
    if kind is np.ndarray or kind is np.dtype:
        return kind
    return kind if isinstance(kind, type) and issubclass(kind, np.generic) else None


# -- dtypes ----------------------------------------------------------------------------------------


def _dtype(name: Any, align: Any = False, copy: Any = True) -> Pending:
    if not isinstance(name, str) or not _DTYPE.fullmatch(name):
        raise NotPlain(f"a dtype must be one of plain values; got {name!r:.60}")

    def build(state: Any) -> np.dtype[Any]:
        if not isinstance(state, tuple) or len(state) not in (8, 9):
            raise NotPlain("the state of a dtype must be one of NumPy's")
        _, order, subdtype, names, fields, itemsize, *rest = state
        if names is not None or fields is not None:
            return _structured(names, fields, itemsize)
        if subdtype is not None:
            base, shape = subdtype
            return _bounded(np.dtype((_valued(base), _shape(shape))))
        if name[0] == "O":
            return np.dtype("O")
        if name in ("M8", "m8"):
            return np.dtype(_ORDERS[order] + name + _unit(rest[2] if len(rest) == 3 else None))
        length = itemsize if name in ("S", "U", "V") else -1
        if length != -1:  # of a dtype of text, the name has no length in NumPy 1
            size = _integer(length) // (4 if name == "U" else 1)
            return _bounded(np.dtype(f"{name}{size}").newbyteorder(_ORDERS[order]))
        return _bounded(np.dtype(name).newbyteorder(_ORDERS[order]))

    return Pending(build)


def _bounded(dtype: np.dtype[Any]) -> np.dtype[Any]:
    if dtype.itemsize > _MAX_ITEM:
        raise NotPlain("a dtype must be smaller than 2 GB")
    return dtype


def _structured(names: Any, fields: Any, itemsize: Any) -> np.dtype[Any]:
    if not isinstance(names, tuple) or type(fields) is not dict or set(names) != set(fields):
        raise NotPlain("the fields of a dtype must have names")
    formats, offsets = [], []
    for name in names:
        base, offset = fields[name][:2]
        formats.append(_valued(base))
        offsets.append(_integer(offset))
    described: Any = {
        "names": list(names),
        "formats": formats,
        "offsets": offsets,
        "itemsize": _integer(itemsize),
    }
    return _bounded(np.dtype(described))


def _unit(metadata: Any) -> str:
    """Return the unit of a dtype of moments or durations, as NumPy writes it."""
    if metadata is None:
        return ""
    unit, count, _, _ = metadata[1]
    unit = unit.decode() if isinstance(unit, bytes) else unit
    if unit == "generic":
        return ""
    if unit not in _UNITS:
        raise NotPlain("a dtype has an unknown unit")
    return f"[{_integer(count)}{unit}]"


def _valued(dtype: Any) -> np.dtype[Any]:
    """Return a dtype whose values are plain bytes."""
    if not isinstance(dtype, np.dtype) or dtype.hasobject:
        raise NotPlain("bytes must not be taken for objects")
    return dtype


def _integer(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= _MAX_ITEM:
        raise NotPlain(f"a size must be a small integer; got {value!r:.60}")
    return value


# -- arrays and scalars ----------------------------------------------------------------------------


def _shape(shape: Any) -> tuple[int, ...]:
    if not isinstance(shape, tuple) or len(shape) > _MAX_DIMENSIONS:
        raise NotPlain("a shape must be a tuple of few integers")
    if not all(type(side) is int and 0 <= side < 2**62 for side in shape):
        raise NotPlain("a shape must be a tuple of integers")
    return shape


def _bytes(data: Any) -> Any:
    if isinstance(data, str):  # of Python 2
        return data.encode("latin-1")
    if not isinstance(data, (bytes, bytearray)):
        raise NotPlain("the values of an array must be bytes")
    return data


def _frombuffer(data: Any, dtype: Any, shape: Any, order: Any = "C") -> np.ndarray[Any, Any]:
    data, dtype, shape = _bytes(data), _valued(dtype), _shape(shape)
    if order not in ("C", "F"):
        raise NotPlain("the order of an array must be 'C' or 'F'")
    count = math.prod(shape)
    if len(data) != count * dtype.itemsize:
        raise NotPlain("an array must have as many bytes as its shape says")
    if not data:
        if dtype.itemsize == 0 and count > 0:
            raise NotPlain("the items of an array must have a size")
        return np.empty(shape, dtype, order)
    array: np.ndarray[Any, Any] = np.frombuffer(data, dtype).reshape(shape, order=order)
    return array


def _reconstruct(kind: Any, shape: Any, code: Any) -> Pending:
    if kind is not np.ndarray:
        raise NotPlain("an array must be of NumPy's own class")

    def build(state: Any) -> Any:
        _, shape, dtype, fortran, data = state if len(state) == 5 else (1, *state)
        order = "F" if fortran else "C"
        if isinstance(data, list):
            return _of_objects(_shape(shape), dtype, order, data)
        array = _frombuffer(data, dtype, shape, order)
        return array if array.flags.writeable else array.copy("A")  # as NumPy does

    return Pending(build)


def _of_objects(shape: tuple[int, ...], dtype: Any, order: Any, data: list[Any]) -> Any:
    if dtype != np.dtype("O") or len(data) != math.prod(shape):
        raise NotPlain("an array of objects must have as many as its shape says")
    flat = np.empty(len(data), dtype)
    for at, value in enumerate(
        map(check_nesting, data)
    ):  # an assignment of all would look into lists
        flat[at] = value
    return flat.reshape(shape, order=order)


def _scalar(dtype: Any, data: Any = b"") -> Any:
    data, dtype = _bytes(data), _valued(dtype)
    if len(data) != dtype.itemsize:
        raise NotPlain("a scalar must have as many bytes as its dtype says")
    if not data:
        return np.zeros((), dtype)[()]
    return np.frombuffer(bytes(data), dtype)[0]


NUMPY_CALLS: dict[Any, Any] = {
    np.dtype: _dtype,
    _FROMBUFFER: _frombuffer,
    _RECONSTRUCT: _reconstruct,
    _SCALAR: _scalar,
}
