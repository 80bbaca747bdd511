"""A problem: a loss over a space, in a suite, for tuning or for the report.

Settings are chosen by the problems of `tune`; `report` is what `docs/quality.md` shows, and nothing
is chosen by it. The split is by rule, written down in each suite before anything was measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
