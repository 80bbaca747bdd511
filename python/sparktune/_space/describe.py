"""Expressions in words: short texts of options, and the places where hyperparameters stand."""

from __future__ import annotations

import re
from typing import Any

from sparktune._space.expr import Apply, Literal
from sparktune._space.lowering import label_of

__all__ = ["describe_node", "paths_to"]

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def describe_node(node: Apply, limit: int = 200) -> str:
    """Return a text of an expression that is the same in every process.

    Parameters
    ----------
    node : Apply
        The expression. Hyperparameters are shown as ``<label>``.
    limit : int
        Longer texts are cut there.
    """
    parts: list[str] = []
    length = 0
    todo: list[Apply | str] = [node]
    while todo and length <= limit:
        item = todo.pop()
        if isinstance(item, Apply):
            todo.extend(reversed(_pieces(item)))
        else:
            parts.append(item)
            length += len(item)
    text = "".join(parts)
    return text if length <= limit else text[:limit] + "..."


def _pieces(node: Apply) -> list[Apply | str]:
    """Return the texts and nodes that `node` is written with."""
    if isinstance(node, Literal):
        return [_constant(node.obj)]
    if node.name == "hyperopt_param":
        return [f"<{label_of(node)}>"]
    if node.name in ("float", "int") and len(node.inputs()) == 1:
        return [node.inputs()[0]]
    pieces: list[Apply | str] = ["(" if node.name == "pos_args" else f"{node.name}("]
    for i, child in enumerate(node.pos_args):
        pieces += [", ", child] if i else [child]
    for i, (key, child) in enumerate(node.named_args):
        pieces += [f"{', ' if i or node.pos_args else ''}{key}=", child]
    return [*pieces, ")"]


def _constant(obj: Any) -> str:
    if isinstance(obj, type) or (callable(obj) and hasattr(obj, "__qualname__")):
        return f"{obj.__module__}.{obj.__qualname__}"
    try:
        return _ADDRESS.sub("", repr(obj))
    except Exception:
        return f"<{type(obj).__name__}>"


def paths_to(root: Apply, wanted: list[Apply]) -> list[str]:
    """Say where nodes stand in a space, such as ``$.svm.C``; an option of a choice is ``[i]``."""
    paths = {root: "$"}
    todo = [root]
    while todo:
        node = todo.pop()
        for child, path in _children(node, paths[node]):
            if child not in paths:
                paths[child] = path
                todo.append(child)
    return [paths[node] for node in wanted]


def _children(node: Apply, path: str) -> list[tuple[Apply, str]]:
    if node.name == "dict" and not node.named_args and len(node.pos_args) == 1:
        # A dict with keys that are no strings: pairs of key and value.
        pairs = [pair.pos_args for pair in node.pos_args[0].pos_args if len(pair.pos_args) == 2]
        return [(v, f"{path}[{describe_node(k, 40)}]") for k, v in pairs]
    if node.name == "dict":
        return [(v, f"{path}.{k}") for k, v in node.named_args]
    if node.name == "pos_args":
        return [(v, f"{path}[{i}]") for i, v in enumerate(node.pos_args)]
    if node.name == "switch":
        branches = [(v, f"{path}[{i}]") for i, v in enumerate(node.pos_args[1:])]
        return [(node.pos_args[0], path), *branches]
    return [(v, path) for v in node.inputs()]
