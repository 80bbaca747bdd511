"""The charts of the report, each in a section of its own, or a sentence in its place."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sparktune._views.chart import Chart
from sparktune._views.charts.curves import curves
from sparktune._views.charts.edf import edf
from sparktune._views.charts.failures import failures
from sparktune._views.charts.history import history
from sparktune._views.charts.importance import importance
from sparktune._views.charts.parallel import parallel
from sparktune._views.charts.slices import slices
from sparktune._views.charts.timeline import timeline
from sparktune._views.draw.markup import Look, plain
from sparktune._views.draw.svg import chart_svg, legend_svg, panel_svg
from sparktune._views.importance import FEW, importance_columns
from sparktune._views.trial_data import TrialData
from sparktune.exceptions import InvalidArgument

__all__ = ["Section", "chart_sections", "failures_section"]

logger = logging.getLogger("sparktune.report")

# Wide enough for a page, and for one column of a phone.
_WIDE = Look(width=860, hover="trials", titles=False, height=270)
_SMALL = Look(width=330, hover="trials", titles=False, height=220, most=1200)
_ALL = 12  # hyperparameters of a chart
_LEGEND = Look(width=345, titles=False)

Section = tuple[str, str, str]  # id, title, content


def chart_sections(trials: Any, data: TrialData) -> list[Section]:
    """Return the sections with charts, in their order."""
    ranking: list[str] = []

    def of_importance() -> Chart:
        chart, ranked = _importance(trials, int(data.finite.sum()))
        ranking.extend(ranked)
        return chart

    def ordered() -> list[str] | None:
        """Return all hyperparameters by importance; None if charts are to choose some."""
        labels = [
            label for label in dict.fromkeys([*ranking, *data.values]) if label in data.values
        ]
        return labels if ranking and len(labels) <= _ALL else None

    losses = "scores" if data.maximized else "losses"
    makers: list[tuple[str, str, Callable[[], Chart]]] = [
        ("history", f"How the {losses} went", lambda: history(data)),
        ("importance", "Which hyperparameters mattered", of_importance),
        (
            "slices",
            f"{losses.capitalize()} by hyperparameter",
            lambda: slices(data, ordered(), ranking),
        ),
        ("parallel", "Trials as lines", lambda: parallel(data, ordered(), ranking)),
        ("distribution", f"Whether {losses} got better", lambda: edf({"": data})),
        ("curves", "Learning curves", lambda: curves(data)),
        ("timeline", "Who ran when", lambda: timeline(data)),
    ]
    return [(name, title, _shown(maker, name)) for name, title, maker in makers]


def failures_section(data: TrialData) -> str:
    """Return the chart of failures by cause."""
    return _shown(lambda: failures(data), "failures")


def _shown(maker: Callable[[], Chart], name: str) -> str:
    """Return a chart as HTML; a sentence if there is nothing to show, or it cannot be drawn."""
    try:
        chart = maker()
        if not chart.panels:
            return f'<p class="none">{plain(chart.note)}</p>'
        return _as_html(chart)
    except Exception as error:
        logger.warning("The report lacks %r: %s: %s", name, type(error).__name__, error)
        shown = f"This chart could not be drawn ({type(error).__name__}: {error!s:.200})."
        return f'<p class="none">{plain(shown)}</p>'


def _as_html(chart: Chart) -> str:
    note = f'<p class="note">{plain(chart.note)}</p>' if chart.note else ""
    if len(chart.panels) == 1:
        drawn = chart_svg(replace(chart, note=""), _WIDE)
        return f'<div class="chart" tabindex="0">{drawn}</div>{note}'
    panels = "".join(f"<div>{panel_svg(panel, _SMALL)}</div>" for panel in chart.panels)
    legend = legend_svg(chart, _LEGEND)
    legend = f'<div class="legend">{legend}</div>' if legend else ""
    return f'{legend}<div class="panels">{panels}</div>{note}'


def _importance(trials: Any, count: int) -> tuple[Chart, Sequence[str]]:
    """Return the chart of importance, and the hyperparameters from the most important on."""
    try:
        columns = importance_columns(trials)
    except (ImportError, InvalidArgument) as error:
        return Chart("Importance", note=str(error)), ()
    note = f"Of {count} trials, importances are rough." if count < FEW else ""
    return importance(*columns, note), columns[0]
