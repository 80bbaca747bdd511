"""The live view: one output of a notebook cell that shows how a search goes.

It updates one display of IPython with HTML, which needs no widget and no extension. Whatever fails,
the tqdm bar takes over, and the search goes on.
"""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from sparktune._trials.documents import STATUS_OK
from sparktune._trials.findings import outcome_of
from sparktune._views.chart import Chart
from sparktune._views.charts.history import history
from sparktune._views.draw.markup import Look
from sparktune._views.draw.svg import chart_svg
from sparktune._views.live_page import live_html, live_text
from sparktune._views.trial_data import TrialData
from sparktune.progress import Facts, tqdm_progress_callback

__all__ = ["History", "LiveView", "live_progress_callback"]

logger = logging.getLogger("sparktune.live")

_MOST_ROWS = 400  # beside those of trials that were better than all before
_LOOK = Look(width=640, height=165, titles=False, most=250, hover="none")


@contextlib.contextmanager
def live_progress_callback(initial: int, total: int) -> Iterator[Any]:
    """Show the live view; a progress callback (see `sparktune.progress`)."""
    with contextlib.ExitStack() as stack:
        yield LiveView(initial, total, stack)


class LiveView:
    """The live view of one search.

    Parameters
    ----------
    initial, total : int
        As for a progress callback.
    stack : contextlib.ExitStack
        Closes the bar that takes over if the view fails.
    """

    def __init__(self, initial: int, total: int, stack: contextlib.ExitStack) -> None:
        self._done, self._total, self._stack = initial, total, stack
        self._bar: Any = None
        self._display: Any = None
        self._sent = ""
        self._history = History()
        self._text = "best loss: ?"

    @property
    def postfix(self) -> str:
        """The text of a bar; the view itself has the facts."""
        return self._text

    @postfix.setter
    def postfix(self, text: str) -> None:
        self._text = text
        if self._bar is not None:
            self._bar.postfix = text

    def update(self, n: int) -> None:
        """Count trials, for the bar if it takes over."""
        self._done += n
        if self._bar is not None:
            self._bar.update(n)

    def show_facts(self, facts: Facts) -> None:
        """Show the facts, if they look different from the last ones."""
        if self._bar is None:
            try:
                self._show(facts)
            except Exception:
                logger.debug("The live view fails; a bar takes over.", exc_info=True)
                self._bar = self._stack.enter_context(
                    tqdm_progress_callback(self._done, self._total)
                )
                self._bar.postfix = self._text
        if self._bar is not None:
            self._bar.show_facts(facts)

    def _show(self, facts: Facts) -> None:
        html = live_html(facts, self._history.draw(facts))
        if html == self._sent:
            return
        from IPython.display import display

        shown = {"text/html": html, "text/plain": live_text(facts)}
        if self._display is None:
            self._display = display(shown, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._display.update(shown, raw=True)
        self._sent = html


class _Row(NamedTuple):
    """What is drawn of a trial; `place` is that in the order in which trials ended."""

    place: int
    tid: Any
    outcome: str
    loss: float
    better: bool


class History:
    """Draws the losses of the trials that ended, and reads each trial once.

    Of many trials it keeps some, evenly, and all that were better than those before.
    """

    def __init__(self) -> None:
        self._rows: list[_Row] = []
        self._read = 0
        self._apart = 1
        self._best = math.inf
        self._drawn = ""

    def draw(self, facts: Facts) -> str:
        """Return the picture, empty before two trials have a loss."""
        if self._read == len(facts.ended):
            return self._drawn
        self._take_in(facts.ended)
        if sum(math.isfinite(row.loss) for row in self._rows) >= 2:
            rows = self._rows
            if all(isinstance(row.tid, int) for row in rows):
                rows = sorted(rows, key=lambda row: row.tid)
            data = TrialData(
                tids=[row.tid for row in rows],
                outcomes=[row.outcome for row in rows],
                losses=np.array([row.loss for row in rows]),
                maximized=facts.what == "score",
                brief=True,
            )
            chart = history(data)
            self._drawn = chart_svg(Chart(chart.title, chart.panels), _LOOK)
        return self._drawn

    def _take_in(self, ended: Sequence[Any]) -> None:
        before = self._apart
        while len(ended) > _MOST_ROWS * self._apart:
            self._apart *= 2
        if self._apart > before:
            self._rows = [row for row in self._rows if row.better or row.place % self._apart == 0]
        for place in range(self._read, len(ended)):
            doc = ended[place]
            loss = _loss_of(doc["result"])
            better = loss < self._best and doc["result"].get("status") == STATUS_OK
            if better:
                self._best = loss
            if better or place % self._apart == 0:
                self._rows.append(_Row(place, doc["tid"], outcome_of(doc), loss, better))
        self._read = len(ended)


def _loss_of(result: Any) -> float:
    loss = result.get("loss")
    if type(loss) is float:
        return loss
    try:
        return float(loss)
    except (OverflowError, TypeError, ValueError):
        return math.nan
