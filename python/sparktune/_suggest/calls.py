"""Calls of suggest functions: what they take, and what people call them with instead."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

from sparktune._arguments import unknown_argument
from sparktune.exceptions import InvalidArgumentType

__all__ = ["check_settings", "suggest_function"]

P = ParamSpec("P")
R = TypeVar("R")

# new_ids, domain, trials and seed, which `fmin` gives.
_GIVEN_BY_FMIN = 4


def suggest_function(f: Callable[P, R]) -> Callable[P, R]:
    """Make a suggest function say how to pass it to `fmin`, where someone calls it instead."""
    signature = inspect.signature(f)
    parameters = signature.parameters.values()
    needed = [each.name for each in parameters if each.default is each.empty]

    @functools.wraps(f)
    def suggest(*args: P.args, **kwargs: P.kwargs) -> R:
        if kwargs or len(args) < len(needed):
            check_settings(f, kwargs)
            if any(name not in kwargs for name in needed[len(args) :]):
                raise _called_without(f, needed, kwargs)
        return f(*args, **kwargs)

    # `getfullargspec`, which frameworks ask, does not look at what is wrapped.
    suggest.__signature__ = signature  # type: ignore[attr-defined]
    return suggest


def check_settings(f: Callable[..., Any], settings: Mapping[str, Any]) -> None:
    """Check that a suggest function has arguments of these names.

    Raises
    ------
    InvalidArgumentType
        If it does not. Functions with ``**kwargs`` or an unknown signature have all names.
    """
    if getattr(f, "__module__", "").startswith("sparktune."):
        f = inspect.unwrap(f)  # ours are wrapped by `suggest_function`
    try:
        parameters = inspect.signature(f, follow_wrapped=False).parameters
    except (TypeError, ValueError):
        return
    if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        return
    for name, value in settings.items():
        if name not in parameters:
            known = list(parameters)[_GIVEN_BY_FMIN:]
            raise unknown_argument(_name(f), name, value, known)


def _called_without(
    f: Callable[..., Any], needed: list[str], settings: Mapping[str, Any]
) -> InvalidArgumentType:
    name = _name(f)
    shown = ", ".join(f"{key}={value!r}" for key, value in settings.items())
    way = f"partial({name}, {shown})" if settings else name
    return InvalidArgumentType(
        f"{name} must be called with {', '.join(needed)}, which fmin does; got "
        f"{shown[:200] or 'too few arguments'}. Hint: algo={way[:200]}."
    )


def _name(f: Callable[..., Any]) -> str:
    module = str(getattr(f, "__module__", "")).rpartition(".")[2]
    return f"{module}.{getattr(f, '__name__', type(f).__name__)}"
