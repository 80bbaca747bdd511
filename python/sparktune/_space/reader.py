"""A readable form of a search space: its JSON description, and what the choices of a trial chose.

Nothing here evaluates the expression, because it may hold the user's functions and tracking runs on
another thread. The output of `SpaceReader.describe` must not change: recorded searches are
compared with it.
"""

from __future__ import annotations

import json
import math
import numbers
import re
from collections.abc import Mapping
from typing import Any

from sparktune._space.graph import Apply, Literal
from sparktune._space.option_names import option_names
from sparktune._space.parameters import distribution_of, is_parameter, label_of
from sparktune._space.walks import dfs

__all__ = ["SpaceReader"]

# A description is for people and for comparing; a graph beyond this size is not described.
_MAX_NODES = 100_000
# In a description a node that several nodes share is written once per use.
_MAX_WRITTEN = 1_000_000


class SpaceReader:
    """Reads the expression of a search space once; with None it knows nothing."""

    def __init__(self, space: Apply | None) -> None:
        self._space = space
        self.labels: set[str] = set()  # of the hyperparameters
        self._options: dict[str, list[Apply]] = {}  # label of a choice -> its branches
        self._uses: dict[str, set[str]] = {}  # label -> names of the functions that take it
        seen: set[Apply] = set()
        waiting = [] if space is None else [space]
        while waiting:
            node = waiting.pop()
            if node in seen:
                continue
            seen.add(node)
            if len(seen) > _MAX_NODES:
                raise ValueError(f"The search space has more than {_MAX_NODES} nodes.")
            self._note(node)
            waiting += node.inputs()

    def _note(self, node: Apply) -> None:
        label = _label(node)
        if label is not None:
            self.labels.add(label)
            return
        for child in node.inputs():
            used = _label(child)
            if used is not None:
                self._uses.setdefault(used, set()).add(node.name)
        choice = _choice(node)
        if choice is not None:
            self._options[choice] = node.pos_args[1:]

    def value(self, label: str, value: Any) -> str:
        """Return a parameter's value in ``misc.vals`` as exact text, as the objective saw it.

        An integer for a choice.
        """
        if isinstance(value, numbers.Integral):
            return str(int(value))
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            return str(value)
        if self._uses.get(label) == {"int"} and number.is_integer():
            return str(int(number))
        return repr(number)

    def readable(self, label: str, vals: Mapping[str, Any]) -> str | None:
        """Return what a choice chose, as text; None for other parameters.

        `vals` has all values of the trial.
        """
        options = self._options.get(label)
        if options is None or label not in vals:
            return None
        index = int(vals[label])
        if not 0 <= index < len(options):
            return None
        value = _plain(options[index], vals)
        return value if isinstance(value, str) else json.dumps(value, default=str)

    def names(self) -> dict[str, list[Any]]:
        """Return short names of the options of each choice, by its label."""
        return {label: option_names(options) for label, options in self._options.items()}

    def describe(self) -> Any:
        """Return the space as JSON values.

        Dicts and lists of the space are themselves; a parameter is
        ``{"$param": label, "distribution": ..., "args": [...]}``, a choice
        ``{"$choice": label, "distribution": ..., "args": [...], "options": [...]}``, any other
        function ``{"$call": name, "args": [...]}``, each with ``kwargs`` if there are any. Raises
        ValueError if the description would be too large.
        """
        if self._space is None:
            return None
        written: dict[Apply, int] = {}
        for node in dfs(self._space):
            written[node] = 1 + sum(written[child] for child in node.inputs())
        if written[self._space] > _MAX_WRITTEN:
            raise ValueError(f"The description of the space has more than {_MAX_WRITTEN} nodes.")
        return _describe(self._space)


def _parameter(node: Apply) -> Apply | None:
    """Return the hyperparameter that `node` is, bare or as a float; None if it is not one."""
    if node.name == "float" and len(node.pos_args) == 1:
        node = node.pos_args[0]
    return node if is_parameter(node) and len(node.pos_args) == 2 else None


def _label(node: Apply) -> str | None:
    parameter = _parameter(node)
    return None if parameter is None else label_of(parameter)


def _choice(node: Apply) -> str | None:
    """Return the label of the choice that `node` is; None if it is not one."""
    if node.name != "switch" or not node.pos_args:
        return None
    selector = node.pos_args[0]
    if selector.name == "int" and len(selector.pos_args) == 1:
        selector = selector.pos_args[0]  # of hp.ordinal
    return _label(selector)


def _plain(node: Apply, vals: Mapping[str, Any]) -> Any:
    """Return the value of `node` in a trial, as far as it is known without running code."""
    label = _label(node)
    if label is not None:
        return _json_value(vals[label]) if label in vals else f"<{label}>"
    if isinstance(node, Literal):
        return _json_value(node.obj)
    if node.name == "pos_args":
        return [_plain(child, vals) for child in node.pos_args]
    if node.name == "dict" and not node.pos_args:
        return {key: _plain(child, vals) for key, child in node.named_args}
    label = _choice(node)
    if label is not None:
        index = int(vals.get(label, -1))
        if 0 <= index < len(node.pos_args) - 1:
            return _plain(node.pos_args[index + 1], vals)
    if node.name in ("int", "float") and len(node.pos_args) == 1:
        value = _plain(node.pos_args[0], vals)
        if isinstance(value, int | float):
            return int(value) if node.name == "int" else float(value)
    return f"{node.name}(...)"


def _describe(node: Apply) -> Any:
    if isinstance(node, Literal):
        return _json_value(node.obj)
    if node.name == "pos_args":
        return [_describe(child) for child in node.pos_args]
    if node.name == "dict" and not node.pos_args:
        return {key: _describe(child) for key, child in node.named_args}
    parameter = _parameter(node)
    if parameter is not None:
        return _described_parameter("$param", parameter)
    if node.name == "switch" and node.pos_args and _label(node.pos_args[0]) is not None:
        choice = _described_parameter("$choice", _parameter(node.pos_args[0]))
        return {**choice, "options": [_describe(option) for option in node.pos_args[1:]]}
    return _call("$call", node)


def _described_parameter(key: str, parameter: Apply | None) -> dict[str, Any]:
    return {key: label_of(parameter), **_call("distribution", distribution_of(parameter))}


def _call(key: str, node: Apply) -> dict[str, Any]:
    call: dict[str, Any] = {key: node.name, "args": [_describe(arg) for arg in node.pos_args]}
    if node.named_args:
        call["kwargs"] = {name: _describe(arg) for name, arg in node.named_args}
    return call


def _json_value(value: Any) -> Any:
    """Return a literal as JSON values, or its ``repr``."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        number = float(value)
        # JSON has no NaN and no infinity.
        return number if math.isfinite(number) else repr(number)
    if isinstance(value, list | tuple):
        return [_json_value(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _json_value(item) for key, item in value.items()}
    if hasattr(value, "tolist") and hasattr(value, "dtype"):
        return _json_value(value.tolist())
    name = getattr(value, "__qualname__", None)
    # Without addresses: equal spaces have equal descriptions, in another process too.
    return name if isinstance(name, str) else re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))[:500]
