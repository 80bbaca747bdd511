"""What the live view says, as HTML and as text."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from sparktune._trials.summary import short_text
from sparktune._views.draw.markup import plain
from sparktune._views.texts import cut
from sparktune.progress import Facts

__all__ = ["live_html", "live_text"]

# What is shown at most.
_PARAMS = 12
_LONGEST_LABEL = 40
_LONGEST_VALUE = 60
_LONGEST_ERROR = 120
_LONGEST_ENDING = 300
_WHOLE = 60  # characters of a label and its value that are not wrapped

_STEP = 5  # seconds: clocks go on in such steps, so that not each of them needs an update

# Colours that are seen on white and on black; the text takes that of the notebook.
_BLUE, _GREEN, _RED = "#0072b2", "#009e73", "#d55e00"


def live_html(facts: Facts, picture: str) -> str:
    """Return the view as HTML, in which no text of the user's is markup.

    Parameters
    ----------
    facts : Facts
        What it says.
    picture : str
        The history as SVG.
    """
    lines = [
        f"<div><b>{plain(_count(facts))}</b> {_dim(plain(', '.join(_pace(facts))))}</div>",
        _bar(facts),
        _best(facts),
        f"<div>{plain(', '.join(_counts(facts)))}</div>",
        *(_one_line(line) for line in _failures(facts)),
        f"<div><b>{plain(_ended(facts))}</b></div>" if _ended(facts) else "",
        picture,
    ]
    style = "max-width:640px;font:13px/1.5 system-ui,sans-serif;overflow-wrap:anywhere"
    body = "".join(line for line in lines if line and line != "<div></div>")
    return f'<div style="{style}">{body}</div>'


def live_text(facts: Facts) -> str:
    """Return the view as lines of text, for front ends that show no HTML and for diffs."""
    first = ", ".join([_count(facts), *_pace(facts)])
    best = ""
    if facts.best is not None:
        params = [f"{label}={value}" for label, value in _params(facts)]
        best = f"{_best_title(facts)}: {', '.join([*params, *_others(facts)])}"
    lines = [first, best, ", ".join(_counts(facts)), *_failures(facts), _ended(facts)]
    return "\n".join(cut(line, 1000) for line in lines if line)


def _count(facts: Facts) -> str:
    if not facts.total:
        return f"{facts.done:,} trial{'s' * (facts.done != 1)}"
    share = min(100, 100 * facts.done // facts.total)
    return f"{facts.done:,} of {facts.total:,} trials ({share} %)"


def _pace(facts: Facts) -> Iterator[str]:
    """Yield how fast the search goes, and how long it goes on."""
    if facts.per_minute:
        yield (
            f"{facts.per_minute:,.3g} trials per minute"
            if facts.per_minute < 1000
            else (f"{facts.per_minute:,.0f} trials per minute")
        )
    if facts.ending is not None:
        yield f"took {_span(facts.seconds, 1)}"
    elif facts.seconds_left is not None:
        yield f"about {_span(facts.seconds_left, _STEP)} left"


def _span(seconds: float, step: int) -> str:
    """Return a time in words, in steps below a minute and without seconds above ten."""
    whole = math.ceil(seconds / step) * step
    if whole < 60:
        return f"{whole} s"
    if whole < 600 and step == 1:
        return f"{whole // 60} min {whole % 60} s"
    minutes = math.ceil(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _counts(facts: Facts) -> Iterator[str]:
    """Yield how many trials run, were pruned and failed."""
    if facts.ending is None and facts.slots is not None:
        yield f"{facts.running:,} of {facts.slots:,} slots busy"
    if facts.pruned:
        yield f"{facts.pruned:,} pruned"
    if facts.failed:
        yield f"{facts.failed:,} failed"


def _failures(facts: Facts) -> Iterator[str]:
    for tid, error in reversed(facts.failures):
        yield f"trial {tid}: {cut(error, _LONGEST_ERROR)}"


def _ended(facts: Facts) -> str:
    """Return what ended the search early."""
    return f"The search ended: {cut(facts.ending, _LONGEST_ENDING)}." if facts.ending else ""


def _best_title(facts: Facts) -> str:
    return f"best {facts.what} {short_text(facts.best)} (trial {facts.best_tid})"


def _params(facts: Facts) -> list[tuple[str, str]]:
    return [
        (cut(label, _LONGEST_LABEL), cut(short_text(_number(value)), _LONGEST_VALUE))
        for label, value in list(facts.best_params.items())[:_PARAMS]
    ]


def _others(facts: Facts) -> list[str]:
    """Return how many parameters are not shown."""
    more = len(facts.best_params) - _PARAMS
    return [f"and {more:,} more"] if more > 0 else []


def _number(value: Any) -> Any:
    """Return a number of NumPy as Python's, others as they are."""
    return value.item() if hasattr(value, "dtype") and getattr(value, "ndim", 1) == 0 else value


def _best(facts: Facts) -> str:
    if facts.best is None:
        return ""
    parts = []
    for label, value in _params(facts):
        style = "margin-right:1em" + (";white-space:nowrap" if len(label + value) < _WHOLE else "")
        pair = f"{_dim(plain(label))} <code>{plain(value)}</code>"
        parts.append(f'<span style="{style}">{pair}</span>')
    parts += [_dim(plain(more)) for more in _others(facts)]
    return f"<div><b>{plain(_best_title(facts))}</b></div><div>{' '.join(parts)}</div>"


def _bar(facts: Facts) -> str:
    """Return the bar, empty where there is no bound."""
    if not facts.total:
        return ""
    share = 100 * min(1.0, facts.done / facts.total)
    color = _BLUE if facts.ending is None else _RED if facts.ending else _GREEN
    return (
        '<div role="progressbar" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{share:.0f}" '
        'style="height:8px;margin:4px 0;border-radius:4px;background:rgba(128,128,128,.3)">'
        f'<div style="height:8px;border-radius:4px;width:{share:.1f}%;background:{color}"></div>'
        "</div>"
    )


def _dim(markup: str) -> str:
    return f'<span style="opacity:.75">{markup}</span>' if markup else ""


def _one_line(text: str) -> str:
    """Return a line that is cut where the page ends; pointing at it shows all of it."""
    style = "opacity:.75;white-space:nowrap;overflow:hidden;text-overflow:ellipsis"
    return f'<div style="{style}" title="{plain(text)}">{plain(text)}</div>'
