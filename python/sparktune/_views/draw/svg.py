"""Draws a `Chart` as SVG: text, without any library, for files and pages."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from sparktune._views.chart import Chart, Line, Panel, Points, Shades
from sparktune._views.draw.frame import SIZE, Box, panel_markup, panel_size
from sparktune._views.draw.markup import LEVELS, Look, level_of, plain, text
from sparktune._views.draw.scale import cut_to, text_width

__all__ = ["chart_svg", "legend_svg", "panel_svg"]

_GAP = 14.0
_MOST_ENTRIES = 24
_KEY = 170.0  # the width of a scale of colours


def chart_svg(chart: Chart, look: Look | None = None) -> str:
    """Return a whole chart: title, legend, panels and note."""
    look = look or Look()
    columns = max(1, min(chart.columns, len(chart.panels)))
    room = (look.width - _GAP * (columns - 1)) / columns
    sizes = [panel_size(panel, look, room) for panel in chart.panels]
    width = max([look.width, *(each[0] for each in sizes)] if columns == 1 else [look.width])
    parts, top = [], 4.0
    if look.titles and chart.title:
        title = cut_to(chart.title, width - 16, 15)
        parts.append(text(width / 2, top + 18, title, anchor="middle",
                          more=' font-size="15" font-weight="600"', full=chart.title))  # fmt: skip
        top += 28
    legend, high = _legend(chart, width, look)
    parts.append(f'<g transform="translate(0 {top:g})">{legend}</g>' if legend else "")
    top += high
    for start in range(0, len(chart.panels), columns):
        row = range(start, min(start + columns, len(chart.panels)))
        tall = max(sizes[i][1] for i in row)
        for i in row:
            box = Box((i - start) * (room + _GAP), top, max(room, sizes[i][0]), sizes[i][1])
            parts.append(panel_markup(chart.panels[i], box, look))
        top += tall + (_GAP if row.stop < len(chart.panels) else 0)
    for line in _wrapped(chart.note, width - 16):
        top += 17
        parts.append(text(8, top, line, more=' opacity=".75"'))
    return _picture("".join(parts), width, math.ceil(top + 8), chart.title, look)


def panel_svg(panel: Panel, look: Look | None = None) -> str:
    """Return one panel, without title and legend of its chart."""
    look = look or Look()
    width, height = panel_size(panel, look, look.width)
    name = panel.title or f"{panel.y.label} by {panel.x.label}"
    return _picture(panel_markup(panel, Box(0, 0, width, height), look), width, height, name, look)


def legend_svg(chart: Chart, look: Look | None = None) -> str:
    """Return the legend of a chart, empty if there is nothing to explain."""
    look = look or Look()
    markup, height = _legend(chart, look.width, look)
    return _picture(markup, look.width, height, f"{chart.title}: legend", look) if markup else ""


def _picture(content: str, width: float, height: float, name: str, look: Look) -> str:
    size = f' width="{width:g}" height="{height:g}"' if look.fixed else ""
    ground = f'<rect width="{width:g}" height="{height:g}" fill="#fff"/>' if look.fixed else ""
    # Text keeps its size: a picture shrinks to the page, and does not grow beyond its own width.
    style = "" if look.fixed else f' style="width:100%;max-width:{width:g}px"'
    space = ' xmlns="http://www.w3.org/2000/svg"' if look.fixed else ""
    return (
        f'<svg{space}{size} viewBox="0 0 {width:g} {height:g}"{style} role="img" '
        f'aria-label="{plain(name)}">{ground}<g font-family="system-ui,sans-serif" '
        f'font-size="{SIZE:g}" fill="{look.ink}">{content}</g></svg>'
    )


def _wrapped(note: str, width: float) -> Iterator[str]:
    line = ""
    for word in note.split():
        longer = f"{line} {word}".strip()
        if line and text_width(longer, SIZE) > width:
            yield line
            longer = word
        line = longer
    if line:
        yield cut_to(line, width, SIZE)


@dataclass(frozen=True)
class _Entry:
    swatch: str
    label: str


def _entries(chart: Chart, look: Look) -> list[_Entry]:
    found: dict[tuple[str, str], _Entry] = {}
    for panel in chart.panels:
        for layer in panel.layers:
            label = getattr(layer, "label", "")
            color = getattr(layer, "color", None)
            if not label or color is None or getattr(layer, "shades", None) is not None:
                continue
            paint = look.paint(color)
            if isinstance(layer, Line) and layer.shade is not None:
                paint = look.shade(level_of(layer.shade))
            if isinstance(layer, Line):
                dash = ' stroke-dasharray="5 3"' if layer.dashed else ""
                swatch = f'<path d="M0-4h16" stroke="{paint}" stroke-width="2"{dash}/>'
            elif isinstance(layer, Points) and layer.symbol == "dot":
                swatch = f'<circle cx="9" cy="-4" r="4" fill="{paint}"/>'
            elif isinstance(layer, Points):
                mark = "\u2605" if layer.symbol == "star" else "\u00d7"
                swatch = f'<text x="3" fill="{paint}" font-size="14">{mark}</text>'
            else:
                swatch = f'<rect x="2" y="-10" width="12" height="11" rx="2" fill="{paint}"/>'
            found.setdefault((label, paint), _Entry(swatch, label))
    return list(found.values())[:_MOST_ENTRIES]


def _shades_of(chart: Chart) -> Shades | None:
    for panel in chart.panels:
        for layer in panel.layers:
            shades = getattr(layer, "shades", None)
            if shades is not None and shades.ticks:
                return shades  # type: ignore[no-any-return]
    return None


def _legend(chart: Chart, width: float, look: Look) -> tuple[str, float]:
    """Return the legend, and how high it is."""
    parts, across, down = [], 8.0, 15.0
    for entry in _entries(chart, look):
        label = cut_to(entry.label, width - 60, SIZE)
        wide = 22 + text_width(label, SIZE) + 16
        if across + wide > width and across > 8:
            across, down = 8.0, down + 19
        parts.append(f'<g transform="translate({across:.4g} {down:g})">{entry.swatch}'
                     f"{text(22, 0, label, full=entry.label)}</g>")  # fmt: skip
        across += wide
    shades = _shades_of(chart)
    if shades is None:
        return "".join(parts), down + 8 if parts else 0.0
    label = cut_to(shades.label, max(60.0, width - _KEY - 40), SIZE)
    wide = _KEY + 24 + text_width(label, SIZE)
    if across + wide > width and across > 8:
        across, down = 8.0, down + 21
    parts.append(
        f'<g transform="translate({across:.4g} {down:g})">{_key(shades, look)}'
        f"{text(_KEY + 16, 0, label, full=shades.label)}</g>"
    )
    return "".join(parts), down + 22


def _key(shades: Shades, look: Look) -> str:
    step = _KEY / LEVELS
    parts = [
        f'<rect x="{level * step:.1f}" y="-10" width="{step + 0.3:.1f}" height="10" '
        f'fill="{look.shade(level)}"/>'
        for level in range(LEVELS)
    ]
    last = -math.inf
    for place, content in sorted(shades.ticks):
        half = text_width(content, 10) / 2
        at = min(max(place * _KEY, half - 6), _KEY + 6 - half)
        if at - half > last + 5:
            parts.append(text(at, 13, content, anchor="middle", more=' font-size="10"'))
            last = at + half
    return "".join(parts)
