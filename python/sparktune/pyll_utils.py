"""Hyperopt's names for the constructors of `hp`, and its view of a space's conditions."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from sparktune import hp
from sparktune._listing import listing
from sparktune._space.checks import HpCall
from sparktune._space.conditions import choice_values
from sparktune._space.expr import Apply, Literal, as_apply, scope
from sparktune._space.parameters import distribution_of, is_parameter, label_of
from sparktune.exceptions import BadSearchSpace, BadSearchSpaceType, DuplicateLabel

__all__ = [
    "EQ",
    "Cond",
    "expr_to_config",
    "hp_choice",
    "hp_lognormal",
    "hp_loguniform",
    "hp_normal",
    "hp_pchoice",
    "hp_qlognormal",
    "hp_qloguniform",
    "hp_qnormal",
    "hp_quniform",
    "hp_randint",
    "hp_uniform",
    "hp_uniformint",
    "scope",
    "validate_distribution_range",
    "validate_label",
]

__dir__ = listing(__all__)

F = TypeVar("F", bound=Callable[..., Any])

hp_choice = hp.choice
hp_pchoice = hp.pchoice
hp_randint = hp.randint
hp_uniform = hp.uniform
hp_uniformint = hp.uniformint
hp_quniform = hp.quniform
hp_loguniform = hp.loguniform
hp_qloguniform = hp.qloguniform
hp_normal = hp.normal
hp_qnormal = hp.qnormal
hp_lognormal = hp.lognormal
hp_qlognormal = hp.qlognormal


def validate_label(f: F) -> F:
    """Make a constructor refuse labels that are not strings.

    Parameters
    ----------
    f : callable
        A constructor ``f(label, ...)``.
    """

    @functools.wraps(f)
    def checked(label: Any, *args: Any, **kwargs: Any) -> Any:
        text = label.obj if isinstance(label, Literal) else label
        if not isinstance(text, (str, bytes)):
            raise BadSearchSpaceType(f"A label must be a string; got {label!r}.")
        return f(label, *args, **kwargs)

    return checked  # type: ignore[return-value]


def validate_distribution_range(f: F) -> F:
    """Make a constructor refuse an empty range.

    Parameters
    ----------
    f : callable
        A constructor ``f(label, low, high, ...)``.
    """

    @functools.wraps(f)
    def checked(label: Any, *args: Any, **kwargs: Any) -> Any:
        given = {**dict(zip(("low", "high"), args, strict=False)), **kwargs}
        low, high = given.get("low"), given.get("high")
        if low is not None and high is not None and not low < high:
            raise BadSearchSpace(
                f"`high` of {label!r} must be greater than `low`; got low={low!r}, high={high!r}."
            )
        return f(label, *args, **kwargs)

    return checked  # type: ignore[return-value]


class Cond:
    """A condition on the hyperparameter `name`: ``name op val``, with `op` such as ``"="``."""

    def __init__(self, name: str, val: Any, op: str) -> None:
        self.name = name
        self.val = val
        self.op = op

    def _key(self) -> tuple[Any, ...]:
        return (self.op, self.name, self.val)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cond) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"Cond{{{self.name} {self.op} {self.val}}}"


EQ = functools.partial(Cond, op="=")


def expr_to_config(expr: Any, conditions: tuple[Any, ...] | None, hps: dict[str, Any]) -> None:
    """Find the hyperparameters of a space and the conditions on which they are part of a point.

    Parameters
    ----------
    expr : Any
        The space.
    conditions : tuple or None
        What must hold for `expr` itself; becomes the beginning of each set of conditions.
    hps : dict
        Gets for each label a dict with ``label``, ``node`` (the distribution) and ``conditions``
        (a set of alternatives; each a tuple of `Cond` that must all hold).

    Raises
    ------
    DuplicateLabel
        If two hyperparameters have the same label.
    BadSearchSpace
        If a switch does not depend on a choice directly.
    """
    start = () if conditions is None else tuple(conditions)
    todo: list[tuple[Apply, tuple[Any, ...]]] = [(as_apply(expr), start)]
    while todo:
        node, holding = todo.pop()
        if is_parameter(node):
            _enter(node, holding, hps)
        elif node.name == "switch":
            selector, *options = node.inputs()
            if not is_parameter(selector):
                raise BadSearchSpace(
                    "expr_to_config needs a choice above each switch; "
                    f"got scope.{selector.name}. Hint: fmin can search such a space."
                )
            label = label_of(selector)
            branches = [(option, (*holding, EQ(label, i))) for i, option in enumerate(options)]
            todo += [*reversed(branches), (selector, holding)]
        else:
            todo += [(child, holding) for child in reversed(node.inputs())]
    _drop_complete(hps, start)


def _enter(node: Apply, holding: tuple[Any, ...], hps: dict[str, Any]) -> None:
    label, distribution = label_of(node), distribution_of(node)
    entry = hps.setdefault(label, {"node": distribution, "conditions": set(), "label": label})
    if entry["node"] is not distribution:
        raise DuplicateLabel(f"Two hyperparameters must not share a label; got {label!r}.")
    entry["conditions"].add(holding)


def _drop_complete(hps: dict[str, Any], start: tuple[Any, ...]) -> None:
    """Drop the conditions of hyperparameters that are in every branch of one choice."""
    for entry in hps.values():
        alternatives = [[c for c in each if c is not True] for each in entry["conditions"]]
        alternatives = [each for each in alternatives if each]
        if len(entry["conditions"]) < 2 or any(len(each) > 1 for each in alternatives):
            continue
        names = {each[0].name for each in alternatives}
        if len(names) == 1 and len(entry["conditions"]) == len(alternatives):
            values = {each[0].val for each in alternatives}
            label = names.pop()
            distribution = HpCall("choice", label).distribution(hps[label]["node"])
            if values.issuperset(choice_values(*distribution)):
                entry["conditions"] = {start}
