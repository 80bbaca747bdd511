"""Turns an expression graph into a `Program`: plain data that is quick to evaluate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sparktune._space.draw import implicit_stochastic_symbols
from sparktune._space.expr import Apply, Lambda, Literal, Space, as_apply, scope
from sparktune._space.parameters import is_parameter, label_of, space_nodes
from sparktune._space.symbols import TRUSTED
from sparktune._worker import program as ops
from sparktune._worker.program import Program, Step
from sparktune.exceptions import BadSearchSpace

__all__ = ["build_program"]

_CASTS: dict[str, Callable[[Any], Any]] = {"float": float, "int": int}


def build_program(space: Space, ctrl_type: Any = None, nodes: list[Apply] | None = None) -> Program:
    """Turn a space into a `Program` that gives what `rec_eval` gives.

    Constants that are `ctrl_type` itself are replaced by the `ctrl` of `run_program`. `nodes` are
    the `space_nodes` of the space, if they are known already.

    Raises
    ------
    BadSearchSpace
        If the expression contains itself, calls a function that `scope` does not have, or draws
        at random outside of a hyperparameter.
    """
    root = as_apply(space)
    nodes = space_nodes(root) if nodes is None else nodes
    slot = {node: i for i, node in enumerate(nodes)}
    steps: list[Step | None] = [None] * len(nodes)
    constants: dict[int, Any] = {}
    ctrl_slots: list[int] = []
    labels: dict[str, None] = {}
    plain = True
    for i, node in enumerate(nodes):
        if isinstance(node, Literal):
            if ctrl_type is not None and node.obj is ctrl_type:
                ctrl_slots.append(i)
            else:
                constants[i] = node.obj
            continue
        if is_parameter(node):
            labels[label_of(node)] = None
        step = _step(node, slot)
        if step[0] == ops.TUPLE and all(j in constants for j in step[2]):
            constants[i] = tuple(constants[j] for j in step[2])
            continue
        if step[0] in (ops.CALL, ops.CHECKED):
            plain = plain and _is_plain(scope._impls[node.name])
        steps[i] = step
    return Program(
        steps=tuple(steps),
        constants=constants,
        blocks=_blocks(steps, slot[root]),
        root=slot[root],
        labels=tuple(labels),
        ctrl_slots=tuple(ctrl_slots),
        plain=plain,
    )


def _step(node: Apply, slot: Mapping[Apply, int]) -> Step:
    """Return the step that computes a node that is not a constant."""
    if is_parameter(node):
        return (ops.PARAM, label_of(node), None)
    args = tuple(slot[n] for n in node.inputs())
    names = tuple(k for k, _ in node.named_args)
    if node.name in _CASTS and len(args) == 1 and is_parameter(node.inputs()[0]):
        return (ops.PARAM, label_of(node.inputs()[0]), _CASTS[node.name])
    if node.name == "switch" and not names:
        if len(args) < 2:
            raise BadSearchSpace("A switch must have a position and at least one branch; got none.")
        return (ops.SWITCH, args[0], args[1:])
    if node.name == "pos_args" and not names:
        return (ops.TUPLE, None, args)
    if node.name == "dict" and len(names) == len(args):
        return (ops.DICT, names, args)
    if node.name not in scope._impls:
        raise BadSearchSpace(
            f"The space calls scope.{node.name}, which is not defined here; define it with "
            "@scope.define before the space is used."
        )
    fn = scope._impls[node.name]
    if node.name in implicit_stochastic_symbols and "rng" not in names:
        raise BadSearchSpace(
            f"A search space must not draw from scope.{node.name} without a label; "
            f"write hp.{node.name}('a label', ...)."
        )
    if node.name in TRUSTED and not names:
        return (ops.CALL, fn, args)
    return (ops.CHECKED, (fn, names), args)


def _is_plain(fn: Callable[..., Any]) -> bool:
    """Return whether a function can be used where sparktune is not installed."""
    if isinstance(fn, Lambda):
        return False
    module = str(getattr(fn, "__module__", ""))
    return module == ops.__name__ or not module.startswith("sparktune.")


def _blocks(steps: list[Step | None], root: int) -> dict[int, tuple[int, ...]]:
    """Return for the root and each selector and branch the steps it needs, in order."""
    targets = {root}
    for step in steps:
        if step is not None and step[0] == ops.SWITCH:
            targets.update((step[1], *step[2]))
    return {target: _needed(steps, target) for target in targets}


def _needed(steps: list[Step | None], target: int) -> tuple[int, ...]:
    """List the steps that slot `target` needs with any choice of branches."""
    found: set[int] = set()
    todo = [target]
    while todo:
        i = todo.pop()
        step = steps[i]
        if step is None or i in found:
            continue
        found.add(i)
        if step[0] == ops.SWITCH:
            todo.append(step[1])
        elif step[0] != ops.PARAM:
            todo.extend(step[2])
    return tuple(sorted(found))  # slots are numbered inputs first
