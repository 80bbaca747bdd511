"""What tracking says about a search space: a JSON description and the readable values of choices.

Everything here reads the expression; nothing evaluates it, because functions of the user's own may
stand in it and tracking runs on another thread.
"""

from __future__ import annotations

import json
import numbers
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["SpaceReader"]

# A description is for people and for comparing; a graph beyond this size is not described.
_MAX_NODES = 100_000


class SpaceReader:
    """Reads the expression of a search space once.

    Parameters
    ----------
    space : Apply or None
        The expression, as `Domain` keeps it; with ``None`` nothing is known.
    """

    def __init__(self, space: Any) -> None:
        self.space = space
        self.parameters: dict[str, Any] = {}  # label -> hyperopt_param node
        self.options: dict[str, list[Any]] = {}  # label of a choice -> its branches
        self._uses: dict[str, set[str]] = {}  # label -> names of the functions that take it
        if space is not None:
            self._walk(space)

    def _walk(self, root: Any) -> None:
        seen: set[int] = set()
        waiting = [root]
        while waiting:
            node = waiting.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            if len(seen) > _MAX_NODES:
                raise ValueError(f"The search space has more than {_MAX_NODES} nodes.")
            label = _label(node)
            if label is not None:
                self.parameters[label] = node
            for position, child in enumerate(node.inputs()):
                inner = _label(child)
                if inner is not None and label is None:
                    self._uses.setdefault(inner, set()).add(node.name)
                    if node.name == "switch" and position == 0:
                        self.options[inner] = node.pos_args[1:]
                waiting.append(child)

    def value(self, label: str, value: Any) -> str:
        """Return a parameter's value as text: what the objective saw, and exact.

        Parameters
        ----------
        label : str
            The parameter.
        value : Any
            Its value in ``misc.vals``; an integer for a choice.
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
        """Return what a choice chose, as text; ``None`` for other parameters.

        Parameters
        ----------
        label : str
            The choice.
        vals : mapping of str to Any
            All the values of the trial.
        """
        found, value = self.chosen(label, vals)
        if not found:
            return None
        return value if isinstance(value, str) else json.dumps(value, default=str)

    def chosen(self, label: str, vals: Mapping[str, Any]) -> tuple[bool, Any]:
        """Return whether it is known what a choice chose, and that as JSON values.

        Parameters
        ----------
        label : str
            The choice.
        vals : mapping of str to Any
            All the values of the trial.
        """
        options = self.options.get(label)
        if options is None or label not in vals:
            return False, None
        index = int(vals[label])
        if not 0 <= index < len(options):
            return False, None
        return True, self._plain(options[index], vals)

    def _plain(self, node: Any, vals: Mapping[str, Any]) -> Any:
        """Return the value of `node` in a trial, as far as it can be told without running code."""
        label = _label(node)
        if label is not None:
            return _json_value(vals[label]) if label in vals else f"<{label}>"
        if node.name == "literal":
            return _json_value(node.obj)
        if node.name == "pos_args":
            return [self._plain(child, vals) for child in node.pos_args]
        if node.name == "dict" and not node.pos_args:
            return {key: self._plain(child, vals) for key, child in node.named_args}
        if node.name == "switch":
            inner = _label(node.pos_args[0])
            index = int(vals[inner]) if inner is not None and inner in vals else -1
            if 0 <= index < len(node.pos_args) - 1:
                return self._plain(node.pos_args[index + 1], vals)
        if node.name in ("int", "float") and len(node.pos_args) == 1:
            value = self._plain(node.pos_args[0], vals)
            if isinstance(value, int | float):
                return int(value) if node.name == "int" else float(value)
        return f"{node.name}(...)"

    def describe(self) -> Any:
        """Return the space as JSON values.

        Dicts and lists of the space are themselves; a parameter is
        ``{"$param": label, "distribution": ..., "args": [...]}``, a choice
        ``{"$choice": label, "distribution": ..., "args": [...], "options": [...]}``, any other
        function ``{"$call": name, "args": [...]}``, each with ``kwargs`` where there are some.
        """
        return None if self.space is None else _describe(self.space)


def _parameter(node: Any) -> Any:
    """Return the hyperparameter that `node` is, bare or as a float; ``None`` if it is none."""
    if node.name == "float" and len(node.pos_args) == 1:
        node = node.pos_args[0]
    return node if node.name == "hyperopt_param" and len(node.pos_args) == 2 else None


def _label(node: Any) -> str | None:
    """Return the label of a hyperparameter's node, ``None`` for any other node."""
    parameter = _parameter(node)
    label = None if parameter is None else getattr(parameter.pos_args[0], "obj", None)
    return label if isinstance(label, str) else None


def _describe(node: Any) -> Any:
    if node.name == "literal":
        return _json_value(node.obj)
    if node.name == "pos_args":
        return [_describe(child) for child in node.pos_args]
    if node.name == "dict" and not node.pos_args:
        return {key: _describe(child) for key, child in node.named_args}
    label = _label(node)
    if label is not None:
        return {"$param": label, **_call("distribution", _parameter(node).pos_args[1])}
    if node.name == "switch":
        label = _label(node.pos_args[0])
        if label is not None:
            return {
                "$choice": label,
                **_call("distribution", _parameter(node.pos_args[0]).pos_args[1]),
                "options": [_describe(option) for option in node.pos_args[1:]],
            }
    return _call("$call", node)


def _call(key: str, node: Any) -> dict[str, Any]:
    call: dict[str, Any] = {key: node.name, "args": [_describe(arg) for arg in node.pos_args]}
    if node.named_args:
        call["kwargs"] = {name: _describe(arg) for name, arg in node.named_args}
    return call


def _json_value(value: Any) -> Any:
    """Return a literal as JSON has it, or its ``repr``."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        number = float(value)
        # JSON has no NaN and no infinity.
        return number if number - number == 0 else repr(number)
    if isinstance(value, list | tuple):
        return [_json_value(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _json_value(item) for key, item in value.items()}
    if hasattr(value, "tolist") and hasattr(value, "dtype"):
        return _json_value(value.tolist())
    name = getattr(value, "__qualname__", None)
    # Without addresses: equal spaces have equal descriptions, in another process too.
    return name if isinstance(name, str) else re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))[:500]
