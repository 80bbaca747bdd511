"""Slices: which values of a hyperparameter gave good losses, and which failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sparktune._views.chart import Chart, Layer, Panel, Points, Shades, Ticks
from sparktune._views.parameters import Parameter, balanced, choose, hovers, parameters_of
from sparktune._views.scales import loss_axis, thinned
from sparktune._views.texts import nothing_of, role_of, sentences, thinning
from sparktune._views.trial_data import Floats, TrialData

__all__ = ["slices"]

_TITLE = "Slices"
_MOST = 12


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
    shown = thinned(len(data), [] if data.best is None else [data.best])
    age = 1 - np.arange(len(data)) / max(1, len(data) - 1)  # the latest trials are dark
    ticks = [(1.0, str(data.tids[0])), (0.0, str(data.tids[-1]))] if len(data) > 1 else []
    panels = tuple(
        Panel(each.axis(data.best, 8), y, tuple(_layers(data, each, shown, age, ticks)))
        for each in parameters_of(data, labels)
    )
    note = sentences(some, beyond, thinning(len(shown), len(data)))
    return Chart(_TITLE, panels, balanced(len(panels)), note)


def _layers(
    data: TrialData,
    parameter: Parameter,
    shown: Sequence[int],
    age: Floats,
    ticks: Sequence[tuple[float, str]],
) -> list[Layer]:
    x, y = parameter.spread(), data.sign * data.losses
    active = [row for row in shown if parameter.active[row]]
    layers: list[Layer] = []
    pruned = [row for row in active if data.finite[row] and not data.ok[row]]
    for outcome in dict.fromkeys(data.outcomes[row] for row in pruned):
        rows = [row for row in pruned if data.outcomes[row] == outcome]
        layers.append(Points(x[rows].tolist(), y[rows].tolist(), outcome, role_of(outcome),
                             hover=hovers(data, rows)))  # fmt: skip
    if rows := [row for row in active if data.ok[row]]:
        shades = Shades(age[rows].tolist(), ticks, "trial")
        layers.append(
            Points(x[rows].tolist(), y[rows].tolist(), shades=shades, hover=hovers(data, rows))
        )
    if rows := [row for row in active if data.outcomes[row] == "fail" and not data.finite[row]]:
        layers.append(Ticks(x[rows].tolist(), "failed", "fail", hovers(data, rows)))
    if data.best is not None and parameter.active[data.best]:
        at = [data.best]
        layers.append(Points(x[at].tolist(), y[at].tolist(), "best", "best",
                             hover=hovers(data, at), symbol="star"))  # fmt: skip
    return layers
