"""`LargeDict`: a result, or attachments, with values that are read when they are looked at."""

from __future__ import annotations

import copy
from collections.abc import ItemsView as Items
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import ValuesView as Values
from pathlib import Path
from typing import Any

from sparktune._trials.stored import StoredValue

__all__ = ["LargeDict", "restored", "small_items", "stored_values"]


class LargeDict(dict[Any, Any]):
    """A dict that shows the value in the place of a `StoredValue`, whichever way it is read.

    To read all values, or a copy with `dict`, reads the large ones from disk. Pickles as a plain
    dict of whole values. Only code in C that reads the slots of a dict without asking its class
    would meet a `StoredValue`.
    """

    def __getitem__(self, key: Any) -> Any:
        return _shown(super().__getitem__(key))

    def get(self, key: Any, default: Any = None) -> Any:
        """Return a value, or `default` if there is none."""
        return _shown(super().get(key, default))

    # With an `__iter__` of its own, CPython copies and merges a dict by `__getitem__`.
    def __iter__(self) -> Iterator[Any]:
        return super().__iter__()

    def items(self) -> Any:
        """Return a view of keys and values."""
        return Items(self)

    def values(self) -> Any:
        """Return a view of the values."""
        return Values(self)

    def pop(self, *args: Any) -> Any:
        """Remove a key and return its value, or a default."""
        return _shown(super().pop(*args))

    def popitem(self) -> tuple[Any, Any]:
        """Remove the last key and return it with its value."""
        key, value = super().popitem()
        return key, _shown(value)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Return a value, which is `default` if there was none."""
        return _shown(super().setdefault(key, default))

    def copy(self) -> LargeDict:
        """Return a copy that reads the same large values."""
        copied = LargeDict()
        for key, value in super().items():
            copied[key] = value
        return copied

    __copy__ = copy

    def __deepcopy__(self, memo: dict[int, Any]) -> LargeDict:
        copied = memo[id(self)] = LargeDict()
        for key, value in super().items():
            copied[copy.deepcopy(key, memo)] = copy.deepcopy(value, memo)
        return copied

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, dict):
            return NotImplemented
        if len(self) != len(other):
            return False
        for key, value in super().items():
            theirs = dict.get(other, key, _MISSING)
            # Identical first, as for any dict: two arrays do not compare to a bool.
            same = value is theirs or (isinstance(value, StoredValue) and value == theirs)
            if not same and (theirs is _MISSING or _shown(value) != _shown(theirs)):
                return False
        return True

    def __ne__(self, other: object) -> bool:
        equal = self.__eq__(other)
        return equal if equal is NotImplemented else not equal

    __hash__ = None

    def __or__(self, other: Any) -> Any:
        return dict(self) | other if isinstance(other, dict) else NotImplemented

    def __reduce_ex__(self, protocol: Any) -> Any:
        return dict, (), None, None, super().items().__iter__()

    def saved(self, folder: Path) -> Any:
        """Return how to pickle it into a file beside `folder`, where the large values go."""
        names: dict[Any, tuple[str, int]] = {}
        small = dict(super().items())
        for key, value in small.items():
            if isinstance(value, StoredValue) and (name := value.file_in(folder)) is not None:
                small[key], names[key] = None, (name, value.size)
        return (restored, (str(folder), small, names)) if names else self.__reduce_ex__(4)


_MISSING = object()


def _shown(value: Any) -> Any:
    return value.load() if type(value) is StoredValue else value


def restored(folder: str, small: dict[Any, Any], names: dict[Any, tuple[str, int]]) -> LargeDict:
    """Return what `LargeDict.saved` was called of."""
    result = LargeDict(small)
    for key, (name, size) in names.items():
        result[key] = StoredValue.in_file(Path(folder) / name, size)
    return result


def small_items(values: Mapping[Any, Any]) -> Iterable[tuple[Any, Any]]:
    """Return the items that are in memory anyway."""
    if not isinstance(values, LargeDict):
        return values.items()
    return [item for item in dict.items(values) if type(item[1]) is not StoredValue]


def stored_values(result: Mapping[Any, Any]) -> list[StoredValue]:
    """Return the large values of a result and its attachments, not loaded."""
    if not isinstance(result, LargeDict):
        return []
    attached = result.get("attachments")
    found = [*dict.values(result), *(dict.values(attached) if isinstance(attached, dict) else ())]
    return [value for value in found if type(value) is StoredValue]
