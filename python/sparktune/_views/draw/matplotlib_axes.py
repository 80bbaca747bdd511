"""Axes as matplotlib has them: scales, ticks, ranges, the frame around a panel."""

from __future__ import annotations

import datetime
import importlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sparktune._views.chart import Axis
from sparktune._views.draw.glyphs import plain

__all__ = ["days", "dress", "set_axis", "tame", "whole_numbers"]

_GRID = "#e5e5e5"
_UTC = datetime.timezone.utc
_HUGE = 1e300


def set_axis(axes: Any, which: str, axis: Axis, small: bool) -> None:
    """Set the label, scale and ticks of an axis."""
    if axis.log:
        axes.set(**{f"{which}scale": "log"})
    drawn, size = getattr(axes, f"{which}axis"), 7 if small else 9
    if axis.label:
        axes.set(**{f"{which}label": plain(axis.label)})
        drawn.label.set_fontsize(9 if small else 10)
    if axis.names:
        shown = [(at, plain(name)) for at, name in enumerate(axis.names) if name]
        drawn.set_ticks([at for at, _ in shown], labels=[name for _, name in shown])
        if which == "x" and sum(len(name) for _, name in shown) > (22 if small else 70):
            drawn.set_tick_params(rotation=40)
            for label in drawn.get_ticklabels():
                label.set(ha="right", rotation_mode="anchor")
        axes.grid(visible=False, axis=which)
    elif axis.time:
        dates: Any = importlib.import_module("matplotlib.dates")
        locator = dates.AutoDateLocator(tz=_UTC, minticks=3, maxticks=8)
        drawn.set_major_locator(locator)
        drawn.set_major_formatter(dates.ConciseDateFormatter(locator, tz=_UTC))
        drawn.get_offset_text().set_fontsize(size)
    elif axis.whole and not axis.log:
        drawn.set_major_locator(whole_numbers())
    elif axis.log:
        _log_ticks(axes, drawn, small)
    if axis.range is not None:
        _limits(axes, which, axis)
    elif axis.names:
        axes.set(**{f"{which}lim": (-0.6, len(axis.names) - 0.4)})


def _limits(axes: Any, which: str, axis: Axis) -> None:
    low, high = days(axis.range or ()) if axis.time else axis.range or (0.0, 1.0)
    if not axis.names and not axis.log:
        room = (high - low) * 0.02 or 0.5
        low, high = low - room, high + room
    axes.set(**{f"{which}lim": (low, high)})


def _log_ticks(axes: Any, drawn: Any, small: bool) -> None:
    """Mark powers of ten, and numbers between them if there are few."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    low, high = sorted(drawn.get_data_interval())
    if not 0 < low <= high < math.inf:  # nothing is drawn: matplotlib's locator would raise
        drawn.axes.set(**{f"{drawn.axis_name}lim": (1.0, 10.0)})
    low, high = sorted(drawn.get_view_interval())
    if low > 0 and math.log10(high / low) < 2.5:
        steps = (1, 2, 5) if math.log10(high / low) > 0.6 else range(1, 10)
        drawn.set_major_locator(LogLocator(subs=steps, numticks=5 if small else 9))
        drawn.set_minor_locator(NullLocator())
        drawn.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}"))
    elif small:
        drawn.set_major_locator(LogLocator(numticks=5))
    drawn.set_minor_formatter(NullFormatter())


def whole_numbers() -> Any:
    """Return a locator of whole numbers."""
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(integer=True, steps=[1, 2, 5, 10])


def dress(axes: Any, size: float = 10) -> None:
    """Give all plots the same quiet frame and grid."""
    axes.grid(visible=True, color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=size)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def tame(values: Sequence[float]) -> Any:
    """Return values whose differences are floats, as matplotlib needs them."""
    return np.clip(np.asarray(values, dtype=float), -_HUGE, _HUGE)


def days(seconds: Sequence[float]) -> Any:
    """Return seconds since the epoch as matplotlib has times: in days."""
    return np.asarray(seconds, dtype=float) / 86_400.0
