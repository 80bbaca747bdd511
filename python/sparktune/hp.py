"""The hyperparameters of a search space.

Each function makes a node of the expression graph. Wrong arguments raise at once, so that the
traceback ends in the line that wrote them.

`float`, `int`, `categorical` and `ordinal` take bounds and options as the objective sees them. The
other functions are Hyperopt's: the bounds of those with `log` in their names are logarithms.
"""

from __future__ import annotations

from sparktune._listing import listing
from sparktune._space.by_value import categorical, float_, int_, ordinal
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

float = float_
int = int_

# Without `float` and `int`: a star import must not hide the builtins.
__all__ = [
    "categorical",
    "choice",
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

__dir__ = listing([*__all__, "float", "int"])
