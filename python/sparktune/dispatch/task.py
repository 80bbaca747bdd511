"""What runs on an executor: one trial.

The functions here travel to executors by value, where sparktune need not be installed. So this
module imports the standard library only, and keeps no state at module level: a function that was
sent by value has globals of its own each time it arrives.

A cargo is the bytes that all trials of a search share: the objective, the space and the functions
below. It is unpickled once a worker process and kept there by its hash.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import platform
import socket
import sys
import time
import traceback
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any

__all__ = ["Evaluator", "encode_payload", "make_evaluator", "run_task"]

Evaluator = Callable[[Mapping[str, Any], Any], Any]
"""What a cargo unpickles to: takes a trial's values by label and its tracked run; returns what the
objective returned."""

Answer = tuple[Any, ...]
"""``("ok", pickled result, meta)`` or
``("error", type name, message, traceback, pickled exception or None, meta)`` or, where the
objective could not be loaded, ``("not loaded", what went wrong, traceback, meta)``."""


def encode_payload(values: Mapping[str, Any], tracked: Any) -> bytes:
    """Return the bytes that tell a task which trial to run.

    Parameters
    ----------
    values : mapping of str to scalar
        Values of the active hyperparameters by label.
    tracked : Any
        Plain data for `sparktune.tracking_worker.worker_run`, or None.
    """
    return pickle.dumps((dict(values), tracked))


def make_evaluator(
    fn: Callable[[Any], Any],
    program: Any,
    run_program: Callable[..., Any],
    worker_run: Callable[..., Any],
) -> Evaluator:
    """Return what a cargo holds.

    Parameters
    ----------
    fn : callable
        The objective; takes a point.
    program : Program
        The space.
    run_program, worker_run : callable
        Those of `sparktune.program` and `sparktune.tracking_worker`, handed in because this module
        cannot import them where it runs.
    """

    def evaluate(values: Mapping[str, Any], tracked: Any) -> Any:
        with worker_run(tracked):
            return fn(run_program(program, values))

    return evaluate


def run_task(cargo: Any, key: str, payloads: Iterable[bytes], keep: Any = ()) -> list[bytes]:
    """Run the trial that `payloads` describes; the body of a Spark task.

    Nothing leaves this function as an exception, so Spark never retries a trial because of what
    its objective did.

    Parameters
    ----------
    cargo : bytes, or any object whose ``value`` is bytes
        What all trials of the search share; read only if this process has not loaded it yet.
    key : str
        Hash of the cargo.
    payloads : iterable of bytes
        Gives one payload, see `encode_payload`. It is read to its end: Spark throws away the
        Python worker of a task that leaves input unread, and starts another for the next trial.
    keep : Any
        Ignored; broadcast variables of the objective ride here so that Spark delivers them.

    Returns
    -------
    list of bytes
        One pickled `Answer`.
    """
    started = time.time()
    try:
        (payload,) = payloads  # to the end, see above
        try:
            values, tracked = pickle.loads(payload)
            evaluate = _loaded(cargo, key)
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            return [pickle.dumps(("not loaded", what, _traceback_text(error), _meta(started)))]
        result = evaluate(values, tracked)
        answer = ("ok", _pickled_result(result), _meta(started))
    except BaseException as error:  # SystemExit and KeyboardInterrupt are the objective's too
        answer = _failure(error, started)
    return [pickle.dumps(answer)]


def _loaded(cargo: Any, key: str) -> Any:
    """Return the evaluator of this cargo, unpickled at most once in this process."""
    # A module of our own in sys.modules outlives the task; this function's globals do not.
    home = sys.modules.setdefault("_sparktune_worker", types.ModuleType("_sparktune_worker"))
    loaded: dict[str, Any] = vars(home).setdefault("loaded", {})
    if key not in loaded:
        evaluate = pickle.loads(cargo if isinstance(cargo, bytes) else cargo.value)
        # Searches follow one another; an objective may hold much data, so few are kept.
        while len(loaded) >= 2:
            del loaded[next(iter(loaded))]
        loaded[key] = evaluate
    return loaded[key]


def _cloudpickle() -> Any:
    """Return a pickler that takes classes and functions of notebooks, where there is one."""
    for name in ("pyspark.cloudpickle", "cloudpickle"):
        with contextlib.suppress(ImportError):
            return importlib.import_module(name)
    return pickle


def _pickled_result(result: Any) -> bytes:
    dumps = _cloudpickle().dumps
    try:
        return dumps(result)  # type: ignore[no-any-return]
    except Exception as error:
        where = f"a {type(result).__name__}"
        if isinstance(result, Mapping):
            for name, value in result.items():
                if not _can_be_pickled(value):
                    where = f"its key {name!r} holds a {type(value).__name__}"
                    break
        raise TypeError(
            f"The result of the objective must be picklable, to travel back to the driver; {where}"
            f" ({error}). Return plain data, or save it and return where it is."
        ) from None


def _can_be_pickled(value: Any) -> bool:
    try:
        _cloudpickle().dumps(value)
    except Exception:
        return False
    return True


def _failure(error: BaseException, started: float) -> Answer:
    exception = None
    try:
        exception = _cloudpickle().dumps(error)
    except BaseException:  # the text is enough
        exception = None
    try:
        message = str(error)
    except BaseException:
        message = f"<{type(error).__name__} whose str() fails>"
    return (
        "error",
        str(type(error)),
        message,
        _traceback_text(error),
        exception,
        _meta(started),
    )


def _traceback_text(error: BaseException) -> str:
    """Format the traceback, without the frames of this file that every trial has."""
    try:
        own = run_task.__code__.co_filename
        frames = error.__traceback__
        while frames is not None and frames.tb_frame.f_code.co_filename == own:
            frames = frames.tb_next
        frames = frames or error.__traceback__
        return "".join(traceback.format_exception(type(error), error, frames))
    except BaseException as failure:  # an exception class may do anything in its methods
        return f"{type(error)!r} (its traceback cannot be formatted: {type(failure)!r})"


def _meta(started: float) -> dict[str, Any]:
    attempt = 0
    try:
        from pyspark import TaskContext

        context = TaskContext.get()
        attempt = 0 if context is None else context.attemptNumber()
    except Exception:
        attempt = 0
    return {
        "pid": os.getpid(),
        "python": f"{sys.executable} (Python {platform.python_version()})",
        "host": socket.gethostname(),
        "attempt": attempt,
        "seconds": time.time() - started,
    }
