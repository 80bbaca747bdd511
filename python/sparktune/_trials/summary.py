"""`CountedTrials`: says how many trials there are and what became of them; also as HTML."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from sparktune._space.reader import SpaceReader
from sparktune._trials import findings
from sparktune._trials.collection import TrialCollection
from sparktune._trials.documents import (
    JOB_STATE_CANCEL,
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    STATUS_FAIL,
    STATUS_OK,
    Trial,
    spec_from_misc,
)
from sparktune._trials.results import finite_loss, is_score
from sparktune._trials.table import curves_table, named, trials_table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CountedTrials", "common_errors", "summarized"]

# What the HTML shows at most.
_BEST = 5
_LABELS = 10
_ERRORS = 3
_LONGEST = 80


class CountedTrials(TrialCollection):
    """Trials that can be counted, summarized and shown as tables."""

    def count_by_state_synced(
        self, arg: int | Iterable[int], trials: Iterable[Trial] | None = None
    ) -> int:
        """Count trials by state.

        Parameters
        ----------
        arg : int or iterable of int
            One or more of `JOB_STATES`.
        trials : iterable of Trial, optional
            By default `trials` as of the last `refresh`.

        Raises
        ------
        TypeError
            If `arg` is neither a state nor several states.
        """
        return findings.count_by_state(self._trials if trials is None else trials, arg)

    def count_by_state_unsynced(self, arg: int | Iterable[int]) -> int:
        """Count trials by state as they are now, ERROR and CANCEL included.

        Parameters
        ----------
        arg : int or iterable of int
            One or more of `JOB_STATES`.
        """
        return self.count_by_state_synced(arg, trials=self._all_docs())

    def count_successful_trials(self) -> int:
        """Return the number of trials that ended without an error."""
        return self.count_by_state_unsynced(JOB_STATE_DONE)

    def count_failed_trials(self) -> int:
        """Return the number of trials that ended with an error."""
        return self.count_by_state_unsynced(JOB_STATE_ERROR)

    def count_cancelled_trials(self) -> int:
        """Return the number of trials that were cancelled."""
        return self.count_by_state_unsynced(JOB_STATE_CANCEL)

    def count_total_trials(self) -> int:
        """Return the number of trials that ended, in whatever way."""
        return self.count_by_state_unsynced([JOB_STATE_DONE, JOB_STATE_ERROR, JOB_STATE_CANCEL])

    def to_pandas(self) -> pd.DataFrame:
        """Return a table with one row per trial, failed and cancelled ones included.

        Returns
        -------
        pandas.DataFrame
            Its columns, with gaps where a trial has no such value:

            - ``tid``; ``state``, as the search sees it: new, running, done, error or cancelled.
            - ``status``, what became of the trial: the status that its objective returned (ok,
              fail), fail if it raised, pruned, else new, running or cancelled.
            - ``loss``, of a pruned trial the one that it would have reached; ``error``, the
              exception of a trial that raised, in one line.
            - ``start_time`` and ``end_time`` in UTC, ``duration`` in seconds: of the last attempt,
              if the trial ran several times; ``attempts``, how often it was started;
              ``last_step``, up to where it reported.
            - ``run_id``, its MLflow run.
            - ``params.<label>`` for each hyperparameter, with gaps where it was inactive. A choice
              has a short name of its option: a number or text itself (None as text), of a dict its
              `type`, `name` or `model` or the text that tells it from the others, the name of a
              function or class; else the position. Before a search with this object, as after
              loading it, the space is unknown, and choices have positions.
            - ``result.<key>`` for each number, text or date that the objective returned beside
              loss and status.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        return trials_table(self._all_docs(), self._space)

    def curves(self) -> pd.DataFrame:
        """Return what trials reported by ``trial.report``, one row per report.

        Returns
        -------
        pandas.DataFrame
            With the columns ``tid``, ``status`` (as in `to_pandas`), ``step`` and ``loss``; of a
            trial that reported more than 1,024 times, some of the reports.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        return curves_table(self._all_docs())

    def __repr__(self) -> str:
        try:
            return f"<{type(self).__name__}, {summarized(self._all_docs())}>"
        except Exception:  # documents made by hand, say; debuggers need an answer
            return object.__repr__(self)

    def _repr_html_(self) -> str | None:
        """Return the summary with the best trials and the commonest errors, for notebooks."""
        try:
            docs = self._all_docs()
            names = {} if self._space is None else SpaceReader(self._space.expr).names()
            parts = [f"<p><b>{escape(type(self).__name__)}</b>, {escape(summarized(docs))}</p>"]
            parts += [_best_trials(docs, names), _errors(docs)]
        except Exception:
            return None
        return f"<div>{''.join(parts)}</div>"


def summarized(docs: Sequence[Trial]) -> str:
    """Return "3 trials: 2 ok, 1 failed; best loss 0.5 (trial 1)"."""
    if not docs:
        return "no trials"
    counts = Counter(map(findings.outcome_of, docs))
    words = {STATUS_FAIL: "failed"}
    order = [STATUS_OK, STATUS_FAIL, findings.CANCELLED]
    kinds = sorted(counts, key=lambda kind: order.index(kind) if kind in order else len(order))
    listed = ", ".join(f"{counts[kind]} {words.get(kind, kind)}" for kind in kinds)
    text = f"{len(docs)} trial{'s' if len(docs) > 1 else ''}: {listed}"
    best = findings.best_of(doc for doc in docs if doc["state"] == JOB_STATE_DONE)
    if best is None:
        return text
    what, value = ("score", -_loss(best)) if is_score(best["result"]) else ("loss", _loss(best))
    return f"{text}; best {what} {value:.6g} (trial {best['tid']})"


def _loss(doc: Trial) -> float:
    loss = finite_loss(doc["result"]) if doc["state"] == JOB_STATE_DONE else None
    return float("inf") if loss is None else loss


def _best_trials(docs: Sequence[Trial], names: Mapping[str, Sequence[Any]]) -> str:
    """Return a table of the best trials."""
    best = [doc for doc in heapq.nsmallest(_BEST, docs, key=_loss) if _loss(doc) < float("inf")]
    if not best:
        return ""
    specs = [spec_from_misc(doc["misc"]) for doc in best]
    labels = list(dict.fromkeys(label for spec in specs for label in spec))
    shown = labels[:_LABELS]
    rows = [["trial", "loss", *shown]]
    for doc, spec in zip(best, specs, strict=True):
        values = [named(names[x], spec.get(x)) if x in names else spec.get(x) for x in shown]
        rows.append([str(doc["tid"]), *map(_text, [_loss(doc), *values])])
    if len(labels) > len(shown):
        rows = [[*row, "..."] for row in rows]
    cells = ["".join(f"<td>{escape(text)}</td>" for text in row) for row in rows[1:]]
    head = "".join(f"<th>{escape(text)}</th>" for text in rows[0])
    body = "".join(f"<tr>{row}</tr>" for row in cells)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _errors(docs: Sequence[Trial]) -> str:
    """Return the commonest errors, each with its number of trials."""
    listed = common_errors(docs)
    return f"<p>Errors: {escape('; '.join(listed))}</p>" if listed else ""


def common_errors(docs: Sequence[Trial]) -> list[str]:
    """Return the commonest errors of trials, each with its number of trials."""
    counts = Counter(error for doc in docs if (error := findings.error_of(doc)) is not None)
    listed = [f"{_text(error)} ({count})" for error, count in counts.most_common(_ERRORS)]
    return [*listed, "..."] if len(counts) > _ERRORS else listed


def _text(value: Any) -> str:
    """Return a value as short text."""
    if value is None:
        return ""
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
