"""Compiles a search space to a `CompiledSpace`: what the sampler sees, and what builds points.

Only hyperparameters and the choices above them go to Rust. Computations with them stay in Python,
so that a space may hold any expression.
"""

from __future__ import annotations

import functools
import numbers
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from math import nan
from typing import Any

import numpy as np
import numpy.typing as npt

from sparktune._core import Space as CoreSpace
from sparktune._space.checks import INTEGER, read_distribution
from sparktune._space.conditions import Condition, conditions_of
from sparktune._space.expr import Apply, Space, as_apply
from sparktune._space.parameters import parameters, space_nodes
from sparktune._space.program_builder import build_program
from sparktune._worker import program as ops
from sparktune._worker.program import Program, fill_slot, run_program
from sparktune.exceptions import InvalidArgument, InvalidArgumentType

__all__ = ["CompiledSpace", "Param", "compile_space", "evaluate_assignment"]


class _Integers(dict[float, np.int64]):
    """NumPy integers by value, made on first use: making one takes longer than all else here."""

    def __missing__(self, value: float) -> np.int64:
        integer = np.int64(value)
        if len(self) < 4096:
            self[value] = integer
        return integer


_INTEGERS = _Integers()


@dataclass(frozen=True)
class Param:
    """A hyperparameter as the sampler sees it.

    Attributes
    ----------
    distribution : str
        Such as ``"quniform"``; choices are ``"randint"``, or ``"categorical"`` with priors.
    conditions : tuple of tuple of (int, int)
        Alternatives; each a tuple of (index of an earlier parameter, value) that must all hold.
        ``((),)`` means always active.
    """

    label: str
    distribution: str
    args: tuple[float, ...]
    conditions: Condition = ((),)


@dataclass(frozen=True)
class CompiledSpace:
    """A search space, ready for suggesting and evaluating.

    Attributes
    ----------
    params : tuple of Param
        The hyperparameters, parents before children.
    program : Program
        Builds points from values.
    opaque : bool
        True if the sampler cannot decide which hyperparameters are active: its suggestions may
        then hold too many, and `prune` removes those.
    expr : Apply
        The space as an expression.
    ctrl_type : Any
        The constant that stands for the ``ctrl`` of an evaluation, None if nothing does.
    """

    params: tuple[Param, ...]
    program: Program
    opaque: bool
    expr: Apply = field(compare=False)
    ctrl_type: Any = None

    def __getstate__(self) -> dict[str, Any]:
        # Cached properties, such as the Rust object, are computed again on demand.
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @cached_property
    def core(self) -> CoreSpace:
        """The same parameters as a Rust object."""
        return CoreSpace(
            [(p.label, p.distribution, list(p.args), [list(c) for c in p.conditions])
             for p in self.params]
        )  # fmt: skip

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Labels of the parameters, in the order of `params` and of rows."""
        return tuple(p.label for p in self.params)

    @cached_property
    def _whole(self) -> tuple[bool, ...]:
        """Whether the values of each parameter are integers, in the order of `params`."""
        return tuple(param.distribution in INTEGER for param in self.params)

    def evaluate(self, vals: Mapping[str, Any], ctrl: Any = None) -> Any:
        """Build the point that the objective sees; see `run_program`."""
        return run_program(self.program, vals, ctrl)

    def row_from_vals(self, vals: Mapping[str, Any]) -> list[float]:
        """Return values, or trial documents' lists of one or none, as one float per parameter.

        Inactive ones are NaN; labels that the space does not have are ignored.
        """
        values = _scalars(vals)
        return [float(values.get(label, nan)) for label in self.labels]

    def lists_from_row(self, row: npt.NDArray[np.float64]) -> dict[str, list[Any]]:
        """Return a row as suggested trials have it: by label a list of one NumPy scalar, or none.

        Choices and ``randint`` are ``int64``, all others ``float64``, as in Hyperopt.
        """
        # Iterating over an array makes its scalars; plain floats are faster to compare.
        columns = zip(self.labels, self._whole, row.tolist(), row, strict=True)
        return {
            label: [] if value != value else [_INTEGERS[value] if whole else scalar]
            for label, whole, value, scalar in columns
        }

    def active_labels(self, vals: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the labels that the point of `vals` needs, in the order of `params`.

        Raises
        ------
        KeyError
            If a value is missing that decides a choice; the key is its label.
        """
        active = _walk(self.program, vals)
        return tuple(label for label in self.labels if label in active)

    def prune(self, vals: Mapping[str, Any]) -> dict[str, Any]:
        """Return `vals` without the hyperparameters that its point does not need."""
        active = _walk(self.program, vals)
        return {label: value for label, value in vals.items() if label in active}


