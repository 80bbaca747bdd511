"""The hyperparameters of a search space.

Each function makes a node of the expression graph. Wrong arguments raise at once, so that the
traceback ends in the line that wrote them.

`float`, `int`, `categorical` and `ordinal` take bounds and options as the objective sees them. The
other functions are Hyperopt's: the bounds of those with `log` in their names are logarithms.
"""

from __future__ import annotations

from sparktune._listing import listing
from sparktune._space.by_value import categorical, ordinal
from sparktune._space.by_value import float_ as float
from sparktune._space.by_value import int_ as int
from sparktune._space.hyperparameters import (
    choice,
    lognormal,
    loguniform,
    normal,
    pchoice,
    qlognormal,
    qloguniform,
    qnormal,
    quniform,
    randint,
    uniform,
    uniformint,
)

__all__ = [
    "categorical",
    "choice",
    "float",
    "int",
    "lognormal",
    "loguniform",
    "normal",
    "ordinal",
    "pchoice",
    "qlognormal",
    "qloguniform",
    "qnormal",
    "quniform",
    "randint",
    "uniform",
    "uniformint",
]

__dir__ = listing(__all__)
