"""Axes of losses and of ranks: when they are logarithmic, what they leave out, what they say."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sparktune._views.chart import Axis, Shades
from sparktune._views.ticks import number
from sparktune._views.trial_data import Floats, TrialData

__all__ = [
    "loss_axis",
    "rank_shades",
    "rank_ticks",
    "ranks",
    "spreads",
    "thinned",
    "wants_log_axis",
]

_LOG_RATIO = 20.0
_SKEWED_RATIO, _SKEWED = 5.0, 0.15
# The worst losses are left out if they are so many times as far from the best one as the others.
_FAR = 10.0
_OTHERS = 0.9
# More marks than this are only a blur.
MOST_POINTS = 5_000


def wants_log_axis(values: Sequence[float] | Floats, ratio: float = _LOG_RATIO) -> bool:
    """Return whether all values are positive and the largest exceeds `ratio` times the smallest."""
    return len(values) > 0 and min(values) > 0 and max(values) / min(values) > ratio


def spreads(losses: Floats) -> bool:
    """Return whether losses need a logarithmic axis: they span widely, or most are near the end."""
    if wants_log_axis(losses) or not wants_log_axis(losses, _SKEWED_RATIO):
        return wants_log_axis(losses)
    low, middle, high = np.quantile(losses, (0.0, 0.5, 1.0))
    return bool(middle - low < _SKEWED * (high - low))


def loss_axis(data: TrialData, losses: Sequence[float] | Floats) -> tuple[Axis, str]:
    """Return an axis for losses or scores, and a sentence on what is beyond it.

    A few losses that are far worse than all others would leave no room for these. If a logarithmic
    axis does not help, they are left out.
    """
    kept = np.asarray(losses, dtype=float)
    kept = kept[np.isfinite(kept)]
    shown = kept * data.sign
    if not len(kept):
        return Axis(data.what), ""
    if spreads(shown):
        return Axis(data.what, log=True), ""
    best, worst = float(kept.min()), float(kept.max())
    most = float(np.quantile(kept, _OTHERS, method="lower"))
    # Halves, because the difference of two floats may be infinite.
    if not worst / 2 - best / 2 > _FAR * (most / 2 - best / 2) > 0:
        return Axis(data.what), ""
    room = most - best
    low, high = sorted((data.sign * (best - 0.1 * room), data.sign * (most + 0.5 * room)))
    count = int((kept > most + 0.5 * room).sum())
    have = "1 trial has" if count == 1 else f"{count} trials have"
    end = f"down to {number(-worst)}" if data.maximized else f"up to {number(worst)}"
    return Axis(data.what, range=(low, high)), f"{have} a {data.what} beyond the axis, {end}."


def ranks(losses: Sequence[float] | Floats) -> Floats:
    """Return the rank of each loss, from 0 for the best to 1; equal losses have the same."""
    order = np.sort(losses)
    places: Floats = np.searchsorted(order, losses) / max(1, len(order) - 1)
    return places


def rank_ticks(losses: Sequence[float] | Floats, count: int = 5) -> list[tuple[float, float]]:
    """Return ranks for an axis, each with its loss."""
    order, last = np.sort(losses), max(1, len(losses) - 1)
    places = sorted({round(place) for place in np.linspace(0, len(losses) - 1, count)})
    return [(place / last, float(order[place])) for place in places]


def rank_shades(data: TrialData, losses: Sequence[float] | Floats) -> Shades:
    """Return shades by rank, so that good losses can be told apart whatever the bad ones are."""
    ticks = [(place, f"{data.sign * loss:.4g}") for place, loss in rank_ticks(losses)]
    return Shades(ranks(losses).tolist(), ticks, f"{data.what} (coloured by rank)")


def thinned(count: int, keep: Sequence[int] = (), most: int = MOST_POINTS) -> list[int]:
    """Return positions of `most` of `count` things, evenly, and those to keep."""
    if count <= most:
        return list(range(count))
    step = math.ceil(count / most)
    return sorted({*range(0, count, step), *map(int, keep)})
