"""The checks of hyperparameters: of calls of `hp`, and of distributions in hand-made graphs."""

from __future__ import annotations

import functools
import inspect
import logging
import math
import numbers
import sys
from collections.abc import Callable
from typing import Any, ParamSpec, TypeAlias

import numpy as np

from sparktune._arguments import is_number
from sparktune._space.draw import implicit_stochastic_symbols
from sparktune._space.expr import Apply, Literal, MissingArgument, dfs, rec_eval, scope
from sparktune._space.parameters import distribution_of, is_parameter
from sparktune.exceptions import BadSearchSpace, BadSearchSpaceType

__all__ = ["INTEGER", "Distribution", "HpCall", "constructor", "read_distribution"]

logger = logging.getLogger("sparktune.hp")

P = ParamSpec("P")

#: Name and arguments.
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

# Typed or computed probabilities do not sum to 1 exactly; a larger difference may be a mistake.
_P_TOLERANCE = 1e-6
# Integers are float64 in the sampler; beyond this they would not be exact.
_INT_LIMIT = 2**53
# The core's rule: a normal distribution is finite so many standard deviations from its mean.
_REACHED = 4
_LOG_MAX = math.log(sys.float_info.max)
# Positive bounds up to here, and from here, are hardly logarithms of a range that someone means.
_SMALL, _LARGE = 0.1, 50.0


@functools.lru_cache(maxsize=256)
def _warn_once(text: str, *args: Any) -> None:
    # A distribution is read several times, by `hp` and for each search.
    logger.warning(text, *args)


def constructor(f: Callable[P, Apply]) -> Callable[P, Apply]:
    """Make a function of `hp` raise `BadSearchSpaceType` when its arguments do not fit.

    It appears as one of `sparktune.hp`, without the underscore of a name that a builtin has.
    """
    signature = inspect.signature(f)
    f.__name__ = f.__qualname__ = f.__name__.rstrip("_")
    f.__module__ = "sparktune.hp"

    @functools.wraps(f)
    def checked(*args: P.args, **kwargs: P.kwargs) -> Apply:
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            raise BadSearchSpaceType(
                f"hp.{f.__name__} must be called as {f.__name__}"
                f"({', '.join(signature.parameters)}); {error}."
            ) from None
        return f(*args, **kwargs)

    return checked


