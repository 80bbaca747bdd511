"""EDF: whether the search finds good losses more often as it goes on, or than another one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sparktune._views.chart import Axis, Chart, Line, Panel, Role
from sparktune._views.scales import loss_axis, thinned
from sparktune._views.texts import cut_apart, nothing_of, sentences
from sparktune._views.trial_data import Floats, TrialData

__all__ = ["edf"]

_TITLE = "Distribution of losses"
_PARTS = 4
_FEW = 4 * _PARTS  # trials; with fewer, there are no quarters
_CORNERS = 500
_ROLES: tuple[Role, ...] = ("ok", "best", "running", "pruned", "fail", "new", "line", "cancelled")
_NOT_ENDED = ("new", "running", "cancelled")


def edf(searches: Mapping[str, TrialData]) -> Chart:
    """Return the share of trials with a loss at most so large.

    Of one search, for each quarter of its trials; of several, a line for each. Trials that failed
    count among all, so a line ends below 1 where some did. Of pruned trials the loss is the one
    that they would have reached.
    """
    known = {name: data for name, data in searches.items() if data.finite.any()}
    if not known:
        (first, *_) = searches.values()
        return Chart(_TITLE, note=nothing_of(first, "a finite loss"))
    parts = _quarters(*known.values()) if len(searches) == 1 else _whole(known)
    data = next(iter(known.values()))
    every = np.concatenate([losses for _, losses in parts])
    x, beyond = loss_axis(data, every)
    worst = float(np.nanmax(every))
    lines = [
        _line(data, losses, label, at, len(parts) if len(searches) == 1 else 0, worst)
        for at, (label, losses) in enumerate(parts)
        if np.isfinite(losses).any()
    ]
    missing = [name for name in searches if name not in known]
    text = f"Without a finite loss: {', '.join(missing)}." if missing else ""
    if len({each.maximized for each in known.values()}) > 1:
        text = sentences(text, "Some of the searches maximize a score and others minimize a loss.")
    y = Axis(f"share of trials, {data.what} at {'least' if data.maximized else 'most'} this",
             range=(0.0, 1.0))  # fmt: skip
    return Chart(_TITLE, (Panel(x, y, tuple(lines)),), note=sentences(beyond, text))


def _ended(data: TrialData) -> tuple[list[int], Floats]:
    """Return the rows of trials that ended, and their losses, NaN if they failed."""
    rows = [row for row, each in enumerate(data.outcomes) if each not in _NOT_ENDED]
    losses = np.where(np.isfinite(data.losses), data.losses, np.nan)
    failed = np.array([each == "fail" for each in data.outcomes], dtype=bool)
    return rows, np.where(failed, np.nan, losses)[rows]


def _quarters(data: TrialData) -> list[tuple[str, Floats]]:
    rows, losses = _ended(data)
    if len(rows) < _FEW:
        return [("all trials", losses)]
    return [
        (f"trials {data.tids[part[0]]} to {data.tids[part[-1]]}", np.asarray(losses[at]))
        for part, at in zip(
            np.array_split(np.array(rows), _PARTS),
            np.array_split(np.arange(len(rows)), _PARTS),
            strict=True,
        )
    ]


def _whole(searches: Mapping[str, TrialData]) -> list[tuple[str, Floats]]:
    names = cut_apart(list(searches), 40)
    return [
        (f"{name} ({len(data)})", _ended(data)[1])
        for name, data in zip(names, searches.values(), strict=True)
    ]


def _line(data: TrialData, losses: Floats, label: str, at: int, parts: int, worst: float) -> Line:
    found = np.sort(losses[np.isfinite(losses)])
    share = np.arange(1, len(found) + 1) / len(losses)
    kept = thinned(len(found), [0, len(found) - 1], _CORNERS)
    x, y = found[kept], share[kept]
    # From the bottom, so that the best loss is seen, and to the end of the axis.
    x, y = np.concatenate([x[:1], x, [worst]]), np.concatenate([[0.0], y, y[-1:]])
    # The latest quarter is dark.
    shade = 1 - (at + 1) / parts if parts else None
    role = _ROLES[at % len(_ROLES)]
    return Line((data.sign * x).tolist(), y.tolist(), label, role, step=True,
                dashed=at >= len(_ROLES), hover=label, shade=shade)  # fmt: skip
