"""Checks of the arguments of `fmin`, so that errors are raised where the user made the mistake."""

from __future__ import annotations

import inspect
import numbers
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from sparktune._arguments import Rule, is_number
from sparktune._search.calls import is_handle
from sparktune._space.expr import Apply
from sparktune.exceptions import InvalidAnnotatedParameter, InvalidArgument, InvalidArgumentType

__all__ = [
    "OBJECTIVE",
    "RULES",
    "annotated_space",
    "check_suggestions",
    "check_trials",
    "checked_callbacks",
    "checked_catch",
    "checked_max_failures",
    "checked_retries",
    "checked_verdict",
    "validate_loss_threshold",
    "validate_timeout",
    "validate_trial_timeout",
]

RETRIES = {
    name: Rule("int", low=0, hint="how many attempts may be lost before the trial fails")
    for name in ("lost", "timeout")
}
OBJECTIVE = Rule("function", noun="a function of a point")
TRIAL_TIMEOUT = Rule(
    "number",
    above=0,
    optional=True,
    message="`trial_timeout` must be a positive number of seconds or None; got {!r}.",
)
RULES = {
    "algo": Rule("function", noun="a suggest function", hint="tpe.suggest or rand.suggest"),
    "max_evals": Rule("int", low=0, optional=True, hint="None means no bound"),
    # These two messages are Hyperopt's, word for word: callers compare them.
    "timeout": Rule(
        "number",
        above=0,
        optional=True,
        hint="seconds, such as timeout=60; None means no limit",
        message="The timeout argument should be None or a positive value. Given value: {}",
    ),
    "loss_threshold": Rule(
        "number",
        optional=True,
        hint="a loss that is good enough, such as loss_threshold=0.1; None means no threshold",
        message="The loss_threshold argument should be None or a numeric value. Given value: {}",
    ),
    "max_queue_len": Rule("int", low=1),
    "early_stop_fn": Rule(
        "function", optional=True, noun="a function or None", hint="no_progress_loss(10)"
    ),
}


def validate_timeout(timeout: Any) -> None:
    """Check a time-out.

    Parameters
    ----------
    timeout : float or None
        Seconds; positive.

    Raises
    ------
    InvalidArgument, InvalidArgumentType
        If it is anything else.
    """
    RULES["timeout"].check("timeout", timeout)


def validate_loss_threshold(loss_threshold: Any) -> None:
    """Check a loss threshold.

    Parameters
    ----------
    loss_threshold : float or None
        Any number but NaN.

    Raises
    ------
    InvalidArgument, InvalidArgumentType
        If it is anything else.
    """
    RULES["loss_threshold"].check("loss_threshold", loss_threshold)


def validate_trial_timeout(trial_timeout: Any) -> None:
    """Check `trial_timeout`: a positive number of seconds or None."""
    TRIAL_TIMEOUT.check("trial_timeout", trial_timeout)


def checked_max_failures(max_failures: Any) -> int | float | None:
    """Return `max_failures` as an int (a count), a float (a share, at most 1) or None."""
    if max_failures is None:
        return None
    if not is_number(max_failures):
        raise InvalidArgumentType(
            "`max_failures` must be an int (how many), a float (what share) or None; "
            f"got {max_failures!r}."
        )
    if isinstance(max_failures, numbers.Integral):
        return int(Rule("int", low=0).check("max_failures", max_failures))
    if not 0.0 <= max_failures <= 1.0:
        raise InvalidArgument(
            f"`max_failures` as a share must be from 0.0 to 1.0; got {max_failures!r}. "
            "Hint: a number of trials is an int."
        )
    return float(max_failures)


def checked_retries(retries: Any) -> dict[str, int] | None:
    """Return `retries`: how many attempts of a trial may be lost in which way, None if none."""
    if retries is None:
        return None
    if not isinstance(retries, Mapping):
        if not is_number(retries):
            raise InvalidArgumentType(
                "`retries` must be an int, a dict with the keys 'lost' and 'timeout', or None; "
                f"got {retries!r}. Hint: retries=2, or retries={{'lost': 2, 'timeout': 1}}."
            )
        retries = {"lost": RETRIES["lost"].check("retries", retries)}
    if not RETRIES.keys() >= retries.keys():
        raise InvalidArgument(
            f"`retries` must have no keys but 'lost' and 'timeout'; got {dict(retries)!r}. "
            "Hint: what an objective raises is not run again; catch it there."
        )
    checked = {
        name: RETRIES[name].check(f"retries[{name!r}]", count) for name, count in retries.items()
    }
    return {name: count for name, count in checked.items() if count} or None


