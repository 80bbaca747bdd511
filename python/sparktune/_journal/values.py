"""`Values`: what is too large for a record, or not plain, beside the log and named by contents."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import logging
import math
import pickle
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np

from sparktune._journal.store import Store
from sparktune._trials.large import LargeDict
from sparktune._trials.plain_data import DTYPES, Inexpressible, decode, encode, expect
from sparktune._trials.stored import StoredValue
from sparktune.exceptions import SparktuneError

__all__ = ["LOST", "VALUE", "PickledValue", "Values"]

logger = logging.getLogger("sparktune.journal")

VALUE = "$value"
LOST = "$lost"
_NAME = re.compile(r"[0-9a-f]{64}\.(bin|txt|npy|json|pkl)")


class PickledValue:
    """A value of a journal that was not read, because that would run code; see `load`."""

    def __init__(self, read: Callable[[], bytes], size: int) -> None:
        self._read = read
        self.size = size

    def load(self) -> Any:
        """Unpickle the value, which runs whatever code its writer put into it."""
        return pickle.loads(self._read())

    def __repr__(self) -> str:
        return f"<pickled value of {self.size:,} bytes, not read; see Trials.from_journal>"


class Values:
    """Writes values of results and attachments, and reads them.

    Parameters
    ----------
    store : Store
        Where they go.
    unpickle : bool
        Whether values that are not plain data are read, when somebody looks at them.

    Attributes
    ----------
    waiting : dict of str to bytes
        By name, what has to be put into the store before a record refers to it.
    tags : dict of str to callable
        What `decode` needs to know.
    """

    def __init__(self, store: Store, unpickle: bool = False) -> None:
        self._store = store
        self._unpickle = unpickle
        self._warned = False
        self.waiting: dict[str, bytes] = {}
        self.tags: dict[str, Callable[[Any], Any]] = {VALUE: self._found, LOST: lambda _: None}

    # -- writing -------------------------------------------------------------------------------

    def entries(self, entries: Mapping[Any, Any]) -> Any:
        """Return a result as JSON has it; its values are themselves, or say where they are."""
        items = dict.items(entries) if isinstance(entries, LargeDict) else entries.items()
        written = {key: self.value(value) for key, value in items}
        if all(type(key) is str and not key.startswith("$") for key in written):
            return written
        return {"$dict": [[encode(key), value] for key, value in written.items()]}

    def value(self, value: Any) -> Any:
        """Return a value as JSON has it, or where it is."""
        if type(value) is StoredValue:
            return self._refer(value.pickled(), "pkl")
        try:
            return encode(value)
        except Inexpressible:
            pass
        kind = type(value)
        if kind is bytes:
            return self._refer(value, "bin")
        if kind is str and value.isprintable():
            return self._refer(value.encode(), "txt")
        if kind is np.ndarray and value.dtype.name in DTYPES:
            buffer = io.BytesIO()
            np.save(buffer, value, allow_pickle=False)
            return self._refer(buffer.getvalue(), "npy")
        try:
            return self._refer(json.dumps(encode(value, math.inf, math.inf)).encode(), "json")
        except (Inexpressible, ValueError):
            return self._pickled(value)

    def _pickled(self, value: Any) -> Any:
        try:
            return self._refer(cloudpickle.dumps(value), "pkl")
        except Exception as error:  # whatever the value's own class raises
            name = type(value).__name__
            level = logging.DEBUG if self._warned else logging.WARNING
            self._warned = True
            logger.log(
                level,
                "A value of a result is missing from the journal: a %s cannot be pickled (%s: %s).",
                name, type(error).__name__, error,
            )  # fmt: skip
            return {LOST: name}

    def _refer(self, data: bytes, ending: str) -> dict[str, Any]:
        name = f"{hashlib.sha256(data).hexdigest()}.{ending}"
        self.waiting[name] = data
        return {VALUE: name, "size": len(data)}

    # -- reading -------------------------------------------------------------------------------

    def _found(self, written: Any) -> Any:
        name, size = written[VALUE], written["size"]
        match = _NAME.fullmatch(name) if isinstance(name, str) else None
        expect(match is not None and type(size) is int and size >= 0)
        assert match is not None
        ending = match[1]
        file = _ValueFile(self._store, name)
        if ending == "pkl" and not self._unpickle:
            return PickledValue(file.read, size)
        return StoredValue(file, size, loads=_LOADS[ending])


class _ValueFile:
    """See `StoredFile`."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._name = name

    @functools.cached_property
    def path(self) -> Path | None:
        """Its path, None if it is not a file of this computer."""
        return self._store.path_of_value(self._name)

    def read(self) -> bytes:
        """Return what is in it, which must be what was written."""
        data = self._store.get_value(self._name)
        if hashlib.sha256(data).hexdigest() != self._name.partition(".")[0]:
            raise SparktuneError(
                f"The value {self._name} of the journal {self._store.place} must have the "
                "contents that its name says; it was changed or cut off."
            )
        return data


def _load_array(data: bytes) -> Any:
    return np.load(io.BytesIO(data), allow_pickle=False)


def _load_json(data: bytes) -> Any:
    return decode(json.loads(data))


_LOADS: dict[str, Callable[[bytes], Any]] = {
    "bin": bytes,
    "txt": bytes.decode,
    "npy": _load_array,
    "json": _load_json,
    "pkl": pickle.loads,
}
