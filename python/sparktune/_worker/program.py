"""`Program`: a search space as plain data, and the function that builds points from it.

The driver and Spark executors build the objective's argument with this module.

A program is a list of steps. Step ``i`` computes slot ``i`` from earlier slots. Constants fill
their slots beforehand. `blocks` lists the steps that a slot needs, in order. The steps of a branch
of a ``switch`` are only in that branch's own block, so only the chosen branch runs.
"""

from __future__ import annotations

import copy
import operator
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Program", "Step", "branch_index", "run_program"]

# Kinds of step, the first item of each; what the second and third mean.
PARAM = 0  # label, cast (None, float or int)
TUPLE = 1  # None, slots
DICT = 2  # keys, slots
CALL = 3  # function, slots
CHECKED = 4  # (function, keyword names), slots: keywords last; the result may be an expression
SWITCH = 5  # selector slot, slots of the branches

Step = tuple[int, Any, Any]


@dataclass(frozen=True)
class Program:
    """A search space in a form that is quick to evaluate and easy to ship.

    Attributes
    ----------
    steps : tuple of (kind, a, b) or None
        One entry per slot; None if the slot holds a constant.
    constants : dict of int to Any
        Slots known beforehand. The objects are shared by all evaluations, as in Hyperopt.
    blocks : dict of int to tuple of int
        For the root, each selector and each branch: the steps it needs, in order.
    root : int
        The slot of the whole point.
    labels : tuple of str
        Labels of all hyperparameters, parents first.
    ctrl_slots : tuple of int
        Slots that the `ctrl` argument of `run_program` fills.
    plain : bool
        True if every function is Python's, numpy's, this module's or the user's own, so that the
        program can be evaluated where sparktune is not installed.
    """

    steps: tuple[Step | None, ...]
    constants: dict[int, Any]
    blocks: dict[int, tuple[int, ...]]
    root: int
    labels: tuple[str, ...]
    ctrl_slots: tuple[int, ...] = ()
    plain: bool = True


def run_program(program: Program, values: Mapping[str, Any], ctrl: Any = None) -> Any:
    """Build the point that the objective sees: fresh dicts and tuples around the values.

    Inactive hyperparameters may be absent from `values`; `ctrl` replaces the ``Ctrl`` marker.

    Raises
    ------
    KeyError
        If a hyperparameter that the point needs has no value; the key is its label.
    TypeError, ValueError, IndexError
        If the value of a choice is not a position among its options.
    """
    slots = dict(program.constants)
    for i in program.ctrl_slots:
        slots[i] = ctrl
    return fill_slot(program, values, slots, program.root)


def fill_slot(
    program: Program, values: Mapping[str, Any], slots: dict[int, Any], target: int
) -> Any:
    """Run the steps that slot `target` needs and that `slots` does not hold yet."""
    if target in slots:
        return slots[target]
    steps = program.steps
    blocks = program.blocks
    waiting: list[tuple[int, int, Any]] = []  # switches whose branch is being computed
    todo = iter(blocks[target])
    while True:
        for i in todo:
            if i in slots:
                continue
            kind, a, b = steps[i]  # type: ignore[misc]  # only constants have no step
            if kind == PARAM:
                slots[i] = values[a] if b is None else b(values[a])
            elif kind == DICT:
                slots[i] = dict(zip(a, [slots[j] for j in b]))  # noqa: B905 - equal by construction
            elif kind == TUPLE:
                slots[i] = tuple([slots[j] for j in b])
            elif kind == CALL:
                slots[i] = a(*[slots[j] for j in b])
            elif kind == SWITCH:
                branch = b[branch_index(slots[a], len(b))]
                if branch not in slots:
                    waiting.append((i, branch, todo))
                    todo = iter(blocks[branch])
                    break
                slots[i] = slots[branch]
            else:
                slots[i] = _checked_call(a[0], a[1], [slots[j] for j in b])
        else:
            if not waiting:
                return slots[target]
            i, branch, todo = waiting.pop()
            slots[i] = slots[branch]


