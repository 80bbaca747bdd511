"""The history of a search as a small picture: the loss of each trial, and the best so far.

Drawn as SVG by hand, so that the end of a search neither waits for matplotlib nor needs it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from sparktune._views.scales import log_ticks, ticks, wants_log_axis

__all__ = ["history_svg"]

_WIDTH, _HEIGHT = 800, 450
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 780, 40, 400
_MAX_POINTS = 5_000
_COLORS = {"ok": "#1f77b4", "fail": "#d62728", "error": "#d62728", "cancelled": "#7f7f7f"}


def history_svg(points: Sequence[tuple[int, float | None, str]], title: str) -> str:
    """Return the picture of (trial id, finite loss or None, status) as SVG text."""
    kept = [(tid, loss, status) for tid, loss, status in sorted(points) if loss is not None]
    last = max((tid for tid, _, _ in points), default=0)
    log = wants_log_axis([loss for _, loss, _ in kept])
    low, high = _span([loss for _, loss, _ in kept], log)

    def x(tid: int) -> float:
        return _LEFT + (_RIGHT - _LEFT) * (tid + 0.5) / (last + 1)

    def y(loss: float) -> float:
        share = ((math.log10(loss) if log else loss) - low) / (high - low)
        return _BOTTOM - (_BOTTOM - _TOP) * share

    # Without a width and a height, MLflow shows the picture in a box of size zero.
    size = f'width="{_WIDTH}" height="{_HEIGHT}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {_WIDTH} {_HEIGHT}">',
        '<g font-family="sans-serif" font-size="13">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<text x="{_WIDTH / 2}" y="24" text-anchor="middle" font-size="15">{escape(title)}</text>',
    ]
    parts += [
        f'<path d="M{_LEFT} {y(value):.1f}H{_RIGHT}" stroke="#e5e5e5"/>'
        f'<text x="{_LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.10g}</text>'
        for value in (log_ticks(low, high) if log else ticks(low, high))
    ]
    parts += [
        f'<text x="{x(int(tid)):.1f}" y="418" text-anchor="middle">{tid:.0f}</text>'
        for tid in ticks(0, last, least=1)
    ]
    parts.append(f'<text x="{_WIDTH / 2}" y="440" text-anchor="middle">trial</text>')
    parts.append(f'<text x="16" y="{_HEIGHT / 2}" text-anchor="middle" '
                 f'transform="rotate(-90 16 {_HEIGHT / 2})">loss</text>')  # fmt: skip
    # Of very many trials only a sample is drawn; the line of the best loss uses all of them.
    step = math.ceil(len(points) / _MAX_POINTS) or 1
    for tid, loss, status in sorted(points)[::step]:
        color = _COLORS.get(status, "#7f7f7f")
        if loss is None:
            parts.append(f'<path d="M{x(tid):.1f} {_BOTTOM}v-9" stroke="{color}"/>')
        else:
            parts.append(f'<circle cx="{x(tid):.1f}" cy="{y(loss):.1f}" r="3.5" '
                         f'fill="{color}" fill-opacity="0.7"/>')  # fmt: skip
    best, line_path = math.inf, ""
    for tid, loss, status in kept:
        if status == "ok" and loss < best:
            start = f"H{x(tid):.1f}V" if line_path else f"M{x(tid):.1f} "
            line_path += f"{start}{y(loss):.1f}"
            best = loss
    if line_path:
        parts.append(
            f'<path d="{line_path}H{x(last):.1f}" fill="none" stroke="#e6550d" stroke-width="2"/>'
            f'<text x="{_RIGHT}" y="{_TOP - 6}" text-anchor="end" fill="#e6550d">'
            f"best {best:.6g}</text>"
        )
    return "".join([*parts, "</g></svg>"])


def _span(losses: Sequence[float], log: bool) -> tuple[float, float]:
    """Return the ends of the axis, a little beyond the losses."""
    values = [math.log10(loss) for loss in losses] if log else list(losses)
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = (high - low) * 0.04 or abs(high) * 0.04 or 1.0
    return low - room, high + room
