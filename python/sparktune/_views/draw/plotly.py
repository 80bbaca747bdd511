"""Draws a chart with plotly, to look at in a notebook or a browser.

plotly is imported when something is drawn, not with this module. Backgrounds are transparent and
texts are grey, so that figures fit light and dark pages.
"""

from __future__ import annotations

import html
import math
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from sparktune._views.chart import (
    COLORS,
    Axis,
    Bars,
    Cells,
    Chart,
    Layer,
    Line,
    Panel,
    Points,
    Rails,
    Shades,
    Spans,
    Ticks,
)

__all__ = ["draw", "inert"]

_TEXT = "#7a7a7a"
_GRID = "rgba(128,128,128,0.22)"
_CLEAR = "rgba(0,0,0,0)"
_COLORMAP = "Viridis"
_SYMBOLS = {"dot": "circle", "star": "star", "cross": "x-thin"}
_MOST_SVG = 2_000  # marks; more are drawn by WebGL
_FEW_WHOLE = 10  # whole numbers, which are marked one by one
_FEW = 400  # marks, which have an edge
_LETTERS = 120  # of a note, per line
# Pixels.
_HIGH, _PANEL_HIGH, _ROW = 420, 250, 26
_TOP, _BOTTOM, _NOTE = 70, 60, 18


def draw(chart: Chart) -> Any:
    """Return a chart as a plotly figure.

    Raises
    ------
    ImportError
        If plotly is not installed.
    """
    go = _import("graph_objects")
    if chart.panels and (rails := _rails_of(chart.panels[0])):
        figure = go.Figure(_parcoords(go, rails))
    elif chart.panels:
        figure = _panels(go, chart)
    else:
        figure = go.Figure()
        figure.update_xaxes(visible=False)
        figure.update_yaxes(visible=False)
        figure.add_annotation(text=_lines(chart.note, 80), showarrow=False, font={"size": 14},
                              x=0.5, y=0.5, xref="paper", yref="paper")  # fmt: skip
    _dress(figure, chart)
    return figure


def _import(name: str) -> Any:
    import importlib

    try:
        return importlib.import_module(f"plotly.{name}")
    except ImportError as error:
        raise ImportError(
            'Interactive plots need plotly; install it with: pip install "sparktune[plot]". Hint: '
            'backend="matplotlib" draws without it.'
        ) from error


def _dress(figure: Any, chart: Chart) -> None:
    """Set title, note, size and colours."""
    height, rows = _height(chart)
    note = _lines(chart.note, _LETTERS) if chart.note and chart.panels else ""
    below = _BOTTOM + (_NOTE * (note.count("<br>") + 1) if note else 0)
    height += below
    rails = bool(chart.panels) and _rails_of(chart.panels[0]) is not None
    top, left = (100, 120) if rails else (_TOP, 60)
    figure.update_layout(
        title={"text": inert(chart.title), "x": 0.01, "xanchor": "left", "yref": "container",
               "y": 1 - 24 / height, "font": {"size": 16}},
        height=height,
        margin={"l": left, "r": 30, "t": top, "b": below},
        paper_bgcolor=_CLEAR,
        plot_bgcolor=_CLEAR,
        font={"color": _TEXT, "size": 12 if rows == 1 else 11},
        legend={"orientation": "h", "x": 1.0, "xanchor": "right", "y": 1.01, "yanchor": "bottom"},
        hovermode="closest",
        barmode="overlay",
        bargap=0.25,
    )  # fmt: skip
    axes = {"gridcolor": _GRID, "zeroline": False, "linecolor": _TEXT, "automargin": True}
    figure.update_xaxes(**axes)
    figure.update_yaxes(**axes)
    if note:
        figure.add_annotation(text=note, showarrow=False, align="left", font={"size": 11},
                              x=0.0, xref="paper", xanchor="left", y=0.0, yref="paper",
                              yanchor="top", yshift=-_BOTTOM + 6)  # fmt: skip


