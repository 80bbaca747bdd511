"""`with_data`: gives an objective large data that are not shipped with each copy of it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from sparktune._arguments import Rule
from sparktune.exceptions import InvalidArgument

__all__ = ["ObjectiveWithData", "with_data"]


class ObjectiveWithData:
    """An objective and the data that it is called with; see `with_data`.

    `sparktune._parallel.cargo`, which packs objectives for workers, ships the data separately.
    """

    def __init__(self, fn: Callable[..., Any], data: dict[str, Any]) -> None:
        functools.update_wrapper(self, fn)
        del self.__dict__["__wrapped__"]  # `inspect` would follow it
        self.fn = fn
        self.data = data
        # The parameters that are left: for space="annotated" and other introspection.
        signature = _signature(fn)
        if signature is not None:
            left = [each for name, each in signature.parameters.items() if name not in data]
            self.__signature__ = signature.replace(parameters=left)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the objective with the data."""
        return self.fn(*args, **self.data, **kwargs)


def with_data(fn: Callable[..., Any], /, **data: Any) -> ObjectiveWithData:
    """Return an objective that calls `fn` with a point and with the given data.

    With `Trials` the data are passed as they are. With `SparkTrials` and `ProcessTrials` they
    reach each worker once per search, separate from the objective, in the quickest way:
    a memory-mapped file whose pages local processes share, a broadcast variable or an artifact on
    Spark. Arrays are then read-only in the objective, because all trials of a worker share them;
    copy what you change.

    Parameters
    ----------
    fn : callable
        ``fn(point, name=value, ...)``.
    **data : Any
        Arrays, data frames or anything else that can be pickled, by the name of the parameter.

    Returns
    -------
    callable
        The `fn` for `fmin`.

    Raises
    ------
    InvalidArgument
        If `fn` has no such parameter, or no data are given.
    InvalidArgumentType
        If `fn` is not a function.

    Examples
    --------
    >>> import numpy as np
    >>> from sparktune import fmin, hp, with_data
    >>> def objective(c, X):
    ...     return float(np.abs(X - c).sum())
    >>> X = np.ones(1000)
    >>> best = fmin(with_data(objective, X=X), hp.uniform("c", 0, 3), max_evals=40, verbose=False)
    >>> bool(0 < best["c"] < 2)
    True
    """
    Rule("function").check("fn", fn, owner="with_data")
    if not data:
        raise InvalidArgument(
            "with_data must be given data; hint: with_data(fn, X=X) for `def fn(point, X)`."
        )
    signature = _signature(fn)
    if signature is not None:
        parameters = signature.parameters.values()
        named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        taken = {each.name for each in parameters if each.kind in named}
        unknown = [name for name in data if name not in taken]
        if unknown and not any(each.kind is each.VAR_KEYWORD for each in parameters):
            raise InvalidArgument(
                f"The data of with_data must be parameters of the objective, {sorted(taken)}; "
                f"got {unknown}."
            )
    return ObjectiveWithData(fn, data)


def _signature(fn: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(fn)
    except (TypeError, ValueError):  # a function of C
        return None
