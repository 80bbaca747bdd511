"""Round values on an axis, and numbers as texts."""

from __future__ import annotations

import datetime
import math

__all__ = ["log_ticks", "nice_ticks", "number", "time_ticks"]

TICKS = 6
"""At most, about."""

_FEW_POWERS = 4
_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200)
_DAY = 86400


def number(value: float) -> str:
    """Return a number as short text, such as 0.25, 1e-6 or 120000."""
    text = f"{value:.6g}"
    mantissa, e, power = text.partition("e")
    return f"{mantissa}e{int(power)}" if e else mantissa


def nice_ticks(low: float, high: float, count: float = TICKS, least: float = 0.0) -> list[float]:
    """Return the multiples of 1, 2 or 5 times a power of ten, `least` or more apart, in a range."""
    apart = max((high - low) / count, least)
    power = 10.0 ** math.floor(math.log10(apart)) if 0 < apart < math.inf else 0.0
    if power == 0:  # beyond the range of floats
        return []
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= apart * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [_rounded(i * step) for i in range(first, last + 1)]


def _rounded(value: float) -> float:
    """Return 0.3 for 3 * 0.1."""
    return float(f"{value:.12g}")


def log_ticks(low: float, high: float, count: float = TICKS) -> list[float]:
    """Return powers of ten between two powers, with 2 and 5 times these if there are few.

    `low` and `high` are logarithms.
    """
    if high - low < 0.7:  # less than a power: as on a plain axis
        return [value for value in nice_ticks(10.0**low, 10.0**high, count) if value > 0]
    factors = (1, 2, 5) if high - low < _FEW_POWERS else (1,)
    step = math.ceil((high - low) / count)
    values = [
        float(f"{factor}e{power}")
        for power in range(math.floor(low), math.ceil(high) + 1)
        if power % step == 0
        for factor in factors
    ]
    return [value for value in values if value > 0 and low <= math.log10(value) <= high]


def time_ticks(low: float, high: float, count: float) -> list[tuple[float, str]]:
    """Return round moments (seconds since the epoch, in UTC), each with its text."""
    if not 0 < high - low < 1e11:
        return []
    apart = (high - low) / count
    step = next((each for each in _SECONDS if each >= apart), 0)
    if not step:
        step = _DAY * max(1, math.ceil(apart / _DAY))
    form = "%H:%M:%S" if step < 60 else "%H:%M" if step < _DAY else "%Y-%m-%d"
    if step < _DAY and math.floor(low / _DAY) != math.floor(high / _DAY):
        form = f"%m-%d {form}"
    found = []
    for i in range(math.ceil(low / step), math.floor(high / step) + 1):
        moment = datetime.datetime.fromtimestamp(i * step, datetime.timezone.utc)
        found.append((float(i * step), moment.strftime(form)))
    return found