def checked_catch(classes: Any) -> bool | tuple[type[BaseException], ...]:
    """Return `catch_eval_exceptions`: whether to catch all, or a tuple of what is caught."""
    given = (classes,) if isinstance(classes, type) else classes
    if isinstance(given, (tuple, list)):
        if all(isinstance(each, type) and issubclass(each, BaseException) for each in given):
            return tuple(given)
    elif isinstance(given, (bool, np.bool_, int, type(None))):  # None and 1 are Hyperopt's too
        return bool(given)
    raise InvalidArgumentType(
        "`catch_eval_exceptions` must be True, False or a tuple of exception classes; "
        f"got {classes!r}. Hint: catch_eval_exceptions=(ValueError,)."
    )


def checked_callbacks(callbacks: Any) -> tuple[Callable[..., Any], ...]:
    """Return `callbacks` as a tuple of functions."""
    try:
        given = tuple(callbacks)
    except TypeError:
        given = (None,)
    if not all(map(callable, given)):
        raise InvalidArgumentType(
            "`callbacks` must be a list of functions of the trials and of the trial that ended; "
            f"got {callbacks!r}. Hint: callbacks=[lambda trials, trial: print(trial['tid'])]."
        )
    return given


def check_trials(trials: Any) -> None:
    """Check that `trials` is None or an object with Hyperopt's methods."""
    methods = ("new_trial_ids", "insert_trial_docs", "refresh")
    if trials is None or (
        not isinstance(trials, type)
        and (hasattr(trials, "fmin") or all(hasattr(trials, name) for name in methods))
    ):
        return
    shown, hint = repr(trials), ""
    if isinstance(trials, type):
        shown, hint = f"the class {trials.__name__}", f" Hint: trials={trials.__name__}()."
    raise InvalidArgumentType(
        f"`trials` must be a Trials or SparkTrials object or None; got {shown}.{hint}"
    )


def check_suggestions(docs: Any, tids: list[int]) -> None:
    """Check what a suggest function returned for `tids`."""
    if not isinstance(docs, (list, tuple)):
        raise InvalidArgumentType(
            f"`algo` must return a list of trial documents; got {type(docs).__name__}. "
            "Hint: pass a suggest function such as tpe.suggest."
        )
    if len(docs) > len(tids):
        raise InvalidArgument(
            f"`algo` must return at most one document per id; got {len(docs)} for {len(tids)} ids."
        )


def checked_verdict(answer: Any) -> tuple[bool, list[Any]]:
    """Return the answer of an early stopping function: whether to stop, and its next arguments."""
    try:
        stop, args = answer
        return bool(stop), [] if args is None else list(args)
    except (TypeError, ValueError):
        raise InvalidArgumentType(
            "`early_stop_fn` must return a pair: whether to stop, and a list of arguments for "
            f"its next call; got {answer!r}."
        ) from None


def annotated_space(fn: Callable[..., Any]) -> dict[str, Any]:
    """Return the space that the annotations of an objective's parameters describe.

    For example ``def fn(x: hp.uniform("x", -1, 1)): ...``.
    """
    spec = inspect.getfullargspec(fn)
    parameters = inspect.signature(fn, follow_wrapped=False).parameters
    others = {"return", *(["trial"] if is_handle(parameters.get("trial")) else [])}
    space = {name: hint for name, hint in spec.annotations.items() if name not in others}
    if not space:
        raise InvalidAnnotatedParameter(
            None,
            'With space="annotated" the parameters of the objective must have annotations made by '
            f"hp.*; {fn!r} has none.",
        )
    for name, hint in space.items():
        if isinstance(hint, str):
            raise InvalidAnnotatedParameter(
                hint,
                'With space="annotated" annotations must be hyperparameters, not their text; '
                f"{name!r} has the text {hint!r}. "
                "Hint: remove `from __future__ import annotations`.",
            )
        if not isinstance(hint, Apply):
            raise InvalidAnnotatedParameter(hint)
    for name, each in parameters.items():
        needed = each.default is each.empty and each.kind < each.VAR_KEYWORD
        if needed and each.kind is not each.VAR_POSITIONAL and name not in {*space, *others}:
            raise InvalidAnnotatedParameter(
                None,
                'With space="annotated" every parameter without a default must have an annotation '
                f"made by hp.*; {name!r} has none. "
                f"Hint: {name}: hp.uniform({name!r}, low, high).",
            )
    return space
