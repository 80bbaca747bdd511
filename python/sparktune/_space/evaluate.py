"""Walks over expression graphs: `dfs`, `toposort`, `clone`, `rec_eval`, and `Lambda`.

None of them recurses, so a chain of thousands of operators is no trouble.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from sparktune._space.nodes import Apply, Literal, SymbolTableEntry, as_apply, scope
from sparktune._worker.program import branch_index
from sparktune.exceptions import BadSearchSpace

__all__ = [
    "GarbageCollected",
    "Lambda",
    "MissingValue",
    "UndefinedValue",
    "apply",
    "clone",
    "clone_merge",
    "dfs",
    "p0",
    "p1",
    "p2",
    "p3",
    "p4",
    "partial",
    "rec_eval",
    "toposort",
]

logger = logging.getLogger("sparktune.expr")

#: Bound on nodes waiting in `rec_eval`, beyond which the graph is taken to be endless.
DEFAULT_MAX_PROGRAM_LEN = 1_000_000


class GarbageCollected:
    """In a memo: this node has no value, and evaluation must not need one."""


class MissingValue(KeyError, AssertionError):
    """An expression needs a value that the memo marks as `GarbageCollected`.

    Hyperopt raises an AssertionError here, which Ray Tune turns into advice of its own.

    Parameters
    ----------
    label : str
        What has no value.
    """

    def __str__(self) -> str:
        return f"{self.args[0]!r} is needed but has no value (GarbageCollected)"


def dfs(
    aa: Apply, seq: list[Apply] | None = None, seqset: dict[Apply, list[Apply]] | None = None
) -> list[Apply]:
    """List the nodes below `aa` and itself, inputs before the nodes that use them.

    Parameters
    ----------
    aa : Apply
        The root.
    seq : list, optional
        Where to append the nodes.
    seqset : dict, optional
        Nodes to leave out, with their inputs; filled with those found.

    Returns
    -------
    list of Apply
        Each node once. A cycle does not end in an error here; see `toposort`.
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


def toposort(expr: Apply) -> list[Apply]:
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


def clone(expr: Apply, memo: dict[Apply, Apply] | None = None) -> Apply:
    """Copy a graph; `memo` gives nodes to put in the place of others, and takes the new ones."""
    memo = {} if memo is None else memo
    for node in dfs(expr):
        if node not in memo:
            memo[node] = node.clone_from_inputs([memo[arg] for arg in node.inputs()])
    return memo[expr]


def clone_merge(
    expr: Apply, memo: dict[Apply, Apply] | None = None, merge_literals: bool = False
) -> Apply:
    """Copy a graph so that equal pure calls become one node (and equal constants, if asked)."""
    memo = {} if memo is None else memo
    known: dict[Any, Apply] = {}
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


def _merge_key(node: Apply, inputs: list[Apply], merge_literals: bool) -> Any:
    if isinstance(node, Literal):
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


def rec_eval(
    expr: Any,
    deepcopy_inputs: bool = False,
    memo: Mapping[Apply, Any] | None = None,
    max_program_len: int | None = None,
    memo_gc: bool = True,
    print_trace: bool = False,
    print_node_on_error: bool = True,
) -> Any:
    """Evaluate an expression.

    Of a ``switch`` only the chosen branch is evaluated. What a function returns is evaluated
    again if it is an expression.

    Parameters
    ----------
    expr : Any
        A node, or an object that `as_apply` takes.
    deepcopy_inputs : bool
        Give each function deep copies of its arguments.
    memo : mapping of Apply to Any, optional
        Values of nodes; these are not evaluated.
    max_program_len : int, optional
        Bound on waiting nodes, against endless graphs.
    memo_gc : bool
        Kept for Hyperopt's signature; has no effect.
    print_trace : bool
        Log each node before it is looked at.
    print_node_on_error : bool
        Log the node whose function raised.

    Returns
    -------
    Any
        The value.

    Raises
    ------
    MissingValue
        If a hyperparameter is needed that `memo` marks as `GarbageCollected` (inactive); a
        KeyError.
    """
    if deepcopy_inputs not in (False, True):
        raise ValueError(
            f"`deepcopy_inputs` of rec_eval must be a bool; got {type(deepcopy_inputs).__name__}. "
            "Pass a memo as rec_eval(expr, memo=memo)."
        )
    limit = DEFAULT_MAX_PROGRAM_LEN if max_program_len is None else max_program_len
    root = as_apply(expr)
    values: dict[Apply, Any] = {} if memo is None else dict(memo)
    # The last input is evaluated first, as in Hyperopt: with one random generator for all nodes,
    # the order decides which node gets which draw.
    stack = [root]
    while stack:
        if len(stack) > limit:
            raise RuntimeError(
                f"More than {limit} nodes wait for evaluation: the expression seems endless."
            )
        node = stack[-1]
        if print_trace:
            logger.info("evaluating %s, %d waiting", node.name, len(stack))
        if node in values:
            if values[node] is GarbageCollected:
                raise MissingValue(_label_of(node))
            stack.pop()
        elif isinstance(node, Literal):
            values[node] = node.obj
            stack.pop()
        elif waiting := _waiting_on(node, values):
            stack.extend(waiting)
        else:
            values[node] = _value_of(node, values, deepcopy_inputs, print_node_on_error)
            stack.pop()
    return values[root]