class HpCall:
    """The call ``hp.<name>(<label>, ...)``: checks its arguments and builds its nodes."""

    def __init__(self, name: str, label: Any) -> None:
        self.name = name
        if isinstance(label, Literal):
            label = label.obj
        if not isinstance(label, str):
            raise BadSearchSpaceType(
                f"The label of hp.{name} must be a string; got {label!r}. "
                f"Write hp.{name}('a label', ...)."
            )
        if not label:
            raise BadSearchSpace(f"The label of hp.{name} must not be empty; got ''.")
        try:
            label.encode()
        except UnicodeEncodeError:
            raise BadSearchSpace(
                f"The label of hp.{name} must be text that UTF-8 can encode; got {label!r}. "
                "Hint: remove the lone surrogates."
            ) from None
        self.label = label

    def fail(self, rule: str, got: str, hint: str = "", wrong_type: bool = False) -> BadSearchSpace:
        """Return the error; the caller raises it."""
        error = BadSearchSpaceType if wrong_type else BadSearchSpace
        where, _, rest = rule.partition(" ")
        text = f"{where} of hp.{self.name}({self.label!r}) {rest}; got {got}."
        return error(f"{text} {hint}" if hint else text)

    def number(self, arg: str, value: Any) -> float:
        """Check that `value` is a finite number or a constant expression, and return it."""
        value = self._constant(arg, value)
        if isinstance(value, np.ndarray) and value.ndim == 0:
            value = value.item()
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
            raise self.fail(f"`{arg}` must be a number", f"{arg}={_shown(value)}", wrong_type=True)
        try:
            result = float(value)
        except OverflowError:
            result = math.inf
        if not math.isfinite(result):
            raise self.fail(f"`{arg}` must be a finite number", f"{arg}={_shown(value)}")
        return result

    def _constant(self, arg: str, value: Any) -> Any:
        if not isinstance(value, Apply):
            return value
        for n in dfs(value):
            if is_parameter(n) or n.name in implicit_stochastic_symbols:
                raise self.fail(
                    f"`{arg}` must be a constant",
                    "an expression that depends on another hyperparameter",
                    "Scale instead: low + (high - low) * hp.uniform('a label', 0, 1), where low "
                    "and high may be hyperparameters.",
                )
        return rec_eval(value, print_node_on_error=False)

    def integer(self, arg: str, value: Any) -> int:
        """Check that `value` is a whole number that a float holds exactly, and return it."""
        value = self._constant(arg, value)
        number = self.number(arg, value)
        if number != int(number):
            raise self.fail(f"`{arg}` must be a whole number", f"{arg}={value!r}")
        if abs(number) > _INT_LIMIT:
            raise self.fail(f"`{arg}` must lie between -2**53 and 2**53", f"{arg}={value!r}")
        return int(number)

    def distribution(self, node: Apply) -> Distribution:
        """Check a distribution, such as ``uniform(0, 1)``, and return it."""
        name = node.name
        if name not in _ARGUMENTS:
            raise BadSearchSpace(
                f"A hyperparameter must hold one of {', '.join(sorted(_ARGUMENTS))}; "
                f"{self.label!r} holds {node._title()}."
            )
        given = node.arg
        args = [given.get(arg, MissingArgument) for arg in _ARGUMENTS[name]]
        if MissingArgument in (args[:1] if name == "randint" else args):
            raise BadSearchSpace(
                f"scope.{name} of {self.label!r} must have {', '.join(_ARGUMENTS[name])}."
            )
        if name == "categorical":
            return name, self._probabilities(args[0])
        if name == "randint":
            return name, self._range(*args)
        numbers = [self.number(*each) for each in zip(_ARGUMENTS[name], args, strict=True)]
        log = "log" in name
        if "uniform" in name:
            self._check_bounds(numbers[0], numbers[1], log)
            if log:
                self._warn_of_values(*numbers)
        else:
            self._check_spread(numbers[0], numbers[1], log)
        if name.startswith("q") and numbers[2] <= 0:
            raise self.fail(
                "`q` must be greater than 0", f"q={numbers[2]:g}", "Values are multiples of q."
            )
        return name, tuple(numbers)

    def _check_bounds(self, low: float, high: float, log: bool) -> None:
        hint = ""
        if log:
            hint = (
                "The bounds are logarithms of the values: "
                f"hp.{self.name}({self.label!r}, math.log(1e-5), math.log(1))."
            )
        if not low < high:
            raise self.fail(
                "`high` must be greater than `low`", f"low={low:g}, high={high:g}", hint
            )
        if log and high > _LOG_MAX:
            raise self.fail(f"`high` must be at most {_LOG_MAX:.2f}", f"high={high:g}", hint)
        if not log and not math.isfinite(high - low):
            raise self.fail("`high` must be a finite distance from `low`", f"{low:g} to {high:g}")

    def _warn_of_values(self, low: float, high: float, q: float | None = None) -> None:
        """Warn of bounds that look like values, not like logarithms.

        Logarithms have many digits, and as bounds of a positive value of any size they are not all
        positive. Few digits alone prove nothing: ``loguniform("x", 1, 5)`` is common.
        """
        if low <= 0 or not _is_round(low) or not _is_round(high):
            return
        if (low <= _SMALL and high >= 10 * low) or high >= _LARGE:
            name = "int" if q == 1 else "float"
            text = (
                "The bounds of hp.%s(%r, %g, %g%s) are logarithms, so its values are from %.6g to "
                "%.6g. Hint: for values from %g to %g write hp.%s(%r, %g, %g, log=True)."
            )
            given = low, high, "" if q is None else f", {q:g}"
            values = math.exp(low), math.exp(high)
            first = max(1, round(low)) if q == 1 else low
            _warn_once(text, self.name, self.label, *given, *values, first, high, name,
                       self.label, first, high)  # fmt: skip

    def _check_spread(self, mu: float, sigma: float, log: bool) -> None:
        if sigma <= 0:
            raise self.fail("`sigma` must be greater than 0", f"sigma={sigma:g}")
        if not math.isfinite(abs(mu) + _REACHED * sigma):
            raise self.fail(
                f"`sigma` must be so small that mu + {_REACHED} * sigma is finite",
                f"mu={mu:g}, sigma={sigma:g}",
                "Use a smaller scale, and multiply the hyperparameter by a constant.",
            )
        if log and mu > _LOG_MAX:
            raise self.fail(
                f"`mu` must be at most {_LOG_MAX:.2f}",
                f"mu={mu:g}",
                "It is the mean of the logarithm of the value: math.log of a typical value.",
            )

    def _range(self, low: Any, high: Any) -> tuple[float, float]:
        """Return the lowest integer, and one more than the highest."""
        first = self.integer("low", low)
        if high is MissingArgument:
            if first < 1:
                raise self.fail(
                    "`low` must be at least 1 where `high` is not given",
                    f"low={first}",
                    "The values are 0 up to low - 1.",
                )
            return 0.0, float(first)
        end = self.integer("high", high)
        if first >= end:
            raise self.fail(
                "`high` must be greater than `low`",
                f"low={first}, high={end}",
                "The values are low up to high - 1.",
            )
        return float(first), float(end)

    def _probabilities(self, node: Apply) -> tuple[float, ...]:
        """Return the probabilities of a categorical, summing to 1 as closely as floats can."""
        arg = "p_options" if self.name == "pchoice" else "p"
        items = node.pos_args if node.name == "pos_args" else list(rec_eval(node))
        weights = [self.number(arg, p) for p in items]
        if min(weights, default=0.0) < 0:
            raise self.fail(f"`{arg}` must have probabilities of at least 0", f"{min(weights):g}")
        total = math.fsum(weights)
        if abs(total - 1.0) > _P_TOLERANCE:
            return self._completed(arg, weights, total)
        return tuple(w / total for w in weights)

    def _completed(self, arg: str, weights: list[float], total: float) -> tuple[float, ...]:
        """Return probabilities whose last one is what the others leave, as Hyperopt draws them."""
        rest = 1.0 - math.fsum(weights[:-1])
        if rest < 0.0 or max(weights, default=2.0) > 1.0:
            raise self.fail(
                f"`{arg}` must have probabilities that sum to 1",
                f"a sum of {total:.6g}",
                "Divide each by the sum.",
            )
        text = "The probabilities of %r sum to %.6g, not to 1; the last one is taken as %.6g."
        _warn_once(text, self.label, total, rest)
        return (*weights[:-1], rest)

    def items(self, arg: str, value: Any) -> tuple[Any, ...]:
        """Return the items of a collection, which must not be empty."""
        hint = f"Write hp.{self.name}({self.label!r}, [first, second, ...])."
        try:
            items = tuple(value)  # of a str its characters, as in Hyperopt
        except TypeError:
            items = None
        if items is None:
            raise self.fail(f"`{arg}` must be a list", repr(value)[:200], hint, wrong_type=True)
        if not items:
            raise self.fail(f"`{arg}` must not be empty", repr(value), hint)
        return items

    def real(self, distribution: Apply) -> Apply:
        """Build a hyperparameter whose value is a float."""
        node: Apply = scope.float(self.param(distribution))
        return node

    def param(self, distribution: Apply) -> Apply:
        """Check the distribution and build the hyperparameter, which remembers the user's line."""
        self.distribution(distribution)
        node: Apply = scope.hyperopt_param(self.label, distribution)
        node.made_at = _users_line()
        return node


