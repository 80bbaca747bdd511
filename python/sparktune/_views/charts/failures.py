"""Failures: why trials gave no loss, and how often."""

from __future__ import annotations

import math

from sparktune._trials.documents import STATUS_FAIL, STATUS_OK
from sparktune._trials.findings import without_numbers
from sparktune._views.chart import Axis, Bars, Chart, Panel
from sparktune._views.texts import cut, cut_apart
from sparktune._views.trial_data import TrialData

__all__ = ["failures", "failures_by_cause"]

_TITLE = "Failures by cause"
_MOST = 12
_LONGEST = 48
_FEW = 8  # trials that are named


def failures(data: TrialData) -> Chart:
    """Return how many trials failed for each cause; messages that differ in numbers are one."""
    causes = failures_by_cause(data)
    if not causes:
        found = f"No trial failed ({data.counted()})" if len(data) else "There are no trials yet"
        return Chart(_TITLE, note=f"{found}.")
    shown = list(causes.items())[:_MOST][::-1]
    texts = [cause for cause, _ in shown]
    bars = Bars(
        [float(len(rows)) for _, rows in shown],
        color="fail",
        hover=[_hover(data, cause, rows) for cause, rows in shown],
    )
    count = sum(map(len, causes.values()))
    note = f"{count:,} of {len(data):,} trials ({count / len(data):.0%}) gave no loss."
    if len(causes) > _MOST:
        note += f" {len(causes) - _MOST} rarer causes are not shown."
    axis = Axis(names=tuple(cut_apart(texts, _LONGEST)))
    x = Axis("trials", whole=True, range=(0.0, float(max(bars.lengths))))
    return Chart(_TITLE, (Panel(x, axis, (bars,)),), note=note)


def failures_by_cause(data: TrialData) -> dict[str, list[int]]:
    """Return the rows of trials without a loss by cause, the commonest first.

    The cause is the first error of its kind; kinds are errors alike but for numbers.
    """
    found: dict[str, tuple[str, list[int]]] = {}
    for row, outcome in enumerate(data.outcomes):
        cause = _cause(data, row, outcome)
        if cause is not None:
            found.setdefault(without_numbers(cause), (cause, []))[1].append(row)
    return dict(sorted(found.values(), key=lambda each: -len(each[1])))


def _cause(data: TrialData, row: int, outcome: str) -> str | None:
    """Return why a trial gave no loss; None if it gave one, or still may."""
    if outcome == STATUS_FAIL:
        error = data.errors[row] if data.errors else None
        return error or "the objective returned status 'fail'"
    if outcome != STATUS_OK or data.finite[row]:
        return None
    return "the loss is NaN" if math.isnan(data.losses[row]) else "the loss is infinite"


def _hover(data: TrialData, cause: str, rows: list[int]) -> str:
    listed = ", ".join(str(data.tids[row]) for row in rows[:_FEW])
    more = ", ..." if len(rows) > _FEW else ""
    plural = "s" if len(rows) > 1 else ""
    return f"{cut(cause, 200)}\n{len(rows)} trial{plural}: {listed}{more}"
