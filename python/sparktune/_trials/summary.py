"""`CountedTrials`: says how many trials there are and what became of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sparktune._trials import findings
from sparktune._trials.collection import TrialCollection
from sparktune._trials.documents import (
    JOB_STATE_CANCEL,
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    STATUS_FAIL,
    STATUS_OK,
    Trial,
)
from sparktune._trials.results import finite_loss, is_score
from sparktune._trials.table import curves_table, trials_table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CountedTrials", "common_errors", "short_text", "summarized"]

# What is shown at most.
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


def common_errors(docs: Sequence[Trial]) -> list[str]:
    """Return the commonest errors of trials, each with its number of trials."""
    counts = Counter(error for doc in docs if (error := findings.error_of(doc)) is not None)
    listed = [f"{short_text(error)} ({count})" for error, count in counts.most_common(_ERRORS)]
    return [*listed, "..."] if len(counts) > _ERRORS else listed


def short_text(value: Any) -> str:
    """Return a value as short text."""
    if value is None:
        return ""
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
