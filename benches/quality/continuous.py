"""COCO's noiseless test bed BBOB: 24 functions in five groups, from PyPI `coco-experiment`.

Every function is used in five dimensions, those with ``number % 4 < 2`` also in two, the others
also in ten. Even functions are reported, odd ones are for tuning, so both parts contain every
group.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from problem import REPORT, TUNE, Problem
from spaces import Param, Point


def _bbob(function: int, dimension: int) -> Problem:
    from cocoex import BareProblem

    bare = BareProblem("bbob", function, dimension, 1)
    labels = [f"x{i}" for i in range(dimension)]

    def loss(point: Point) -> float:
        return float(bare(np.array([point[label] for label in labels])))

    return Problem(
        f"bbob-f{function:02}-d{dimension:02}",
        "continuous",
        TUNE if function % 2 else REPORT,
        tuple(Param(label, "float", -5.0, 5.0) for label in labels),
        loss,
        float(bare.best_value()),
    )


def problems() -> Iterator[Problem]:
    """Yield the functions, each in two of the three dimensions."""
    for function in range(1, 25):
        yield _bbob(function, 5)
        yield _bbob(function, 2 if function % 4 < 2 else 10)
