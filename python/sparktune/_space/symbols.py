"""The functions that `scope` has from the start.

They are Python's, numpy's or `sparktune._worker.program`'s, so that programs that call them can be
evaluated where sparktune is not installed. There are only Hyperopt's names, so that a user's
``@scope.define`` never clashes with a name that is free in Hyperopt.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from sparktune._space.graph import Apply, as_apply, scope
from sparktune._worker import program

__all__ = ["TRUSTED"]

_PURE: dict[str, Callable[..., Any]] = {
    "pos_args": program.pos_args,
    "identity": program.identity,
    "switch": program.switch,
    "list": list,
    "dict": dict,
    "range": range,
    "len": len,
    "int": int,
    "float": float,
    "max": max,
    "min": min,
    "getattr": getattr,
    "getitem": operator.getitem,
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "truediv": operator.truediv,
    "floordiv": operator.floordiv,
    "neg": operator.neg,
    "pow": operator.pow,
    "eq": operator.eq,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "minimum": np.minimum,
    "maximum": np.maximum,
    "sum": np.sum,
    "asarray": np.asarray,
    "bincount": program.bincount,
    "array_union": program.array_union,
    "array_union1": program.array_union1,
    "repeat": program.repeat,
    "str_join": program.str_join,
    "call_method_pure": program.call_method,
    "copy_call_method_pure": program.copy_call_method,
    "Raise": program.raise_error,
}

_IMPURE: dict[str, Callable[..., Any]] = {
    "call": program.call,
    "callpipe1": program.callpipe1,
    "call_method": program.call_method,
    "hyperopt_param": program.hyperopt_param,
}

#: Functions that never return an expression, so that their results need no check.
TRUSTED = frozenset(_PURE) - {
    "call_method_pure",
    "copy_call_method_pure",
    "getattr",
    "getitem",
    "identity",
    "Raise",
}


def _define_all() -> None:
    for name, fn in _PURE.items():
        scope._define(name, fn, o_len=None, pure=True)
    for name, fn in _IMPURE.items():
        scope._define(name, fn, o_len=None, pure=False)
    scope._impls["map"] = program.map_all
    setattr(scope, "map", _map)  # noqa: B010 - a builder, not a plain entry
    setattr(scope, "kwswitch", _kwswitch)  # noqa: B010


def _map(fn: Any, seq: Any, pure: bool = False) -> Apply:
    """Build the node that calls `fn` on each item of `seq`, which may be a node."""
    items = as_apply(seq)
    return scope._new_apply("map", [fn, items], {}, o_len=items.o_len, pure=pure)


def _kwswitch(kw: Any, **kwargs: Any) -> Apply:
    """Build a switch that picks the keyword argument whose name is the value of `kw`."""
    keys = sorted(kwargs)
    position = scope.call_method_pure(tuple(keys), "index", kw)
    node: Apply = scope.switch(position, *[kwargs[k] for k in keys])
    return node


_define_all()