def _height(chart: Chart) -> tuple[int, int]:
    """Return the height of the panels in pixels, and the rows of panels."""
    if not chart.panels:
        return 120, 1
    rows = math.ceil(len(chart.panels) / chart.columns)
    if len(chart.panels) > 1:
        return max(300, _PANEL_HIGH * rows) + _TOP, rows
    panel = chart.panels[0]
    if any(isinstance(layer, (Bars, Spans)) for layer in panel.layers):
        return min(1_400, max(110, _ROW * len(panel.y.names))) + _TOP, 1
    return _HIGH, 1


def _rails_of(panel: Panel) -> Rails | None:
    return next((layer for layer in panel.layers if isinstance(layer, Rails)), None)


# --- Panels ---------------------------------------------------------------------------------------


def _panels(go: Any, chart: Chart) -> Any:
    """Return a figure with the layers of all panels, and their axes."""
    rows, columns = math.ceil(len(chart.panels) / chart.columns), chart.columns
    one = len(chart.panels) == 1
    shared = not one and all(panel.y == chart.panels[0].y for panel in chart.panels)
    figure = _import("subplots").make_subplots(
        rows=rows,
        cols=columns,
        specs=[[{"secondary_y": True} for _ in range(columns)] for _ in range(rows)],
        horizontal_spacing=0.0 if one else (0.05 / max(1, columns - 1) if shared else 0.08),
        vertical_spacing=0.0 if one else 0.28 / max(2, rows),
    )
    labels: set[str] = set()
    for at, panel in enumerate(chart.panels):
        place = {"row": at // columns + 1, "col": at % columns + 1}
        for trace, on_edge in _traces(go, panel):
            if trace.name:
                trace.update(legendgroup=trace.name, showlegend=trace.name not in labels)
                labels.add(trace.name)
            else:
                trace.update(showlegend=False)
            figure.add_trace(trace, **place, secondary_y=on_edge)
        figure.update_xaxes(**_axis(panel.x, _span(panel, "x")), **place)
        figure.update_yaxes(**_axis(panel.y, math.inf), **place, secondary_y=False)
        figure.update_yaxes(range=[0, 1], visible=False, fixedrange=True, **place,
                            secondary_y=True)  # fmt: skip
        if shared:
            hidden = {"title_text": "", "showticklabels": False} if at % columns else {}
            first = {} if at == 0 else {"matches": "y"}
            figure.update_yaxes(**hidden, **first, **place, secondary_y=False)
    if shades := next(_shades_of(chart), None):
        figure.update_layout(coloraxis=_coloraxis(shades))
    return figure


def _shades_of(chart: Chart) -> Iterator[Shades]:
    for panel in chart.panels:
        for layer in panel.layers:
            if isinstance(layer, (Points, Cells)) and layer.shades is not None:
                yield layer.shades


def _coloraxis(shades: Shades) -> dict[str, Any]:
    return {"colorscale": _COLORMAP, "cmin": 0, "cmax": 1, "colorbar": _colorbar(shades)}


def _colorbar(shades: Shades) -> dict[str, Any]:
    return {
        "title": {"text": inert(shades.label), "side": "right"},
        "tickvals": [at for at, _ in shades.ticks],
        "ticktext": [inert(text) for _, text in shades.ticks],
        "thickness": 14,
        "outlinewidth": 0,
    }


def _span(panel: Panel, name: str) -> float:
    """Return the range of the values on an axis."""
    found = [each for layer in panel.layers for each in getattr(layer, name, ())]
    found += [each for layer in panel.layers if isinstance(layer, Bars) for each in layer.lengths]
    known = np.clip(found, -1e9, 1e9)
    return float(np.nanmax(known) - min(0.0, np.nanmin(known))) if found else 0.0


def _axis(axis: Axis, span: float) -> dict[str, Any]:
    """Return the settings of an axis; `span` is the range of the values on it."""
    settings: dict[str, Any] = {"title_text": inert(axis.label), "title_standoff": 6}
    ends = axis.range
    if axis.log:
        settings |= {"type": "log", "dtick": None, "exponentformat": "power"}
        ends = None if ends is None else (math.log10(ends[0]), math.log10(ends[1]))
    elif axis.time:
        settings |= {"type": "date"}
        ends = None if ends is None else (ends[0] * 1000.0, ends[1] * 1000.0)
    else:
        settings |= {"type": "linear"}
    if axis.names:
        shown = [(at, inert(name)) for at, name in enumerate(axis.names) if name]
        settings |= {"tickvals": [at for at, _ in shown], "ticktext": [name for _, name in shown],
                     "showgrid": False, "range": [-0.6, len(axis.names) - 0.4]}  # fmt: skip
    elif axis.whole and not axis.log and span <= _FEW_WHOLE:
        settings |= {"dtick": 1}
    if ends is not None and not axis.names:
        room = 0.02 * (ends[1] - ends[0])
        settings["range"] = [ends[0] - room, ends[1] + room]
    return settings


# --- Layers ---------------------------------------------------------------------------------------


def _traces(go: Any, panel: Panel) -> Iterator[tuple[Any, bool]]:
    """Yield the traces of a panel, each with whether it is on the bottom edge."""
    lines: list[Line] = []
    for layer in [*panel.layers, None]:
        if lines and not (isinstance(layer, Line) and _alike(layer, lines[0])):
            yield _lines_of(go, lines), False
            lines = []
        if isinstance(layer, Line):
            lines.append(layer)
        elif layer is not None:
            yield _trace(go, layer), isinstance(layer, Ticks)


def _alike(a: Line, b: Line) -> bool:
    """Whether two lines can be one trace; a trace for each of hundreds of lines is slow."""
    return (a.label, a.color, a.shade, a.step, a.dashed) == (
        b.label, b.color, b.shade, b.step, b.dashed)  # fmt: skip


def _trace(go: Any, layer: Layer) -> Any:
    if isinstance(layer, Points):
        return _points(go, layer)
    if isinstance(layer, Cells):
        return go.Heatmap(x=list(layer.x), y=list(layer.y), z=_with_gaps(layer.z),
                          coloraxis="coloraxis", hoverinfo="skip")  # fmt: skip
    if isinstance(layer, Ticks):
        marker = {"symbol": "line-ns-open", "size": 11, "color": COLORS[layer.color],
                  "line": {"width": 1.4}, "opacity": _opacity(len(layer.x))}  # fmt: skip
        return go.Scatter(x=list(layer.x), y=[0.015] * len(layer.x), mode="markers",
                          marker=marker, name=inert(layer.label),
                          **_hover(layer.hover))  # fmt: skip
    if isinstance(layer, Bars):
        return _bars(go, layer)
    assert isinstance(layer, Spans)
    lengths = np.subtract(layer.ends, layer.starts) * 1000.0
    return go.Bar(
        x=lengths.tolist(), base=[start * 1000.0 for start in layer.starts], y=list(layer.rows),
        orientation="h", name=inert(layer.label), textposition="none",
        marker={"color": COLORS[layer.color], "line": {"width": 0}}, **_hover(layer.hover),
    )  # fmt: skip


def _points(go: Any, layer: Points) -> Any:
    count = len(layer.x)
    kind = go.Scattergl if count > _MOST_SVG else go.Scatter
    marker: dict[str, Any] = {
        "symbol": _SYMBOLS[layer.symbol],
        "size": float(np.clip(10 - 1.8 * math.log10(max(count, 1)), 3.5, 8)),
        "opacity": _opacity(count),
        "color": COLORS[layer.color],
        "line": {"width": 0.4, "color": "rgba(160,160,160,0.7)"},
    }
    if layer.symbol == "star":
        marker |= {"size": 15, "opacity": 1.0, "line": {"width": 1, "color": "white"}}
    elif layer.symbol == "cross":
        marker |= {"size": 6, "line": {"width": 1.4, "color": COLORS[layer.color]}}
    if layer.shades is not None:
        marker |= {"color": list(layer.shades.values), "coloraxis": "coloraxis"}
        if count <= _FEW:
            marker["line"] = {"width": 0.7, "color": "white"}
    return kind(x=list(layer.x), y=list(layer.y), mode="markers", marker=marker,
                name=inert(layer.label), **_hover(layer.hover))  # fmt: skip


def _lines_of(go: Any, lines: Sequence[Line]) -> Any:
    """Return lines that look alike as one trace, with gaps between them."""
    first = lines[0]
    x: list[float | None] = []
    y: list[float | None] = []
    texts: list[str] = []
    for line in lines:
        gap = [None] if x else []
        x += [*gap, *line.x]
        y += [*gap, *(None if math.isnan(value) else value for value in line.y)]
        texts += [_text(line.hover)] * (len(gap) + len(line.x))
    kind = go.Scattergl if len(x) > _MOST_SVG and not first.step else go.Scatter
    strong = first.color == "best" or first.step
    hover = {"text": texts, "hovertemplate": "%{text}<extra></extra>"}
    return kind(
        x=x, y=y, mode="lines", name=inert(first.label), opacity=1.0 if strong else 0.55,
        line={"color": COLORS[first.color] if first.shade is None else _shade(first.shade),
              "width": 2 if strong else 1, "dash": "dash" if first.dashed else "solid",
              "shape": "hv" if first.step else "linear"},
        **(hover if first.hover else {"hoverinfo": "skip"}),
    )  # fmt: skip


def _bars(go: Any, layer: Bars) -> Any:
    lengths = np.asarray(layer.lengths, dtype=float)
    ends: dict[str, Any] = {}
    if len(layer.low) and len(layer.high):
        ends["error_x"] = {
            "type": "data", "symmetric": False, "color": _TEXT, "thickness": 1.2, "width": 4,
            "array": np.clip(np.asarray(layer.high) - lengths, 0, None).tolist(),
            "arrayminus": np.clip(lengths - np.asarray(layer.low), 0, None).tolist(),
        }  # fmt: skip
    return go.Bar(
        x=lengths.tolist(), y=list(range(len(lengths))), orientation="h", textposition="none",
        name=inert(layer.label), marker={"color": COLORS[layer.color]}, **ends,
        **_hover(layer.hover),
    )  # fmt: skip


def _parcoords(go: Any, rails: Rails) -> Any:
    """Return parallel coordinates, on whose rails a range can be brushed."""
    columns = np.asarray(rails.places, dtype=float).reshape(-1, len(rails.names)).T
    dimensions = [
        {"label": inert(name), "values": column.tolist(), "range": [0, 1],
         "tickvals": [place for place, _ in ticks], "ticktext": [text for _, text in ticks]}
        for name, column, ticks in zip(rails.names, columns, rails.ticks, strict=True)
    ]  # fmt: skip
    return go.Parcoords(
        dimensions=dimensions,
        line={"color": list(rails.shades.values), "colorscale": _COLORMAP, "cmin": 0, "cmax": 1,
              "showscale": True, "colorbar": _colorbar(rails.shades)},
        labelangle=-20 if max(map(len, rails.names)) > 12 else 0,
        rangefont={"color": _CLEAR},
        tickfont={"color": "#333333"},  # plotly draws them on a white shadow
        unselected={"line": {"color": "#aaaaaa", "opacity": 0.08}},
    )  # fmt: skip


def _opacity(count: int) -> float:
    return float(np.clip(1.15 - 0.2 * math.log10(max(count, 1)), 0.25, 0.85))


def _with_gaps(rows: Sequence[Sequence[float]]) -> list[list[float | None]]:
    return [[None if math.isnan(value) else value for value in row] for row in rows]


def _shade(value: float) -> str:
    colors = _import("colors").sample_colorscale(_COLORMAP, [min(max(value, 0.0), 1.0) * 0.9])
    return str(colors[0])


# --- Texts ----------------------------------------------------------------------------------------


def inert(text: str) -> str:
    """Return a text that plotly shows as it is: it would read tags, entities and formulas."""
    return html.escape(text, quote=False).replace("$", "&#36;")


def _text(text: str) -> str:
    return inert(text).replace("\n", "<br>")


def _lines(text: str, letters: int) -> str:
    return "<br>".join(map(inert, textwrap.wrap(text, letters)))


def _hover(texts: Sequence[str]) -> dict[str, Any]:
    if not len(texts):
        return {"hoverinfo": "skip"}
    return {"text": list(map(_text, texts)), "hovertemplate": "%{text}<extra></extra>"}
