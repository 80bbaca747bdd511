"""The report of a search: one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import contextlib
import datetime
import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from sparktune._trials.findings import docs_of
from sparktune._trials.summary import summarized
from sparktune._views.charts.failures import failures_by_cause
from sparktune._views.draw.markup import plain
from sparktune._views.report_charts import Section, chart_sections, failures_section
from sparktune._views.report_facts import (
    best_code,
    causes_of,
    duration,
    go_on,
    timing,
    versions,
)
from sparktune._views.report_table import rows_to_keep, table_html, table_json
from sparktune._views.trial_data import TrialData, read_trials
from sparktune.exceptions import InvalidArgument, InvalidArgumentType

__all__ = ["report_html", "write_report"]

_CAUSES = 30
_LONGEST = 20_000  # of a traceback: its end says what happened
_TIDS = 12


def write_report(trials: Any, path: Any) -> Path:
    """Write the report into a file, which then is there whole or not at all; return its path."""
    target = _checked(path)
    content = report_html(trials).encode("utf-8", "replace")
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            # As other new files have, which mkstemp does not give.
            umask = os.umask(0)
            os.umask(umask)
            Path(name).chmod(0o666 & ~umask)
            Path(name).replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise InvalidArgument(
            f"`path` must be a file that can be written; for {str(target)!r} that fails with "
            f"{type(error).__name__}: {error}. Hint: choose another folder."
        ) from error
    return target


def _checked(path: Any) -> Path:
    try:
        name = os.fspath(path)
    except TypeError:
        name = None
    if not isinstance(name, str):
        raise InvalidArgumentType(
            f"`path` must be a str or os.PathLike; got {path!r:.300}. "
            'Hint: trials.report("search.html").'
        )
    if not name or "\0" in name:
        raise InvalidArgument(
            f'`path` must be the name of a file; got {name!r}. Hint: trials.report("search.html").'
        )
    target = Path(name)
    if target.is_dir() or name.endswith(("/", os.sep)):
        raise InvalidArgument(
            f"`path` must be a file; {name!r} is a folder. Hint: {str(target / 'search.html')!r}."
        )
    if not target.parent.is_dir():
        raise InvalidArgument(
            f"`path` must be in a folder that exists; there is no folder {str(target.parent)!r}. "
            f"Hint: os.makedirs({str(target.parent)!r})."
        )
    return target


def report_html(
    trials: Any,
    *,
    clean: Callable[[str], str] = str,
    evaluate: bool = True,
    more: Mapping[str, Any] | None = None,
    how_to_go_on: str = "",
) -> str:
    """Return the report as HTML.

    Parameters
    ----------
    trials : Trials
        The trials.
    clean : callable
        Removes from texts what must not be shown, such as passwords.
    evaluate : bool, default True
        Whether the space may be evaluated, which runs the user's functions in it.
    more : mapping, optional
        More settings by name.
    how_to_go_on : str, optional
        Code that continues the search, by default made of the settings.
    """
    data = read_trials(trials)
    data = replace(
        data,
        brief=True,
        errors=[error and clean(error) for error in data.errors],
        options={
            label: [clean(name) if isinstance(name, str) else name for name in names]
            for label, names in data.options.items()
        },
    )
    settings = {**(getattr(trials, "_settings", None) or {}), **(more or {})}
    settings = {name: clean(str(value)) if isinstance(value, str) else value
                for name, value in settings.items()}  # fmt: skip
    title = str(settings.get("objective") or type(trials).__name__)
    code = how_to_go_on or go_on(settings, str(settings.get("trials", type(trials).__name__)))
    times = timing(data, settings.get("parallelism"))
    sections: list[Section] = [
        ("best", "The best trial", _best(trials, data, evaluate, clean)),
        *chart_sections(trials, data),
        ("trials", "All trials", _table(data, clean)),
        ("failures", "Why trials failed", _failures(trials, data, clean)),
        ("search", "The search", _search(settings, times, code)),
    ]
    head = _head(trials, data, title, times)
    return _page(title, head, sections, table_json(data, clean))


def _page(title: str, head: str, sections: Sequence[Section], data: str) -> str:
    css, script = _file("report.css"), _file("report.js")
    mark = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{mark}'; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    links = "".join(f'<a href="#{name}">{plain(title)}</a>' for name, title, _ in sections)
    parts = "".join(
        f'<section id="{name}"><h2>{plain(title)}</h2>{content}</section>'
        for name, title, content in sections
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{plain(title)}: report of a search</title><style>{css}</style></head><body>"
        f"<header>{head}<nav>{links}</nav></header><main>{parts}</main>"
        f'<div id="tip" hidden></div><script type="application/json" id="data">{data}</script>'
        f"<script>{script}</script></body></html>"
    )


def _file(name: str) -> str:
    return (files("sparktune._views") / "page" / name).read_text(encoding="utf-8")


def _head(trials: Any, data: TrialData, title: str, times: Mapping[str, str]) -> str:
    cards = []
    if data.best is not None:
        best = data.sign * data.losses[data.best]
        cards.append((f"best {data.what}", f"{best:.6g}", f"trial {data.tids[data.best]}"))
    counts = {each: data.outcomes.count(each) for each in dict.fromkeys(data.outcomes)}
    words = {"fail": "failed"}
    listed = ", ".join(f"{count} {words.get(name, name)}" for name, count in counts.items())
    cards.append(("trials", f"{len(data):,}", listed))
    wall = times.get("from the first start to the last end")
    if wall:
        cards.append(("time", wall, times.get("slots busy", "")))
    shown = "".join(
        f'<div class="card"><span>{plain(name)}</span><b>{plain(value)}</b>'
        f"<small>{plain(text)}</small></div>"
        for name, value, text in cards
    )
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    line = summarized(list(docs_of(trials)))
    return (
        f"<h1>{plain(title)}</h1><p>{plain(line[0].upper() + line[1:])}. Written {now}.</p>"
        f'<div class="cards">{shown}</div>'
    )


def _code(code: str) -> str:
    return (
        f'<div class="code"><button type="button" class="copy">Copy</button>'
        f"<pre>{plain(code)}</pre></div>"
    )


def _best(trials: Any, data: TrialData, evaluate: bool, clean: Callable[[str], str]) -> str:
    codes = best_code(trials, data, evaluate)
    if data.best is None or not codes:
        return "<p class=\"none\">No trial ended with status 'ok' and a finite loss.</p>"
    row = data.best
    seconds = data.ends[row] - data.starts[row] if len(data.ends) else float("nan")
    took = f", in {duration(float(seconds))}" if seconds == seconds else ""
    line = f"Trial {data.tids[row]}, {data.what} {float(data.sign * data.losses[row])!r}{took}."
    return f"<p>{plain(line)}</p>" + "".join(
        f"<h3>{plain(use)}</h3>{_code(clean(code))}" for use, code in codes
    )


def _table(data: TrialData, clean: Callable[[str], str]) -> str:
    if not len(data):
        return '<p class="none">There are no trials yet.</p>'
    kept = len(rows_to_keep(data))
    note = ""
    if kept < len(data):
        note = f"The best and evenly some of the others: {kept:,} of {len(data):,} trials. "
    return (
        '<div id="bar" hidden><input id="find" type="search" placeholder="Search: 17, fail, '
        'ValueError, adam" aria-label="Search trials"><span id="count"></span>'
        '<span id="pages"><button type="button" id="back">Back</button>'
        '<button type="button" id="next">Next</button></span></div>'
        f'<div class="scroll" tabindex="0">{table_html(data, clean)}</div>'
        f'<p class="note">{note}<span id="hint">The best trials; the others need the script of '
        "this page.</span></p>"
    )


def _failures(trials: Any, data: TrialData, clean: Callable[[str], str]) -> str:
    causes = causes_of(trials, failures_by_cause(data), data)
    parts = [failures_section(data)]
    for cause in causes[:_CAUSES]:
        count = len(cause.tids)
        listed = ", ".join(map(str, cause.tids[:_TIDS])) + (", ..." if count > _TIDS else "")
        text = clean(cause.traceback)
        if len(text) > _LONGEST:
            text = "[...]\n" + text[-_LONGEST:]
        trace = f"<pre>{plain(text)}</pre>" if text else ""
        plural = "s" if count > 1 else ""
        parts.append(
            f"<details><summary><b>{count}</b> {plain(clean(cause.error)[:500])}</summary>"
            f"<p>Trial{plural} {plain(listed)}{'; the first:' if trace else ''}</p>"
            f"{trace}</details>"
        )
    if len(causes) > _CAUSES:
        parts.append(f'<p class="note">{len(causes) - _CAUSES} rarer causes are not shown.</p>')
    return "".join(parts)


def _search(settings: Mapping[str, Any], times: Mapping[str, str], code: str) -> str:
    known = _facts(settings) if settings else (
        '<p class="none">The settings are not known: no search has run with these trials since '
        "sparktune records them.</p>"
    )  # fmt: skip
    return (
        f"<h3>To go on with it</h3>{_code(code)}<h3>Settings</h3>{known}"
        f"<h3>Time</h3>{_facts(times) or '<p class=none>No times were recorded.</p>'}"
        f"<h3>Versions that wrote this report</h3>{_facts(versions())}"
    )


def _facts(facts: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<dt>{plain(name)}</dt><dd>{plain(value)}</dd>" for name, value in facts.items()
    )
    return f"<dl>{rows}</dl>" if rows else ""
