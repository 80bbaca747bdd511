"""Packs what all trials of a search share: objective, space and the code that evaluates them.

It is pickled once, with a cloudpickle that every worker has: on Spark, the one inside pyspark. The
package `sparktune._worker` is pickled by value, so workers do not need sparktune.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import io
import logging
import operator
import pickle
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

from sparktune import _worker
from sparktune._parallel import checks
from sparktune._parallel.parcels import Parcel
from sparktune._parallel.spark_compat import forget_pickled
from sparktune._search.calls import takes_trial
from sparktune._search.data import ObjectiveWithData
from sparktune._space.expr import Apply
from sparktune._worker import home, task
from sparktune._worker.objective import Objective, attach, call_with_trial
from sparktune._worker.program import Program, call_with_keywords

__all__ = ["ByValue", "Cargo", "by_value", "pack"]

logger = logging.getLogger("sparktune.dispatch")

_MP_MAIN = "__mp_main__"
_registry_lock = threading.Lock()

# What a space may hold that trials cannot change.
_ATOMS = (int, float, complex, str, bytes, bool, type(None))
_CASTS: tuple[Any, ...] = (int, float)


@dataclass(frozen=True)
class Cargo:
    """What is shipped once per search; a back end decides how."""

    data: bytes  # unpickles to a `sparktune._worker.objective.Objective`
    key: str  # hash of `data`; workers keep what they have unpickled under it
    parcels: tuple[Parcel, ...] = ()
    pickler: str = "cloudpickle"  # the module that pickled all this; workers must have it
    broadcasts: tuple[Any, ...] = ()  # used by the objective; Spark must know them for each job
    result_limit: tuple[int, str] | None = None  # the most bytes of a pickled result, and why

    def task(
        self, shipped: Any, parcels: Mapping[str, Any] | None = None
    ) -> functools.partial[Any]:
        """Return the function that runs trials on a worker; it takes an iterable of payloads.

        It can be pickled without a reference to a module of sparktune. `shipped` and the values of
        `parcels`, which are by key, are what `sparktune._worker.task` accepts.
        """
        return functools.partial(
            by_value(task.run_task, self.pickler),
            shipped,
            self.key,
            parcels=dict(parcels or {}),
            pickler=self.pickler,
            result_limit=self.result_limit,
            keep=self.broadcasts,
        )


class ByValue:
    """Pickles as the object that `data` unpickles to, without a reference to its module."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __reduce__(self) -> tuple[Callable[[bytes], Any], tuple[bytes]]:
        return pickle.loads, (self._data,)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse: the object itself is on the worker only."""
        raise TypeError("A ByValue object can be called only where it was unpickled.")


def by_value(function: Callable[..., Any], pickler: str) -> ByValue:
    """Return an object that unpickles to a function of `_worker` without its module."""
    with _by_value(pickler):
        return ByValue(_Packing(pickler).dumps(function))


def pack(
    fn: Callable[..., Any],
    program: Program,
    *,
    pickler: str = "cloudpickle",
    result_limit: tuple[int, str] | None = None,
    reuse: bool = False,
) -> Cargo:
    """Pickle an objective and its space for the workers.

    `pickler` is a cloudpickle that workers have: ``"cloudpickle"`` or ``"pyspark.cloudpickle"``.
    `reuse` is for `sparktune._worker.objective.Objective`.

    Raises
    ------
    UnpicklableObjective
        If the objective cannot be pickled; names the variable.
    SparkObjectInObjective
        If the objective holds a SparkSession, a DataFrame or the like; names the variable.
    """
    parts: dict[str, Any] = {}
    packing = _Packing(pickler, _annotated_space(fn), parts)
    try:
        with _by_value(pickler):
            fixed = program if _is_fixed((program.steps, program.constants)) else None
            pickled = packing.dumps((fn, None if fixed else program))
            pickles = (pickled, *(parcel.pieces[0] for parcel in packing.parcels.values()))
            classes = any(b"_make_skeleton_" in bytes(each) for each in pickles)
            classes = classes and not packing.broadcasts  # they outlive the trial
            tracker = f"{pickler}.cloudpickle" if classes else ""
            # Handles are a third of the code that travels.
            call = call_with_trial if takes_trial(fn) else None
            objective = Objective(pickled, fixed, parts, tracker, reuse, call)
            data = _Packing(pickler).dumps(objective)
    except _SparkObjectMet as met:
        raise checks.spark_object_error(_blamed(fn, program, pickler), met.obj) from None
    except Exception as error:
        unpicklable = functools.partial(_is_unpicklable, pickler=pickler)
        raise checks.unpicklable_error(_blamed(fn, program, pickler), error, unpicklable) from error
    finally:
        packing.forget_broadcasts()
    if len(data) > checks.LARGE_OBJECTIVE:
        logger.warning("%s", checks.large_objective_warning(fn, len(data)))
    return Cargo(
        data=data,
        key=hashlib.sha256(data).hexdigest(),
        parcels=tuple(packing.parcels.values()),
        pickler=pickler,
        broadcasts=tuple(packing.broadcasts),
        result_limit=result_limit,
    )


class _Reference:
    """Pickles as an attribute of the module that `sparktune._worker.home` makes on a worker."""

    def __init__(self, name: str = "") -> None:
        self._name = name

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        if self._name:
            return getattr, (_Reference(), self._name)
        return importlib.import_module, (home.NAME,)


_PARTS = _Reference("parts")


def _is_of_worker(obj: Any) -> bool:
    """Return whether an object is a function or class of `_worker`."""
    if not isinstance(obj, (FunctionType, type)):
        return False
    module = str(obj.__module__)
    return module.startswith(f"{_worker.__name__}.") and (
        getattr(sys.modules.get(module), obj.__qualname__, None) is obj
    )


def _is_fixed(value: Any) -> bool:
    """Return whether a trial cannot change a part of a space."""
    if isinstance(value, tuple):
        return all(map(_is_fixed, value))
    if type(value) is dict:  # of a `Program`, which only copies it
        return all(map(_is_fixed, value)) and all(map(_is_fixed, value.values()))
    function = isinstance(value, BuiltinFunctionType) and type(value.__self__) is ModuleType
    return function or type(value) in _ATOMS or value in _CASTS or _is_of_worker(value)


class _SparkObjectMet(Exception):
    def __init__(self, obj: Any) -> None:
        super().__init__()
        self.obj = obj


class _Packing:
    """Pickles the parts of one cargo, and collects what has to travel beside it."""

    def __init__(
        self,
        pickler: str,
        dropped: Set[int] = frozenset(),
        parts: dict[str, Any] | None = None,
    ) -> None:
        self.pickler = pickler
        self.dropped = dropped  # ids of objects that arrive as None
        self.parts = parts  # collects what trials cannot change, which is only referred to
        self.broadcasts: list[Any] = []
        self.parcels: dict[str, Parcel] = {}

    def dumps(self, obj: Any, buffers: list[pickle.PickleBuffer] | None = None) -> bytes:
        """Pickle `obj`; the contents of arrays go to `buffers` if that is given."""
        packing = self

        class Packer(importlib.import_module(self.pickler).Pickler):  # type: ignore[misc]
            def reducer_override(self, obj: Any) -> Any:
                reduced = packing.reduce(obj)
                return super().reducer_override(obj) if reduced is None else reduced

        stream = io.BytesIO()
        Packer(stream, buffer_callback=None if buffers is None else buffers.append).dump(obj)
        return stream.getvalue()

    def reduce(self, obj: Any) -> Any:
        """Return how to pickle the objects that need special care; None for all others."""
        if id(obj) in self.dropped:
            return type(None), ()
        if isinstance(obj, ObjectiveWithData):
            buffers: list[pickle.PickleBuffer] = []
            parcel = Parcel.of(self.dumps(obj.data, buffers), buffers)
            self.parcels[parcel.key] = parcel
            return attach, (obj.fn, parcel.key)
        if self.parts is not None and (isinstance(obj, CodeType) or _is_of_worker(obj)):
            name = str(len(self.parts))
            self.parts[name] = obj
            return operator.getitem, (_PARTS, name)
        if checks.is_spark_object(obj):
            raise _SparkObjectMet(obj)
        if checks.is_broadcast(obj):
            self.broadcasts.append(obj)
            return obj.__reduce__()
        return None

    def forget_broadcasts(self) -> None:
        """Undo that pickling marks broadcasts as needed by this thread's next Spark job."""
        for broadcast in self.broadcasts:
            forget_pickled(broadcast)


