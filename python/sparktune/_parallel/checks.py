"""What can travel to a worker, and which variable cannot."""

from __future__ import annotations

import contextlib
import dis
import functools
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sparktune._search.data import ObjectiveWithData
from sparktune.exceptions import SparkObjectInObjective, UnpicklableObjective

__all__ = [
    "LARGE_OBJECTIVE",
    "find_culprit",
    "is_broadcast",
    "is_spark_object",
    "large_objective_warning",
    "spark_object_error",
    "unpicklable_error",
]

LARGE_OBJECTIVE = 5 * 1024 * 1024
"""The size of a pickled objective above which its data should travel by `sparktune.with_data`."""

# By name, so that classic, Connect and pandas-on-Spark classes of all versions are recognized
# without an import. Models of pyspark.ml are recognized by the JavaObject inside them.
_DRIVER_ONLY = {
    "SparkContext",
    "SparkSession",
    "SQLContext",
    "DataFrame",
    "Column",
    "RDD",
    "SparkConnectClient",
}

# How deep to look into objects for what cannot be pickled.
_DEPTH = 6


def is_spark_object(obj: Any) -> bool:
    """Return whether `obj` exists on the driver only: a session, a DataFrame, an RDD or the like.

    Broadcast variables and accumulators can travel: False.
    """
    for cls in type(obj).__mro__:
        module = getattr(cls, "__module__", None) or ""
        if module.startswith("py4j."):
            return True
        if module.startswith("pyspark.") and cls.__name__ in _DRIVER_ONLY:
            return True
    return False


def is_broadcast(obj: Any) -> bool:
    """Return whether `obj` is a Spark broadcast variable."""
    cls = type(obj)
    return cls.__name__ == "Broadcast" and str(cls.__module__).startswith("pyspark.")


def find_culprit(obj: Any, bad: Callable[[Any], bool]) -> tuple[str, Any] | None:
    """Find the innermost variable for which `bad` holds: its name in the objective, and its value.

    The name is such as ``cfg['db'].lock``. `bad` must hold for `obj` itself; the result is None if
    it does not hold for any part of `obj`.
    """
    found = None
    path = ""
    seen = {id(obj)}
    for _ in range(_DEPTH):
        for name, value in _parts(obj, path):
            if id(value) not in seen and bad(value):
                seen.add(id(value))
                found = (name, value)
                break
        else:
            break
        path, obj = found
    return found


def _parts(obj: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield what is pickled with `obj`, by the name that its code uses."""
    if isinstance(obj, functools.partial):
        yield f"{path}.func" if path else _name_of(obj.func), obj.func
        for i, value in enumerate(obj.args):
            yield f"argument {i} of the partial", value
        yield from obj.keywords.items()
    elif isinstance(obj, ObjectiveWithData):
        yield _name_of(obj.fn), obj.fn
        yield from obj.data.items()
    elif isinstance(obj, types.MethodType):
        yield "self", obj.__self__
        yield _name_of(obj.__func__), obj.__func__
    elif isinstance(obj, types.FunctionType):
        yield from _parts_of_function(obj)
    elif isinstance(obj, Mapping):
        for key, value in obj.items():
            yield f"{path}[{key!r}]", value
    elif isinstance(obj, (list, tuple, set, frozenset)):
        for i, value in enumerate(obj):
            yield f"{path}[{i}]", value
    else:
        for name, value in getattr(obj, "__dict__", {}).items():
            if not (isinstance(obj, type) and name.startswith("__")):
                yield f"{path or _name_of(type(obj))}.{name}", value


def _parts_of_function(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        with contextlib.suppress(ValueError):  # a variable that is not assigned yet
            yield name, cell.cell_contents
    for name in _global_names(function.__code__):
        if name in function.__globals__:
            yield name, function.__globals__[name]
    for i, value in enumerate(function.__defaults__ or ()):
        yield f"default value {i}", value
    yield from (function.__kwdefaults__ or {}).items()
    yield from vars(function).items()


def _global_names(code: types.CodeType) -> dict[str, None]:
    """Return the global names that `code` and the functions inside it read."""
    names = {
        step.argval: None for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"
    }
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names.update(_global_names(constant))
    return names


def _name_of(obj: Any) -> str:
    return str(getattr(obj, "__name__", None) or type(obj).__name__)


def _type_of(value: Any) -> str:
    cls = type(value)
    module = cls.__module__
    return cls.__qualname__ if module == "builtins" else f"{module}.{cls.__qualname__}"


def unpicklable_error(
    objective: Any, reason: BaseException, bad: Callable[[Any], bool]
) -> UnpicklableObjective:
    """Return the error that names the variable that keeps `objective` from being pickled."""
    culprit = find_culprit(objective, bad)
    where = "" if culprit is None else f" it uses `{culprit[0]}` (a {_type_of(culprit[1])});"
    return UnpicklableObjective(
        f"The objective must be picklable, to travel to the workers;{where} {_one_line(reason)}. "
        "Create such an object inside the objective instead. If it gives access to data, as open "
        "files do, read the data first and pass them by sparktune.with_data(objective, X=X)."
    )


def spark_object_error(objective: Any, spark_object: Any) -> SparkObjectInObjective:
    """Return the error that names the Spark object that `objective` refers to."""
    culprit = find_culprit(objective, functools.partial(_holds, spark_object=spark_object, depth=3))
    name, value = culprit or ("", spark_object)
    called = f"`{name}` (a {_type_of(value)})" if name else f"a {_type_of(value)}"
    return SparkObjectInObjective(
        f"The objective must not hold objects that exist on the driver only; it uses {called}. "
        "Use Trials() instead for an objective that runs Spark jobs itself; to read data in it, "
        "collect the data and pass them: "
        "fmin(sparktune.with_data(objective, df=df.toPandas()), ...) "
        "for `def objective(point, df)`."
    )


def _holds(value: Any, spark_object: Any, depth: int) -> bool:
    """Return whether `value` is or contains `spark_object`, a few levels down."""
    if value is spark_object:
        return True
    if depth == 0 or isinstance(value, (str, bytes, types.ModuleType)):
        return False
    return any(_holds(part, spark_object, depth - 1) for _, part in _parts(value, ""))


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


def large_objective_warning(objective: Any, size: int) -> str:
    """Return the warning about an objective of `size` bytes: how to ship its data."""
    large = next(_large_parts(objective, 3), None)
    name = large if large is not None and large.isidentifier() else "X"
    because = "most likely because of data that it uses" if large is None else f"for `{large}`"
    return (
        f"The objective is {size / 1024 / 1024:.0f} MB when pickled, {because}. To send such "
        f"data to each worker once: fmin(sparktune.with_data(objective, {name}={large or name}), "
        f"...) for `def objective(point, {name})`."
    )


def _large_parts(obj: Any, depth: int) -> Iterator[str]:
    """Yield the names of large parts of an objective whose sizes are known."""
    for name, value in _parts(obj, ""):
        size = getattr(value, "nbytes", None)
        if isinstance(value, (str, bytes, bytearray)):
            size = len(value)
        if isinstance(size, int) and size > LARGE_OBJECTIVE // 2:
            yield name
        elif depth and isinstance(value, (types.FunctionType, functools.partial, types.MethodType)):
            yield from _large_parts(value, depth - 1)