def _label_of(node: Apply) -> str:
    if node.name == "hyperopt_param":
        return str(node.arg["label"].obj)
    return node.name


def _waiting_on(node: Apply, values: dict[Apply, Any]) -> list[Apply]:
    """Return the inputs that must be evaluated before `node` can be."""
    if node.name != "switch":
        return [n for n in node.inputs() if n not in values or values[n] is GarbageCollected]
    selector, *branches = node.pos_args
    if selector not in values or values[selector] is GarbageCollected:
        return [selector]
    branch = branches[branch_index(values[selector], len(branches))]
    return [] if branch in values and values[branch] is not GarbageCollected else [branch]


def _value_of(node: Apply, values: dict[Apply, Any], deepcopy_inputs: bool, log_node: bool) -> Any:
    if node.name == "switch":
        selector, *branches = node.pos_args
        return values[branches[branch_index(values[selector], len(branches))]]
    args = [values[n] for n in node.pos_args]
    kwargs = {k: values[n] for k, n in node.named_args}
    if deepcopy_inputs:
        args, kwargs = copy.deepcopy(args), copy.deepcopy(kwargs)
    try:
        result = scope._impls[node.name](*args, **kwargs)
    except Exception as e:
        if log_node:
            logger.error(
                "scope.%s raised %s: %s; its inputs: %s",
                node.name,
                type(e).__name__,
                e,
                ", ".join(n._title() for n in node.inputs())[:500],
            )
        raise
    if isinstance(result, Apply):
        return rec_eval(result, deepcopy_inputs, values, print_node_on_error=log_node)
    return result


class Lambda:
    """A function whose body is an expression; calling it gives the body with arguments put in.

    Parameters
    ----------
    name : str
        Its name, under which `scope.define` adds it.
    params : sequence of (str, Apply)
        Name and placeholder node of each parameter (see `p0` ... `p4`).
    expr : Apply
        The body.
    """

    def __init__(self, name: str, params: Sequence[tuple[str, Apply]], expr: Apply) -> None:
        self.__name__ = name
        self.params = params
        self.expr = expr

    def __call__(self, *args: Any) -> Apply:
        """Return the body with these arguments in the place of the parameters."""
        if len(args) < len(self.params):
            raise NotImplementedError(
                f"{self.__name__} has no default arguments: it takes {len(self.params)}; "
                f"got {len(args)}."
            )
        if len(args) != len(self.params):
            raise TypeError(f"{self.__name__} takes {len(self.params)} arguments; got {len(args)}.")
        memo = {param[1]: as_apply(arg) for arg, param in zip(args, self.params, strict=True)}
        return clone(self.expr, memo)


class UndefinedValue:
    """What the placeholders of `Lambda` hold."""


p0 = Literal(UndefinedValue)
p1 = Literal(UndefinedValue)
p2 = Literal(UndefinedValue)
p3 = Literal(UndefinedValue)
p4 = Literal(UndefinedValue)


def apply(name: str, *args: Any, **kwargs: Any) -> Apply:
    """Build the node that calls the scope function `name`."""
    return scope._new_apply(name, args, kwargs)


def partial(name: str | SymbolTableEntry, *args: Any, **kwargs: Any) -> SymbolTableEntry:
    """Define a scope function of one more argument: `name` with these arguments given.

    Returns
    -------
    SymbolTableEntry
        The new function, for example for ``scope.map``.
    """
    base = name.apply_name if isinstance(name, SymbolTableEntry) else name
    number = len(scope._impls)
    while f"partial_{base}_id{number}" in scope._impls:
        number += 1
    new = Lambda(f"partial_{base}_id{number}", [("x", p0)], apply(base, *args, p0, **kwargs))
    scope.define(new)
    entry: SymbolTableEntry = getattr(scope, new.__name__)
    return entry


scope._define("partial", partial, o_len=None, pure=False)
