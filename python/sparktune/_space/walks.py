"""Walks over expression graphs: `dfs`, `toposort`, `clone` and `clone_merge`.

None of them recurses, so a chain of thousands of operators is not a problem.
"""

from __future__ import annotations

from typing import Any, TypeVar

from sparktune.exceptions import BadSearchSpace

__all__ = ["N", "clone", "clone_merge", "dfs", "toposort"]


#: A node; `graph`, which defines nodes, imports this module.
N = TypeVar("N", bound=Any)


def dfs(aa: N, seq: list[N] | None = None, seqset: dict[N, list[N]] | None = None) -> list[N]:
    """List the nodes below `aa` and itself once each, inputs before the nodes that use them.

    Found nodes are appended to `seq`. `seqset` has nodes to leave out, with their inputs, and gets
    those found. A cycle is not an error here; see `toposort`.
    """
    order = [] if seq is None else seq
    seen = {} if seqset is None else seqset
    if aa in seen:
        return order
    seen[aa] = aa.inputs()
    stack = [(aa, iter(seen[aa]))]
    while stack:
        node, todo = stack[-1]
        for child in todo:
            if child not in seen:
                seen[child] = child.inputs()
                stack.append((child, iter(seen[child])))
                break
        else:
            order.append(node)
            stack.pop()
    return order


def toposort(expr: N) -> list[N]:
    """List the nodes of a graph, each after all of its inputs; the root is last.

    Raises
    ------
    BadSearchSpace
        If the graph has a cycle.
    """
    order = dfs(expr)
    position = {node: i for i, node in enumerate(order)}
    for i, node in enumerate(order):
        for child in node.inputs():
            # In a depth-first post-order an input comes later only where an edge closes a cycle.
            if position[child] >= i:
                raise BadSearchSpace(
                    f"An expression must not contain itself; scope.{node.name} has "
                    f"scope.{child.name} among its inputs, which is computed from it."
                )
    return order


def clone(expr: N, memo: dict[N, N] | None = None) -> N:
    """Copy a graph; `memo` maps nodes to their replacements, and gets the copies."""
    memo = {} if memo is None else memo
    for node in dfs(expr):
        if node not in memo:
            memo[node] = node.clone_from_inputs([memo[arg] for arg in node.inputs()])
    return memo[expr]


def clone_merge(expr: N, memo: dict[N, N] | None = None, merge_literals: bool = False) -> N:
    """Copy a graph so that equal pure calls become one node (and equal constants, if asked)."""
    memo = {} if memo is None else memo
    known: dict[Any, N] = {}
    for node in dfs(expr):
        if node in memo:
            continue
        inputs = [memo[arg] for arg in node.inputs()]
        key = _merge_key(node, inputs, merge_literals)
        new = known.get(key) if key is not None else None
        if new is None:
            new = node.clone_from_inputs(inputs)
            if key is not None:
                known[key] = new
        memo[node] = new
    return memo[expr]


def _merge_key(node: Any, inputs: list[Any], merge_literals: bool) -> Any:
    if node.name == "literal":
        if not merge_literals:
            return None
        key = (type(node.obj), node.obj)
        try:
            hash(key)
        except TypeError:
            return None
        return key
    if not node.pure:
        return None
    return (node.name, len(node.pos_args), tuple(k for k, _ in node.named_args), tuple(inputs))
