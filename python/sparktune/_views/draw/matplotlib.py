"""Draws a chart with matplotlib, to print or to save.

matplotlib is imported when something is drawn, not with this module.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np

from sparktune._views.chart import (
    COLORS,
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
from sparktune._views.draw.glyphs import plain
from sparktune._views.draw.matplotlib_axes import days, dress, set_axis, tame

__all__ = ["draw", "draw_panel", "draw_scale", "new_figure"]

_COLORMAP = "viridis"
_SYMBOLS = {"dot": "o", "star": "*", "cross": "x"}
_TEXT = "#333333"
_FEW = 400  # marks, which have an edge
_LETTERS = 110  # of a note, per line
_LEGEND = 125  # letters of a legend, per line
# Inches.
_WIDE, _HIGH = 8.0, 4.5
_PANEL_WIDE, _PANEL_HIGH = 2.9, 2.4
_ROW = 0.28  # of a category, such as a bar


def draw(chart: Chart, figure: Any = None) -> Any:
    """Return a chart as a figure.

    Parameters
    ----------
    chart : Chart
        What to draw.
    figure : matplotlib.figure.Figure, optional
        An empty one; by default a new one that pyplot does not know.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    width, height = size_of(chart)
    figure = new_figure() if figure is None else figure
    figure.set_size_inches(width, height)
    figure.set_layout_engine("constrained")
    figure.suptitle(plain(chart.title), fontsize=12, x=0.01, ha="left")
    if not chart.panels:
        text = "\n".join(textwrap.wrap(plain(chart.note), 70))
        figure.text(0.5, 0.5, text, ha="center", va="center", color=_TEXT, fontsize=11)
        return figure
    rows = math.ceil(len(chart.panels) / chart.columns)
    grid = figure.subplots(rows, chart.columns, squeeze=False)
    shaded = None
    for axes, panel in zip(grid.flat, chart.panels, strict=False):
        shaded = draw_panel(axes, panel, len(chart.panels) > 1) or shaded
    for axes in grid.flat[len(chart.panels) :]:
        axes.set_visible(False)
    _share_labels(chart, grid)
    if shaded is not None:
        draw_scale(figure, grid, *shaded)
    _legend(figure, grid, len(chart.panels) > 1)
    if chart.note:
        text = "\n".join(textwrap.wrap(plain(chart.note), int(_LETTERS * width / _WIDE)))
        figure.supxlabel(text, fontsize=8.5, color="#666666", x=0.01, ha="left")
    return figure


