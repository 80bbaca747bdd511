"""`SONify`: documents as MongoDB takes them, for tools that were written for Hyperopt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["SONify"]


def SONify(arg: Any, memo: Any = None) -> Any:
    """Return a copy of a document in which numpy's scalars and arrays are plain Python objects.

    That is what document stores and JSON take. `Trials` keeps documents in memory, so it does not
    need this.

    Parameters
    ----------
    arg : Any
        A document or a part of one.
    memo : Any, optional
        Ignored; there for callers written for Hyperopt.

    Returns
    -------
    Any
        Arrays become lists; tuples and lists, lists; dicts keep their keys. Anything else is
        returned as it is.
    """
    if isinstance(arg, Mapping):
        return {SONify(key): SONify(value) for key, value in arg.items()}
    if isinstance(arg, (list, tuple)):
        return [SONify(item) for item in arg]
    if isinstance(arg, np.ndarray):
        return arg.item() if arg.ndim == 0 else [SONify(item) for item in arg.tolist()]
    if isinstance(arg, np.generic):
        return arg.item()
    return arg
