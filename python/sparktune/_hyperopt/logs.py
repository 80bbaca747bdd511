"""Lets the logger names of Hyperopt govern the loggers of sparktune.

Code that quiets Hyperopt does so by name: ``logging.getLogger("hyperopt-spark").setLevel(...)``.
Those loggers are put above ours, so their levels and handlers apply to ours as well. The name
`sparktune` is above all of them but `hyperopt`.
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


def follow_hyperopt() -> None:
    """Put Hyperopt's loggers between ours and the root logger; done when sparktune is imported.

    From below to above: ``sparktune.tpe``, ``hyperopt.tpe``, ``sparktune``, ``hyperopt``, root.
    """
    package = logging.getLogger("sparktune")
    # First of all: a logger that is made after its children takes them over.
    above = logging.getLogger("hyperopt")
    for ours, theirs in _COUNTERPARTS.items():
        between = logging.getLogger(theirs)
        between.parent = package
        logging.getLogger(ours).parent = between
    package.parent = above
