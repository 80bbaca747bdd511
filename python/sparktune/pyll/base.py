"""Hyperopt's module name for `sparktune._space.expr`; only re-exports."""

from __future__ import annotations

from sparktune._listing import listing
from sparktune._space import expr
from sparktune._space.expr import *  # noqa: F403 - all of it, and named there
from sparktune._worker.program import bincount

__all__ = ["bincount"]
__all__ += expr.__all__

__dir__ = listing(__all__)