def branch_index(position: Any, count: int) -> int:
    """Return the position of the chosen branch of a switch with `count` branches."""
    try:
        index = operator.index(position)
    except TypeError:
        numpy = sys.modules.get("numpy")  # without the module there is no array
        if numpy is not None and isinstance(position, numpy.ndarray):
            return branch_index(position.item(), count)
        raise TypeError(
            f"The value of a choice must be an integer position among its {count} options; "
            f"got {position!r}."
        ) from None
    if index < 0:
        raise ValueError(f"The value of a choice must not be negative; got {index}.")
    if index >= count:
        raise IndexError(f"The value of a choice must be less than {count}; got {index}.")
    return index


def _checked_call(fn: Callable[..., Any], names: tuple[str, ...], args: list[Any]) -> Any:
    n = len(args) - len(names)
    result = fn(*args[:n], **dict(zip(names, args[n:], strict=True)))
    return evaluated(result)


def evaluated(result: Any) -> Any:
    """Evaluate what a function returned if it is itself an expression, as `Lambda` does."""
    while is_expression(result):
        result = result.eval()
    return result


def is_expression(obj: Any) -> bool:
    """Return whether an object is a node of an expression."""
    # By its methods: this module must not import the class.
    return hasattr(type(obj), "clone_from_inputs") and hasattr(type(obj), "eval")


def call_with_keywords(fn: Callable[..., Any], point: Mapping[str, Any], **more: Any) -> Any:
    """Call an objective whose space was given by its annotations."""
    return fn(**point, **more)


# -- functions of `scope` that neither Python nor numpy has ---------------------------------


def pos_args(*args: Any) -> tuple[Any, ...]:
    """Return the arguments as a tuple."""
    return args


def identity(obj: Any) -> Any:
    """Return `obj`."""
    return obj


def call(fn: Callable[..., Any], args: Any = (), kwargs: Mapping[str, Any] | None = None) -> Any:
    """Call `fn`; ``node(...)`` builds this."""
    return fn(*args, **(kwargs or {}))


def callpipe1(fn_list: Iterable[Callable[[Any], Any]], arg: Any) -> Any:
    """Send `arg` through the functions, the first one first."""
    for fn in fn_list:
        arg = fn(arg)
    return arg


def bincount(x: Any, offset: int = 0, weights: Any = None, minlength: int = 0) -> Any:
    """Count how often each integer from `offset` on occurs, at least `minlength` of them."""
    import numpy as np

    return np.bincount(np.asarray(x, dtype=int) - offset, weights, minlength)


def map_all(fn: Callable[..., Any], seq: Iterable[Any]) -> list[Any]:
    """Return the list of what `fn` gives on each item."""
    return [evaluated(fn(item)) for item in seq]


def call_method(obj: Any, methodname: str, *args: Any, **kwargs: Any) -> Any:
    """Call a method of `obj`."""
    return getattr(obj, methodname)(*args, **kwargs)


def copy_call_method(obj: Any, methodname: str, *args: Any, **kwargs: Any) -> Any:
    """Call a method of a shallow copy of `obj`, so that `obj` stays as it is."""
    return getattr(copy.copy(obj), methodname)(*args, **kwargs)


def switch(pos: Any, *args: Any) -> Any:
    """Return the argument at `pos`; evaluators compute only that one."""
    return args[branch_index(pos, len(args))]


def raise_error(etype: Callable[..., BaseException], *args: Any, **kwargs: Any) -> Any:
    """Raise ``etype(*args, **kwargs)``."""
    raise etype(*args, **kwargs)


def repeat(n_times: int, obj: Any) -> list[Any]:
    """Return a list that holds `obj` `n_times` times."""
    return [obj] * n_times


def str_join(s: str, seq: Iterable[str]) -> str:
    """Return ``s.join(seq)``."""
    return s.join(seq)


def array_union(*args: Iterable[Any]) -> Any:
    """Return the sorted array of all that is in any of the arguments."""
    return array_union1(args)


def array_union1(args: Iterable[Iterable[Any]]) -> Any:
    """Return the sorted array of all that is in any of the items."""
    import numpy as np

    return np.asarray(sorted(set().union(*args)))


def hyperopt_param(label: str, obj: Any) -> Any:
    """Return `obj`: the node around a distribution that makes it a hyperparameter."""
    return obj
