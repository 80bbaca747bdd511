"""The hyperparameters of an expression graph, and where they are in it.

`hp.uniform("x", 0, 1)` is a node ``hyperopt_param("x", uniform(0, 1))`` within a cast. Only this
module knows this form.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sparktune._space.walks import N, dfs, toposort
from sparktune.exceptions import BadSearchSpace, DuplicateLabel

__all__ = ["distribution_of", "is_parameter", "label_of", "parameters", "space_nodes"]


def is_parameter(node: Any) -> bool:
    """Return whether a node is a hyperparameter."""
    return bool(node.name == "hyperopt_param")


def label_of(parameter: Any) -> str:
    """Return the label of a hyperparameter; raise BadSearchSpace if it is not a string."""
    node = parameter.pos_args[0] if parameter.pos_args else parameter.arg["label"]
    label = getattr(node, "obj", None)
    if not isinstance(label, str):
        raise BadSearchSpace(f"The label of a hyperparameter must be a string; got {node}.")
    return label


def distribution_of(parameter: Any) -> Any:
    """Return the node that a hyperparameter is drawn from, such as ``uniform(0, 1)``."""
    return parameter.arg["obj"]


def parameters(root: N, nodes: Iterable[N] | None = None) -> dict[str, N]:
    """Return the hyperparameters of a graph by label, in the order of `dfs`.

    `nodes` are those of the graph, if they are known already.

    Raises
    ------
    DuplicateLabel
        If two hyperparameters have the same label. The same node in several places is one.
    """
    found: dict[str, list[N]] = {}
    for node in dfs(root) if nodes is None else nodes:
        if is_parameter(node):
            found.setdefault(label_of(node), []).append(node)
    for label, same in found.items():
        if len(same) > 1:
            places = _places(root, same)
            raise DuplicateLabel(
                f"Each hyperparameter must have its own label; {label!r} is used at "
                f"{', '.join(places[:-1])} and {places[-1]}. "
                "Rename all but one, or make it once and use the same object in each place."
            )
    return {label: node for label, (node,) in found.items()}


def space_nodes(expr: N) -> list[N]:
    """List the nodes that make up points, inputs first; not those below hyperparameters.

    Raises BadSearchSpace if the expression contains itself.
    """
    order = toposort(expr)
    reachable = {expr}
    for node in reversed(order):
        if node in reachable and not is_parameter(node):
            reachable.update(node.inputs())
    return [node for node in order if node in reachable]


def _places(root: Any, wanted: list[Any]) -> list[str]:
    """Return the paths of nodes, such as ``$.svm.C (model.py:7)``; an option of a choice is [i]."""
    paths = {root: "$"}
    todo = [root]
    while todo:
        node = todo.pop()
        for child, step in _children(node):
            if child not in paths:
                paths[child] = paths[node] + step
                todo.append(child)
    return [f"{paths[n]} ({n.made_at})" if n.made_at else paths[n] for n in wanted]


def _children(node: Any) -> list[tuple[Any, str]]:
    """Return the inputs of a node, each with the end of its path."""
    if node.name == "dict" and not node.named_args and len(node.pos_args) == 1:
        # Keys that are not all strings: pairs of key and value.
        pairs = [pair.pos_args for pair in node.pos_args[0].pos_args if len(pair.pos_args) == 2]
        return [(value, f"[{getattr(key, 'obj', key.name)!r}]") for key, value in pairs]
    if node.name == "dict":
        return [(value, f".{key}") for key, value in node.named_args]
    if node.name == "pos_args":
        return [(value, f"[{i}]") for i, value in enumerate(node.pos_args)]
    if node.name == "switch":
        return [(value, f"[{i - 1}]" if i else "") for i, value in enumerate(node.pos_args)]
    return [(value, "") for value in node.inputs()]
