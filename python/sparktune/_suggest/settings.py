"""What a user may set of `tpe.suggest`, checked."""

from __future__ import annotations

import math
import numbers
from functools import lru_cache
from typing import Any

from sparktune._core import TpeSettings
from sparktune.exceptions import InvalidArgument, InvalidArgumentType


def checked(*given: Any) -> TpeSettings:
    """Return settings, in the order of `_checked`; those of calls before are known.

    Raises
    ------
    InvalidArgument, InvalidArgumentType
        If one is out of range or of the wrong type.
    """
    try:
        return _checked(*given)
    except TypeError:
        pass
    # A list, say, cannot be looked up; what is wrong with it the checks say.
    return _checked.__wrapped__(*given)


# With types: True is no 1.
@lru_cache(maxsize=64, typed=True)
def _checked(
    prior_weight: Any,
    n_startup_jobs: Any,
    n_EI_candidates: Any,
    gamma: Any,
    split: Any,
    max_below: Any,
    multivariate: Any,
    weights: Any,
    bandwidth: Any,
    min_bandwidth: Any,
    clip_exponent: Any,
    endpoints: Any,
    gp_share: Any,
    local_search: Any,
    avoid_duplicates: Any,
    prior_candidates: Any,
    pending: Any,
    startup: Any,
) -> TpeSettings:
    for name, value in (
        ("prior_weight", prior_weight),
        ("gamma", gamma),
        ("clip_exponent", clip_exponent),
    ):
        if not isinstance(value, numbers.Real) or isinstance(value, bool):
            raise InvalidArgumentType(f"`{name}` of tpe.suggest must be a number; got {value!r}.")
        if not 0 < float(value) < math.inf:
            raise InvalidArgument(
                f"`{name}` of tpe.suggest must be positive and finite; got {value!r}."
            )
    for name, value, low, meaning in (
        ("gp_share", gp_share, 0, "the suggestions: 0 is the Parzen estimator alone"),
        ("min_bandwidth", min_bandwidth, 1e-6, "the prior's width"),
    ):
        if not isinstance(value, numbers.Real) or isinstance(value, bool):
            raise InvalidArgumentType(f"`{name}` of tpe.suggest must be a number; got {value!r}.")
        if not low <= float(value) <= 1:
            raise InvalidArgument(
                f"`{name}` of tpe.suggest must be from {low} to 1; got {value!r}. It is a share of "
                f"{meaning}."
            )
    counts = {
        "n_startup_jobs": n_startup_jobs,
        "n_EI_candidates": n_EI_candidates,
        "max_below": max_below,
        "prior_candidates": prior_candidates,
    }
    for name, value in counts.items():
        # Hyperopt takes 10.0 as well.
        if (
            isinstance(value, bool)
            or not isinstance(value, numbers.Real)
            or not float(value).is_integer()
        ):
            raise InvalidArgumentType(f"`{name}` of tpe.suggest must be an int; got {value!r}.")
    for name, least in (("n_EI_candidates", 1), ("max_below", 1), ("prior_candidates", 0)):
        if counts[name] < least:
            raise InvalidArgument(
                f"`{name}` of tpe.suggest must be at least {least}; got {counts[name]!r}."
            )
    for name, value, names in (
        ("split", split, ("linear", "sqrt")),
        ("weights", weights, ("rank", "age", "uniform", "ei")),
        ("bandwidth", bandwidth, ("scott", "fixed", "neighbours")),
        ("local_search", local_search, ("process", "always", "never")),
        ("pending", pending, ("worst", "mean", "best", "ignore")),
        ("startup", startup, ("random", "halton")),
    ):
        if value not in names:
            *others, last = map(repr, names)
            raise InvalidArgument(
                f"`{name}` of tpe.suggest must be {', '.join(others)} or {last}; got {value!r}."
            )
    return TpeSettings(
        {
            "prior_weight": float(prior_weight),
            "n_candidates": int(n_EI_candidates),
            "gamma": float(gamma),
            "split": split,
            "max_below": int(max_below),
            "multivariate": bool(multivariate),
            "weights": weights,
            "bandwidth": bandwidth,
            "min_bandwidth": float(min_bandwidth),
            "clip_exponent": float(clip_exponent),
            "endpoints": bool(endpoints),
            "gp_share": float(gp_share),
            "local_search": local_search,
            "avoid_duplicates": bool(avoid_duplicates),
            "prior_candidates": int(prior_candidates),
            "pending": pending,
        }
    )
