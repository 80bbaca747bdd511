"""Trials as HTML for notebooks: a line, a small history, the best trials, the commonest errors."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sparktune._trials.documents import Trial, spec_from_misc
from sparktune._trials.findings import docs_of
from sparktune._trials.summary import common_errors, short_text, summarized
from sparktune._trials.table import named
from sparktune._views.chart import Chart
from sparktune._views.charts.history import history
from sparktune._views.draw.markup import Look, plain
from sparktune._views.draw.svg import chart_svg
from sparktune._views.trial_data import TrialData, read_trials

__all__ = ["summary_html"]

# What the HTML shows at most.
_BEST = 5
_LABELS = 10
_HOVERED = 400  # trials

# Colours that are seen on white and on black; the text takes that of the notebook.
_LOOK = Look(width=640, height=170, titles=False, most=600)


def summary_html(trials: Any) -> str:
    """Return the summary of trials, in which no text of the user's is markup."""
    docs = list(docs_of(trials))
    data = read_trials(trials)
    head = f"<p><b>{plain(type(trials).__name__)}</b>, {plain(summarized(docs))}</p>"
    return f"<div>{head}{_small_history(data)}{_best_trials(docs, data)}{_errors(docs)}</div>"


def _small_history(data: TrialData) -> str:
    if data.finite.sum() < 2:
        return ""
    many = len(data) > _HOVERED
    chart = history(replace(data, brief=many))
    look = replace(_LOOK, hover="none") if many else _LOOK
    return chart_svg(Chart(chart.title, chart.panels), look) if chart.panels else ""


def _best_trials(docs: Sequence[Trial], data: TrialData) -> str:
    """Return a table of the best trials."""
    rows = heapq.nsmallest(_BEST, data.ok.nonzero()[0].tolist(), key=lambda row: data.losses[row])
    if not rows:
        return ""
    by_tid = {doc["tid"]: doc for doc in docs}
    specs = [spec_from_misc(by_tid[data.tids[row]]["misc"]) for row in rows]
    labels = list(dict.fromkeys(label for spec in specs for label in spec))
    shown = labels[:_LABELS]
    lines = [["trial", data.what, *shown]]
    for row, spec in zip(rows, specs, strict=True):
        values = [
            named(data.options[label], spec.get(label))
            if label in data.options
            else spec.get(label)
            for label in shown
        ]
        loss = data.sign * float(data.losses[row])
        lines.append([str(data.tids[row]), *map(short_text, [loss, *values])])
    if len(labels) > len(shown):
        lines = [[*line, "..."] for line in lines]
    head, *others = [
        "".join(f"<{tag}>{plain(text)}</{tag}>" for text in line)
        for tag, line in zip(["th"] + ["td"] * (len(lines) - 1), lines, strict=True)
    ]
    body = "".join(f"<tr>{line}</tr>" for line in others)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _errors(docs: Sequence[Trial]) -> str:
    """Return the commonest errors, each with its number of trials."""
    listed = common_errors(docs)
    return f"<p>Errors: {plain('; '.join(listed))}</p>" if listed else ""
