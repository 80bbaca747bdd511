"""Expression graph -> `Program`: the space as plain data that is quick to evaluate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sparktune._space.expr import Apply, Lambda, Literal, as_apply, scope, toposort
from sparktune._space.stochastic import implicit_stochastic_symbols
from sparktune._space.symbols import TRUSTED
from sparktune._worker import program as ops
from sparktune._worker.program import Program, Step, run_program
from sparktune.exceptions import BadSearchSpace, InvalidArgument

__all__ = [
    "build_program",
    "evaluate_assignment",
    "label_of",
    "scalar_values",
    "space_nodes",
]

_CASTS: dict[str, Callable[[Any], Any]] = {"float": float, "int": int}


def label_of(node: Apply) -> str:
    """Return the label of a ``hyperopt_param`` node."""
    label = node.pos_args[0] if node.pos_args else node.arg["label"]
    if not isinstance(label, Literal) or not isinstance(label.obj, str):
        raise BadSearchSpace(f"The label of a hyperparameter must be a string; got {label}.")
    return label.obj


def space_nodes(expr: Apply) -> list[Apply]:
    """List the nodes that make up points, inputs first; not what is below hyperparameters.

    Raises
    ------
    BadSearchSpace
        If the expression contains itself.
    """
    order = toposort(expr)
    reachable = {expr}
    for node in reversed(order):
        if node in reachable and node.name != "hyperopt_param":
            reachable.update(node.inputs())
    return [node for node in order if node in reachable]


def build_program(expr: Any, ctrl_type: Any = None) -> Program:
    """Turn a space into a `Program`.

    Parameters
    ----------
    expr : Any
        The space.
    ctrl_type : Any, optional
        Constants that are this very object are replaced by the `ctrl` of `run_program`.

    Returns
    -------
    Program
        The same space; evaluating it gives what `rec_eval` gives.

    Raises
    ------
    BadSearchSpace
        If the expression contains itself, calls a function that `scope` does not have, or draws
        at random outside of a hyperparameter.
    """
    root = as_apply(expr)
    nodes = space_nodes(root)
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
        if node.name == "hyperopt_param":
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
    """Return the step that computes a node which is no constant."""
    if node.name == "hyperopt_param":
        return (ops.PARAM, label_of(node), None)
    args = tuple(slot[n] for n in node.inputs())
    names = tuple(k for k, _ in node.named_args)
    if node.name in _CASTS and len(args) == 1 and node.inputs()[0].name == "hyperopt_param":
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
    """For the root and each selector and branch: the steps it needs, in order."""
    targets = {root}
    for step in steps:
        if step is not None and step[0] == ops.SWITCH:
            targets.update((step[1], *step[2]))
    return {target: _needed(steps, target) for target in targets}


def _needed(steps: list[Step | None], target: int) -> tuple[int, ...]:
    """List the steps that slot `target` needs, whatever branches are chosen."""
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


def scalar_values(assignment: Mapping[str, Any]) -> dict[str, Any]:
    """Return an assignment with ``[value]`` unpacked and ``[]`` left out, as trials write them."""
    values = {}
    for label, value in assignment.items():
        if isinstance(value, (list, tuple)):
            if len(value) == 1:
                values[label] = value[0]
        else:
            values[label] = value
    return values


def evaluate_assignment(space: Any, assignment: Mapping[str, Any]) -> Any:
    """Build the point of a space that an assignment of hyperparameters stands for.

    Parameters
    ----------
    space : Any
        The space.
    assignment : mapping of str to scalar
        Values by label, such as what `fmin` returns or the ``misc["vals"]`` of a trial. A choice
        has the position of its option. Labels that the point does not need may be absent.

    Returns
    -------
    Any
        The point as the objective sees it.

    Raises
    ------
    InvalidArgument
        If a hyperparameter that the point needs has no value.
    BadSearchSpace
        If the space is wrong.
    """
    program = build_program(space)
    values = scalar_values(assignment)
    try:
        return run_program(program, values)
    except KeyError as e:
        label = e.args[0] if e.args else None
        if label not in program.labels or label in values:
            raise  # a KeyError of the user's own function
        raise InvalidArgument(
            f"The assignment must have a value for each hyperparameter of the point; {label!r} is "
            f"missing among {sorted(values)}."
        ) from None
