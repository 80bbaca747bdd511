"""What a node cannot be asked before it is evaluated, and where a node cannot be evaluated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from sparktune._space.parameters import is_parameter, label_of
from sparktune._space.walks import dfs
from sparktune.exceptions import BadSearchSpaceType

__all__ = ["Unevaluated", "check_constant"]


def _refused(call: str, hint: str) -> Callable[[Any], Any]:
    def refuse(node: Any, *args: Any) -> Any:
        raise BadSearchSpaceType(
            f"An expression has no value for {call} before it is evaluated; got {_shown(node)}. "
            f"Hint: {hint}."
        )

    return refuse


class Unevaluated:
    """The length of a node, and the conversions to numbers, which raise."""

    name: str
    o_len: int | None

    def __len__(self) -> int:
        if self.o_len is None:
            raise TypeError(
                f"An expression (scope.{self.name}) has no length or truth value before it is "
                "evaluated; use scope functions on it, e.g. scope.len(node)."
            )
        return self.o_len

    def __getitem__(self, idx: Any) -> Any:
        raise NotImplementedError

    def __iter__(self) -> Iterator[Any]:
        # Without this, Python would iterate through __getitem__ without end.
        return iter([self[i] for i in range(len(self))])

    if not TYPE_CHECKING:  # type checkers should find these mistakes, too
        __int__ = _refused("int()", "scope.int(node), or int() in the objective")
        __round__ = _refused("round()", "scope.int(node), or round() in the objective")
        __float__ = _refused(
            "float()",
            "scope.float(node), scope.log(node), ..., or the function itself in the objective",
        )
        __index__ = _refused(
            "range() or an index",
            "scope.int(node) where the objective needs an int, hp.choice for an item of a list",
        )


def check_constant(obj: Any) -> None:
    """Check that an object that becomes a constant is not a node, nor hides one.

    Raises
    ------
    BadSearchSpaceType
        If it is a node that Hyperopt made, or a set of nodes: as a constant it would silently take
        its hyperparameters out of the search.
    """
    if type(obj).__module__.startswith("hyperopt.pyll"):
        raise BadSearchSpaceType(
            "A space must be made with one library; got a node of hyperopt's. "
            "Import hp and scope from sparktune."
        )
    if isinstance(obj, (set, frozenset)):
        labels = [_label(item) for item in obj if isinstance(item, Unevaluated)]
        if labels:
            named = ", ".join(f"{label!r}: hp.uniform({label!r}, ...)" for label in sorted(labels))
            raise BadSearchSpaceType(
                f"A space must be made of dicts, lists and tuples; got a {type(obj).__name__} of "
                f"hyperparameters. Hint: {{{named}}}."
            )


def _label(node: Any) -> str:
    """Return the label of the first hyperparameter below a node."""
    return next((label_of(each) for each in dfs(node) if is_parameter(each)), "x")


def _shown(node: Any) -> str:
    labels = {label_of(each) for each in dfs(node) if is_parameter(each)}
    return ", ".join(map(repr, sorted(labels))) or f"scope.{node.name}"
