"""Packs what all trials of a search share: objective, space and the code that evaluates them.

It is pickled once, with the cloudpickle inside pyspark, because that is the one which every
executor has. sparktune's own functions go by value, so executors need no sparktune.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import io
import logging
import pickle
import sys
import threading
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from sparktune import program as program_module
from sparktune import tracking_worker
from sparktune.dispatch import checks, task
from sparktune.expr import Apply
from sparktune.program import Program, call_with_keywords, run_program
from sparktune.tracking_worker import worker_run

__all__ = ["ByValue", "Cargo", "pack", "pickled_by_value"]

logger = logging.getLogger("sparktune.dispatch")

_BY_VALUE = (task, program_module, tracking_worker)
_registry_lock = threading.Lock()


@dataclass(frozen=True)
class Cargo:
    """What is shipped once a search.

    Attributes
    ----------
    data : bytes
        Unpickles to a `sparktune.dispatch.task.Evaluator`.
    key : str
        Hash of `data`; workers keep what they have unpickled by it.
    broadcasts : tuple
        Broadcast variables that the objective uses; Spark must be told of them with each job.
    """

    data: bytes
    key: str
    broadcasts: tuple[Any, ...] = ()


class ByValue:
    """Pickles as the object that `data` unpickles to.

    Lets pyspark ship functions of ours without a reference to a module of ours.

    Parameters
    ----------
    data : bytes
        A pickle.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __reduce__(self) -> tuple[Callable[[bytes], Any], tuple[bytes]]:
        return pickle.loads, (self._data,)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse: the object itself is on the worker only."""
        raise TypeError("A ByValue object can be called only where it was unpickled.")


class _SparkObjectMet(Exception):
    def __init__(self, obj: Any) -> None:
        super().__init__()
        self.obj = obj


def _cloudpickle() -> Any:
    """Return the cloudpickle inside pyspark."""
    return importlib.import_module("pyspark.cloudpickle")


def _make_pickler(stream: io.BytesIO, broadcasts: list[Any], dropped: Set[int]) -> Any:
    """Return a cloudpickler that notes broadcast variables and stops at driver-only objects.

    Objects whose ids are in `dropped` arrive as None.
    """

    class Packer(_cloudpickle().Pickler):  # type: ignore[misc]
        def reducer_override(self, obj: Any) -> Any:
            if id(obj) in dropped:
                return type(None), ()
            if checks.is_spark_object(obj):
                raise _SparkObjectMet(obj)
            if checks.is_broadcast(obj):
                broadcasts.append(obj)
                return obj.__reduce__()
            return super().reducer_override(obj)

    return Packer(stream)


def _dumps(obj: Any, broadcasts: list[Any], dropped: Set[int] = frozenset()) -> bytes:
    stream = io.BytesIO()
    _make_pickler(stream, broadcasts, dropped).dump(obj)
    return stream.getvalue()


@contextlib.contextmanager
def _by_value() -> Iterator[None]:
    """Make pyspark's cloudpickle send our modules by value, and those that the user told it to."""
    cloudpickle = _cloudpickle()
    added: list[ModuleType] = []
    with _registry_lock:  # the registry is one for the process
        registered = cloudpickle.list_registry_pickle_by_value()
        for module in (*_BY_VALUE, *_users_modules()):
            if module.__name__ not in registered and module not in added:
                cloudpickle.register_pickle_by_value(module)
                added.append(module)
        try:
            yield
        finally:
            for module in added:
                cloudpickle.unregister_pickle_by_value(module)


def _users_modules() -> list[ModuleType]:
    """Return the modules that the user registered with the separate cloudpickle package."""
    package = sys.modules.get("cloudpickle")
    names: set[str] = getattr(package, "list_registry_pickle_by_value", set)()
    return [sys.modules[name] for name in names if name in sys.modules]


def pickled_by_value(obj: Any) -> bytes:
    """Pickle a function of a module that travels by value.

    Parameters
    ----------
    obj : Any
        Such as `sparktune.dispatch.task.run_task`.
    """
    with _by_value():
        return _dumps(obj, [])


def pack(fn: Callable[..., Any], program: Program) -> Cargo:
    """Pickle an objective and its space for the workers.

    Parameters
    ----------
    fn : callable
        The objective; takes a point.
    program : Program
        The space.

    Returns
    -------
    Cargo
        The bytes and what belongs to them.

    Raises
    ------
    UnpicklableObjective
        If the objective cannot be pickled; names the variable.
    SparkObjectInObjective
        If the objective holds a SparkSession, a DataFrame or the like; names the variable.
    """
    broadcasts: list[Any] = []
    try:
        with _by_value():
            evaluator = task.make_evaluator(fn, program, run_program, worker_run)
            data = _dumps(evaluator, broadcasts, _annotated_space(fn))
    except _SparkObjectMet as met:
        raise checks.spark_object_error(_blamed(fn, program), met.obj) from None
    except Exception as error:
        blamed = _blamed(fn, program)
        raise checks.unpicklable_error(blamed, error, _is_unpicklable) from error
    finally:
        for broadcast in broadcasts:
            # Pickling noted them for the next job of this thread, whatever that may be.
            registry = getattr(broadcast, "_pickle_registry", None)
            if registry is not None:
                registry.clear()
    if len(data) > checks.LARGE_OBJECTIVE:
        logger.warning(
            "The objective is %.0f MB when pickled, most likely because of data that it uses. "
            "Broadcast such data, so that each worker gets it once and keeps it: "
            "data = spark.sparkContext.broadcast(data), and data.value in the objective.",
            len(data) / 1024 / 1024,
        )
    return Cargo(data, hashlib.sha256(data).hexdigest(), tuple(broadcasts))


def _annotated_space(fn: Any) -> Set[int]:
    """Return the ids of hyperparameters in the annotations of an objective.

    They are pickled with a function, but nobody needs them on a worker, and they need sparktune.
    """
    while isinstance(fn, functools.partial):
        fn = fn.args[0] if fn.func is call_with_keywords else fn.func
    annotations = getattr(fn, "__annotations__", {})
    return {id(value) for value in annotations.values() if isinstance(value, Apply)}


def _is_unpicklable(value: Any) -> bool:
    try:
        with _by_value():
            _dumps(value, [])
    except Exception:
        return True
    return False


def _blamed(fn: Callable[..., Any], program: Program) -> Any:
    """Return the objective, or the space if that is what cannot be pickled."""
    return fn if _is_unpicklable(fn) or not _is_unpicklable(program) else program
