"""Contour: where good losses are, as a surface over two hyperparameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sparktune._views.chart import Cells, Chart, Layer, Panel, Points
from sparktune._views.parameters import Parameter, check_labels, choose, hovers, parameters_of
from sparktune._views.scales import rank_shades, ranks, thinned
from sparktune._views.texts import nothing_of, sentences, thinning
from sparktune._views.trial_data import Floats, TrialData
from sparktune.exceptions import InvalidArgument

__all__ = ["contour"]

_TITLE = "Contour"
_CELLS = 48  # in each direction
_MOST_POINTS = 2_000


def contour(
    data: TrialData, a: Any = None, b: Any = None, ranking: Sequence[str] | None = None
) -> Chart:
    """Return a surface of losses over two hyperparameters, and the trials.

    The surface is the mean rank of the losses of trials near by, weighted by a Gaussian kernel; it
    is left out where there are none. The other hyperparameters differ from trial to trial.

    Parameters
    ----------
    data : TrialData
        The trials.
    a, b : str, optional
        The hyperparameters of the horizontal and the vertical axis; by default the first two of
        `ranking`, or of the trials.
    ranking : sequence of str, optional
        Hyperparameters by importance.
    """
    labels = _two_labels(data, a, b, ranking)
    if not data.finite.any():
        return Chart(_TITLE, note=nothing_of(data, "a finite loss"))
    if len(labels) < 2:
        return Chart(_TITLE, note="A contour needs two hyperparameters; the trials have fewer.")
    x, y = parameters_of(data, labels)
    rows = np.flatnonzero(data.finite & x.active & y.active)
    if not len(rows):
        text = f"{x.short!r} and {y.short!r} were never active together in a trial with a loss."
        return Chart(_TITLE, note=text)
    layers: list[Layer] = []
    note = "Too few different values for a surface."
    if min(len(np.unique(x.values[rows])), len(np.unique(y.values[rows]))) > 1:
        layers.append(_surface(data, x, y, rows.tolist()))
        note = "The surface is the mean rank of trials near by, whatever their other values are."
    best = [] if data.best is None else [int(at) for at in np.flatnonzero(rows == data.best)]
    kept = thinned(len(rows), best, _MOST_POINTS)
    shown = rows[kept].tolist()
    sx, sy = x.spread(), y.spread(vertical=True)
    shades = rank_shades(data, data.losses[rows])
    shades = replace(shades, values=[shades.values[at] for at in kept])
    layers.append(Points(sx[shown].tolist(), sy[shown].tolist(), shades=shades,
                         hover=hovers(data, shown)))  # fmt: skip
    if best and data.best is not None:
        at = [data.best]
        layers.append(Points(sx[at].tolist(), sy[at].tolist(), "best", "best",
                             hover=hovers(data, at), symbol="star"))  # fmt: skip
    panel = Panel(x.axis(data.best), y.axis(data.best, 24), tuple(layers))
    return Chart(_TITLE, (panel,), note=sentences(note, thinning(len(shown), len(rows))))


def _two_labels(data: TrialData, a: Any, b: Any, ranking: Sequence[str] | None) -> list[str]:
    given = [label for name, label in (("a", a), ("b", b)) if label is not None
             for label in check_labels(data, [label], name)]  # fmt: skip
    if len(given) == 2 and given[0] == given[1]:
        raise InvalidArgument(f"`a` and `b` must be two hyperparameters; got {a!r} and {b!r}.")
    first = list(ranking or ()) + choose(data, None, ranking, 2)[0]
    rest = [label for label in dict.fromkeys(first) if label in data.values and label not in given]
    return [*given, *rest][:2] if b is None or a is not None else [*rest[:1], *given]


def _surface(data: TrialData, x: Parameter, y: Parameter, rows: list[int]) -> Cells:
    """Return the mean rank of the losses near each cell, NaN where there are no trials."""
    losses = data.losses[rows]
    grid_x, places_x, kernel_x = _grid(x, rows)
    grid_y, places_y, kernel_y = _grid(y, rows)
    weight, total = np.zeros((2, len(grid_y), len(grid_x)))
    np.add.at(weight, (places_y, places_x), 1.0)
    np.add.at(total, (places_y, places_x), ranks(losses))
    weight, total = (kernel_y @ each @ kernel_x.T for each in (weight, total))
    z = np.where(weight > 0.05, total / np.maximum(weight, 1e-300), np.nan)
    return Cells(grid_x.tolist(), grid_y.tolist(), z.tolist(), rank_shades(data, losses))


def _grid(parameter: Parameter, rows: list[int]) -> tuple[Floats, Any, Floats]:
    """Return the cells of an axis, the cell of each trial, and how near cells are."""
    values = parameter.values[rows]
    if parameter.names:
        cells = np.arange(len(parameter.names), dtype=float)
        return cells, values.astype(int), np.eye(len(cells))
    scaled = np.log10(values) if parameter.log else values
    low, high = float(scaled.min()), float(scaled.max())
    places = np.rint((scaled / 2 - low / 2) / (high / 2 - low / 2) * (_CELLS - 1)).astype(int)
    at = np.arange(_CELLS) / (_CELLS - 1)
    # Scott's rule for two dimensions, on a range of which a uniform sample has this deviation.
    width = max(0.29 * len(rows) ** (-1 / 6), 1.5 / _CELLS)
    kernel = np.exp(-0.5 * ((at[:, None] - at[None, :]) / width) ** 2)
    cells = low * (1 - at) + high * at
    return (10.0**cells if parameter.log else cells), places, kernel
