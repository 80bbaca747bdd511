"""Hyperopt's module name for small helpers; only re-exports."""

from __future__ import annotations

from sparktune._hyperopt.utils import (
    fast_isin,
    get_closest_dir,
    get_most_recent_inds,
    path_split_all,
    temp_dir,
    working_dir,
)
from sparktune._space.expr import use_obj_for_literal_in_memo
from sparktune._trials.documents import coarse_utcnow
from sparktune._trials.pmin import pmin_sampled

__all__ = [
    "coarse_utcnow",
    "fast_isin",
    "get_closest_dir",
    "get_most_recent_inds",
    "path_split_all",
    "pmin_sampled",
    "temp_dir",
    "use_obj_for_literal_in_memo",
    "working_dir",
]
