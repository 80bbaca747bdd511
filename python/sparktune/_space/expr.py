"""The expression language in one place: nodes, `scope`, walks, evaluation and `Lambda`.

Other modules import from here; importing it also fills `scope`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sparktune._space import symbols as _symbols  # noqa: F401 - fills scope
from sparktune._space.evaluate import MAX_WAITING, Evaluation, GarbageCollected
from sparktune._space.functions import PyllImportError, SymbolTableEntry
from sparktune._space.graph import (
    Apply,
    Literal,
    MissingArgument,
    Space,
    SymbolTable,
    as_apply,
    scope,
)
from sparktune._space.walks import clone, clone_merge, dfs, toposort
from sparktune.exceptions import InvalidArgument, InvalidArgumentType

__all__ = [
    "Apply",
    "GarbageCollected",
    "Lambda",
    "Literal",
    "MissingArgument",
    "PyllImportError",
    "Space",
    "SymbolTable",
    "SymbolTableEntry",
    "UndefinedValue",
    "apply",
    "as_apply",
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
    "scope",
    "toposort",
    "use_obj_for_literal_in_memo",
]


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

    Only the chosen branch of a ``switch`` is evaluated. If a function returns an expression, that
    is evaluated too.

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
        raise InvalidArgument(
            f"`deepcopy_inputs` of rec_eval must be a bool; got {type(deepcopy_inputs).__name__}. "
            "Pass a memo as rec_eval(expr, memo=memo)."
        )
    evaluation = Evaluation(
        scope._impls,
        deepcopy_inputs,
        MAX_WAITING if max_program_len is None else max_program_len,
        print_trace,
        print_node_on_error,
    )
    return evaluation.run(as_apply(expr), memo or {})


def use_obj_for_literal_in_memo(expr: Any, obj: Any, lit: Any, memo: dict[Any, Any]) -> Any:
    """Give each literal of an expression that equals `lit` the value `obj` in a memo.

    For instance a `Ctrl` for the class `Ctrl`. `memo` is changed in place and returned.
    """
    for node in dfs(expr):
        if isinstance(node, Literal):
            try:
                found = bool(node.obj == lit)
            except (AttributeError, TypeError, ValueError):
                continue  # an array, for example, which is not equal as a whole
            if found:
                memo[node] = obj
    return memo


class Lambda:
    """A function whose body is an expression; a call returns the body with the arguments put in.

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
        """Return the body with these arguments in place of the parameters."""
        if len(args) < len(self.params):
            raise NotImplementedError(
                f"{self.__name__} has no default arguments: it takes {len(self.params)}; "
                f"got {len(args)}."
            )
        if len(args) != len(self.params):
            raise InvalidArgumentType(
                f"{self.__name__} takes {len(self.params)} arguments; got {len(args)}."
            )
        memo = {param[1]: as_apply(arg) for arg, param in zip(args, self.params, strict=True)}
        return clone(self.expr, memo)


class UndefinedValue:
    """The value of the placeholders of `Lambda`."""


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

    The new function is for example for ``scope.map``.
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
