"""Short names of the options of a choice, for tables and plots."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

import numpy as np

from sparktune._space.graph import Apply, Literal, scope
from sparktune._space.parameters import is_parameter, label_of

__all__ = ["option_names"]

# Keys whose value says what a dict is about.
_TELLING = ("type", "name", "model")
# Where the functions come from that every expression may call.
_OURS = ("builtins", "_operator", "operator", "numpy", "sparktune")
_LONGEST = 40

_NOTHING = object()


def option_names(options: Sequence[Apply]) -> list[Any]:
    """Return a name for each option of a choice.

    - A number or text is its own name.
    - A dict has its value of `type`, `name` or `model`, else the text that tells it from the other
      options.
    - A list has its items if they are few numbers or texts, else its first item if that is a text.
    - A function or class has its own name, another object that of its class.
    - A hyperparameter has its label.

    Other options have their positions. Options that would have the same name have theirs appended.
    """
    options = [_bare(option) for option in options]
    key = _distinguishing_key(options)
    names = [_name(option, key) for option in options]
    names = [at if name is _NOTHING else name for at, name in enumerate(names)]
    literal = [_scalar(option) is not _NOTHING for option in options]
    alike = Counter(map(str, names))
    # Equal numbers or texts are the same to the objective, too.
    return [
        f"{name} ({at})" if alike[str(name)] > 1 and not literal[at] else name
        for at, name in enumerate(names)
    ]


def _bare(node: Apply) -> Apply:
    """Return a hyperparameter without the float() around it; any other node as it is."""
    inner = node.pos_args[0] if node.name == "float" and len(node.pos_args) == 1 else node
    return inner if is_parameter(inner) else node


def _scalar(node: Apply) -> Any:
    """Return the number or the text that a node is; None as text, since tables have it for gaps."""
    if not isinstance(node, Literal):
        return _NOTHING
    value = node.obj
    if isinstance(value, np.generic):
        value = value.item()
    if value is None:
        return "None"
    # An enum member may be a text as well.
    plain = isinstance(value, (bool, int, float, str)) and not isinstance(value, Enum)
    return value if plain else _NOTHING


def _name(node: Apply, key: str | None) -> Any:
    value = _scalar(node)
    if value is not _NOTHING:
        return value
    if isinstance(node, Literal) and not isinstance(node.obj, (Mapping, list, tuple)):
        return _object_name(node.obj)
    entries = _entries(node)
    if entries is not None:
        keys = [*_TELLING, *([] if key is None else [key])]
        found = (_text(entries[each]) for each in keys if each in entries)
        return next((name for name in found if name is not _NOTHING), _NOTHING)
    items = _items(node)
    if items is not None:
        return _list_name(items)
    if is_parameter(node):
        return label_of(node)
    return node.name if _is_users(node) else _NOTHING


def _is_users(node: Apply) -> bool:
    """Return whether a node calls a function of the user's, whose name says more than `add`."""
    function = scope._impls.get(node.name)
    module = str(getattr(function, "__module__", None) or "builtins")
    return function is not None and module.split(".")[0] not in _OURS


def _object_name(value: Any) -> str:
    """Return the name of a function or class, or that of the class of another object."""
    if isinstance(value, Enum):
        return str(value.name)
    while isinstance(value, functools.partial):
        value = value.func
    name = getattr(value, "__name__", None)
    return name if isinstance(name, str) else type(value).__name__


def _entries(node: Apply) -> dict[Any, Apply] | None:
    """Return the entries of a dict of the space; None if it is not one."""
    if isinstance(node, Literal) and isinstance(node.obj, Mapping):
        return {key: Literal(value) for key, value in node.obj.items()}
    return dict(node.named_args) if node.name == "dict" and not node.pos_args else None


def _items(node: Apply) -> list[Apply] | None:
    """Return the items of a list of the space; None if it is not one."""
    if isinstance(node, Literal) and isinstance(node.obj, (list, tuple)):
        return [Literal(value) for value in node.obj]
    return list(node.pos_args) if node.name == "pos_args" else None


def _text(node: Apply) -> Any:
    """Return what may name the dict that a node is in: a text, or the name of a class."""
    value = _scalar(node)
    if value is _NOTHING and isinstance(node, Literal):
        return _NOTHING if isinstance(node.obj, (Mapping, list, tuple)) else _object_name(node.obj)
    return value if isinstance(value, str) and value else _NOTHING


def _list_name(items: Sequence[Apply]) -> Any:
    """Return a list of numbers and texts as short text, else its first item if that is a text."""
    values = [_scalar(item) for item in items]
    if _NOTHING not in values:
        text = f"({', '.join(map(str, values))})"
        if len(text) <= _LONGEST:
            return text
    return values[0] if values and isinstance(values[0], str) else _NOTHING


def _distinguishing_key(options: Sequence[Apply]) -> str | None:
    """Return the first key under which all dicts among the options have different texts."""
    dicts = [entries for option in options if (entries := _entries(option)) is not None]
    if len(dicts) < 2:
        return None
    for key in dicts[0]:
        texts = [_text(entries[key]) if key in entries else _NOTHING for entries in dicts]
        if _NOTHING not in texts and len(set(texts)) == len(texts):
            return str(key)
    return None
