"""Parallel coordinates as SVG."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sparktune._views.chart import Rails
from sparktune._views.draw.markup import LEVELS, Look, level_of, rounded, text
from sparktune._views.draw.scale import cut_to, text_width

__all__ = ["rails_svg", "rails_width"]

_MOST = 1000  # of lines
_APART = 64.0  # of rails
_SIZE = 11.0
_LEFT, _RIGHT = 34.0, 62.0  # beside the outer rails; texts are to the right of their rail


def rails_width(layer: Rails) -> float:
    """Return how wide the rails are at least."""
    return min(len(layer.names), 60) * _APART + _LEFT + _RIGHT


def _kept(layer: Rails, shades: Any) -> Any:
    """Return which lines to draw, the worst first: the best and evenly some of the others."""
    order = np.argsort(-shades, kind="stable")
    if len(order) <= _MOST:
        return order
    best = order[-_MOST // 2 :]
    others = order[: -_MOST // 2]
    step = math.ceil(len(others) / (_MOST // 2))
    return np.concatenate([others[::step], best])


def rails_svg(
    layer: Rails, left: float, top: float, width: float, height: float, look: Look
) -> str:
    """Return the rails, their names and ticks, and the lines over them."""
    count = len(layer.names)
    low, high = top + height - 14, top + 34
    at = np.linspace(left + _LEFT, left + width - _RIGHT, max(count, 1))
    room = (width - _LEFT - _RIGHT) / max(count - 1, 1)
    parts = [_lines(layer, at, low, high, look)]
    a, b = rounded([high, low])
    rails = "".join(f"M{place} {a}V{b}" for place in rounded(at))
    parts.append(f'<path d="{rails}" stroke="{look.ink}" stroke-opacity=".6"/>')
    for i, (place, name) in enumerate(zip(at.tolist(), layer.names, strict=True)):
        # Names of neighbours stand on two levels, so that they have twice the room.
        fits = min(2 * room - 8, 2 * min(place - left, left + width - place))
        shown = cut_to(name, max(fits, 40.0), _SIZE)
        half = text_width(shown, _SIZE) / 2
        middle = min(max(place, left + half + 2), left + width - half - 2)
        parts.append(text(middle, high - (9 if i % 2 else 21), shown, anchor="middle", full=name))
        beside = room if i + 1 < count else _RIGHT
        parts.append(_ticks_of(layer.ticks[i], place, low, high, beside, look))
    return f'<g font-size="{_SIZE:g}">{"".join(parts)}</g>'


def _ticks_of(ticks: Any, place: float, low: float, high: float, room: float, look: Look) -> str:
    parts, last = [], math.inf
    for share, whole in sorted(ticks, key=lambda each: float(each[0])):
        up = low + (high - low) * float(share)
        if last - up < 12:
            continue
        last = up
        shown = cut_to(str(whole), max(room - 10, 22.0), 10)
        parts.append(
            text(place + 4, up + 3.5, shown, full=str(whole),
                 more=f' paint-order="stroke" stroke="{look.paper}" stroke-width="3" '
                 'stroke-linejoin="round"')
        )  # fmt: skip
    return f'<g font-size="10">{"".join(parts)}</g>'


def _lines(layer: Rails, at: Any, low: float, high: float, look: Look) -> str:
    places = np.asarray(layer.places, dtype=float).reshape(-1, len(layer.names))
    shades = np.nan_to_num(np.asarray(layer.shades.values, dtype=float), nan=1.0)
    across = rounded(at)
    up = low + (high - low) * places
    groups: dict[int, list[str]] = {}
    for i in _kept(layer, shades).tolist():
        data = _broken(across, rounded(up[i]))
        if not data:
            continue
        attribute, title = look.about_one(layer.hover[i] if len(layer.hover) else "")
        content = f">{title}</path>" if title else "/>"
        groups.setdefault(level_of(float(shades[i])), []).append(
            f'<path{attribute} d="{data}"{content}'
        )
    opacity = 0.8 if len(places) < 200 else 0.5
    parts = []
    for level in sorted(groups, reverse=True):
        good = level <= LEVELS // 8
        pen = 1.8 if good and len(groups[level]) < 40 else 1.1
        parts.append(
            f'<g fill="none" stroke="{look.shade(level)}" stroke-width="{pen}" '
            f'stroke-opacity="{0.9 if good else opacity:g}">{"".join(groups[level])}</g>'
        )
    return "".join(parts)


def _broken(across: list[str], up: list[str]) -> str:
    """Return the data of a line that is interrupted where it has no place."""
    data = []
    for i, height in enumerate(up):
        if height == "nan":
            continue
        begins = i == 0 or up[i - 1] == "nan"
        data.append(f"{'M' if begins else 'L'}{across[i]} {height}")
        if begins and (i + 1 == len(up) or up[i + 1] == "nan"):
            data.append("m-4 0h8")  # a rail of its own
    return "".join(data)
