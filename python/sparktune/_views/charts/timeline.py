"""Timeline: who ran what when, and which slots were idle."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sparktune._views.chart import Axis, Chart, Panel, Spans
from sparktune._views.parameters import hovers
from sparktune._views.texts import cut, nothing_of, role_of, sentences
from sparktune._views.trial_data import TrialData

__all__ = ["duration", "slots_of", "timeline"]

_TITLE = "Timeline of slots"
_MOST = 4_000  # spans
_LOST = "lost attempt"
_LABELS = {"fail": "failed"}
_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))


@dataclass(frozen=True)
class _Run:
    """What a slot did for a while."""

    start: float
    end: float
    row: int
    what: str
    error: str = ""


def timeline(data: TrialData) -> Chart:
    """Return the trials that each slot ran; what is empty was idle.

    Slots are not recorded: each trial is put on the first one that was free when it started, which
    gives as many slots as trials ran at the same time.
    """
    runs = _runs(data)
    if not runs:
        return Chart(_TITLE, note=nothing_of(data, "started, as far as is recorded,"))
    slots = slots_of([(run.start, run.end) for run in runs])
    count = max(slots) + 1
    first, last = min(run.start for run in runs), max(run.end for run in runs)
    busy = sum(run.end - run.start for run in runs) / max(count * (last - first), 1e-9)
    joined, merged = _joined(runs, slots, (last - first) / _MOST * count)
    labels = dict.fromkeys(run.what for run, _ in joined)
    texts = _hovers(data, [run for run, _ in joined])
    spans = []
    for what in labels:
        of_kind = [at for at, (run, _) in enumerate(joined) if run.what == what]
        spans.append(
            Spans(
                [joined[at][1] for at in of_kind],
                [joined[at][0].start for at in of_kind],
                [joined[at][0].end for at in of_kind],
                _LABELS.get(what, what),
                "rest" if what == _LOST else role_of(what),
                [texts[at] for at in of_kind],
            )
        )
    plural = "s" if count > 1 else ""
    text = f"{count} slot{plural}, busy {min(busy, 1):.0%} of {duration(last - first)}."
    if merged:
        text = sentences(text, "Short trials of the same kind are joined.")
    names = tuple(str(slot + 1) for slot in range(count))
    x = Axis("time (UTC)", time=True, range=(first, last if last > first else first + 1.0))
    return Chart(_TITLE, (Panel(x, Axis("slot", names=_every(names)), tuple(spans)),), note=text)


def _every(names: Sequence[str], most: int = 16) -> tuple[str, ...]:
    step = math.ceil(len(names) / most)
    return tuple(name if at % step == 0 else "" for at, name in enumerate(names))


def _runs(data: TrialData) -> list[_Run]:
    """Return what ran, lost attempts too, by start; what still runs ends with the last."""
    known = np.isfinite(data.starts) if len(data.starts) else np.zeros(len(data), bool)
    now = np.nanmax(np.concatenate([data.starts[known], data.ends[np.isfinite(data.ends)], [0.0]]))
    runs = [
        _Run(
            float(data.starts[row]),
            max(float(data.ends[row] if math.isfinite(data.ends[row]) else now),
                float(data.starts[row])),
            row,
            data.outcomes[row],
        )
        for row in np.flatnonzero(known).tolist()
    ]  # fmt: skip
    runs += [_Run(each.start, max(each.end, each.start), each.row, _LOST, each.error)
             for each in data.lost]  # fmt: skip
    return sorted(runs, key=lambda run: (run.start, run.row))


def slots_of(spans: Sequence[tuple[float, float]]) -> list[int]:
    """Return a slot for each span, which must be sorted by start: the lowest one that is free."""
    free: list[int] = []
    busy: list[tuple[float, int]] = []
    slots, count = [], 0
    for start, end in spans:
        while busy and busy[0][0] <= start:
            heapq.heappush(free, heapq.heappop(busy)[1])
        if free:
            slot = heapq.heappop(free)
        else:
            slot, count = count, count + 1
        heapq.heappush(busy, (end, slot))
        slots.append(slot)
    return slots


def _joined(
    runs: Sequence[_Run], slots: Sequence[int], gap: float
) -> tuple[list[tuple[_Run, int]], bool]:
    """Join neighbours of one kind in a slot, if there are too many to draw."""
    pairs = list(zip(runs, slots, strict=True))
    if len(pairs) <= _MOST:
        return pairs, False
    last: dict[int, int] = {}
    joined: list[tuple[_Run, int]] = []
    for run, slot in pairs:
        at = last.get(slot)
        before = None if at is None else joined[at][0]
        if at is not None and before is not None and before.what == run.what and (
            run.start - before.end <= gap and run.end - before.start <= 20 * gap
        ):  # fmt: skip
            joined[at] = (_Run(before.start, run.end, -1, run.what), slot)
        else:
            last[slot] = len(joined)
            joined.append((run, slot))
    return joined, True


def _hovers(data: TrialData, runs: Sequence[_Run]) -> list[str]:
    """Return what hovering over each run says."""
    of_trials = iter(hovers(data, [run.row for run in runs if run.row >= 0]))
    texts = []
    for run in runs:
        what = next(of_trials) if run.row >= 0 else f"several trials, {run.what}"
        if run.what == _LOST:
            what = f"trial {data.tids[run.row]}, a lost attempt\n{cut(run.error, 100)}"
        texts.append(f"{what}\n{duration(run.end - run.start)}")
    return texts


def duration(seconds: float) -> str:
    """Return a duration as text, such as "3 min 20 s"."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    size, unit = next(each for each in _UNITS if seconds >= each[0])
    smaller, name = {"d": (3_600.0, "h"), "h": (60.0, "min"), "min": (1.0, "s")}[unit]
    whole, rest = divmod(round(seconds / smaller), round(size / smaller))
    return f"{whole} {unit} {rest} {name}" if rest else f"{whole} {unit}"
