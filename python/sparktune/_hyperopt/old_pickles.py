"""`load_hyperopt_trials`: reads a `Trials` that Hyperopt pickled.

A pickle can run any code, so only Hyperopt's class, which becomes ours, and plain data are let in.
Hyperopt need not be installed, and NumPy may be newer than the one that wrote the pickle.
"""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import numpy as np

from sparktune.exceptions import InvalidArgument, InvalidArgumentType
from sparktune.trials import Trials, trials_from_docs

__all__ = ["load_hyperopt_trials"]

#: Names by module that a pickle may refer to, besides NumPy's scalar types.
_PLAIN = {
    "_codecs": ("encode",),
    "builtins": ("bytearray", "complex", "frozenset", "object", "set", "slice"),
    "collections": ("OrderedDict", "defaultdict", "deque"),
    "copyreg": ("_reconstructor",),
    "datetime": ("date", "datetime", "time", "timedelta", "timezone"),
    "decimal": ("Decimal",),
    "fractions": ("Fraction",),
    "numpy": ("dtype", "ndarray"),
    "pathlib": ("Path", "PosixPath", "PurePosixPath", "PureWindowsPath", "WindowsPath"),
    "uuid": ("UUID",),
}
_NUMPY_FUNCTIONS = ("_frombuffer", "_reconstruct", "scalar")
_OTHER_NAMES = {"__builtin__": "builtins", "copy_reg": "copyreg"}  # of Python 2's pickles


class _Pickled:
    """Stands in for Hyperopt's `Trials` during loading; takes its attributes."""


class _Document(dict[Any, Any]):
    """Stands in for `bson.SON`, the type of documents from MongoDB."""

    def __setstate__(self, state: Any) -> None:
        pass  # SON's order of keys; a dict has its own


_TRIALS = {
    ("hyperopt.base", "Trials"): _Pickled,
    ("hyperopt.spark", "SparkTrials"): _Pickled,
    ("hyperopt", "Trials"): _Pickled,
    ("bson.son", "SON"): _Document,
}


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: IO[bytes], allow: Iterable[Any]) -> None:
        super().__init__(file)
        self._allowed = {(each.__module__, each.__qualname__): each for each in allow}

    def find_class(self, module: str, name: str) -> Any:
        """Return what the pickle refers to, if it is let in."""
        found = _TRIALS.get((module, name)) or self._allowed.get((module, name))
        if found is not None:
            return found
        module = _OTHER_NAMES.get(module, module)
        if name in _PLAIN.get(module, ()):
            return super().find_class(module, name)
        if module.split(".")[0] == "numpy":
            found = _numpy(name)
            if found is not None:
                return found
        raise InvalidArgument(
            "A pickle of Hyperopt's trials must hold plain data and NumPy's only; it refers to "
            f"{module}.{name}. Hint: allow=[{name}] lets it in, if it is safe; if you trust all "
            "of the file, call install_as_hyperopt() and read it with pickle.load."
        )


def _numpy(name: str) -> Any:
    """Return NumPy's function or scalar type of a name, wherever this NumPy keeps it."""
    if name in _NUMPY_FUNCTIONS:
        # From objects that were pickled here, since the modules differ between versions.
        pickled: list[Any] = [np.float64(0).__reduce__(), np.zeros(1).__reduce__()]
        pickled.append(np.zeros(1).__reduce_ex__(5))
        return {function.__name__: function for function, *_ in pickled}.get(name)
    kind = getattr(np, name, None)
    return kind if isinstance(kind, type) and issubclass(kind, np.generic) else None


def load_hyperopt_trials(
    source: str | os.PathLike[str] | bytes | IO[bytes], *, allow: Iterable[Any] = ()
) -> Trials:
    """Read trials that Hyperopt pickled, with `pickle`, cloudpickle or ``trials_save_file``.

    Parameters
    ----------
    source : path, bytes or binary file
        The pickle.
    allow : iterable of class, optional
        Classes (or functions) of your own that results hold. By default only plain data and NumPy's
        scalars and arrays are let in, so that a pickle cannot run code.

    Returns
    -------
    Trials
        With the same documents, for ``fmin(..., trials=...)`` to go on with, and attachments.

    Raises
    ------
    InvalidArgument, InvalidArgumentType
        If `source` is not such a pickle, or refers to something that is not let in.

    Examples
    --------
    >>> import pickle
    >>> from sparktune import load_hyperopt_trials
    >>> trials = load_hyperopt_trials("trials.pkl")  # doctest: +SKIP

    And back, for Hyperopt to go on with:

    >>> theirs = hyperopt.trials_from_docs(trials.trials)  # doctest: +SKIP
    """
    try:
        loaded = _read(source, allow)
    except (pickle.UnpicklingError, EOFError, AttributeError, IndexError, KeyError) as error:
        raise InvalidArgument(
            f"`source` must be a whole pickle of Hyperopt's Trials; got {_shown(source)} ({error})."
        ) from error
    state = loaded.__dict__ if isinstance(loaded, _Pickled) else {}
    docs = state.get("_dynamic_trials")
    if not isinstance(docs, list):
        raise InvalidArgument(
            "`source` must be a pickle of Hyperopt's Trials; "
            f"{_shown(source)} holds {type(loaded).__name__}."
        )
    docs = [_plain(doc) for doc in docs]
    trials = trials_from_docs(docs, exp_key=state.get("_exp_key"))
    trials._ids.update(state.get("_ids", ()))
    attachments = dict(state.get("attachments") or {})
    attachments.pop("FMinIter_Domain", None)  # Hyperopt's own pickled domain
    trials.attachments.update(attachments)
    return trials


def _read(source: Any, allow: Iterable[Any]) -> Any:
    if isinstance(source, (bytes, bytearray)):
        return _Unpickler(io.BytesIO(source), allow).load()
    if isinstance(source, (str, os.PathLike)):
        with Path(source).open("rb") as file:
            return _Unpickler(file, allow).load()
    if hasattr(source, "read"):
        return _Unpickler(source, allow).load()
    raise InvalidArgumentType(
        f"`source` must be a path, bytes or a binary file; got {type(source).__name__}."
    )


def _plain(doc: Any) -> Any:
    """Return a document without `_Document`, the same objects otherwise."""
    if type(doc) in (dict, _Document):
        return {key: _plain(value) for key, value in doc.items()}
    return [_plain(item) for item in doc] if type(doc) is list else doc


def _shown(source: Any) -> str:
    if isinstance(source, (bytes, bytearray)):
        return f"{len(source)} bytes"
    return repr(os.fspath(source)) if isinstance(source, (str, os.PathLike)) else repr(source)
