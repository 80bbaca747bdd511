"""Hyperopt's module name for the expression language; everything here is re-exported."""

from __future__ import annotations

from sparktune._listing import listing
from sparktune._space.expr import (
    Apply,
    Literal,
    as_apply,
    clone,
    clone_merge,
    dfs,
    rec_eval,
    scope,
    toposort,
)
from sparktune.pyll import base, stochastic

__all__ = [
    "Apply",
    "Literal",
    "as_apply",
    "base",
    "clone",
    "clone_merge",
    "dfs",
    "rec_eval",
    "scope",
    "stochastic",
    "toposort",
]

__dir__ = listing(__all__)
