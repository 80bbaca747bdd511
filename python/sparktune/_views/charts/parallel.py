"""Parallel coordinates: what good trials have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sparktune._views.chart import Chart, Panel, Rails
from sparktune._views.parameters import Parameter, choose, hovers, parameters_of, unit_of
from sparktune._views.scales import rank_shades, spreads, thinned
from sparktune._views.texts import nothing_of, sentences, thinning
from sparktune._views.trial_data import Floats, TrialData

__all__ = ["parallel"]

_TITLE = "Parallel coordinates"
_MOST = 12
_MOST_LINES = 2_000
# Lines of trials in which a hyperparameter was inactive cross its rail at the bottom, below this.
_FLOOR = 0.12


def parallel(data: TrialData, params: Any = None, ranking: Sequence[str] | None = None) -> Chart:
    """Return a rail for each hyperparameter and one for the loss; a line for each trial.

    The best trials are drawn last. Only trials with a finite loss have a line.

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
    rows = np.flatnonzero(data.finite)
    if not len(rows) or not labels:
        need = "a finite loss" if not len(rows) else "a hyperparameter"
        return Chart(_TITLE, note=nothing_of(data, need))
    order = rows[np.argsort(-data.losses[rows], kind="stable")]
    kept = thinned(len(order), [len(order) - 1], _MOST_LINES)
    shown = order[kept].tolist()
    names, places, ticks = [], [], []
    for each in parameters_of(data, labels):
        column, marks = _rail(each, shown)
        names.append(each.short)
        places.append(column)
        ticks.append(marks)
    losses = data.sign * data.losses[shown]
    column, marks = unit_of(losses, spreads(losses))
    names.append(data.what)
    places.append(column)
    ticks.append(marks)
    lines = np.array(places).T.tolist()
    shades = rank_shades(data, data.losses[shown])
    rails = Rails(names, lines, ticks, shades, hovers(data, shown, labels))
    note = sentences(some, thinning(len(shown), len(order), "lines"))
    return Chart(_TITLE, (Panel(layers=(rails,)),), note=note)


def _rail(parameter: Parameter, rows: Sequence[int]) -> tuple[Floats, list[tuple[float, str]]]:
    """Return where these trials cross a rail, and its texts."""
    places, ticks = parameter.unit()
    column = places[list(rows)]
    inactive = ~np.isfinite(column)
    if not inactive.any():
        return column, ticks
    raised = np.where(inactive, 0.0, _FLOOR + (1 - _FLOOR) * column)
    return raised, [(0.0, "inactive"), *((_FLOOR + (1 - _FLOOR) * at, text) for at, text in ticks)]
