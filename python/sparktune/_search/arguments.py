"""Checks of the arguments of `fmin`, so that a mistake shows where the user made it."""

from __future__ import annotations

import inspect
import math
import numbers
import operator
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from sparktune._space.compile import CompiledSpace
from sparktune._space.expr import Apply
from sparktune.exceptions import InvalidAnnotatedParameter, InvalidArgument, InvalidArgumentType

__all__ = [
    "annotated_space",
    "check_points",
    "check_trials",
    "checked_max_evals",
    "checked_max_failures",
    "checked_positive_int",
    "checked_rstate",
    "validate_loss_threshold",
    "validate_timeout",
    "validate_trial_timeout",
]

SEED_VARIABLES = ("SPARKTUNE_SEED", "HYPEROPT_FMIN_SEED")


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_))


# Word for word what Hyperopt says: callers compare.
_TIMEOUT_RULE = "The timeout argument should be None or a positive value. Given value: {}"
_LOSS_THRESHOLD_RULE = (
    "The loss_threshold argument should be None or a numeric value. Given value: {}"
)


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
    if timeout is None:
        return
    if not _is_number(timeout):
        raise InvalidArgumentType(_TIMEOUT_RULE.format(timeout))
    if not timeout > 0:  # NaN as well
        raise InvalidArgument(_TIMEOUT_RULE.format(timeout))


def validate_trial_timeout(trial_timeout: Any) -> None:
    """Check the time that a trial may take.

    Parameters
    ----------
    trial_timeout : float or None
        Seconds; positive.

    Raises
    ------
    InvalidArgument, InvalidArgumentType
        If it is anything else.
    """
    if trial_timeout is None:
        return
    rule = f"`trial_timeout` must be a positive number of seconds or None; got {trial_timeout!r}."
    if not _is_number(trial_timeout):
        raise InvalidArgumentType(rule)
    if not trial_timeout > 0:  # NaN as well
        raise InvalidArgument(rule)


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
    if loss_threshold is None:
        return
    if not _is_number(loss_threshold):
        raise InvalidArgumentType(_LOSS_THRESHOLD_RULE.format(loss_threshold))
    if math.isnan(loss_threshold):
        raise InvalidArgument("`loss_threshold` must not be NaN: no loss is below it.")


def _checked_int(name: str, value: Any, hint: str = "") -> int:
    if not isinstance(value, (bool, np.bool_)):
        try:
            return operator.index(value)
        except TypeError:
            pass
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        hint = f" Hint: pass {int(value)}."
    raise InvalidArgumentType(f"`{name}` must be an int; got {value!r}.{hint}")


def checked_max_evals(max_evals: Any) -> int:
    """Return `max_evals` as an int.

    Parameters
    ----------
    max_evals : int or None
        At least 0; None means no bound.

    Raises
    ------
    InvalidArgument, InvalidArgumentType
        If it is anything else.
    """
    if max_evals is None:
        return sys.maxsize
    value = _checked_int("max_evals", max_evals, " Hint: None means no bound.")
    if value < 0:
        raise InvalidArgument(
            f"`max_evals` must be at least 0; got {value}. Hint: None means no bound."
        )
    return value


def checked_positive_int(name: str, value: Any) -> int:
    """Return an argument as an int of at least 1.

    Parameters
    ----------
    name : str
        The argument, for the message.
    value : Any
        What was given.

    Raises
    ------
    InvalidArgument, InvalidArgumentType
        If it is anything else.
    """
    number = _checked_int(name, value)
    if number < 1:
        raise InvalidArgument(f"`{name}` must be at least 1; got {number}.")
    return number


def checked_max_failures(max_failures: Any) -> int | float | None:
    """Return `max_failures` as an int (a count), a float (a share) or None.

    Parameters
    ----------
    max_failures : int, float or None
        At least 0; as a float, at most 1.

    Raises
    ------
    InvalidArgument, InvalidArgumentType
        If it is anything else.
    """
    if max_failures is None:
        return None
    if not _is_number(max_failures):
        raise InvalidArgumentType(
            "`max_failures` must be an int (how many), a float (what share) or None; "
            f"got {max_failures!r}."
        )
    if isinstance(max_failures, numbers.Integral):
        if max_failures < 0:
            raise InvalidArgument(f"`max_failures` must be at least 0; got {max_failures}.")
        return int(max_failures)
    if not 0.0 <= max_failures <= 1.0:
        raise InvalidArgument(
            f"`max_failures` as a share must be from 0.0 to 1.0; got {max_failures!r}. "
            "Hint: a number of trials is an int."
        )
    return float(max_failures)


