"""Hyperopt's module name for `sparktune._space.draw`; everything here is re-exported."""

from __future__ import annotations

from sparktune._space.draw import (
    categorical,
    implicit_stochastic,
    implicit_stochastic_symbols,
    lognormal,
    loguniform,
    normal,
    qlognormal,
    qloguniform,
    qnormal,
    quniform,
    randint,
    randint_via_categorical,
    recursive_set_rng_kwarg,
    rng_from_seed,
    sample,
    uniform,
)
from sparktune._space.expr import as_apply, clone, dfs, rec_eval, scope

__all__ = [
    "as_apply",
    "categorical",
    "clone",
    "dfs",
    "implicit_stochastic",
    "implicit_stochastic_symbols",
    "lognormal",
    "loguniform",
    "normal",
    "qlognormal",
    "qloguniform",
    "qnormal",
    "quniform",
    "randint",
    "randint_via_categorical",
    "rec_eval",
    "recursive_set_rng_kwarg",
    "rng_from_seed",
    "sample",
    "scope",
    "uniform",
]
