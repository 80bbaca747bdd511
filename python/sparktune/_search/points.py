"""`points_to_evaluate`: points from the user that a search evaluates first."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

from sparktune._search.past import bounds_of, is_between
from sparktune._space.compile import CompiledSpace, Param
from sparktune._trials.documents import STATUS_NEW, Misc, Trial, new_trial_doc
from sparktune.exceptions import InvalidArgument, InvalidArgumentType

__all__ = ["check_points", "generate_trial", "insert_points"]

logger = logging.getLogger("sparktune.fmin")


def generate_trial(tid: int, space: Mapping[str, Any]) -> Trial:
    """Return the document of a trial with given values.

    Parameters
    ----------
    tid : int
        Its id.
    space : mapping of str to scalar
        Values by label; for a choice, the position.

    Raises
    ------
    InvalidArgumentType
        If `space` is not a mapping.
    """
    if not isinstance(space, Mapping):
        raise InvalidArgumentType(f"A point must be a dict of label to value; got {space!r}.")
    misc: Misc = {
        "tid": tid,
        "cmd": ("domain_attachment", "FMinIter_Domain"),
        "workdir": None,
        "idxs": {label: [tid] for label in space},
        "vals": {label: [value] for label, value in space.items()},
    }
    return new_trial_doc(tid, None, {"status": STATUS_NEW}, misc)


def insert_points(trials: Any, points: Any, space: CompiledSpace) -> list[Any]:
    """Check points, and insert them as new trials; ignored if `trials` has trials already.

    Returns the ids of those that were inserted. For what is raised see `check_points`.
    """
    check_points(points, space)
    if trials._dynamic_trials and points:
        logger.info("`points_to_evaluate` is ignored: `trials` has trials already.")
        return []
    docs = []
    for tid, point in zip(trials.new_trial_ids(len(points)), points, strict=True):
        doc = generate_trial(tid, point)
        for column in (doc["misc"]["idxs"], doc["misc"]["vals"]):
            column.update((label, []) for label in space.labels if label not in point)
        doc["exp_key"] = getattr(trials, "_exp_key", None)
        docs.append(doc)
    # Without a refresh, as in Hyperopt, so that they do not count towards max_evals.
    trials.insert_trial_docs(docs)
    return [doc["tid"] for doc in docs]


def check_points(points: Any, space: CompiledSpace) -> None:
    """Check that points fit a space.

    Parameters
    ----------
    points : list of dict
        Values by label; for a choice, the position. Inactive hyperparameters may be left out.

    Raises
    ------
    InvalidArgument, InvalidArgumentType
        If a point is not a dict, has an unknown label, lacks a label that it needs, or has a value
        that the hyperparameter cannot have.
    """
    if not isinstance(points, Sequence) or isinstance(points, (str, bytes)):
        raise InvalidArgumentType(f"`points_to_evaluate` must be a list of dicts; got {points!r}.")
    for number, point in enumerate(points):
        _check_point(f"points_to_evaluate[{number}]", point, space)


def _check_point(name: str, point: Any, space: CompiledSpace) -> None:
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
    for param in space.params:
        if param.label in point:
            _check_value(f"{name}[{param.label!r}]", point[param.label], param)


def _check_value(name: str, value: Any, param: Param) -> None:
    whole = param.distribution in ("randint", "categorical")
    low, high = _bounds(param)
    rule = "a whole number" if whole else "a finite number"
    if math.isfinite(high):
        rule += f" from {low:.12g} to {high:.12g}"
    elif math.isfinite(low):
        rule += f" of at least {low:.12g}"
    message = f"`{name}` must be {rule}, as hp.{param.distribution} gives; got {value!r}."
    try:
        # Text can be turned into a number, but is not one.
        number = math.nan if isinstance(value, (str, bytes)) else float(value)
    except (TypeError, ValueError, OverflowError):
        raise InvalidArgumentType(message) from None
    in_range = low <= number <= high and math.isfinite(number)
    if not in_range or (whole and not number.is_integer()):
        raise InvalidArgument(message)
    if not whole:
        low, high = bounds_of(param)
        if not is_between(number, low, high):
            logger.warning(
                "`%s` should be from %.6g to %.6g, the range of the space; got %r. It is evaluated "
                "all the same.",
                name, low, high, value,
            )  # fmt: skip


def _bounds(param: Param) -> tuple[float, float]:
    """Return the least and the greatest value that a point may have.

    As in Hyperopt, a point may lie outside the bounds of a continuous hyperparameter: users start
    searches from their own points. An index outside a choice cannot be evaluated.
    """
    name, args = param.distribution, param.args
    if name == "randint":
        return args[0], args[1] - 1
    if name == "categorical":
        return 0, len(args) - 1
    return (0.0 if "log" in name else -math.inf), math.inf
