"""Reads the answers of tasks on the driver; see `sparktune._worker.task`."""

from __future__ import annotations

import contextlib
import logging
import pickle
import platform
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sparktune._search.runner import Finished, TrialError
from sparktune._tracking.base import TrackedRun
from sparktune._trials.documents import Trial
from sparktune._trials.large import LargeDict
from sparktune._trials.results import normalize_result
from sparktune._trials.stored import LargeValues
from sparktune.exceptions import JobFailed, ObjectiveNotLoaded, TrialTimeout

__all__ = ["failed", "finished", "timed_out"]

logger = logging.getLogger("sparktune.dispatch")


def failed(trial: Trial, error: BaseException) -> Finished:
    """Return the outcome of a trial that failed outside its objective, and may run again.

    The traceback of our own errors is left out: it shows our own frames only.
    """
    described = _described(error)
    if isinstance(error, JobFailed):
        timed_out = isinstance(error, TrialTimeout)
        described = replace(described, reason="timeout" if timed_out else "lost")
    return Finished(trial, error=described)


def timed_out(trial: Trial, limit: float) -> Finished:
    """Return the outcome of a trial that took longer than `limit` seconds."""
    text = f"The trial took longer than its `trial_timeout` of {limit} s and was stopped."
    return failed(trial, TrialTimeout(text))


def _described(error: BaseException) -> TrialError:
    described = TrialError.from_exception(error)
    if isinstance(error, (JobFailed, ObjectiveNotLoaded)):
        name = f"{type(error).__module__}.{type(error).__qualname__}"
        described = replace(described, traceback=f"{name}: {error}\n")
    return described


def finished(
    trial: Trial, answer: bytes, tracked: TrackedRun | None, store: LargeValues
) -> Finished:
    """Return the outcome of a trial from the pickled answer of its task.

    Large values go to `store` as they came.
    """
    kind, *body, meta = pickle.loads(answer)
    seconds = meta["seconds"]
    if tracked is not None:
        for note in meta.get("notes", ()):
            tracked.note(note)
    logger.debug(
        "Trial %s: %s after %.3f s in process %s on %s, attempt %s.",
        trial["tid"], kind, seconds, meta["pid"], meta["host"], meta["attempt"],
    )  # fmt: skip
    if kind == "ok":
        try:
            result = pickle.loads(body[0])
        except Exception as reason:
            unreadable = JobFailed(
                "The result of the objective cannot be read on the driver "
                f"({type(reason).__name__}: {reason}). Hint: return plain data, or install "
                "here what the workers have."
            )
            # It would be so again.
            return Finished(trial, error=_described(unreadable), seconds=seconds)
        result = _with_large(normalize_result(result), body[1], store)
        return Finished(trial, result=result, seconds=seconds)
    if kind == "not loaded":
        what, traceback = body
        error = ObjectiveNotLoaded(
            f"The objective cannot be loaded on the workers, which run {meta['python']}: {what}. "
            f"The driver runs {sys.executable} (Python {platform.python_version()}). Hint: install "
            "there what the objective imports, or have the workers run the driver's Python (Spark: "
            "set PYSPARK_PYTHON or spark.pyspark.python before the session or its server is made)."
        )
        described = TrialError(str(type(error)), str(error), traceback, error, fatal=True)
        return Finished(trial, error=described)
    type_name, message, traceback, pickled = body
    described = TrialError(type_name, message, traceback, _exception(pickled))
    return Finished(trial, error=described, seconds=seconds)


def _with_large(
    result: dict[str, Any], large: Mapping[tuple[Any, ...], bytes], store: LargeValues
) -> dict[str, Any]:
    """Put large values where they belong in a result, which holds None there."""
    if not large:
        return result
    result = LargeDict(result)
    for path, pickled in large.items():
        if len(path) == 1:
            result[path[0]] = store.store(pickled)
        else:
            attached = LargeDict(result["attachments"])
            attached[path[1]] = store.store(pickled)
            result["attachments"] = attached
    return result


def _exception(pickled: bytes | None) -> BaseException | None:
    if pickled is None:
        return None
    with contextlib.suppress(Exception):  # many exception classes pickle, but do not unpickle
        exception = pickle.loads(pickled)
        return exception if isinstance(exception, BaseException) else None
    return None
