"""What the functions of `hp` share: the checks of their arguments and the node they make."""

from __future__ import annotations

import functools
import inspect
import math
import numbers
import sys
from collections.abc import Callable
from typing import Any, ParamSpec

import numpy as np

from sparktune._space.draw import implicit_stochastic_symbols
from sparktune._space.expr import Apply, Literal, dfs, rec_eval, scope
from sparktune._space.parameters import is_parameter
from sparktune.exceptions import BadSearchSpace, BadSearchSpaceType

__all__ = ["HpCall", "constructor"]

P = ParamSpec("P")

# Probabilities that people type or compute do not sum to 1 exactly; more is a mistake.
_P_TOLERANCE = 1e-6
# Integers are float64 in the sampler; beyond this they would not be exact.
_INT_LIMIT = 2**53
_LOG_MAX = math.log(sys.float_info.max)


def constructor(f: Callable[P, Apply]) -> Callable[P, Apply]:
    """Make a function of `hp` say how it is called when it is called in another way.

    Raises
    ------
    BadSearchSpaceType
        If the arguments do not fit; a `TypeError`, and a `ValueError` as all wrong spaces are.
    """
    signature = inspect.signature(f)

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
        self.label = label

    def fail(self, rule: str, got: str, hint: str = "", wrong_type: bool = False) -> BadSearchSpace:
        """Return the error; the caller raises it."""
        error = BadSearchSpaceType if wrong_type else BadSearchSpace
        where, _, rest = rule.partition(" ")
        text = f"{where} of hp.{self.name}({self.label!r}) {rest}; got {got}."
        return error(f"{text} {hint}" if hint else text)

    def number(self, arg: str, value: Any) -> float:
        """Check that `value` is a finite number or a constant expression, and return it."""
        if isinstance(value, Apply):
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

    def _constant(self, arg: str, node: Apply) -> Any:
        for n in dfs(node):
            if is_parameter(n) or n.name in implicit_stochastic_symbols:
                raise self.fail(
                    f"`{arg}` must be a constant",
                    "an expression that depends on another hyperparameter",
                    "Scale instead: low + (high - low) * hp.uniform('a label', 0, 1), where low "
                    "and high may be hyperparameters.",
                )
        return rec_eval(node, print_node_on_error=False)

    def integer(self, arg: str, value: Any) -> int:
        """Check that `value` is a whole number that a float holds exactly, and return it."""
        number = self.number(arg, value)
        if number != int(number):
            raise self.fail(f"`{arg}` must be a whole number", f"{arg}={value!r}")
        if abs(number) > _INT_LIMIT:
            raise self.fail(f"`{arg}` must lie between -2**53 and 2**53", f"{arg}={value!r}")
        return int(number)

    def bounds(self, low: Any, high: Any, log: bool = False) -> None:
        """Check the bounds of a uniform distribution."""
        lo, hi = self.number("low", low), self.number("high", high)
        hint = ""
        if log:
            hint = (
                "The bounds are logarithms of the values: "
                f"hp.{self.name}({self.label!r}, math.log(1e-5), math.log(1))."
            )
        if not lo < hi:
            raise self.fail("`high` must be greater than `low`", f"low={lo:g}, high={hi:g}", hint)
        if log and hi > _LOG_MAX:
            raise self.fail(f"`high` must be at most {_LOG_MAX:.2f}", f"high={hi:g}", hint)
        if not log and not math.isfinite(hi - lo):
            raise self.fail("`high` must be a finite distance from `low`", f"{lo:g} to {hi:g}")

    def spread(self, mu: Any, sigma: Any, log: bool = False) -> None:
        """Check the parameters of a normal distribution."""
        center, width = self.number("mu", mu), self.number("sigma", sigma)
        if width <= 0:
            raise self.fail("`sigma` must be greater than 0", f"sigma={width:g}")
        if log and center > _LOG_MAX:
            raise self.fail(
                f"`mu` must be at most {_LOG_MAX:.2f}",
                f"mu={center:g}",
                "It is the mean of the logarithm of the value: math.log of a typical value.",
            )

    def step(self, q: Any) -> None:
        """Check the step of a quantised distribution."""
        step = self.number("q", q)
        if step <= 0:
            raise self.fail(
                "`q` must be greater than 0", f"q={step:g}", "Values are multiples of q."
            )

    def probabilities(self, weights: list[float], arg: str) -> list[float]:
        """Check that `weights` are probabilities, and return them."""
        if min(weights, default=0.0) < 0:
            raise self.fail(f"`{arg}` must have probabilities of at least 0", f"{min(weights):g}")
        total = math.fsum(weights)
        if abs(total - 1.0) > _P_TOLERANCE:
            raise self.fail(
                f"`{arg}` must have probabilities that sum to 1",
                f"a sum of {total:.6g}",
                "Divide each by the sum.",
            )
        return weights

    def items(self, arg: str, value: Any) -> tuple[Any, ...]:
        """Check that `value` is a collection with something in it, and return its items."""
        hint = f"Write hp.{self.name}({self.label!r}, [first, second, ...])."
        try:
            items = None if isinstance(value, (str, bytes)) else tuple(value)
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
        """Build the hyperparameter's node, which remembers the user's line."""
        node: Apply = scope.hyperopt_param(self.label, distribution)
        node.made_at = _users_line()
        return node


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
