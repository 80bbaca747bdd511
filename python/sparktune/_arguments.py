"""Checks of arguments as data: a `Rule` per argument, and one form of message.

At the bottom of the package, so that every room can use it; imports only `exceptions`.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import math
import numbers
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, ParamSpec, TypeVar

import numpy as np

from sparktune.exceptions import InvalidArgument, InvalidArgumentType

__all__ = ["Rule", "check_all", "is_number", "known_arguments", "unknown_argument"]

P = ParamSpec("P")
R = TypeVar("R")

_KINDS = {"int": "an int", "number": "a number", "function": "a function"}


@dataclass(frozen=True)
class Rule:
    """What an argument must be.

    A bool is neither an int nor a number, a float without a fraction is an int, and NaN is not in
    any range. `low` and `high` are allowed
    themselves, `above` is not. `noun` replaces the name of the kind in messages; `message` is a
    whole message, with ``{}`` for the value, where callers compare it; `hint` is then a note of the
    exception, which tracebacks show from Python 3.11 on.
    """

    kind: Literal["int", "number", "function"]
    low: float = -math.inf
    high: float = math.inf
    above: float | None = None
    finite: bool = False
    optional: bool = False
    noun: str = ""
    hint: str = ""
    message: str = ""

    def check(self, name: str, value: Any, owner: str = "") -> Any:
        """Return the value, an int as a plain `int`.

        `name` and `owner`, the function or class that has the argument, are for the message.

        Raises
        ------
        InvalidArgument, InvalidArgumentType
            If the value breaks the rule.
        """
        if value is None and self.optional:
            return None
        subject = f"`{name}` of {owner}" if owner else f"`{name}`"
        if isinstance(value, str) and self.kind != "function" and _is_text_of_number(value):
            raise InvalidArgumentType(
                f"{subject} must be {self.noun or _KINDS[self.kind]}; got {value!r}. "
                f"Hint: {value.strip()} without quotes."
            )
        if self.kind == "int":
            value = self._int(subject, value)
        elif not (callable(value) if self.kind == "function" else is_number(value)):
            raise self._error(InvalidArgumentType, subject, self.noun or _KINDS[self.kind], value)
        if self.kind == "number" and not _fits_a_float(value):
            raise self._error(InvalidArgument, subject, "a number that a float can hold", value)
        if self.kind != "function" and not self._in_range(value):
            if not self._range():
                raise InvalidArgument(f"{subject} must not be NaN.{self._hint()}")
            raise self._error(InvalidArgument, subject, self._range(), value)
        return value

    def _int(self, subject: str, value: Any) -> int:
        if not isinstance(value, (bool, np.bool_)):
            try:
                return operator.index(value)
            except TypeError:
                pass
            if isinstance(value, (float, np.floating)) and float(value).is_integer():
                return int(value)  # code written for Hyperopt has 1e3, or the result of a division
        raise self._error(InvalidArgumentType, subject, self.noun or _KINDS["int"], value)

    def _in_range(self, value: Any) -> bool:
        if not self.low <= value <= self.high or (self.above is not None and value <= self.above):
            return False  # NaN as well
        return not self.finite or math.isfinite(value)

    def _range(self) -> str:
        if self.high < math.inf:
            return f"from {self.low:g} to {self.high:g}"
        parts = []
        if self.above is not None:
            parts.append("positive" if self.above == 0 else f"greater than {self.above:g}")
        elif self.low > -math.inf:
            parts.append(f"at least {self.low:g}")
        if self.finite:
            parts.append("finite")
        return " and ".join(parts)

    def _hint(self) -> str:
        return f" Hint: {self.hint}." if self.hint else ""

    def _error(
        self, error: type[InvalidArgument], subject: str, rule: str, value: Any
    ) -> InvalidArgument:
        if self.message:
            raised = error(self.message.format(value))
            if self.hint and hasattr(raised, "add_note"):
                raised.add_note(self._hint().strip())
            return raised
        return error(f"{subject} must be {rule}; got {value!r}.{self._hint()}")


def _is_text_of_number(text: str) -> bool:
    try:
        return not math.isnan(float(text))
    except ValueError:
        return False


def _fits_a_float(value: Any) -> bool:
    try:
        float(value)
    except OverflowError:
        return False
    return True


def check_all(
    rules: Mapping[str, Rule], values: Mapping[str, Any], owner: str = ""
) -> dict[str, Any]:
    """Return the arguments that a table has, each checked by its rule."""
    return {name: rule.check(name, values[name], owner) for name, rule in rules.items()}


def is_number(value: Any) -> bool:
    """Return whether a value is a real number (NaN and infinity are); a bool is not."""
    return isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_))


def unknown_argument(
    owner: str,
    name: str,
    value: Any,
    known: Iterable[str],
    others: Mapping[str, str] | None = None,
) -> InvalidArgumentType:
    """Return the error for an argument that a function does not have.

    Parameters
    ----------
    owner : str
        The function.
    name : str
        The argument.
    value : Any
        What was given for it.
    known : iterable of str
        The arguments that the function has.
    others : mapping of str to str, optional
        What people call arguments elsewhere, and what to write instead.
    """
    known = list(known)
    begun = [each for each in known if each.startswith(name) and len(name) > 3]
    near = [(others or {}).get(name), *begun, *difflib.get_close_matches(name, known, 1)]
    hint = next(filter(None, near), None)
    if hint is None:
        hint = f"it has {', '.join(known)}" if known else "it has no settings"
    return InvalidArgumentType(
        f"{owner} has no argument `{name}`; got {name}={repr(value)[:200]}. Hint: {hint}."
    )


def known_arguments(
    others: Mapping[str, str],
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a function raise `InvalidArgumentType`, with a hint, for an argument that it lacks.

    `others` is as for `unknown_argument`.
    """

    def decorate(f: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(f)
        known = dict.fromkeys(signature.parameters)

        @functools.wraps(f)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            __tracebackhide__ = True
            for name, value in kwargs.items():
                if name not in known:
                    raise unknown_argument(f.__name__, name, value, known, others)
            return f(*args, **kwargs)

        # `getfullargspec`, which frameworks ask, does not look at what is wrapped.
        checked.__signature__ = signature  # type: ignore[attr-defined]
        return checked

    return decorate
