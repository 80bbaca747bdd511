"""Search spaces as data, so that every library gets the same one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

Point = dict[str, float]


@dataclass(frozen=True)
class Param:
    """One parameter: `kind` is `float`, `log` (both with bounds), `int` or `choice`.

    An `int` ranges from `low` to `high`, both included; a `choice` from 0 to `high`. The `branches`
    of a choice hold, for each option, the parameters that exist only if it is chosen.
    """

    label: str
    kind: str
    low: float
    high: float
    branches: tuple[tuple[Param, ...], ...] = ()


Space = tuple[Param, ...]


def choice(label: str, *branches: tuple[Param, ...]) -> Param:
    """Make a choice whose options have their own parameters."""
    return Param(label, "choice", 0, len(branches) - 1, branches)


def active(space: Space, point: Point) -> Iterator[Param]:
    """Yield the parameters that exist in a point, parents first; the point may be incomplete."""
    for param in space:
        yield param
        if param.branches:
            yield from active(param.branches[int(point[param.label])], point)


def draw(space: Space, rng: np.random.Generator) -> Point:
    """Draw a point from the prior."""
    point: Point = {}
    for param in active(space, point):
        low, high = param.low, param.high
        if param.kind == "float":
            point[param.label] = float(rng.uniform(low, high))
        elif param.kind == "log":
            point[param.label] = math.exp(rng.uniform(math.log(low), math.log(high)))
        else:
            point[param.label] = int(rng.integers(int(low), int(high) + 1))
    return point
