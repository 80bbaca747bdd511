"""Curves: how trials got to their losses, and which were ended early."""

from __future__ import annotations

import math

import numpy as np

from sparktune._trials.documents import STATUS_OK, STATUS_PRUNED
from sparktune._views.chart import Axis, Chart, Layer, Line, Panel, Points, Role
from sparktune._views.parameters import hovers
from sparktune._views.scales import loss_axis, thinned, wants_log_axis
from sparktune._views.texts import role_of, sentences, thinning
from sparktune._views.trial_data import Floats, TrialData

__all__ = ["curves"]

_TITLE = "Learning curves"
_MOST = 300  # curves
_MOST_STEPS = 300  # per curve
_LABELS = {STATUS_OK: "complete", "fail": "failed"}
_FAR = 200.0  # steps that span more than this factor, as of trees, have a logarithmic axis


def curves(data: TrialData) -> Chart:
    """Return what each trial reported; a cross is where a trial was pruned."""
    if not data.curves:
        need = "reported: call trial.report(loss, step) in the objective, see docs/pruning.md"
        return Chart(_TITLE, note=f"No trial has {need}.")
    rows = list(data.curves)
    best = [at for at, row in enumerate(rows) if row == data.best]
    kept = [rows[at] for at in thinned(len(rows), best, _MOST)]
    texts = dict(zip(kept, hovers(data, kept), strict=True))
    layers: list[Layer] = []
    for outcome in sorted({data.outcomes[row] for row in kept}, key=_depth):
        of_kind = {row: texts[row] for row in kept if data.outcomes[row] == outcome}
        layers += _of_outcome(data, of_kind, outcome)
    if data.best in texts:
        label = f"best (trial {data.tids[data.best]})"
        layers.append(_line(data, data.best, label, "best", texts[data.best]))
    losses = np.concatenate([data.curves[row][1] for row in kept])
    steps = np.concatenate([data.curves[row][0] for row in kept])
    if not np.isfinite(losses).any():
        return Chart(_TITLE, note="Trials reported only values that are not finite.")
    y, beyond = loss_axis(data, losses)
    whole = bool((steps[np.isfinite(steps)] % 1 == 0).all())
    x = Axis("step", log=wants_log_axis(steps, _FAR) and len(np.unique(steps)) < 20, whole=whole)
    note = thinning(len(kept), len(rows), "curves")
    return Chart(_TITLE, (Panel(x, y, tuple(layers)),), note=sentences(beyond, note))


def _depth(outcome: str) -> tuple[int, str]:
    """Draw complete trials over those that were ended early."""
    return (1 if outcome == STATUS_OK else 0, outcome)


def _of_outcome(data: TrialData, texts: dict[int, str], outcome: str) -> list[Layer]:
    label, role = _LABELS.get(outcome, outcome), role_of(outcome)
    layers: list[Layer] = [
        _line(data, row, label, role, text) for row, text in texts.items() if row != data.best
    ]
    last = [(row, *_last(data.curves[row])) for row in texts]
    # A line of one point is not seen.
    marked = [
        (row, step, loss)
        for row, step, loss in last
        if not math.isnan(loss) and (outcome == STATUS_PRUNED or len(data.curves[row][0]) == 1)
    ]
    if marked:
        layers.append(
            Points(
                [step for _, step, _ in marked],
                [data.sign * loss for _, _, loss in marked],
                color=role,
                hover=[texts[row] for row, _, _ in marked],
                symbol="cross" if outcome == STATUS_PRUNED else "dot",
            )
        )
    return layers


def _last(curve: tuple[Floats, Floats]) -> tuple[float, float]:
    """Return the last report with a finite loss."""
    steps, losses = curve
    finite = np.flatnonzero(np.isfinite(losses))
    return (float(steps[finite[-1]]), float(losses[finite[-1]])) if len(finite) else (0.0, math.nan)


def _line(data: TrialData, row: int, label: str, role: Role, text: str) -> Line:
    steps, losses = data.curves[row]
    kept = thinned(len(steps), [len(steps) - 1], _MOST_STEPS)
    y = np.where(np.isfinite(losses), data.sign * losses, math.nan)[kept]
    return Line(steps[kept].tolist(), y.tolist(), label, role, hover=text)
