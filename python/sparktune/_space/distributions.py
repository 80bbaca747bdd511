"""The distribution of a hyperparameter, read from its node and checked.

`hp` has checked its arguments; graphs that were made by hand have not been checked before.
"""

from __future__ import annotations

import math
from typing import TypeAlias

from sparktune._space.checks import HpCall
from sparktune._space.expr import Apply, MissingArgument, rec_eval
from sparktune._space.parameters import distribution_of
from sparktune.exceptions import BadSearchSpace

__all__ = ["INTEGER", "Distribution", "read_distribution"]

#: Its name and its arguments.
Distribution: TypeAlias = "tuple[str, tuple[float, ...]]"

#: Distributions whose values are integers in trial documents.
INTEGER = frozenset(["randint", "categorical"])

_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "uniform": ("low", "high"),
    "loguniform": ("low", "high"),
    "quniform": ("low", "high", "q"),
    "qloguniform": ("low", "high", "q"),
    "normal": ("mu", "sigma"),
    "lognormal": ("mu", "sigma"),
    "qnormal": ("mu", "sigma", "q"),
    "qlognormal": ("mu", "sigma", "q"),
    "randint": ("low", "high"),
    "categorical": ("p",),
}


def read_distribution(label: str, parameter: Apply) -> Distribution:
    """Return the distribution of the hyperparameter `label`."""
    inner: Apply = distribution_of(parameter)
    name = inner.name
    call = HpCall(name, label)
    if name not in _ARGUMENTS:
        raise BadSearchSpace(
            f"A hyperparameter must hold one of {', '.join(sorted(_ARGUMENTS))}; {label!r} holds "
            f"{inner._title()}."
        )
    given = inner.arg
    args = [given.get(arg, MissingArgument) for arg in _ARGUMENTS[name]]
    if name == "categorical":
        return name, _probabilities(call, args[0])
    if name == "randint":
        low, high = args
        ends = (0, low) if high is MissingArgument else (low, high)
        bounds = [call.integer(arg, end) for arg, end in zip(("low", "high"), ends, strict=True)]
        if bounds[0] >= bounds[1]:
            raise call.fail(
                "`high` must be greater than `low`", f"low={bounds[0]}, high={bounds[1]}"
            )
        return name, (float(bounds[0]), float(bounds[1]))
    if MissingArgument in args:
        raise BadSearchSpace(f"scope.{name} of {label!r} must have {', '.join(_ARGUMENTS[name])}.")
    if "uniform" in name:
        call.bounds(args[0], args[1], log="log" in name)
    else:
        call.spread(args[0], args[1], log="log" in name)
    if name.startswith("q"):
        call.step(args[2])
    numbers = zip(_ARGUMENTS[name], args, strict=True)
    return name, tuple(call.number(arg, value) for arg, value in numbers)


def _probabilities(call: HpCall, node: Apply) -> tuple[float, ...]:
    """Return the probabilities of a categorical, summing to 1 as closely as floats can."""
    items = node.pos_args if node.name == "pos_args" else list(rec_eval(node))
    weights = call.probabilities([call.number("p", p) for p in items], "p")
    total = math.fsum(weights)
    return tuple(w / total for w in weights)
