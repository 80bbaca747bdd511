"""What of the standard library a pickle of plain data may refer to and call.

Each function checks its arguments: `fractions.Fraction` of a short text can take all memory.
"""

from __future__ import annotations

import datetime
import pathlib
import re
import uuid
from collections import OrderedDict, defaultdict, deque
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sparktune._hyperopt.plain_pickle import NotPlain, Pending, check_key, check_nesting

__all__ = ["CALLS", "CLASSES", "VALUES"]


class _Encode:
    """Stands for `_codecs.encode`: what bytes were to Python 2."""


_PATHS = ("Path", "PosixPath", "PurePath", "PurePosixPath", "PureWindowsPath", "WindowsPath")
_FACTORIES = (bool, dict, float, int, list, set, str, tuple)

#: What names stand for. To be called, an object must be in `CALLS` too.
VALUES: dict[tuple[str, str], Any] = {
    ("_codecs", "encode"): _Encode,
    **{
        (cls.__module__, cls.__name__): cls
        for cls in (
            *_FACTORIES, bytearray, bytes, complex, frozenset, object, slice,
            OrderedDict, defaultdict, deque, Decimal, Fraction, uuid.UUID,
            datetime.date, datetime.datetime, datetime.time, datetime.timedelta, datetime.timezone,
        )
    },
    **{("pathlib", name): getattr(pathlib, name) for name in _PATHS},
}  # fmt: skip


def _texts(args: tuple[Any, ...]) -> tuple[str, ...]:
    if not all(type(each) is str for each in args):
        raise NotPlain("text is wanted")
    return args


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    if type(text) is not str or encoding not in ("latin1", "latin-1"):
        raise NotPlain("bytes must be in Latin-1")
    return text.encode("latin-1")


def _no_bytes() -> bytes:
    return b""


def _bytearray(data: Any = b"", encoding: Any = None) -> bytearray:
    if encoding is not None:
        data = _encode(data, encoding)
    if not isinstance(data, (bytes, bytearray)):
        raise NotPlain("the contents of a bytearray must be bytes")
    return bytearray(data)


def _items(items: Any) -> list[Any]:
    if not isinstance(items, (list, tuple)):
        raise NotPlain("items must be in a list")
    return list(items)


def _set(items: Any = ()) -> set[Any]:
    return set(map(check_key, _items(items)))


def _frozenset(items: Any = ()) -> frozenset[Any]:
    return frozenset(map(check_key, _items(items)))


def _ordered(pairs: Any = ()) -> OrderedDict[Any, Any]:
    return OrderedDict((check_key(key), value) for key, value in map(_items, _items(pairs)))


def _default(factory: Any = None) -> defaultdict[Any, Any]:
    if factory is not None and factory not in _FACTORIES:
        raise NotPlain("the factory of a defaultdict must be a plain type")
    return defaultdict(factory)


def _deque(items: Any = (), maxlen: Any = None) -> deque[Any]:
    return deque(map(check_nesting, _items(items)), maxlen)


def _complex(real: Any, imaginary: Any = 0.0) -> complex:
    return complex(_float(real), _float(imaginary))


def _float(value: Any) -> float:
    if not isinstance(value, (float, int)):
        raise NotPlain("a number is wanted")
    return float(value)


def _decimal(text: Any) -> Decimal:
    return Decimal(_texts((text,))[0])


def _fraction(*args: Any) -> Fraction:
    if len(args) == 2 and all(type(each) is int for each in args):
        return Fraction(*args)
    (text,) = _texts(args)
    if not re.fullmatch(r"-?\d+(/\d+)?", text):  # 1e999999999 would take all memory
        raise NotPlain("a fraction must be of two integers")
    return Fraction(text)


def _slice(*args: Any) -> slice:
    if not all(each is None or type(each) is int for each in args):
        raise NotPlain("a slice must be of integers")
    return slice(*args)


# -- dates -----------------------------------------------------------------------------------------
# `datetime` itself does not check all of the bytes in pickles.


def _packed(data: Any, length: int) -> bytes | None:
    """Return the bytes of a date or time, None if it is not given by bytes."""
    packed = _encode(data) if isinstance(data, str) else data
    if isinstance(packed, bytes) and len(packed) != length:
        raise NotPlain("a date or a time has the wrong length")
    return packed if isinstance(packed, bytes) else None


def _date(*args: Any) -> datetime.date:
    packed = _packed(args[0], 4)
    if packed is None:
        return datetime.date(*args)
    return datetime.date(int.from_bytes(packed[:2], "big"), *packed[2:])


def _moment(*args: Any) -> datetime.datetime:
    packed = _packed(args[0], 10)
    if packed is None:
        return datetime.datetime(*args)
    year, month = int.from_bytes(packed[:2], "big"), packed[2]
    micro, zone = int.from_bytes(packed[7:], "big"), args[1] if len(args) > 1 else None
    return datetime.datetime(
        year, month & 127, packed[3], packed[4], packed[5], packed[6], micro, zone, fold=month >> 7
    )


def _time(*args: Any) -> datetime.time:
    packed = _packed(args[0], 6) if args else None
    if packed is None:
        return datetime.time(*args)
    micro, zone = int.from_bytes(packed[3:], "big"), args[1] if len(args) > 1 else None
    return datetime.time(packed[0] & 127, packed[1], packed[2], micro, zone, fold=packed[0] >> 7)


CALLS: dict[Any, Any] = {
    _Encode: _encode,
    bytes: _no_bytes,
    bytearray: _bytearray,
    complex: _complex,
    frozenset: _frozenset,
    set: _set,
    slice: _slice,
    OrderedDict: _ordered,
    defaultdict: _default,
    deque: _deque,
    Decimal: _decimal,
    Fraction: _fraction,
    datetime.date: _date,
    datetime.datetime: _moment,
    datetime.time: _time,
    datetime.timedelta: datetime.timedelta,
    datetime.timezone: datetime.timezone,
    **{
        getattr(pathlib, name): lambda *parts, name=name: getattr(pathlib, name)(*_texts(parts))
        for name in _PATHS
    },
}


def _uuid(*_: Any) -> Pending:
    return Pending(lambda state: uuid.UUID(int=state["int"]))


#: What is made of classes whose objects get their state later.
CLASSES: dict[Any, Any] = {object: object, uuid.UUID: _uuid}
