"""Checks of the functions that users give to `fmin`, by their signatures, before any trial runs."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeGuard

from sparktune._space.graph import Apply
from sparktune._space.reader import SpaceReader
from sparktune._suggest.calls import check_settings
from sparktune._worker.program import call_with_keywords
from sparktune._worker.score import loss_of_score
from sparktune.exceptions import InvalidArgumentType

__all__ = [
    "check_algo",
    "check_early_stop",
    "check_objective",
    "is_handle",
    "is_maximized",
    "keys_of",
    "takes_trial",
]

# Keys and parameters that a message shows.
_SHOWN = 8


def check_algo(algo: Callable[..., Any]) -> None:
    """Check that a suggest function has the settings that `partial` gives it.

    Raises
    ------
    InvalidArgumentType
        If it does not.
    """
    settings: dict[str, Any] = {}
    while isinstance(algo, functools.partial):
        settings = {**algo.keywords, **settings}
        algo = algo.func
    check_settings(algo, settings)


def check_early_stop(stop: Callable[..., Any] | None) -> None:
    """Check that an early stopping function can be called with the trials.

    Raises
    ------
    InvalidArgumentType
        If it cannot, or if it is `no_progress_loss` itself, which makes such functions.
    """
    if getattr(stop, "__module__", None) == "sparktune.early_stop":
        if getattr(stop, "__name__", "") == "no_progress_loss":
            raise InvalidArgumentType(
                "`early_stop_fn` must be what no_progress_loss returns; got no_progress_loss "
                "itself. Hint: early_stop_fn=no_progress_loss(10)."
            )
        return
    signature = None if stop is None else _signature(stop)
    if signature is not None and not _takes(signature, 1):
        raise InvalidArgumentType(
            "`early_stop_fn` must take the trials, and as further arguments what it returned last; "
            f"got {_shown(stop, signature)}. Hint: def stop(trials, *args): return False, args."
        )


def check_objective(fn: Callable[..., Any], space: Apply, by_keywords: bool | None) -> None:
    """Check that an objective can be called with one argument, the point.

    `by_keywords` says that it is called as ``fn(expr=, memo=, ctrl=)`` instead.

    Raises
    ------
    InvalidArgumentType
        If it cannot.
    """
    while is_maximized(fn):
        fn = fn.args[0]
    signature = None if by_keywords else _signature(fn)
    if signature is None or _takes(signature, 1) or takes_trial(fn):
        return
    name, keys = getattr(fn, "__name__", "fn"), keys_of(space)
    needed = [
        each.name
        for each in signature.parameters.values()
        if each.default is each.empty and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    ]
    hint = f"def {'objective' if name == '<lambda>' else name}(point)"
    if needed and set(needed) <= set(keys):
        hint = f"lambda point: {name}(**point)"
        if name == "<lambda>":
            hint = f"lambda point: ... point[{keys[0]!r}] ..."
    elif space.name == "pos_args" and _takes(signature, len(space.pos_args)):
        hint = f"lambda point: {name}(*point)"
    elif len(needed) == 2:
        hint += f", or {hint[:-1]}, trial) for the trial's handle"
    raise InvalidArgumentType(
        f"The objective must take one argument, the point{_described(space, keys)}; "
        f"got {_shown(fn, signature)}. Hint: {hint}."
    )


def takes_trial(fn: Callable[..., Any]) -> bool:
    """Whether an objective is called with its trial's handle, as ``fn(point, trial=handle)``.

    It is if it has, beside the one for the point, a parameter `trial` without a default value: it
    could not be called otherwise.
    """
    while is_maximized(fn):
        fn = fn.args[0]
    annotated = False
    if isinstance(fn, functools.partial) and fn.func is call_with_keywords:
        annotated, fn = True, fn.args[0]
    try:
        shown = inspect.signature(fn)  # of what a decorator wraps
    except (TypeError, ValueError):
        return False
    if not is_handle(shown.parameters.get("trial")):
        return False
    if annotated:  # the point gives all other parameters
        return True
    # The decorator itself may take anything, or give the objective a trial of its own.
    return all(_takes(each, 1, "trial") for each in (shown, _signature(fn)) if each is not None)


def is_handle(parameter: inspect.Parameter | None) -> bool:
    """Whether the parameter `trial` of an objective is for a handle, and not a hyperparameter."""
    return (
        parameter is not None
        and parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        and not isinstance(parameter.annotation, Apply)
    )


def is_maximized(fn: Callable[..., Any]) -> TypeGuard[functools.partial[Any]]:
    """Whether `fmin` has wrapped an objective for ``maximize=True``."""
    return isinstance(fn, functools.partial) and fn.func is loss_of_score


def keys_of(space: Apply) -> list[str]:
    """Return the keys of the dict that a point is; an empty list if it is not one."""
    return [str(key) for key, _ in space.named_args] if space.name == "dict" else []


def _described(space: Apply, keys: list[str]) -> str:
    """Return what the points of a space are, in brackets; an empty text if it is not known."""
    if keys:
        more = ", ..." if len(keys) > _SHOWN else ""
        return f" (here a dict with {', '.join(map(repr, keys[:_SHOWN]))}{more})"
    if space.name == "pos_args":
        return f" (here a tuple of {len(space.pos_args)})"
    labels = SpaceReader(space).labels
    return f" (here the value of {next(iter(labels))!r})" if len(labels) == 1 else ""


def _signature(fn: Callable[..., Any]) -> inspect.Signature | None:
    """Return what a function really takes, None if that is not known.

    A decorator may show the signature of the function that it wraps, and take something else.
    """
    if hasattr(fn, "__signature__"):
        return None
    try:
        return inspect.signature(fn, follow_wrapped=False)
    except (TypeError, ValueError):
        return None


def _takes(signature: inspect.Signature, count: int, *names: str) -> bool:
    try:
        signature.bind(*range(count), **dict.fromkeys(names))
    except TypeError:
        return False
    return True


def _shown(fn: Any, signature: inspect.Signature) -> str:
    """Return the call of a function with the names of its parameters."""
    parameters = signature.parameters.values()
    names = [str(each.replace(annotation=each.empty, default=each.empty)) for each in parameters]
    more = ", ..." if len(names) > _SHOWN else ""
    name = getattr(fn, "__name__", type(fn).__name__)
    return f"{name}({', '.join(names[:_SHOWN])}{more})"