def checked_rstate(rstate: Any) -> Any:
    """Return something that draws seeds.

    Parameters
    ----------
    rstate : numpy.random.Generator, numpy.random.RandomState, int or None
        None takes the seed from the environment (`SPARKTUNE_SEED`, `HYPEROPT_FMIN_SEED`), and a
        new one each time if there is none.

    Raises
    ------
    InvalidArgument, InvalidArgumentType
        If it is anything else, or the environment's seed is no int.
    """
    if hasattr(rstate, "integers") or hasattr(rstate, "randint"):
        return rstate
    if rstate is None:
        for name in SEED_VARIABLES:
            text = os.environ.get(name, "")
            if text:
                try:
                    return np.random.default_rng(int(text))
                except ValueError:
                    raise InvalidArgument(
                        f"${name} must be an int of at least 0; got {text!r}."
                    ) from None
        return np.random.default_rng()
    if not isinstance(rstate, (bool, np.bool_)):
        try:
            seed = operator.index(rstate)
        except TypeError:
            pass
        else:
            if seed < 0:
                raise InvalidArgument(f"`rstate` as a seed must be at least 0; got {seed}.")
            return np.random.default_rng(seed)
    raise InvalidArgumentType(
        "`rstate` must be a numpy Generator, a RandomState, an int or None; "
        f"got {rstate!r}. Hint: numpy.random.default_rng(42)."
    )


def check_trials(trials: Any) -> None:
    """Check that something can keep trials.

    Parameters
    ----------
    trials : Any
        None, or an object with Hyperopt's methods.

    Raises
    ------
    InvalidArgumentType
        If it is anything else.
    """
    if trials is None or hasattr(trials, "fmin"):
        return
    if isinstance(trials, type) or not all(
        hasattr(trials, name) for name in ("new_trial_ids", "insert_trial_docs", "refresh")
    ):
        raise InvalidArgumentType(
            f"`trials` must be a Trials or SparkTrials object or None; got {trials!r}."
        )


def check_points(points: Any, space: CompiledSpace) -> None:
    """Check points that the user wants evaluated first.

    Parameters
    ----------
    points : list of dict
        Values by label; of a choice the position. Those of inactive hyperparameters may be left
        out.
    space : CompiledSpace
        What the points must fit.

    Raises
    ------
    InvalidArgument, InvalidArgumentType
        If a point is no dict, has an unknown label or lacks one that it needs.
    """
    if not isinstance(points, Sequence) or isinstance(points, (str, bytes)):
        raise InvalidArgumentType(f"`points_to_evaluate` must be a list of dicts; got {points!r}.")
    for number, point in enumerate(points):
        name = f"points_to_evaluate[{number}]"
        if not isinstance(point, Mapping):
            raise InvalidArgumentType(f"`{name}` must be a dict of label to value; got {point!r}.")
        unknown = [label for label in point if label not in space.labels]
        if unknown:
            raise InvalidArgument(
                f"The labels of `{name}` must be labels of the space, {list(space.labels)}; "
                f"got {unknown}."
            )
        try:
            needed = space.active_labels(point)
        except KeyError as error:
            needed = (str(error.args[0]),)
        except (IndexError, TypeError, ValueError) as error:
            raise InvalidArgument(
                f"`{name}` does not fit the space: {error} Hint: a choice takes a position."
            ) from error
        missing = [label for label in needed if label not in point]
        if missing:
            raise InvalidArgument(
                f"`{name}` must have a value for each hyperparameter that it needs; "
                f"{missing} are missing in {dict(point)!r}."
            )


def annotated_space(fn: Callable[..., Any]) -> dict[str, Any]:
    """Return the space that the annotations of an objective's parameters describe.

    Parameters
    ----------
    fn : callable
        For example ``def fn(x: hp.uniform("x", -1, 1)): ...``.

    Raises
    ------
    InvalidAnnotatedParameter
        If a parameter has no annotation, or one that was not made by hp.*.
    """
    spec = inspect.getfullargspec(fn)
    space = {name: hint for name, hint in spec.annotations.items() if name != "return"}
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
    return space
