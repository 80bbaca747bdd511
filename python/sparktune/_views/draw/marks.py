"""The layers of a panel as SVG. What falls on the same pixels is drawn once, the best of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparktune._views.chart import Bars, Cells, Layer, Line, Points, Spans, Ticks
from sparktune._views.draw.markup import LEVELS, Look, level_of, path_of, plain, rounded
from sparktune._views.draw.scale import Scale

__all__ = ["Field", "drawn", "lines_to_draw", "thinned"]

_TITLED = 500  # of marks with a title of their own
_MANY_LINES = 400

_CROSS = "m-3.5-3.5 7 7m0-7-7 7"


@dataclass(frozen=True)
class Field:
    """Where the layers of a panel are drawn."""

    x: Scale
    y: Scale
    left: float
    right: float
    top: float
    bottom: float
    look: Look
    pen: float = 2.0  # the width of lines

    @property
    def row(self) -> float:
        """The height of a row of the vertical axis."""
        return (self.bottom - self.top) / max(1, len(self.y.axis.names))


def drawn(layer: Layer, field: Field) -> str:
    """Return a layer as SVG."""
    if isinstance(layer, Points):
        return _points(layer, field)
    if isinstance(layer, Ticks):
        return _ticks(layer, field)
    if isinstance(layer, Line):
        return _line(layer, field)
    if isinstance(layer, Bars):
        return _bars(layer, field)
    if isinstance(layer, Cells):
        return _cells(layer, field)
    if isinstance(layer, Spans):
        return _spans(layer, field)
    return ""  # rails have no axes


def thinned(x: Any, y: Any, first: Any, most: int) -> np.ndarray[Any, Any]:
    """Return the indices of marks to draw, in order: at most about `most`, one for each place.

    `first` has a number for each: of those on the same place the lowest is kept.
    """
    index = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    if len(index) <= most:
        return index
    order = index[np.argsort(np.asarray(first)[index], kind="stable")]
    side = 2.0
    while True:
        cells = np.column_stack([np.floor(x[order] / side), np.floor(y[order] / side)])
        codes = cells[:, 0] * 1e6 + cells[:, 1]
        _, kept = np.unique(codes, return_index=True)
        if len(kept) <= most:
            return np.sort(order[kept])
        side += 1.0


def _hovers(hover: Sequence[str], index: Any) -> list[str]:
    return [hover[i] for i in index.tolist()] if len(hover) else []


def _points(layer: Points, field: Field) -> str:
    x, y = field.x(layer.x), field.y(layer.y)
    shades = None if layer.shades is None else np.asarray(layer.shades.values, float)
    # Without shades, the lower of two on the same place: a loss, mostly.
    index = thinned(x, y, -y if shades is None else np.nan_to_num(shades, nan=2.0), field.look.most)
    if not len(index):
        return ""
    if shades is None:
        return _marks(layer, field, x, y, index, field.look.paint(layer.color))
    levels = np.array([level_of(shade) for shade in shades[index].tolist()])
    groups = [  # the best above the others
        _marks(layer, field, x, y, index[levels == level], field.look.shade(level))
        for level in range(LEVELS - 1, -1, -1)
        if (levels == level).any()
    ]
    return "".join(groups)


def _marks(layer: Points, field: Field, x: Any, y: Any, index: Any, color: str) -> str:
    """Return marks of one colour."""
    look, hover = field.look, _hovers(layer.hover, index)
    across, up = rounded(x[index]), rounded(y[index])
    if layer.symbol == "dot":
        size = 7 if len(layer.x) <= 600 else 5
        style = f'stroke="{color}" stroke-width="{size}" stroke-linecap="round"'
        marks = ["h0"] * len(across)
    elif layer.symbol == "star":
        style = f'fill="{color}" stroke="{look.paper}"'
        marks = [_star()] * len(across)
    else:
        style = f'stroke="{color}" stroke-width="2" fill="none"'
        marks = [_CROSS] * len(across)
    opacity = ' opacity=".8"' if layer.symbol == "dot" else ""
    if look.hover == "titles" and hover and len(hover) <= _TITLED:
        parts = [
            f'<path d="M{a} {b}{mark}"><title>{plain(text)}</title></path>'
            for a, b, mark, text in zip(across, up, marks, hover, strict=True)
        ]
        return f"<g {style}{opacity}>{''.join(parts)}</g>"
    data = "".join([f"M{a} {b}{mark}" for a, b, mark in zip(across, up, marks, strict=True)])
    return f'<path {style}{opacity}{look.about(hover)} d="{data}"/>'


def _star() -> str:
    """Return a star around the current point, by relative lines from its centre."""
    angles = np.pi / 2 + np.arange(10) * np.pi / 5
    radii = np.where(np.arange(10) % 2 == 0, 8.0, 3.4)
    x, y = radii * np.cos(angles), -radii * np.sin(angles)
    steps = np.diff(np.column_stack([x, y]), axis=0, prepend=[[0.0, 0.0]])
    first, *others = [f"{a:.1f} {b:.1f}" for a, b in steps.tolist()]
    return f"m{first}l{' '.join(others)}z"


def _ticks(layer: Ticks, field: Field) -> str:
    x = field.x(layer.x)
    index = thinned(x, np.zeros(len(x)), np.arange(len(x)), field.look.most)
    if not len(index):
        return ""
    places, hover, look = rounded(x[index]), _hovers(layer.hover, index), field.look
    (bottom,) = rounded([field.bottom])
    style = f'stroke="{look.paint(layer.color)}" stroke-width="2" opacity=".8"'
    if look.hover == "titles" and hover and len(hover) <= _TITLED:
        parts = [
            f'<path d="M{place} {bottom}v-9"><title>{plain(text)}</title></path>'
            for place, text in zip(places, hover, strict=True)
        ]
        return f"<g {style}>{''.join(parts)}</g>"
    data = path_of(places, [bottom] * len(places), "v-9")
    return f'<path {style}{look.about(hover)} d="{data}"/>'


def _line(layer: Line, field: Field) -> str:
    x, y = field.x(layer.x), field.y(layer.y)
    x, y = _fewer(x, y, field.right - field.left)
    known = np.isfinite(x) & np.isfinite(y)
    across, up = rounded(np.nan_to_num(x)), rounded(np.nan_to_num(y))
    data, pen = [], False
    for a, b, here in zip(across, up, known.tolist(), strict=True):
        if not here:
            pen = False
        elif not pen:
            data.append(f"M{a} {b}")
            pen = True
        else:
            data.append(f"H{a}V{b}" if layer.step else f"L{a} {b}")
    if not data:
        return ""
    look = field.look
    color = look.paint(layer.color) if layer.shade is None else look.shade(level_of(layer.shade))
    width = f"{field.pen:g}" if layer.color not in ("best", "line") or layer.step else "2"
    dash = ' stroke-dasharray="6 4"' if layer.dashed else ""
    attribute, title = look.about_one(layer.hover)
    return (
        f'<path fill="none" stroke="{color}" stroke-width="{width}" stroke-linejoin="round"'
        f'{dash}{attribute} d="{"".join(data)}">{title}</path>'
    )


def _fewer(x: Any, y: Any, width: float) -> tuple[Any, Any]:
    """Return a long line with at most four of its points on each pixel."""
    if len(x) <= 4 * width or not np.isfinite(x).all() or not np.isfinite(y).all():
        return x, y
    pixel = np.floor(x).astype(int)
    starts = np.flatnonzero(np.diff(pixel, prepend=pixel[0] - 1))
    kept = set(starts.tolist()) | set((np.append(starts[1:], len(x)) - 1).tolist())
    for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(x)], strict=True):
        kept |= {start + int(y[start:end].argmin()), start + int(y[start:end].argmax())}
    index = np.array(sorted(kept))
    return x[index], y[index]


def _bars(layer: Bars, field: Field) -> str:
    look, height = field.look, min(18.0, field.row * 0.65)
    rows = field.y(np.arange(len(layer.lengths)))
    zero = min(max(field.x.place(0.0), field.left), field.right)
    ends = np.clip(np.nan_to_num(field.x(layer.lengths), nan=zero), field.left, field.right)
    parts = []
    for i, (end, row) in enumerate(zip(ends.tolist(), rows.tolist(), strict=True)):
        attribute, title = look.about_one(layer.hover[i] if len(layer.hover) else "")
        left, wide, top = min(zero, end), max(abs(end - zero), 0.5), row - height / 2
        parts.append(
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{wide:.1f}" height="{height:.1f}" '
            f'rx="2"{attribute}>{title}</rect>'
        )
    group = f'<g fill="{look.paint(layer.color)}">{"".join(parts)}</g>'
    if not (len(layer.low) and len(layer.high)):
        return group
    low, high = rounded(field.x(layer.low)), rounded(field.x(layer.high))
    whiskers = "".join(
        f"M{a} {row - 4:.1f}v8m0-4H{b}m0-4v8"
        for a, b, row in zip(low, high, rows.tolist(), strict=True)
        if "nan" not in (a, b)
    )
    return f'{group}<path d="{whiskers}" stroke="{look.ink}" stroke-width="1.3" fill="none"/>'


def _edges(centres: Any) -> Any:
    """Return the edges of cells around places."""
    if len(centres) == 1:
        return np.array([centres[0] - 10.0, centres[0] + 10.0])
    between = (centres[1:] + centres[:-1]) / 2
    first, last = 2 * centres[0] - between[0], 2 * centres[-1] - between[-1]
    return np.concatenate([[first], between, [last]])


def _cells(layer: Cells, field: Field) -> str:
    x = np.clip(_edges(field.x(layer.x)), field.left, field.right)
    y = np.clip(_edges(field.y(layer.y)), field.top, field.bottom)
    runs: dict[int, list[str]] = {}
    for i, line in enumerate(np.asarray(layer.z, float).tolist()):
        levels = [None if z != z else level_of(z) for z in line]
        start = 0
        for j in range(1, len(levels) + 1):
            if j < len(levels) and levels[j] == levels[start]:
                continue
            level = levels[start]
            if level is not None:
                a, b, c, d = rounded([x[start], x[j], y[i], y[i + 1]])
                runs.setdefault(level, []).append(f"M{a} {c}H{b}V{d}H{a}z")
            start = j
    look = field.look
    parts = [
        f'<path fill="{look.shade(level)}" stroke="{look.shade(level)}" stroke-width=".4" '
        f'd="{"".join(data)}"/>'
        for level, data in sorted(runs.items())
    ]
    return f'<g opacity=".85">{"".join(parts)}</g>'


def _spans(layer: Spans, field: Field) -> str:
    look = field.look
    rows, starts = field.y(layer.rows), field.x(layer.starts)
    ends = np.maximum(field.x(layer.ends), starts + 0.8)
    # Of spans that begin on the same pixel of a row, the longest.
    index = thinned(starts, rows, starts - ends, look.most)
    height = min(16.0, field.row * 0.75)
    style = f'fill="{look.paint(layer.color)}" stroke="{look.paper}" stroke-width=".5"'
    parts = []
    for i in index.tolist():
        attribute, title = look.about_one(layer.hover[i] if len(layer.hover) else "")
        a, b, width = rounded([starts[i], rows[i] - height / 2, ends[i] - starts[i]])
        if "nan" in (a, b, width):
            continue
        content = f">{title}</path>" if title else "/>"
        parts.append(f'<path{attribute} d="M{a} {b}h{width}v{height:g}h-{width}z"{content}')
    return f"<g {style}>{''.join(parts)}</g>" if parts else ""


def lines_to_draw(layers: Sequence[Layer]) -> list[Layer]:
    """Return the layers without the worst lines, if there are very many shaded ones."""
    shaded = [each for each in layers if isinstance(each, Line) and each.shade is not None]
    if len(shaded) <= _MANY_LINES:
        return list(layers)
    order = sorted(range(len(shaded)), key=lambda i: shaded[i].shade or 0.0)
    kept = {id(shaded[i]) for i in order[:_MANY_LINES]}
    return [
        each
        for each in layers
        if not (isinstance(each, Line) and each.shade is not None) or id(each) in kept
    ]
