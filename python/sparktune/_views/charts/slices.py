"""Slices: which values of a hyperparameter gave good losses, and which failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sparktune._views.chart import Chart, Layer, Panel, Points, Role, Shades, Ticks
from sparktune._views.parameters import Parameter, balanced, choose, hovers, parameters_of
from sparktune._views.scales import loss_axis, thinned
from sparktune._views.texts import nothing_of, role_of, sentences, thinning
from sparktune._views.trial_data import TrialData

__all__ = ["slices"]

_TITLE = "Slices"
_MOST = 12
_MOST_POINTS, _FEW_POINTS = 5_000, 1_000


def slices(data: TrialData, params: Any = None, ranking: Sequence[str] | None = None) -> Chart:
    """Return a panel for each hyperparameter: its values and their losses.

    Parameters
    ----------
    data : TrialData
        The trials.
    params : str or sequence of str, optional
        The hyperparameters; by default all, of more than 12 the first of `ranking`.
    ranking : sequence of str, optional
        Hyperparameters by importance.
    """
    labels, some = choose(data, params, ranking, _MOST)
    if not data.finite.any() or not labels:
        need = "a finite loss" if labels or not data.finite.any() else "a hyperparameter"
        return Chart(_TITLE, note=nothing_of(data, need))
    y, beyond = loss_axis(data, data.losses)
    keep = np.flatnonzero([outcome == "fail" for outcome in data.outcomes]).tolist()
    keep = [] if len(keep) > _MOST_POINTS else keep
    keep += [] if data.best is None else [data.best]
    shown = thinned(len(data), keep, max(_FEW_POINTS, _MOST_POINTS // len(labels)))
    # Many whole texts would make the figure heavy.
    texts = hovers(data, shown) if len(shown) <= _FEW_POINTS else None
    panels = []
    for each in parameters_of(data, labels):
        found = hovers(data, shown, [each.label]) if texts is None else texts
        layers = _layers(data, each, dict(zip(shown, found, strict=True)))
        panels.append(Panel(each.axis(data.best, 8), y, tuple(layers)))
    note = sentences(some, beyond, thinning(len(shown), len(data)))
    return Chart(_TITLE, tuple(panels), balanced(len(panels)), note)


def _layers(data: TrialData, parameter: Parameter, texts: dict[int, str]) -> list[Layer]:
    """Return the marks of a panel; `texts` has what hovering says, by row."""
    active = [row for row in texts if parameter.active[row]]
    x, y = parameter.spread(), data.sign * data.losses

    def points(rows: list[int], label: str = "", color: Role = "ok", **more: Any) -> Points:
        found = [texts[row] for row in rows]
        return Points(x[rows].tolist(), y[rows].tolist(), label, color, hover=found, **more)

    layers: list[Layer] = []
    others = [row for row in active if data.finite[row] and not data.ok[row]]
    for outcome in dict.fromkeys(data.outcomes[row] for row in others):
        rows = [row for row in others if data.outcomes[row] == outcome]
        layers.append(points(rows, outcome, role_of(outcome)))
    if rows := [row for row in active if data.ok[row]]:
        last = max(1, len(data) - 1)  # the latest trials are dark
        ticks = [(1.0, str(data.tids[0])), (0.0, str(data.tids[-1]))] if len(data) > 1 else []
        layers.append(points(rows, shades=Shades([1 - row / last for row in rows], ticks, "trial")))
    if rows := [row for row in active if data.outcomes[row] == "fail" and not data.finite[row]]:
        found = [texts[row] for row in rows]
        layers.append(Ticks(x[rows].tolist(), "failed", "fail", found))
    if data.best in texts and parameter.active[data.best]:
        layers.append(points([data.best], "best", "best", symbol="star"))
    return layers
