"""Evaluation of expression graphs, with a table of functions and a memo of values."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sparktune._space.parameters import is_parameter, label_of
from sparktune._worker.program import branch_index, is_expression

__all__ = ["MAX_WAITING", "Evaluation", "GarbageCollected", "MissingValue"]

logger = logging.getLogger("sparktune.expr")

#: Maximum number of nodes waiting for evaluation; beyond it the graph counts as endless.
MAX_WAITING = 1_000_000


class GarbageCollected:
    """In a memo: this node has no value, and evaluation must not need one."""


class MissingValue(KeyError, AssertionError):
    """An expression needs a value that the memo marks as `GarbageCollected`.

    Hyperopt raises an AssertionError here, which Ray Tune turns into its own advice.
    """

    def __str__(self) -> str:
        return f"{self.args[0]!r} is needed but has no value (GarbageCollected)"


@dataclass(frozen=True)
class Evaluation:
    """How graphs are evaluated; the fields are those of `sparktune._space.expr.rec_eval`."""

    functions: Mapping[str, Callable[..., Any]]
    deepcopy_inputs: bool = False
    max_waiting: int = MAX_WAITING
    print_trace: bool = False
    print_node_on_error: bool = True

    def run(self, root: Any, memo: Mapping[Any, Any]) -> Any:
        """Return the value of a graph; nodes that `memo` has a value for are not evaluated."""
        values = dict(memo)
        # The last input is evaluated first, as in Hyperopt: with one random generator for all
        # nodes, the order decides which node gets which draw.
        stack = [root]
        while stack:
            if len(stack) > self.max_waiting:
                raise RuntimeError(
                    f"More than {self.max_waiting} nodes wait for evaluation: "
                    "the expression seems endless."
                )
            node = stack[-1]
            if self.print_trace:
                logger.info("evaluating %s, %d waiting", node.name, len(stack))
            if node in values:
                if values[node] is GarbageCollected:
                    raise MissingValue(label_of(node) if is_parameter(node) else node.name)
                stack.pop()
            elif node.name == "literal":
                values[node] = node.obj
                stack.pop()
            elif waiting := _waiting_on(node, values):
                stack.extend(waiting)
            else:
                values[node] = self._value_of(node, values)
                stack.pop()
        return values[root]

    def _value_of(self, node: Any, values: dict[Any, Any]) -> Any:
        """Return the value of a node whose inputs are evaluated."""
        if node.name == "switch":
            return values[_branch(node, values)]
        args = [values[n] for n in node.pos_args]
        kwargs = {k: values[n] for k, n in node.named_args}
        if self.deepcopy_inputs:
            args, kwargs = copy.deepcopy(args), copy.deepcopy(kwargs)
        try:
            result = self.functions[node.name](*args, **kwargs)
        except Exception as e:
            if self.print_node_on_error:
                inputs = ", ".join(n._title() for n in node.inputs())[:500]
                logger.error(
                    "scope.%s raised %s: %s; its inputs: %s", node.name, type(e).__name__, e, inputs
                )
            raise
        return self.run(result, values) if is_expression(result) else result


def _branch(switch: Any, values: Mapping[Any, Any]) -> Any:
    """Return the branch that a switch takes."""
    selector, *branches = switch.pos_args
    return branches[branch_index(values[selector], len(branches))]


def _waiting_on(node: Any, values: Mapping[Any, Any]) -> list[Any]:
    """Return the inputs that must be evaluated before `node` can be."""

    def missing(n: Any) -> bool:
        return n not in values or values[n] is GarbageCollected

    if node.name != "switch":
        return [n for n in node.inputs() if missing(n)]
    selector = node.pos_args[0]
    if missing(selector):
        return [selector]
    branch = _branch(node, values)
    return [branch] if missing(branch) else []