def read_distribution(label: str, parameter: Apply) -> Distribution:
    """Return the distribution of the hyperparameter `label`, checked."""
    node: Apply = distribution_of(parameter)
    call = HpCall(node.name, label)
    if isinstance(node, Literal) and is_number(node.obj):
        return _constant_distribution(call, node.obj)
    return call.distribution(node)


def _constant_distribution(call: HpCall, value: Any) -> Distribution:
    """Return a distribution with one value, for a hyperparameter that someone fixed in the graph.

    In Hyperopt too, the value remains in the documents.
    """
    if isinstance(value, numbers.Integral):
        fixed = call.integer("value", value)
        return "randint", (float(fixed), float(fixed + 1))
    # Multiples of its size that are between 0.75 and 1.25 times the value.
    number = call.number("value", value)
    near = (0.75 * number, 1.25 * number) if number else (-0.25, 0.25)
    return "quniform", (min(near), max(near), abs(number) or 1.0)


def _is_round(number: float) -> bool:
    """Return whether a number has at most two digits, apart from zeros."""
    return number == float(f"{number:.1e}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:80] + "..."


def _users_line() -> str | None:
    """Return "file:line" of the nearest caller outside of this package."""
    frame = sys._getframe(1)
    while frame is not None:
        if not str(frame.f_globals.get("__name__", "")).startswith("sparktune."):
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return None