@contextlib.contextmanager
def _by_value(pickler: str) -> Iterator[None]:
    """Make a cloudpickle send `_worker` and the modules that the user registered by value."""
    cloudpickle = importlib.import_module(pickler)
    added: list[ModuleType] = []
    with _registry_lock:  # the process has one registry
        # Users register modules with the separate cloudpickle package.
        package = sys.modules.get("cloudpickle")
        users: set[str] = getattr(package, "list_registry_pickle_by_value", set)()
        registered = cloudpickle.list_registry_pickle_by_value()
        # The user's script, in a process that multiprocessing has started by spawn or forkserver.
        script = getattr(sys.modules.get(_MP_MAIN), "__name__", None) == _MP_MAIN
        names = {_worker.__name__, *users, *([_MP_MAIN] if script else [])}
        for name in names - registered:  # a package stands for its modules
            if name in sys.modules:
                cloudpickle.register_pickle_by_value(sys.modules[name])
                added.append(sys.modules[name])
        try:
            yield
        finally:
            for module in added:
                cloudpickle.unregister_pickle_by_value(module)


def _annotated_space(fn: Any) -> Set[int]:
    """Return the ids of hyperparameters in the annotations of an objective.

    Pickling the function includes them, but a worker does not need them and may lack sparktune.
    """
    while isinstance(fn, (functools.partial, ObjectiveWithData)):
        if isinstance(fn, ObjectiveWithData):
            fn = fn.fn
        else:
            fn = fn.args[0] if fn.func is call_with_keywords else fn.func
    annotations = getattr(fn, "__annotations__", {})
    return {id(value) for value in annotations.values() if isinstance(value, Apply)}


def _is_unpicklable(value: Any, pickler: str) -> bool:
    packing = _Packing(pickler)
    try:
        with _by_value(pickler):
            packing.dumps(value)
    except Exception:
        return True
    finally:
        packing.forget_broadcasts()
    return False


def _blamed(fn: Callable[..., Any], program: Program, pickler: str) -> Any:
    """Return the objective, or the space if that is what cannot be pickled."""
    return fn if _is_unpicklable(fn, pickler) or not _is_unpicklable(program, pickler) else program
