"""One panel as SVG: its axes, what stands beside them, and the layers between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from sparktune._views.chart import (
    Axis,
    Bars,
    Cells,
    Layer,
    Line,
    Panel,
    Points,
    Rails,
    Spans,
    Ticks,
)
from sparktune._views.draw.marks import Field, drawn, lines_to_draw
from sparktune._views.draw.markup import Look, rounded, text
from sparktune._views.draw.rails import rails_svg, rails_width
from sparktune._views.draw.scale import Scale, cut_to, text_width

__all__ = ["panel_markup", "panel_size"]

SIZE = 12.0  # of texts
_APART = 50.0  # of ticks on the horizontal axis
_TURNED = 78.0  # room for texts that stand aslant
_ROW = 22.0
_LEAST_ROW = 15.0  # of categories that all have their name


@dataclass(frozen=True)
class Box:
    """Where a panel is."""

    left: float
    top: float
    width: float
    height: float


def panel_size(panel: Panel, look: Look, width: float) -> tuple[float, float]:
    """Return how wide and high a panel is, if it is given so much room."""
    for layer in panel.layers:
        if isinstance(layer, Rails):
            return max(width, rails_width(layer)), look.height + 60
    rows = len(panel.y.names)
    if any(isinstance(layer, (Bars, Spans)) for layer in panel.layers):
        return width, min(max(rows, 2), 60) * _ROW + 52 + (18 if panel.title else 0)
    return width, max(look.height, min(rows, 60) * _LEAST_ROW + 52)


def panel_markup(panel: Panel, box: Box, look: Look) -> str:
    """Return the elements of a panel."""
    top = box.top
    parts = []
    if panel.title:
        title = cut_to(panel.title, box.width - 8, SIZE)
        parts.append(
            text(box.left + box.width / 2, top + 13, title, anchor="middle",
                 more=' font-weight="600"', full=panel.title)
        )  # fmt: skip
        top += 18
    inner = Box(box.left, top, box.width, box.height - (top - box.top))
    for layer in panel.layers:
        if isinstance(layer, Rails):
            return "".join(
                [*parts, rails_svg(layer, inner.left, top, box.width, inner.height, look)]
            )
    return "".join([*parts, _axes_and_layers(panel, inner, look)])


def _axes_and_layers(panel: Panel, box: Box, look: Look) -> str:
    right, top = box.left + box.width - 10, box.top + 8
    below = 20.0 + (16.0 if panel.x.label else 0.0)
    bottom = box.top + box.height - below
    y = _scale(panel, "y", bottom, top)
    labels = _labels_of_y(y, box.width)
    left = (
        box.left + (18 if panel.y.label else 4) + max((w for _, _, _, w in labels), default=0) + 6
    )
    x = _scale(panel, "x", left, right)
    turned = bool(x.axis.names) and _too_wide(x)
    if turned:
        bottom = max(top + 40, bottom - _TURNED + 18)
        y = _scale(panel, "y", bottom, top)
        labels = _labels_of_y(y, box.width)
    parts = [_grid_of_y(labels, panel, left, right, look)]
    parts.append(_grid_of_x(x, left, bottom, top, turned, look))
    middle, edge = (left + right) / 2, box.top + box.height
    if panel.x.label:
        label = cut_to(panel.x.label, right - left, SIZE)
        parts.append(text(middle, edge - 5, label, anchor="middle", full=panel.x.label))
    if panel.y.label:
        high, side = (top + bottom) / 2, box.left + 12
        label = cut_to(panel.y.label, bottom - top, SIZE)
        turn = f' transform="rotate(-90 {side:.4g} {high:.4g})"'
        parts.append(text(side, high, label, anchor="middle", more=turn, full=panel.y.label))
    layers = lines_to_draw(panel.layers)
    count = sum(isinstance(layer, Line) for layer in layers)
    pen = 2.0 if count <= 8 else 1.4 if count <= 60 else 0.9
    field = Field(x, y, left, right, top, bottom, look, pen)
    marks = "".join(drawn(layer, field) for layer in layers)
    if panel.x.range is not None or panel.y.range is not None:
        # A nested picture cuts off what is beyond the axes, without an id that might be taken.
        a, b, wide, high = left - 4, top - 6, right - left + 10, bottom - top + 10
        box_ = f'x="{a:.1f}" y="{b:.1f}" width="{wide:.1f}" height="{high:.1f}"'
        view = f'viewBox="{a:.1f} {b:.1f} {wide:.1f} {high:.1f}"'
        marks = f'<svg {box_} {view} overflow="hidden">{marks}</svg>'
    return "".join([*parts, marks])


def _scale(panel: Panel, side: str, start: float, end: float) -> Scale:
    axis: Axis = getattr(panel, side)
    anchored = side == "x" and any(isinstance(layer, Bars) for layer in panel.layers)
    values = [each for layer in panel.layers for each in _values(layer, side)]
    return Scale(axis, values, start, end, anchored)


def _values(layer: Layer, side: str) -> list[np.ndarray[Any, Any]]:
    """Return what stands on an axis."""
    found: list[Any] = []
    if isinstance(layer, (Points, Line, Cells)):
        found = [layer.x if side == "x" else layer.y]
    elif isinstance(layer, Ticks):
        found = [layer.x] if side == "x" else []
    elif isinstance(layer, Bars):
        found = [layer.lengths, layer.low, layer.high] if side == "x" else []
    elif isinstance(layer, Spans):
        found = [layer.starts, layer.ends] if side == "x" else [layer.rows]
    return [np.asarray(each, dtype=float) for each in found]


def _labels_of_y(y: Scale, width: float) -> list[tuple[float, str, str, float]]:
    """Return the place, the text as it is shown, the whole text and the width of each tick."""
    room = width * 0.42
    found = []
    for place, whole in y.ticks(_LEAST_ROW if y.axis.names else 30.0):
        shown = cut_to(whole, room, SIZE)
        found.append((place, shown, whole, text_width(shown, SIZE)))
    return found


def _too_wide(x: Scale) -> bool:
    """Whether names do not fit side by side."""
    ticks = x.ticks(1.0)
    apart = min((b[0] - a[0] for a, b in pairwise(ticks)), default=x.end - x.start)
    return any(text_width(name, SIZE) > apart - 6 for _, name in ticks)


def _grid_of_y(labels: Any, panel: Panel, left: float, right: float, look: Look) -> str:
    if not labels:
        return ""
    a, b = rounded([left, right])
    lines = "".join(f"M{a} {place}H{b}" for place in rounded([each[0] for each in labels]))
    faint = ".06" if panel.y.names else ".13"
    texts = "".join(
        text(left - 6, place + 4, shown, anchor="end", full=whole)
        for place, shown, whole, _ in labels
    )
    return f'<path d="{lines}" stroke="{look.ink}" stroke-opacity="{faint}"/>{texts}'


def _grid_of_x(x: Scale, left: float, bottom: float, top: float, turned: bool, look: Look) -> str:
    ticks = x.ticks(16.0 if turned else _apart(x))
    a, b, c = rounded([left, x.end, bottom])
    lines = "".join(f"M{place} {bottom:.1f}v4" for place in rounded([each[0] for each in ticks]))
    parts = [
        f'<path d="M{a} {c}H{b}{lines}" stroke="{look.ink}" stroke-opacity=".45" fill="none"/>'
    ]
    for place, whole in ticks if turned else _that_fit(ticks, left, x.end):
        if not turned:
            parts.append(text(place, bottom + 16, whole, anchor="middle"))
            continue
        shown = cut_to(whole, min(_TURNED * 1.25, (place - left + 34) * 1.2), SIZE)
        turn = f' transform="rotate(-40 {place + 4:.4g} {bottom + 13:.4g})"'
        parts.append(text(place + 4, bottom + 13, shown, anchor="end", more=turn, full=whole))
    return "".join(parts)


def _that_fit(ticks: Sequence[tuple[float, str]], left: float, right: float) -> list[Any]:
    """Return the places of texts, without those that have no room beside the others.

    On a logarithmic axis 2 and 5 give way to powers of ten.
    """
    found: list[tuple[float, str]] = []
    taken: list[tuple[float, float]] = []
    for place, whole in sorted(ticks, key=lambda tick: (tick[1].strip("0.")[:1] != "1", tick[0])):
        half = text_width(whole, SIZE) / 2
        # The outermost must not leave the picture.
        at = min(max(place, left - 30 + half), right + 9 - half)
        if all(at + half + 4 <= start or at - half - 4 >= end for start, end in taken):
            taken.append((at - half, at + half))
            found.append((at, whole))
    return found


def _apart(x: Scale) -> float:
    """Return how far apart the texts of ticks must be."""
    if x.axis.names:
        return 1.0
    widest = max((text_width(each, SIZE) for _, each in x.ticks(_APART)), default=0.0)
    return max(_APART, widest + 14)
