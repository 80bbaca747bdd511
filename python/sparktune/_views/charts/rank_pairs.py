"""Ranks: which pairs of values are good together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from sparktune._views.chart import Chart, Layer, Panel, Points
from sparktune._views.parameters import Parameter, balanced, choose, hovers, parameters_of
from sparktune._views.scales import rank_shades, thinned
from sparktune._views.texts import nothing_of, sentences, thinning
from sparktune._views.trial_data import TrialData
from sparktune.exceptions import InvalidArgument

__all__ = ["rank_pairs"]

_TITLE = "Ranks of pairs"
_MOST = 4
_MOST_GIVEN = 8
_MOST_POINTS = 2_000  # per panel


def rank_pairs(data: TrialData, params: Any = None, ranking: Sequence[str] | None = None) -> Chart:
    """Return a panel for each pair of hyperparameters, with trials coloured by their rank.

    Parameters
    ----------
    data : TrialData
        The trials.
    params : sequence of str, optional
        From 2 to 8 hyperparameters; by default all, of more than 4 the first of `ranking`.
    ranking : sequence of str, optional
        Hyperparameters by importance.
    """
    labels, some = choose(data, params, ranking, _MOST)
    if params is not None and not 2 <= len(labels) <= _MOST_GIVEN:
        raise InvalidArgument(
            f"`params` must be from 2 to {_MOST_GIVEN} hyperparameters; got {len(labels)}."
        )
    rows = np.flatnonzero(data.finite)
    if not len(rows):
        return Chart(_TITLE, note=nothing_of(data, "a finite loss"))
    if len(labels) < 2:
        return Chart(_TITLE, note="Pairs need two hyperparameters; the trials have fewer.")
    order = rows[np.argsort(-data.losses[rows], kind="stable")]  # the best ones on top
    shown = order[thinned(len(order), [len(order) - 1], _MOST_POINTS)].tolist()
    every = rank_shades(data, data.losses[shown])
    place = dict(zip(shown, every.values, strict=True))
    texts = dict(zip(shown, hovers(data, shown), strict=True))
    panels = []
    for x, y in combinations(parameters_of(data, labels), 2):
        both = [row for row in shown if x.active[row] and y.active[row]]
        if not both:  # in different branches of a choice
            continue
        points = Points(
            x.spread()[both].tolist(),
            y.spread(vertical=True)[both].tolist(),
            shades=replace(every, values=[place[row] for row in both]),
            hover=[texts[row] for row in both],
        )
        layers: list[Layer] = [points, *_star(data, x, y, texts)]
        panels.append(Panel(x.axis(data.best, 6), y.axis(data.best, 8), tuple(layers)))
    if not panels:
        return Chart(_TITLE, note="No two of these hyperparameters were active in the same trial.")
    columns = balanced(len(panels), 3)
    note = sentences(some, thinning(len(shown), len(order)))
    return Chart(_TITLE, tuple(panels), columns, note)


def _star(data: TrialData, x: Parameter, y: Parameter, texts: dict[int, str]) -> list[Points]:
    """Return the mark of the best trial, if both hyperparameters were active in it."""
    if data.best is None or not (x.active[data.best] and y.active[data.best]):
        return []
    at, text = [data.best], texts.get(data.best, "")
    return [Points(x.spread()[at].tolist(), y.spread(vertical=True)[at].tolist(), "best", "best",
                   hover=[text], symbol="star")]  # fmt: skip
