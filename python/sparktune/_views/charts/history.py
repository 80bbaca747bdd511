"""History: how good each trial was, and when the search found something better."""

from __future__ import annotations

import math

import numpy as np

from sparktune._trials.documents import STATUS_FAIL, STATUS_OK
from sparktune._views.chart import Axis, Chart, Layer, Line, Panel, Points, Ticks
from sparktune._views.parameters import hovers
from sparktune._views.scales import loss_axis, thinned
from sparktune._views.texts import nothing_of, role_of, sentences, thinning
from sparktune._views.trial_data import Floats, TrialData

__all__ = ["best_so_far", "history", "history_layers"]

_TITLE = "History"
_CORNERS = 1_000  # of the line, beside those where it falls
# Of trials without a loss, as the legend has them.
_WITHOUT_LOSS = {STATUS_OK: "no finite loss", STATUS_FAIL: "failed"}


def history(data: TrialData) -> Chart:
    """Return the loss of each trial and the best loss so far; failures are ticks."""
    if not data.finite.any():
        return Chart(_TITLE, note=nothing_of(data, "a finite loss"))
    y, beyond = loss_axis(data, data.losses)
    layers, note = history_layers(data)
    return Chart(
        _TITLE,
        (Panel(Axis("trial", whole=True), y, tuple(layers)),),
        note=sentences(beyond, note),
    )


def history_layers(data: TrialData) -> tuple[list[Layer], str]:
    """Return what the chart draws, and a sentence on trials that are left out."""
    x, best = best_so_far(data)
    improving = [] if not len(best) else _improvements(data)
    shown = thinned(len(data), improving)
    layers: list[Layer] = []
    kept = [row for row in shown if data.finite[row]]
    for outcome in dict.fromkeys(data.outcomes[row] for row in kept):
        rows = [row for row in kept if data.outcomes[row] == outcome]
        layers.append(
            Points(
                data.x[rows].tolist(),
                (data.sign * data.losses[rows]).tolist(),
                outcome,
                role_of(outcome),
                hover=hovers(data, rows),
            )
        )
    if len(best):
        y = data.sign * best
        layers.append(Line(x.tolist(), y.tolist(), f"best so far ({y[-1]:.4g})", "best", step=True))
    missing = [row for row in shown if not data.finite[row]]
    for outcome in dict.fromkeys(data.outcomes[row] for row in missing):
        rows = [row for row in missing if data.outcomes[row] == outcome]
        label = _WITHOUT_LOSS.get(outcome, outcome)
        layers.append(Ticks(data.x[rows].tolist(), label, role_of(outcome), hovers(data, rows)))
    if data.best is not None:
        at = [data.best]
        layers.append(
            Points(data.x[at].tolist(), (data.sign * data.losses[at]).tolist(), color="best",
                   hover=hovers(data, at), symbol="star")
        )  # fmt: skip
    return layers, thinning(len(shown), len(data))


def best_so_far(data: TrialData) -> tuple[Floats, Floats]:
    """Return the best loss after each trial that may be the best one, and after the last trial."""
    rows = np.flatnonzero(data.ok)
    if not len(rows):
        return np.empty(0), np.empty(0)
    x, best = data.x[rows], np.minimum.accumulate(data.losses[rows])
    corners = _falls(best)
    keep = thinned(len(rows), [*corners, len(rows) - 1], _CORNERS)
    x, best = x[keep], best[keep]
    return np.append(x, data.x[-1]), np.append(best, best[-1])


def _improvements(data: TrialData) -> list[int]:
    """Return the rows of trials that were better than all before."""
    return _falls(np.minimum.accumulate(np.where(data.ok, data.losses, math.inf)))


def _falls(best: Floats) -> list[int]:
    """Return where values are lower than before."""
    found: list[int] = np.flatnonzero(best < np.append(math.inf, best[:-1])).tolist()
    return found
