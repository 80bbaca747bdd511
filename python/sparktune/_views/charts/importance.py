"""Importance: which hyperparameters mattered."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sparktune._views.chart import Axis, Bars, Chart, Panel
from sparktune._views.parameters import short_labels
from sparktune._views.ticks import number

__all__ = ["importance"]

_TITLE = "Importance of hyperparameters"
_MOST = 20


def importance(
    labels: Sequence[str],
    shares: Sequence[float],
    low: Sequence[float] = (),
    high: Sequence[float] = (),
    note: str = "",
) -> Chart:
    """Return a bar for each hyperparameter, the most important one on top.

    Parameters
    ----------
    labels, shares : sequence
        Hyperparameters and their importance.
    low, high : sequence of float, optional
        The ends of an interval for each.
    note : str, optional
        A sentence to show below, such as how reliable this is.
    """
    if not len(labels):
        return Chart(_TITLE, note=note or "There are no hyperparameters to compare.")
    order = np.argsort(-np.nan_to_num(np.asarray(shares, float)), kind="stable")
    rest = order[_MOST:]
    if len(rest):
        total = float(np.nansum(np.asarray(shares, float)[rest]))
        more = f"{len(rest)} more hyperparameters have a total of {total:.2g}."
        note = f"{note} {more}".strip()
    order = order[:_MOST][::-1]  # the vertical axis begins at the bottom
    names = [labels[at] for at in order]
    bars = Bars(
        [float(shares[at]) for at in order],
        low=[float(low[at]) for at in order] if len(low) else (),
        high=[float(high[at]) for at in order] if len(high) else (),
        hover=[
            f"{labels[at]}\n{number(shares[at])}"
            + (f", from {number(low[at])} to {number(high[at])}" if len(low) and len(high) else "")
            for at in order
        ],
    )
    axis = Axis(names=tuple(short_labels(names)))
    return Chart(_TITLE, (Panel(Axis("importance"), axis, (bars,)),), note=note)
