"""What the run of a search shows of it: the picture of its losses, and the report."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sparktune._tracking.base import SearchInfo
from sparktune._tracking.store import redacted
from sparktune._views.charts.history import history
from sparktune._views.draw.markup import Look
from sparktune._views.draw.svg import chart_svg
from sparktune._views.report import report_html
from sparktune._views.trial_data import TrialData

__all__ = ["history_svg", "pages_of"]

logger = logging.getLogger("sparktune.mlflow")

# Of more values than this, the report would hold up the end of the search for seconds.
_MOST_VALUES = 500_000

# With a size of its own: otherwise MLflow shows the picture in a box of size zero. And on white, as
# its page has no colours to take.
_LOOK = Look(width=800, height=380, fixed=True, hover="none")
_OUTCOMES = {"error": "fail"}


def pages_of(
    info: SearchInfo,
    points: Sequence[tuple[int, float | None, str]],
    uuid: str,
    run_id: str,
    go_on: str,
) -> dict[tuple[str, str], str]:
    """Return what a run shows of a search that has ended, by the name and kind of its file.

    `points` are those of `history_svg`; `go_on` is code that continues the search.
    """
    pages = {}
    if points:
        title = f"{len(points)} trials of search {uuid[:6]}"
        pages["history", "svg"] = history_svg(points, title, info.maximize)
    report = _report_of(info, run_id, go_on)
    if report is not None:
        pages["report", "html"] = report
    return pages


def history_svg(
    points: Sequence[tuple[int, float | None, str]], title: str, maximized: bool = False
) -> str:
    """Return the picture of (trial id, finite loss or None, status) as SVG text.

    If the search maximizes, the losses are the negatives of scores, which are shown.
    """
    ordered = sorted(points, key=lambda point: point[0])
    data = TrialData(
        tids=[tid for tid, _, _ in ordered],
        outcomes=[_OUTCOMES.get(status, status) for _, _, status in ordered],
        losses=np.array([math.nan if loss is None else loss for _, loss, _ in ordered], float),
        maximized=maximized,
        brief=True,
    )
    return chart_svg(replace(history(data), title=title), _LOOK)


def _report_of(info: SearchInfo, run_id: str, go_on: str) -> str | None:
    """Return the report of a search; None if it would take too long, or fails.

    The space is not evaluated, because that runs the user's functions, and this is another thread.
    """
    docs = getattr(info.trials, "_dynamic_trials", None)
    if not docs:
        return None
    if len(docs) * (len(docs[-1]["misc"]["vals"]) + 5) > _MOST_VALUES:
        logger.info("The report of %d trials is not recorded; trials.report(path) writes it.",
                    len(docs))  # fmt: skip
        return None
    try:
        return report_html(info.trials, clean=redacted, evaluate=False,
                           more={"mlflow_run": run_id}, how_to_go_on=go_on)  # fmt: skip
    except Exception:
        logger.debug("The report could not be made.", exc_info=True)
        return None
