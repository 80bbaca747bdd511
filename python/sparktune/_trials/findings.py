"""What the documents of a search say: counts, columns, the best of them. Functions of documents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np

from sparktune._space.compile import CompiledSpace, evaluate_assignment
from sparktune._trials.documents import (
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    JOB_STATE_NEW,
    JOB_STATE_RUNNING,
    JOB_STATES,
    STATUS_OK,
    Result,
    Trial,
)
from sparktune._trials.pmin import pmin_sampled
from sparktune._trials.results import finite_loss
from sparktune.exceptions import SparktuneError

__all__ = [
    "ReadsResults",
    "average_best_error",
    "best_of",
    "count_by_state",
    "first_failure",
    "losses_of",
    "point_of",
    "run_id_of",
    "statuses_of",
    "why_no_best",
]


class ReadsResults(Protocol):
    """Has its own way of reading results, as subclasses of `Domain` may."""

    def loss(self, result: Result, config: Any = None) -> Any:
        """Return the loss in a result."""

    def loss_variance(self, result: Result, config: Any = None) -> Any:
        """Return the variance of the loss."""

    def true_loss(self, result: Result, config: Any = None) -> Any:
        """Return the true loss."""

    def status(self, result: Result, config: Any = None) -> Any:
        """Return the status in a result."""


def count_by_state(docs: Iterable[Trial], arg: int | Iterable[int]) -> int:
    """Count trials by state."""
    states = [arg] if isinstance(arg, int) or not hasattr(arg, "__iter__") else list(arg)
    if not all(state in JOB_STATES for state in states):
        raise TypeError(f"`arg` must be one of {JOB_STATES} or several of them; got {arg!r}.")
    return sum(doc["state"] in states for doc in docs)


def losses_of(docs: Iterable[Trial], bandit: ReadsResults | None = None) -> list[Any]:
    """Return the loss of each trial, None where there is none."""
    if bandit is None:
        return [doc["result"].get("loss") for doc in docs]
    return [bandit.loss(doc["result"], doc["spec"]) for doc in docs]


def statuses_of(docs: Iterable[Trial], bandit: ReadsResults | None = None) -> list[Any]:
    """Return the status of each trial."""
    if bandit is None:
        return [doc["result"].get("status") for doc in docs]
    return [bandit.status(doc["result"], doc["spec"]) for doc in docs]


def average_best_error(docs: Iterable[Trial], bandit: ReadsResults | None = None) -> float:
    """Return the true loss of the best trial, allowing for uncertain losses."""
    rows = []
    for doc in docs:
        result, spec = doc["result"], doc["spec"]
        if bandit is None:
            if finite_loss(result) is None:
                continue
            loss = result["loss"]
            row = (loss, result.get("loss_variance", 0), result.get("true_loss", loss))
        else:
            if bandit.status(result) != STATUS_OK:
                continue
            row = (
                bandit.loss(result, spec),
                bandit.loss_variance(result, spec),
                bandit.true_loss(result, spec),
            )
            if not np.all(np.isfinite(row)):
                raise ValueError(f"Loss, its variance and true loss must be finite; got {row}.")
        rows.append(row)
    if not rows:
        raise ValueError("No trial ended with status 'ok' and a finite loss.")
    table = np.asarray(sorted(rows), dtype=float)
    loss, variance, true_loss = table.T
    if not variance.any():
        return float(true_loss[0])
    rivals = int(np.searchsorted(loss, loss[0] + 3 * np.sqrt(variance[0]), side="left"))
    chance = pmin_sampled(loss[:rivals], variance[:rivals])
    return float((chance * true_loss[:rivals]).sum())


def best_of(docs: Iterable[Trial]) -> Trial | None:
    """Return the trial with the lowest finite loss and status ``'ok'``, the first of equals."""
    best, lowest = None, np.inf
    for doc in docs:
        loss = finite_loss(doc["result"])
        if loss is not None and loss < lowest:
            best, lowest = doc, loss
    return best


def why_no_best(docs: Sequence[Trial], shown: Sequence[Trial]) -> str:
    """Return a message for a search that has no best trial."""
    counts = {
        "failed": count_by_state(docs, JOB_STATE_ERROR),
        "done, but without a finite loss": count_by_state(docs, JOB_STATE_DONE),
        "not finished": count_by_state(docs, [JOB_STATE_NEW, JOB_STATE_RUNNING]),
    }
    listed = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    # Begins as Hyperopt's message does where there is nothing to choose from.
    none_left = "" if shown else "There are no evaluation tasks to choose from. "
    message = (
        f"{none_left}No trial ended with status 'ok' and a finite loss, so there is no best "
        f"trial ({listed or 'there are no trials'})."
    )
    failure = first_failure(docs)
    return f"{message} The first failure:\n{failure}" if failure else message


def run_id_of(doc: Trial) -> str:
    """Return the MLflow run of the best trial."""
    run_id = doc["misc"].get("run_id")
    if run_id is None:
        raise SparktuneError(
            f"The best trial, {doc['tid']}, has no MLflow run. Hint: record the search with "
            "fmin(..., mlflow=True)."
        )
    return str(run_id)


def point_of(doc: Trial, space: CompiledSpace | None) -> Any:
    """Return the point of a trial as the objective saw it."""
    if space is None:
        raise SparktuneError(
            "`best_params` must know the space, and this object has not been used in a search "
            "since it was made or loaded; use `space_eval(space, trials.argmin)`."
        )
    return evaluate_assignment(space, doc["misc"]["vals"])


def first_failure(docs: Iterable[Trial]) -> str | None:
    """Return what is known of the first failed trial: its traceback, else its error."""
    for doc in docs:
        if doc["state"] == JOB_STATE_ERROR:
            misc = doc["misc"]
            if misc.get("traceback"):
                return str(misc["traceback"])
            if misc.get("error"):
                return ": ".join(str(part) for part in misc["error"])
    return None
