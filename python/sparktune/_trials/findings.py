"""What the documents of a search say: counts, the best of them, why there is none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from sparktune._trials.documents import (
    JOB_STATE_CANCEL,
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    JOB_STATE_NEW,
    JOB_STATE_RUNNING,
    JOB_STATES,
    STATUS_FAIL,
    STATUS_NEW,
    STATUS_OK,
    STATUS_PRUNED,
    STATUS_RUNNING,
    UNFINISHED,
    Trial,
)
from sparktune._trials.pmin import pmin_sampled
from sparktune._trials.results import finite_loss
from sparktune.exceptions import InvalidArgument, InvalidArgumentType

__all__ = [
    "CANCELLED",
    "average_best_error",
    "best_of",
    "brief_error",
    "class_name",
    "count_by_state",
    "docs_of",
    "error_of",
    "first_failure",
    "outcome_of",
    "why_no_best",
    "without_numbers",
]

CANCELLED = "cancelled"

_NUMBER = re.compile(r"-?\b(0x[0-9a-fA-F]+|\d+(\.\d+)?(e[+-]?\d+)?)\b")

_OUTCOMES = {
    JOB_STATE_NEW: STATUS_NEW,
    JOB_STATE_RUNNING: STATUS_RUNNING,
    JOB_STATE_ERROR: STATUS_FAIL,
    JOB_STATE_CANCEL: CANCELLED,
}


def docs_of(trials: Any) -> Iterator[Trial]:
    """Yield the documents in any state, of the experiment of `trials`."""
    key = getattr(trials, "_exp_key", None)
    for doc in getattr(trials, "_dynamic_trials", ()):
        if key is None or doc["exp_key"] == key:
            yield doc


def outcome_of(doc: Trial) -> str:
    """Return what became of a trial: the status of its result if it is done, else by its state.

    A trial that raised has ``"fail"``, as one that returned `STATUS_FAIL`.
    """
    if doc["state"] == JOB_STATE_DONE:
        return str(doc["result"].get("status"))
    return _OUTCOMES[doc["state"]]


def error_of(doc: Trial) -> str | None:
    """Return the error of a trial that raised, as one line; None for all others."""
    error = doc["misc"].get("error")
    if doc["state"] != JOB_STATE_ERROR or not isinstance(error, (tuple, list)) or not error:
        return None
    return brief_error(str(error[0]), str(error[1]) if len(error) > 1 else "")


def class_name(type_name: str) -> str:
    """Return the name of a class without its module, of ``str(type(exception))``."""
    return re.sub(r"<class '(?:.*\.)?(.*)'>", r"\1", type_name)


def without_numbers(message: str) -> str:
    """Return a message with all numbers alike, to count errors that differ in these only."""
    return _NUMBER.sub("0", message)


def brief_error(type_name: str, text: str) -> str:
    """Return ``"ValueError: x is too large"``: a type and the first line of a message.

    Parameters
    ----------
    type_name : str
        ``str(type(exception))``.
    text : str
        The message, or the traceback of which it is the end.
    """
    kind = class_name(type_name)
    lines = text.strip().splitlines() or [""]
    if lines[0].startswith("Traceback (") or lines[0].lstrip().startswith("+ Exception Group"):
        # The last line with the type, because causes come before.
        title = re.compile(rf"[\s|]*(?:[\w<>]+\.)*{re.escape(kind)}(?:: (.*))?$")
        found = next((match for line in reversed(lines) if (match := title.match(line))), None)
        lines = [(found[1] or "") if found else lines[-1].strip()]
    return f"{kind}: {lines[0]}" if lines[0] else kind


def count_by_state(docs: Iterable[Trial], arg: int | Iterable[int]) -> int:
    """Count trials by state."""
    states = [arg] if isinstance(arg, int) or not hasattr(arg, "__iter__") else list(arg)
    if not all(state in JOB_STATES for state in states):
        raise InvalidArgumentType(
            f"`arg` must be one of {JOB_STATES} or several of them; got {arg!r}."
        )
    return sum(doc["state"] in states for doc in docs)


def average_best_error(docs: Iterable[Trial], bandit: Any = None) -> np.float64:
    """Return the true loss of the best trial, allowing for uncertain losses.

    It is a NumPy float as in Hyperopt, since callers may use NumPy's methods.
    """
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
                raise InvalidArgument(
                    f"Loss, its variance and true loss must be finite; got {row}."
                )
        rows.append(row)
    if not rows:
        raise InvalidArgument("No trial ended with status 'ok' and a finite loss.")
    table = np.asarray(sorted(rows), dtype=float)
    loss, variance, true_loss = table.T
    if not variance.any():
        return np.float64(true_loss[0])
    rivals = int(np.searchsorted(loss, loss[0] + 3 * np.sqrt(variance[0]), side="left"))
    chance = pmin_sampled(loss[:rivals], variance[:rivals])
    return np.float64((chance * true_loss[:rivals]).sum())


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
        **_done_by_kind(docs),
        "not finished": count_by_state(docs, UNFINISHED),
    }
    listed = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    # If there is nothing to choose from, the message begins as Hyperopt's does.
    nothing = "" if shown else "There are no evaluation tasks to choose from. "
    message = (
        f"{nothing}No trial ended with status 'ok' and a finite loss, so there is no best "
        f"trial ({listed or 'there are no trials'})."
    )
    failure = first_failure(docs)
    if failure:
        return f"{message} The first failure:\n{failure}"
    done = [what for what in _HINTS if counts.get(what)]
    return f"{message} Hint: {_HINTS[done[0]]}." if len(done) == 1 else message


_FAIL = "done with status 'fail'"
_NAN = "done with the loss nan"
_INFINITE = "done with an infinite loss"
_HINTS = {
    _FAIL: "return STATUS_OK with a loss where the objective succeeds",
    _NAN: "look for 0 / 0, a mean of nothing or a diverged model in the objective",
    STATUS_PRUNED: "a policy that lets some trials run to their end, such as prune='median'",
    _INFINITE: "look for a division by 0 or log(0) in the objective, or return a large finite loss",
}


def _done_by_kind(docs: Iterable[Trial]) -> dict[str, int]:
    """Count the trials that are done without a finite loss, by what they have instead."""
    counts: dict[str, int] = {}
    for doc in docs:
        if doc["state"] == JOB_STATE_DONE:
            what = _kind_of_result(doc["result"])
            counts[what] = counts.get(what, 0) + 1
    return counts


def _kind_of_result(result: Mapping[str, Any]) -> str:
    if (status := result.get("status")) in (STATUS_FAIL, STATUS_PRUNED):
        return _FAIL if status == STATUS_FAIL else STATUS_PRUNED
    try:
        loss = float(result["loss"])
    except (KeyError, OverflowError, TypeError, ValueError):
        return "done without a loss"
    return _NAN if loss != loss else _INFINITE


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
