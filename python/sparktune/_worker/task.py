"""What runs on a worker: one trial, or several one after the other.

A cargo is the bytes that all trials of a search share: the objective, the space and the functions
that evaluate them. It unpickles to an `Objective`, which is kept in the worker process by its hash.
Parcels are the data of `sparktune.with_data`; the objective gets them when it is unpickled.

Cargo and parcels are shipped once per search, and reach this module as one of

- bytes;
- an object whose attribute ``value`` is bytes (a Spark broadcast variable);
- a function without arguments that returns bytes or another object with the buffer protocol, such
  as a mapped file.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import pickle
import platform
import socket
import sys
import time
import traceback
from collections.abc import Iterable, Mapping
from typing import Any

from sparktune._worker.home import home, take_notes
from sparktune._worker.results import dumps, pack_result

__all__ = [
    "encode_payload",
    "mapped",
    "run_task",
]


# A result may be as large as the JVMs can hold; the answers before it must not add much to that.
_ANSWERS_BYTES = 4 * 1024 * 1024

Answer = tuple[Any, ...]
"""``("ok", pickled result, its large values, meta)``, see `pack_result`, or
``("error", type name, message, traceback, pickled exception or None, meta)`` or, where the
objective could not be loaded, ``("not loaded", what went wrong, traceback, meta)``."""


def encode_payload(
    values: Mapping[str, Any],
    tracked: Any,
    seed: int | None = None,
    handle: Mapping[str, Any] | None = None,
) -> bytes:
    """Return the bytes that tell a task which trial to run.

    `values` has the active hyperparameters by label; `tracked` is the payload of `worker_run`,
    `seed` is what `isolated` takes, and `handle` is what `Objective.run` takes.
    """
    return pickle.dumps((dict(values), tracked, seed, handle))


def run_task(
    cargo: Any,
    key: str,
    payloads: Iterable[bytes],
    *,
    parcels: Mapping[str, Any] | None = None,
    pickler: str = "cloudpickle",
    result_limit: tuple[int, str] | None = None,
    keep: Any = (),
    seconds: float | None = None,
) -> list[bytes]:
    """Run trials and return a pickled `Answer` of each; the body of a Spark task.

    Nothing leaves this function as an exception, so Spark never retries a trial because of what
    its objective did.

    Several trials in one task may get fewer answers, those of the first of them; the others have
    not begun. That is so if Spark runs the task again: the trial that ended the process of the
    attempt before would end this one too, after its neighbours have run a second time.

    Parameters
    ----------
    cargo : Any
        In one of the forms that the module's docstring lists; read only if this process has not
        loaded it yet.
    key : str
        Hash of the cargo.
    payloads : iterable of bytes
        One payload per trial. It is read to its end: Spark throws away the Python worker of a task
        that leaves input unread.
    parcels : mapping of str to Any
        The parcels of the cargo by their keys, in one of the same forms.
    pickler : str
        The module that pickles results. The cargo was pickled with it, so it is available here.
    result_limit : tuple of int and str, optional
        The most bytes that a pickled result may have, and why.
    keep : Any
        Ignored; broadcast variables of the objective, so that Spark delivers them.
    seconds : float, optional
        How long the task may have run when a trial begins that is not its first.
    """
    begun, given = time.monotonic(), list(payloads)
    found: list[bytes] = []
    if len(given) > 1 and _attempt() > 0:
        return found
    for payload in given:
        late = seconds is not None and time.monotonic() - begun > seconds
        if found and (late or sum(map(len, found)) > _ANSWERS_BYTES):
            break
        answer = _run_trial(cargo, key, payload, parcels, pickler, result_limit)
        found.append(pickle.dumps(answer))
    return found


def _run_trial(
    cargo: Any,
    key: str,
    payload: bytes,
    parcels: Mapping[str, Any] | None,
    pickler: str,
    result_limit: tuple[int, str] | None,
) -> Answer:
    started = time.time()
    try:
        try:
            values, tracked, seed, handle = pickle.loads(payload)
            objective = _objective(cargo, key)
            loaded = objective.load(parcels or {})
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            return "not loaded", what, _traceback_text(error), _meta(started)
        result = objective.run(loaded, values, tracked, seed, handle)
        return "ok", *pack_result(result, pickler, result_limit), _meta(started)
    except BaseException as error:  # SystemExit and KeyboardInterrupt are the objective's too
        return _failure(error, pickler, started)


def _objective(cargo: Any, key: str) -> Any:
    """Return the `Objective` of this cargo, which this process reads once."""
    kept: dict[str, Any] = home().objectives
    if key not in kept:
        # Searches follow one another; an objective may hold much data, so few are kept.
        while len(kept) >= 2:
            del kept[next(iter(kept))]
        if not isinstance(cargo, (bytes, memoryview)):
            cargo = cargo() if callable(cargo) else cargo.value
        kept[key] = pickle.loads(cargo)
    return kept[key]


def mapped(file: int | str) -> memoryview:
    """Map a file, given by its path or an open descriptor: processes share its pages."""
    descriptor = os.open(file, os.O_RDONLY) if isinstance(file, str) else file
    try:
        return memoryview(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ))
    finally:
        if isinstance(file, str):
            os.close(descriptor)


def _failure(error: BaseException, pickler: str, started: float) -> Answer:
    exception = None
    # The text is enough if the exception cannot be pickled, or holds much data.
    with contextlib.suppress(BaseException):
        pickled = dumps(error, pickler)
        exception = pickled if len(pickled) <= 1024 * 1024 else None
    try:
        message = str(error)
    except BaseException:
        message = f"<{type(error).__name__} whose str() fails>"
    text = _traceback_text(error)
    return "error", str(type(error)), message, text, exception, _meta(started)


def _traceback_text(error: BaseException) -> str:
    """Format the traceback without our own frames above the objective, which every trial has."""
    try:
        own = os.path.dirname(run_task.__code__.co_filename)  # noqa: PTH120 - of the driver
        frames = error.__traceback__
        while frames and os.path.dirname(frames.tb_frame.f_code.co_filename) == own:  # noqa: PTH120
            frames = frames.tb_next
        frames = frames or error.__traceback__
        return "".join(traceback.format_exception(type(error), error, frames))
    except BaseException as failure:  # an exception class may do anything in its methods
        return f"{type(error)!r} (its traceback cannot be formatted: {type(failure)!r})"


def _attempt() -> int:
    """Return how often Spark has run this task before."""
    pyspark = sys.modules.get("pyspark")  # not imported where it is not there already
    with contextlib.suppress(Exception):
        context = pyspark.TaskContext.get()  # type: ignore[union-attr]
        return 0 if context is None else int(context.attemptNumber())
    return 0


def _meta(started: float) -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        "python": f"{sys.executable} (Python {platform.python_version()})",
        "host": socket.gethostname(),
        "attempt": _attempt(),
        "seconds": time.time() - started,
        "notes": take_notes(),
    }
