"""All problems: networks in tables, COCO's functions, and spaces with conditions."""

from __future__ import annotations

from functools import cache

import conditional
import continuous
import tabular
from problem import Problem


@cache
def all_problems() -> dict[str, Problem]:
    """Return the problems by name."""
    makers = (tabular.problems, continuous.problems, conditional.problems)
    return {problem.name: problem for make in makers for problem in make()}
