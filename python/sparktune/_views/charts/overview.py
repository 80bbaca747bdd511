"""Overview: the history, and the values that gave good losses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sparktune._views.chart import Chart
from sparktune._views.charts.history import history
from sparktune._views.charts.slices import slices
from sparktune._views.parameters import balanced, choose
from sparktune._views.texts import sentences
from sparktune._views.trial_data import TrialData

__all__ = ["overview"]

_TITLE = "Overview"
_SLICES = 5


def overview(data: TrialData, ranking: Sequence[str] | None = None) -> Chart:
    """Return the history and the slices of the most important hyperparameters side by side."""
    first = replace(history(data), title=_TITLE)
    labels, some = choose(data, None, ranking, _SLICES)
    if not first.panels or not labels:
        return first
    others = slices(data, labels)
    panels = (*first.panels, *others.panels)
    note = sentences(f"{data.counted()}.", some, first.note, others.note)
    return Chart(_TITLE, panels, balanced(len(panels), 3), note)
