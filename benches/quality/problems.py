"""The problems, and which of them settings may be chosen by.

Each problem belongs to one suite and one part. Settings are chosen by the problems of `tune`;
`report` is what `docs/quality.md` shows, and nothing is chosen by it. The split is by rule, written
down here before anything was measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from spaces import Point, Space

TUNE, REPORT = "tune", "report"


@dataclass(frozen=True)
class Problem:
    """A loss to minimise over a space, and the smallest value it has there."""

    name: str
    suite: str
    part: str
    space: Space
    loss: Callable[[Point], float]
    optimum: float


@cache
def all_problems() -> dict[str, Problem]:
    """Return the problems by name."""
    import conditional
    import continuous
    import tabular

    makers = (tabular.problems, continuous.problems, conditional.problems)
    return {problem.name: problem for make in makers for problem in make()}
