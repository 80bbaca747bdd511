"""Lets the logger names of Hyperopt govern the loggers of sparktune.

Code that quiets Hyperopt does so by name: ``logging.getLogger("hyperopt-spark").setLevel(...)``.
Levels and handlers set there apply to our loggers too: each has a stand-in for one of Hyperopt's as
its parent. Hyperopt's loggers are only read.
"""

from __future__ import annotations

import logging
from typing import Any

__all__ = ["follow_hyperopt"]

#: Our logger -> Hyperopt's of the same subject.
_COUNTERPARTS = {
    "sparktune.spark": "hyperopt-spark",
    "sparktune.dispatch": "hyperopt-spark",
    "sparktune.fmin": "hyperopt.fmin",
    "sparktune.tpe": "hyperopt.tpe",
    "sparktune.domain": "hyperopt.base",
    "sparktune.trials": "hyperopt.base",
    "sparktune.early_stop": "hyperopt.early_stop",
    "sparktune.expr": "hyperopt.pyll.base",
}


class _StandIn:
    """A parent for one of our loggers: has the settings of the logger `name`, but other parents."""

    def __init__(self, name: str, parent: logging.Logger) -> None:
        self.name = name
        self.parent = parent

    def __getattr__(self, setting: str) -> Any:
        return getattr(logging.getLogger(self.name), setting)  # level, handlers, propagate


def follow_hyperopt() -> None:
    """Give our loggers their parents; called when sparktune is imported.

    The chain from ``sparktune.tpe`` up: stand-in for ``hyperopt.tpe``, ``sparktune``, stand-in for
    ``hyperopt``, root.
    """
    package = logging.getLogger("sparktune")
    package.parent = _StandIn("hyperopt", logging.getLogger())  # type: ignore[assignment]
    for ours, theirs in _COUNTERPARTS.items():
        logging.getLogger(ours).parent = _StandIn(theirs, package)  # type: ignore[assignment]
