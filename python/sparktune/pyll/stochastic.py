"""Hyperopt's module name for `sparktune._space.draw`; only re-exports."""

from __future__ import annotations

from sparktune._listing import listing
from sparktune._space import draw
from sparktune._space.draw import *  # noqa: F403 - all of it, and named there
from sparktune._space.expr import as_apply, clone, dfs, rec_eval, scope

__all__ = ["as_apply", "clone", "dfs", "rec_eval", "scope"]
__all__ += draw.__all__

__dir__ = listing(__all__)
