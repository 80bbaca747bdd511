"""Lets the logger names of Hyperopt govern the loggers of sparktune.

Code that quiets Hyperopt does so by name: ``logging.getLogger("hyperopt-spark").setLevel(...)``.
What is set there, levels and handlers, counts for ours as well. Hyperopt's loggers are only read:
each of ours has a stand-in for one of them as its parent.
"""

from __future__ import annotations

import logging

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
    """What `logging` asks of a parent: the settings of one logger, below another parent.

    Parameters
    ----------
    name : str
        The logger of Hyperopt's whose settings these are.
    parent : logging.Logger
        Where to go on.
    """

    def __init__(self, name: str, parent: logging.Logger) -> None:
        self.name = name
        self.parent = parent

    @property
    def level(self) -> int:
        return logging.getLogger(self.name).level

    @property
    def handlers(self) -> list[logging.Handler]:
        return logging.getLogger(self.name).handlers

    @property
    def propagate(self) -> bool:
        return logging.getLogger(self.name).propagate


def follow_hyperopt() -> None:
    """Give our loggers their parents; done when sparktune is imported.

    From below to above: ``sparktune.tpe``, what is set for ``hyperopt.tpe``, ``sparktune``, what is
    set for ``hyperopt``, root.
    """
    package = logging.getLogger("sparktune")
    package.parent = _StandIn("hyperopt", logging.getLogger())  # type: ignore[assignment]
    for ours, theirs in _COUNTERPARTS.items():
        logging.getLogger(ours).parent = _StandIn(theirs, package)  # type: ignore[assignment]
