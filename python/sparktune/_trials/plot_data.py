"""What plots show of trials, as plain data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparktune._space.reader import SpaceReader
from sparktune._trials.documents import STATUS_OK
from sparktune._trials.findings import docs_of, outcome_of
from sparktune._trials.results import is_score
from sparktune.exceptions import InvalidArgument, InvalidArgumentType

__all__ = ["Point", "best_so_far", "names_of", "points_of", "rank_ticks", "ranks", "with_loss"]

# Longer names of options would take the room of the plot.
_LONGEST = 16


@dataclass(frozen=True)
class Point:
    """What the plots need of one trial."""

    tid: int
    status: str  # of its result; "fail" if it raised, "cancelled" if it was
    loss: float  # NaN unless finite
    vals: dict[str, float]
    has_score: bool = False  # the loss is the negative of a score


def points_of(trials: Any) -> list[Point]:
    """Read all trials, those that raised or were cancelled too, in the order of their ids.

    A loss that is missing or infinite becomes NaN.
    """
    if not hasattr(trials, "trials"):
        raise InvalidArgumentType(f"`trials` must be a Trials; got {trials!r:.300}.")
    docs = docs_of(trials) if hasattr(trials, "_dynamic_trials") else trials.trials
    points = []
    for doc in docs:
        result = doc["result"]
        status = outcome_of(doc) if "state" in doc else str(result.get("status", "new"))
        loss = result.get("loss")
        value = math.nan if loss is None else float(loss)
        vals = {label: float(v[0]) for label, v in doc["misc"]["vals"].items() if len(v)}
        value = value if math.isfinite(value) else math.nan
        points.append(Point(doc["tid"], status, value, vals, is_score(result)))
    return sorted(points, key=lambda point: point.tid)


def with_loss(points: Sequence[Point]) -> list[Point]:
    """Return the trials with a finite loss; raise InvalidArgument if there is none."""
    kept = [point for point in points if not math.isnan(point.loss)]
    if not kept:
        raise InvalidArgument(
            f"A plot needs a trial with a finite loss; none of {len(points)} trials has one."
        )
    return kept


def best_so_far(points: Sequence[Point]) -> tuple[list[int], list[float]]:
    """Return the best loss after each trial that may be the best one, and after the last trial."""
    kept = [point for point in points if point.status == STATUS_OK and not math.isnan(point.loss)]
    if not kept:
        return [], []
    best = np.minimum.accumulate([point.loss for point in kept]).tolist()
    return [*(point.tid for point in kept), points[-1].tid], [*best, best[-1]]


def ranks(losses: Sequence[float]) -> list[float]:
    """Return the rank of each loss, from 0 for the best to 1; equal losses have the same."""
    order = np.sort(losses)
    places = np.searchsorted(order, losses)
    return [float(rank) for rank in places / max(1, len(order) - 1)]


def rank_ticks(losses: Sequence[float], count: int = 5) -> list[tuple[float, float]]:
    """Return ranks for an axis, each with its loss."""
    order, last = np.sort(losses), max(1, len(losses) - 1)
    places = sorted({round(place) for place in np.linspace(0, len(losses) - 1, count)})
    return [(place / last, float(order[place])) for place in places]


def names_of(trials: Any) -> dict[str, list[str]]:
    """Return the names of the options of each choice, if the space of the trials is known."""
    space = getattr(trials, "_space", None)
    found = {} if space is None else SpaceReader(space.expr).names()
    return {label: [_cut(str(name)) for name in names] for label, names in found.items()}


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