def new_figure() -> Any:
    """Return an empty figure that pyplot does not keep.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            'Plots need matplotlib; install it with: pip install "sparktune[plot]"'
        ) from error
    return Figure()


def size_of(chart: Chart) -> tuple[float, float]:
    """Return the width and height of a figure in inches."""
    if not chart.panels:
        return _WIDE, 2.5
    if len(chart.panels) > 1:
        rows = math.ceil(len(chart.panels) / chart.columns)
        return max(6.0, _PANEL_WIDE * chart.columns + 1.2), max(3.4, _PANEL_HIGH * rows + 1.0)
    panel = chart.panels[0]
    rails = [layer for layer in panel.layers if isinstance(layer, Rails)]
    if rails:
        return min(20.0, max(_WIDE, 1.2 * len(rails[0].names) + 1.5)), 5.0
    if any(isinstance(layer, (Bars, Spans)) for layer in panel.layers):
        return _WIDE, min(16.0, max(2.2, _ROW * len(panel.y.names) + 1.6))
    return _WIDE, _HIGH


def draw_panel(
    axes: Any, panel: Panel, small: bool = False, colors: Mapping[Any, str] = COLORS
) -> tuple[Any, Shades] | None:
    """Draw the layers of a panel; return what a scale of colours needs, if it has shades."""
    rails = [layer for layer in panel.layers if isinstance(layer, Rails)]
    if rails:
        return _rails(axes, rails[0])
    shaded = None
    dress(axes, 8 if small else 10)
    for layer in panel.layers:
        shaded = _layer(axes, layer, small, colors) or shaded
    if panel.title:
        axes.set_title(plain(panel.title), fontsize=10)
    set_axis(axes, "x", panel.x, small)
    set_axis(axes, "y", panel.y, small)
    return shaded


def _layer(
    axes: Any, layer: Layer, small: bool, colors: Mapping[Any, str]
) -> tuple[Any, Shades] | None:
    """Draw one layer; return its shades with what has their colours."""
    color = colors[getattr(layer, "color", "line")]
    label = plain(getattr(layer, "label", "")) or None
    if isinstance(layer, Points):
        return _points(axes, layer, label, color, small)
    if isinstance(layer, Cells):
        axes.grid(visible=False)
        return _cells(axes, layer)
    if isinstance(layer, Ticks):
        edge = axes.get_xaxis_transform()
        axes.plot(tame(layer.x), [0.0] * len(layer.x), "|", ms=8 if small else 12, color=color,
                  alpha=_alpha(len(layer.x)), label=label, clip_on=False, transform=edge,
                  zorder=2.5)  # fmt: skip
    elif isinstance(layer, Line):
        color = color if layer.shade is None else _shade(layer.shade)
        best = layer.color == "best"
        axes.plot(tame(layer.x), tame(layer.y), color=color,
                  drawstyle="steps-post" if layer.step else "default",
                  linestyle="--" if layer.dashed else "-", label=label,
                  linewidth=1.8 if best or layer.step else 1.0,
                  alpha=1.0 if best or layer.step else 0.55)  # fmt: skip
    elif isinstance(layer, Bars):
        _bars(axes, layer, label, color)
    elif isinstance(layer, Spans):
        _spans(axes, layer, label, color)
    return None


def _alpha(count: int) -> float:
    """Return how opaque marks are: the more there are, the less."""
    return float(np.clip(1.15 - 0.2 * math.log10(max(count, 1)), 0.25, 0.85))


def _points(
    axes: Any, layer: Points, label: str | None, color: str, small: bool
) -> tuple[Any, Shades] | None:
    count = len(layer.x)
    size = float(np.clip(40 - 8 * math.log10(max(count, 1)), 6, 30)) * (0.6 if small else 1.0)
    style: dict[str, Any] = {"s": size, "linewidths": 0, "alpha": _alpha(count), "label": label,
                             "marker": _SYMBOLS[layer.symbol]}  # fmt: skip
    if layer.symbol == "star":
        style |= {"s": 120 if small else 170, "alpha": 1.0, "zorder": 5,
                  "edgecolors": "white", "linewidths": 0.8}  # fmt: skip
    elif layer.symbol == "cross":
        style |= {"linewidths": 1.0, "s": 18}
    x, y = tame(layer.x), tame(layer.y)
    if layer.shades is None:
        axes.scatter(x, y, c=color if layer.symbol == "cross" else [color], **style)
        return None
    if count <= _FEW:
        style |= {"edgecolors": "white", "linewidths": 0.4 if small else 0.7, "alpha": 0.9}
    shades = list(layer.shades.values)
    drawn = axes.scatter(x, y, c=shades, cmap=_COLORMAP, vmin=0.0, vmax=1.0, **style)
    return drawn, layer.shades


def _cells(axes: Any, layer: Cells) -> tuple[Any, Shades] | None:
    z = np.ma.masked_invalid(layer.z)
    style = {"cmap": _COLORMAP, "vmin": 0.0, "vmax": 1.0, "shading": "nearest", "zorder": 0}
    drawn = axes.pcolormesh(tame(layer.x), tame(layer.y), z, rasterized=True, **style)
    return None if layer.shades is None else (drawn, layer.shades)


def _bars(axes: Any, layer: Bars, label: str | None, color: str) -> None:
    places = np.arange(len(layer.lengths))
    lengths = np.asarray(layer.lengths, dtype=float)
    axes.barh(places, lengths, height=0.7, color=color, alpha=0.85, label=label)
    if len(layer.low) and len(layer.high):
        ends = [np.clip(lengths - layer.low, 0, None), np.clip(layer.high - lengths, 0, None)]
        axes.errorbar(lengths, places, xerr=ends, fmt="none", ecolor=COLORS["line"],
                      elinewidth=1.2, capsize=3)  # fmt: skip


def _spans(axes: Any, layer: Spans, label: str | None, color: str) -> None:
    from matplotlib.collections import PolyCollection

    rows = np.asarray(layer.rows, dtype=float)
    starts, ends = (days(each) for each in (layer.starts, layer.ends))
    low, high = rows - 0.4, rows + 0.4
    corners = np.stack(
        [np.stack([starts, ends, ends, starts], 1), np.stack([low, low, high, high], 1)], axis=2
    )
    edge: Any = (0.0, 0.0, 0.0, 0.4) if len(rows) <= _FEW else "none"
    axes.add_collection(
        PolyCollection(list(corners), facecolor=color, edgecolor=edge, linewidth=0.4, label=label),
        autolim=True,
    )


def _shade(value: float) -> Any:
    import matplotlib

    return matplotlib.colormaps[_COLORMAP](min(max(value, 0.0), 1.0) * 0.9)


# --- Around the panels ----------------------------------------------------------------------------


def _share_labels(chart: Chart, grid: Any) -> None:
    """Give panels in a row the same vertical range where their axes are equal, labelled once."""
    for row in range(grid.shape[0]):
        panels = chart.panels[row * chart.columns : (row + 1) * chart.columns]
        if len(panels) > 1 and all(panel.y == panels[0].y for panel in panels):
            for axes in grid[row, 1 : len(panels)]:
                axes.set_ylabel("")
                axes.tick_params(labelleft=False)
    if len(chart.panels) > 1 and all(panel.y == chart.panels[0].y for panel in chart.panels):
        ends = np.array([axes.get_ylim() for axes in grid.flat[: len(chart.panels)]])
        for axes in grid.flat[: len(chart.panels)]:
            axes.set_ylim(ends[:, 0].min(), ends[:, 1].max())


def draw_scale(figure: Any, grid: Any, drawn: Any, shades: Shades, size: float = 9) -> None:
    """Draw the scale of colours."""
    bar = figure.colorbar(drawn, ax=grid, aspect=30, pad=0.02, fraction=0.05)
    bar.solids.set_alpha(1.0)
    if shades.ticks:
        bar.set_ticks([at for at, _ in shades.ticks], labels=[plain(t) for _, t in shades.ticks])
    bar.set_label(plain(shades.label), fontsize=size)
    bar.ax.tick_params(labelsize=size - 1)
    bar.ax.invert_yaxis()  # the best on top


def _legend(figure: Any, grid: Any, small: bool) -> None:
    """Draw one legend, each label once: above the only panel, or in the corner."""
    found: dict[str, Any] = {}
    for axes in grid.flat:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    if not found:
        return
    columns = max(1, min(len(found), _LEGEND // (max(map(len, found)) + 6)))
    style = {"ncols": columns, "frameon": False, "fontsize": 8.5}
    if small:
        figure.legend(list(found.values()), list(found), loc="outside upper right", **style)
    else:
        grid[0, 0].legend(list(found.values()), list(found), loc="lower right",
                          bbox_to_anchor=(1.0, 1.0), borderaxespad=0.2, **style)  # fmt: skip


# --- Parallel coordinates -------------------------------------------------------------------------


def _rails(axes: Any, layer: Rails) -> tuple[Any, Shades]:
    from matplotlib.collections import LineCollection

    x = np.arange(len(layer.names), dtype=float)
    lines = np.asarray(layer.places, dtype=float).reshape(-1, len(x))
    drawn = LineCollection(
        [np.column_stack([x, line]) for line in lines],
        cmap=_COLORMAP,
        array=np.asarray(layer.shades.values, dtype=float),
        clim=(0.0, 1.0),
        linewidths=0.9,
        alpha=float(np.clip(1.2 - 0.3 * math.log10(max(len(lines), 1)), 0.2, 0.9)),
    )
    axes.add_collection(drawn)
    backdrop = {"facecolor": "white", "alpha": 0.7, "pad": 0.6, "linewidth": 0}
    for line in lines[-1:]:
        axes.plot(x, line, color=COLORS["best"], linewidth=2.0, label="best")
    for at, ticks in enumerate(layer.ticks):
        axes.axvline(at, color="#888888", linewidth=0.8, zorder=3)
        for place, text in ticks:
            axes.text(at + 0.03, place, plain(text), fontsize=7.5, va="center", zorder=4,
                      bbox=backdrop)  # fmt: skip
    axes.set(xlim=(-0.1, len(x) - 0.45), ylim=(-0.04, 1.04))
    axes.set_xticks(x, labels=[plain(name) for name in layer.names], fontsize=8.5)
    if sum(map(len, layer.names)) > 10 * len(layer.names) or len(layer.names) > 8:
        for label in axes.get_xticklabels():
            label.set(rotation=30, ha="right", rotation_mode="anchor")
    axes.yaxis.set_visible(False)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    return drawn, layer.shades