def _walk(program: Program, vals: Mapping[str, Any]) -> set[str]:
    """Return the labels that a point needs, computing only what decides its switches."""
    slots = dict(program.constants)
    active: set[str] = set()
    seen: set[int] = set()
    todo = [program.root]
    while todo:
        i = todo.pop()
        step = program.steps[i]
        if step is None or i in seen:
            continue
        seen.add(i)
        kind, a, b = step
        if kind == ops.PARAM:
            active.add(a)
        elif kind == ops.SWITCH:
            position = ops.branch_index(fill_slot(program, vals, slots, a), len(b))
            todo += [a, b[position]]
        else:
            todo += b
    return active


def compile_space(space: Space | CompiledSpace, ctrl_type: Any = None) -> CompiledSpace:
    """Compile a search space, unless it is compiled already.

    `ctrl_type` is a constant that stands for the ``ctrl`` of an evaluation; see `build_program`.

    Raises
    ------
    DuplicateLabel
        If two hyperparameters have the same label. The same node in several places is one.
    BadSearchSpace
        If anything else about the space is wrong.
    """
    if isinstance(space, CompiledSpace):
        return space
    root = as_apply(space)
    nodes = space_nodes(root)
    distributions = {
        label: read_distribution(label, node) for label, node in parameters(root, nodes).items()
    }
    conditions, exact = conditions_of(nodes, distributions)
    params = [Param(label, *distributions[label], where) for label, where in conditions.items()]
    program = build_program(root, ctrl_type, nodes)
    return CompiledSpace(tuple(params), program, not exact, root, ctrl_type)


def evaluate_assignment(space: Space | CompiledSpace, assignment: Mapping[str, Any]) -> Any:
    """Build the point of a space from values by label; see `sparktune.space_eval`.

    Labels that the point does not need may be absent.

    Raises
    ------
    InvalidArgument, InvalidArgumentType
        If a hyperparameter that the point needs has no value or one that it cannot have, or there
        is no mapping of values.
    BadSearchSpace
        If the space is wrong.
    """
    if not isinstance(assignment, Mapping):
        raise InvalidArgumentType(
            f"The assignment must be a mapping from labels to values; got {assignment!r}. "
            "Hint: pass what `fmin` returned."
        )
    if isinstance(space, CompiledSpace):
        program, ctrl = space.program, space.ctrl_type
    else:
        program, ctrl = build_program(space), None
    values = _scalars(assignment)
    try:
        return run_program(program, values, ctrl)
    except KeyError as e:
        label = e.args[0] if e.args else None
        if label not in program.labels or label in values:
            raise  # from the user's own function
        raise InvalidArgument(
            f"The assignment must have a value for each hyperparameter of the point; {label!r} is "
            f"missing among {sorted(map(str, values))}."
        ) from None
    except (IndexError, OverflowError, TypeError, ValueError) as e:
        _refuse_value(program, values, e)
        raise  # from the user's own function


def _refuse_value(program: Program, values: Mapping[str, Any], error: Exception) -> None:
    """Raise InvalidArgument if an error is due to a value that its hyperparameter cannot have."""
    params = {i: step for i, step in enumerate(program.steps) if step and step[0] == ops.PARAM}
    readers: dict[str, tuple[Callable[[Any], Any], str, str]]
    readers = {label: (cast, "a number", "") for _, label, cast in params.values() if cast}
    for kind, selector, branches in filter(None, program.steps):
        if kind == ops.SWITCH and selector in params:
            count = len(branches)
            rule = f"a position among its {count} options, an int from 0 to {count - 1}"
            hint = " Hint: pass what `fmin` returned, which has positions instead of options."
            readers[params[selector][1]] = (
                functools.partial(ops.branch_index, count=count),
                rule,
                hint,
            )
    for label, (read, rule, hint) in readers.items():
        # Another error: the point does not need this value.
        if label in values and _message_of(read, values[label]) == str(error):
            value = values[label]
            whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
            raise (InvalidArgument if whole else InvalidArgumentType)(
                f"The value of {label!r} must be {rule}; got {value!r:.300}.{hint}"
            ) from None


def _message_of(read: Callable[[Any], Any], value: Any) -> str | None:
    """Return the message of the error of a call, None if there is none."""
    try:
        read(value)
    except Exception as error:
        return str(error)
    return None


def _scalars(assignment: Mapping[str, Any]) -> dict[str, Any]:
    """Return an assignment with ``[value]`` unpacked and ``[]`` left out, as in trial documents."""
    values = {}
    for label, value in assignment.items():
        if not isinstance(value, (list, tuple)):
            values[label] = value
        elif len(value) == 1:
            values[label] = value[0]
    return values
