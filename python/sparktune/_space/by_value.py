"""Hyperparameters whose bounds and options are values, as the objective sees them.

They are made of the distributions that Hyperopt has. `sparktune.hp` shows them; the underscore of
`float_` and `int_` keeps the builtins usable here.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Set
from typing import Any

import numpy as np

from sparktune._space.checks import HpCall, constructor
from sparktune._space.expr import Apply, Space, scope

__all__ = ["categorical", "float_", "int_", "ordinal"]

# The range of a value on a grid extends almost half a step beyond its ends, so that these are as
# likely as others. Not quite half: a tie could be rounded to a value outside.
_HALF = 0.4999995
# Numbers of steps beyond which floats are too coarse for that.
_FAR = 2**30
# What is between a multiple of a step and its quotient by rounding.
_ROUNDING = 1e-9


@constructor
def float_(
    label: str, low: float, high: float, log: bool = False, step: float | None = None
) -> Apply:
    """Draw a number between two values.

    Parameters
    ----------
    label : str
        Name of the hyperparameter.
    low, high : float
        The smallest and the largest value. Without `step`, suggested values stay a millionth of
        the range away from both.
    log : bool, default False
        Whether to draw on a logarithmic scale, so that 0.001 to 0.01 is as likely as 0.01 to 0.1;
        `low` must be positive.
    step : float, optional
        Draw multiples of this only, `low` among them; not with `log`.

    Returns
    -------
    Apply
        A node whose value is a ``float``.

    Raises
    ------
    BadSearchSpace, BadSearchSpaceType
        If the bounds are not finite numbers with ``low < high``, `low` is not positive with `log`
        or not a multiple of `step`, or an argument has the wrong type.

    Examples
    --------
    >>> from sparktune import hp, space_eval
    >>> space = {"rate": hp.float("rate", 1e-4, 1, log=True), "drop": hp.float("drop", 0, 0.5)}
    >>> space_eval(space, {"rate": 0.01, "drop": 0.25})
    {'drop': 0.25, 'rate': 0.01}
    """
    call = HpCall("float", label)
    first, last = call.number("low", low), call.number("high", high)
    log = _checked_log(call, log, first, step)
    if step is not None:
        return call.real(_on_grid(call, first, last, call.number("step", step)))
    _check_order(call, first < last, "greater than", first, last)
    if log:
        return call.real(scope.loguniform(math.log(first), math.log(last)))
    return call.real(scope.uniform(first, last))


@constructor
def int_(label: str, low: int, high: int, log: bool = False, step: int | None = None) -> Apply:
    """Draw an integer between two values, both included; neighbours are treated as similar.

    Parameters
    ----------
    label : str
        Name of the hyperparameter.
    low, high : int
        The smallest and the largest value.
    log : bool, default False
        Whether to draw on a logarithmic scale, so that 1 to 10 is about as likely as 10 to 100;
        `low` must be at least 1.
    step : int, optional
        Draw multiples of this only, `low` among them; not with `log`.

    Returns
    -------
    Apply
        A node whose value is an ``int``. In ``argmin`` and in trial documents it is a float without
        a fraction, as that of `uniformint`.

    Raises
    ------
    BadSearchSpace, BadSearchSpaceType
        If the bounds are not whole numbers with ``low <= high``, `low` is not positive with `log`
        or not a multiple of `step`, or an argument has the wrong type.

    Examples
    --------
    >>> from sparktune import hp, space_eval
    >>> space_eval(hp.int("trees", 10, 1000, log=True), {"trees": 200})
    200
    """
    call = HpCall("int", label)
    first, last = call.integer("low", low), call.integer("high", high)
    log = _checked_log(call, log, first, step)
    width = 1 if step is None else call.integer("step", step)
    if log:
        _check_order(call, first <= last, "at least", first, last)
        ends = _ends(first, last, 1)
        return _whole(call, scope.qloguniform(math.log(ends[0]), math.log(ends[1]), 1.0))
    return _whole(call, _on_grid(call, first, last, width))


@constructor
def categorical(label: str, options: Iterable[Space]) -> Apply:
    """Choose one of several options that have no order.

    Parameters
    ----------
    label : str
        Name of the hyperparameter.
    options : iterable
        The options: list, tuple, range, numpy array, ... They may hold hyperparameters, which then
        exist in a trial only where their option is chosen.

    Returns
    -------
    Apply
        A node whose value is the option; see `choice`, which is the same but takes a str and a dict
        as well.

    Raises
    ------
    BadSearchSpace, BadSearchSpaceType
        If there are no options, or an argument has the wrong type.

    Examples
    --------
    >>> from sparktune import hp, space_eval
    >>> space_eval(hp.categorical("kernel", ["rbf", "linear"]), {"kernel": 1})
    'linear'
    """
    call = HpCall("categorical", label)
    items = _listed(call, options)
    node: Apply = scope.switch(call.param(scope.randint(len(items))), *items)
    return node


@constructor
def ordinal(label: str, options: Iterable[Space]) -> Apply:
    """Choose one of several options that are in order: neighbours are treated as similar.

    Parameters
    ----------
    label : str
        Name of the hyperparameter.
    options : iterable
        The options from the lowest to the highest, such as ``[16, 32, 64, 128]``. Only their order
        matters, not how far they are apart.

    Returns
    -------
    Apply
        A node whose value is the option. The hyperparameter's own value, in ``argmin`` and in
        trial documents, is the option's *position* as a float; `space_eval` turns it into the
        option.

    Raises
    ------
    BadSearchSpace, BadSearchSpaceType
        If there are no options, or an argument has the wrong type.

    Examples
    --------
    >>> from sparktune import hp, space_eval
    >>> space_eval(hp.ordinal("size", ["small", "medium", "large"]), {"size": 2})
    'large'
    """
    call = HpCall("ordinal", label)
    items = _listed(call, options)
    position = _whole(call, scope.quniform(*_ends(0, len(items) - 1, 1), 1.0))
    node: Apply = scope.switch(position, *items)
    return node


def _whole(call: HpCall, distribution: Apply) -> Apply:
    """Build a hyperparameter whose value is an int."""
    node: Apply = scope.int(call.real(distribution))
    return node


def _checked_log(call: HpCall, log: Any, low: float, step: Any) -> bool:
    """Return `log` as a bool, if `low` and `step` fit it."""
    if not isinstance(log, (bool, np.bool_)):
        hint = f"Hint: step={log!r}." if isinstance(log, (int, float)) and step is None else ""
        raise call.fail("`log` must be True or False", f"log={log!r}", hint, wrong_type=True)
    if log and step is not None:
        raise call.fail(
            "`step` must be None where `log` is True",
            f"step={step!r}",
            "Hint: a logarithmic scale has no equal steps; leave one of the two out.",
        )
    if log and low <= 0:
        raise call.fail(
            "`low` must be greater than 0 where `log` is True",
            f"low={low:g}",
            "Hint: the bounds are values, not logarithms, such as low=1e-5.",
        )
    return bool(log)


def _check_order(call: HpCall, holds: bool, relation: str, low: float, high: float) -> None:
    if not holds:
        raise call.fail(f"`high` must be {relation} `low`", f"low={low:.12g}, high={high:.12g}")


def _on_grid(call: HpCall, low: float, high: float, step: float) -> Apply:
    """Return a distribution of the multiples of `step` from `low` to `high`, all equally likely."""
    _check_order(call, low <= high, "at least", low, high)
    if step <= 0:
        raise call.fail("`step` must be greater than 0", f"step={step:g}")
    if low < high and step > (high - low) * (1 + _ROUNDING):
        raise call.fail("`step` must be at most high - low", f"step={step:.12g}")
    below = low / step
    if abs(below - round(below)) > _ROUNDING * max(1.0, abs(below)):
        raise call.fail(
            "`low` must be a multiple of `step`",
            f"low={low:.12g}, step={step:.12g}",
            _without_offset(call, low, high, step),
        )
    last = low + math.floor((high - low) / step * (1 + _ROUNDING)) * step
    node: Apply = scope.quniform(*_ends(low, last, step), float(step))
    return node


def _without_offset(call: HpCall, low: float, high: float, step: float) -> str:
    """Return how to draw from `low`, ``low + step``, ... all the same."""
    if call.name == "int":
        return f"Hint: hp.ordinal({call.label!r}, range({low}, {high + 1}, {step}))."
    width = f"{high - low:.12g}"
    return f"Hint: {low:.12g} + hp.float({call.label!r}, 0, {width}, step={step:.12g})."


def _ends(low: float, high: float, step: float) -> tuple[float, float]:
    """Return what to draw between, before rounding to multiples of `step` from `low` to `high`."""
    beyond = step * (_HALF if max(abs(low), abs(high)) / step < _FAR else 0.25)
    return low - beyond, high + beyond


def _listed(call: HpCall, options: Any) -> tuple[Any, ...]:
    """Return the options, which must be in a collection with an order."""
    if isinstance(options, (str, bytes, Mapping, Set)):
        shown = repr(options)
        shown = shown if len(shown) <= 80 else shown[:80] + "..."
        inside = f"[{shown}, ...]"
        if isinstance(options, Collection) and not isinstance(options, (str, bytes)):
            inside = f"{list(options)[:3]!r}"
        raise call.fail(
            "`options` must be a list",
            shown,
            f"Hint: hp.{call.name}({call.label!r}, {inside}).",
            wrong_type=True,
        )
    return call.items("options", options)
