"""Scales: where a value stands on an axis; and how wide texts are."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from sparktune._views.chart import Axis
from sparktune._views.ticks import log_ticks, nice_ticks, number, time_ticks

__all__ = ["Scale", "cut_to", "text_width"]

_ROOM = 0.04  # beyond the outermost values
_HUGE = 1e300


def text_width(text: str, size: float) -> float:
    """Return about how wide a text is in a sans-serif font of a size."""
    return size * sum(_WIDTHS.get(char) or _wide(char) for char in text)


# Those of DejaVu, which is wider than most.
_WIDTHS = {
    **dict.fromkeys("ijl.,:;'|!I", 0.33),
    **dict.fromkeys("ftr()[] -", 0.4),
    **dict.fromkeys("mMW@%", 0.96),
    "w": 0.82,
}


def _wide(char: str) -> float:
    if char.isascii():
        return 0.7 if char.isupper() else 0.63
    if unicodedata.combining(char):
        return 0.0
    return 1.05 if unicodedata.east_asian_width(char) in "WF" else 0.75


def cut_to(text: str, width: float, size: float) -> str:
    """Return a text with an ellipsis in place of what does not fit."""
    # Long texts are cut before they are measured.
    most = max(1, int(width / (size * 0.25)) + 1)
    if len(text) <= most and text_width(text, size) <= width:
        return text
    room, kept = width - text_width("\u2026", size), 0
    for char in text[:most]:
        room -= text_width(char, size)
        if room < 0:
            break
        kept += 1
    return text[:kept].rstrip() + "\u2026"


class Scale:
    """Turns values into places on an axis.

    Parameters
    ----------
    axis : Axis
        What kind of axis.
    values : iterable of arrays
        What stands on it, for its range.
    start, end : float
        The places of its ends.
    anchored : bool
        Whether the axis starts at 0, as for bars.
    """

    def __init__(
        self,
        axis: Axis,
        values: Iterable[np.ndarray[Any, Any]],
        start: float,
        end: float,
        anchored: bool = False,
    ) -> None:
        self.axis = axis
        self.start, self.end = start, end
        self._factor = 1.0
        if axis.names:
            self.low, self.high = -0.5, len(axis.names) - 0.5
            return
        self.low, self.high = self._range(values, anchored)

    def _range(self, values: Iterable[np.ndarray[Any, Any]], anchored: bool) -> tuple[float, float]:
        given = self.axis.range
        low, high = math.inf, -math.inf
        for each in [np.asarray(given, float)] if given else values:
            finite = each[np.isfinite(each)]
            if self.axis.log:
                finite = np.log10(finite[finite > 0])
            if finite.size:
                low, high = min(low, float(finite.min())), max(high, float(finite.max()))
        if low > high:
            low, high = (-1.0, 0.0) if self.axis.log else (0.0, 1.0)
        if max(abs(low), abs(high)) > _HUGE:  # so that no difference overflows
            self._factor = 2.0**-8
            low, high = low * self._factor, high * self._factor
        if anchored:
            low, high = min(low, 0.0), max(high, 0.0)
        if given and low < high:
            return low, high
        room = (high - low) * _ROOM or abs(high) * _ROOM or 0.5
        if self.axis.whole and high - low < 1:
            room = 0.5
        ends = (low if anchored and low == 0 else low - room), high + room
        return ends if ends[0] < ends[1] else (low - 1.0, high + 1.0)

    def __call__(self, values: Any) -> np.ndarray[Any, Any]:
        """Return the places of values; NaN for those that have none."""
        array = np.asarray(values, dtype=float)
        with np.errstate(all="ignore"):
            if self.axis.log and not self.axis.names:
                array = np.log10(array)  # NaN and infinity where there is no logarithm
            array = np.where(np.isfinite(array), array, np.nan)
            share = (array * self._factor - self.low) / (self.high - self.low)
        return self.start + (self.end - self.start) * share

    def place(self, value: float) -> float:
        """Return the place of one value."""
        return float(self(value))

    def ticks(self, apart: float) -> list[tuple[float, str]]:
        """Return places and texts, about `apart` or more from each other."""
        room = max(2.0, abs(self.end - self.start) / apart)
        axis, low, high = self.axis, self.low, self.high
        if axis.names:
            named = [i for i, name in enumerate(axis.names) if name]
            step = math.ceil(len(named) / room) or 1
            return [(self.place(i), axis.names[i]) for i in named[::step]]
        if axis.time:
            found = time_ticks(low, high, room)
            return [(self.place(value), text) for value, text in found]
        if axis.log:
            values = log_ticks(low, high, room)
        else:
            least = 1.0 if axis.whole else 0.0
            values = nice_ticks(low, high, room, least)
        texts = _texts([value / (1.0 if axis.log else self._factor) for value in values])
        return [
            (self.place(value / (1.0 if axis.log else self._factor)), text)
            for value, text in zip(values, texts, strict=True)
        ]


def _texts(values: Sequence[float]) -> list[str]:
    """Return texts of numbers, with as many digits as they need to differ."""
    for form in (number, _longer):
        texts = [form(value) for value in values]
        if len(set(texts)) == len(texts):
            return texts
    return texts


def _longer(value: float) -> str:
    return f"{value:.10g}"
