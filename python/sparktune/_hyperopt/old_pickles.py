"""`load_hyperopt_trials`: reads a `Trials` that Hyperopt pickled.

A pickle can run any code, so `pickle` does not read it: `plain_pickle` does, with the vocabulary
that this module keeps: Hyperopt's class, which becomes ours, and plain data. Hyperopt need not be
installed, and NumPy may be newer than the one that wrote the pickle.
"""

from __future__ import annotations

import copyreg
import functools
import os
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

from sparktune._hyperopt.numpy_pickles import NUMPY_CALLS, named
from sparktune._hyperopt.plain_calls import CALLS, CLASSES, VALUES
from sparktune._hyperopt.plain_pickle import NotPlain, Vocabulary, read
from sparktune.exceptions import InvalidArgument, InvalidArgumentType
from sparktune.trials import Trials, trials_from_docs

__all__ = ["load_hyperopt_trials"]

_OTHER_NAMES = {"__builtin__": "builtins", "copy_reg": "copyreg", "pathlib._local": "pathlib"}


class _Pickled:
    """Stands in for Hyperopt's `Trials` during loading; takes its attributes."""

    def __init__(self) -> None:
        self.attributes: dict[str, Any] = {}


class _Document:
    """Stands for `bson.SON`, the type of documents from MongoDB, which becomes a dict."""


class _Reconstructor:
    """Stands for `copyreg._reconstructor`, which makes objects in the oldest protocols."""


_NAMES: dict[tuple[str, str], Any] = {
    ("hyperopt.base", "Trials"): _Pickled,
    ("hyperopt.spark", "SparkTrials"): _Pickled,
    ("hyperopt", "Trials"): _Pickled,
    ("bson.son", "SON"): _Document,
    ("copyreg", "_reconstructor"): _Reconstructor,
    **VALUES,
}


def _vocabulary(allow: Iterable[Any]) -> Vocabulary:
    allowed = {(each.__module__, each.__qualname__): each for each in allow}
    user = [each for each in allowed.values() if isinstance(each, type)]

    def find(module: str, name: str) -> Any:
        module = _OTHER_NAMES.get(module, module)
        for names in (allowed, _NAMES):
            if (module, name) in names:
                return names[module, name]
        if module.split(".")[0] == "numpy" and (found := named(name)) is not None:
            return found
        raise InvalidArgument(
            "A pickle of Hyperopt's trials must hold plain data and NumPy's only; it refers to "
            f"{module}.{name}. Hint: allow=[{name}] lets it in, if it is safe; if you trust all "
            "of the file, call install_as_hyperopt() and read it with pickle.load."
        )

    def reconstruct(cls: Any, base: Any, state: Any) -> Any:
        if cls in user:
            return copyreg._reconstructor(cls, base, state)  # type: ignore[attr-defined]
        return classes[cls]()

    calls = {**CALLS, **NUMPY_CALLS, _Document: dict, _Reconstructor: reconstruct}
    classes = {**CLASSES, _Pickled: _Pickled, _Document: dict}
    states: dict[type, Any] = {_Pickled: _set_attributes, dict: _ignore_state}
    calls.update({each: each for each in allowed.values()})
    classes.update({each: functools.partial(each.__new__, each) for each in user})
    states.update(dict.fromkeys(user, _set_state))
    return Vocabulary(find, calls, classes, states)


def _set_attributes(trials: _Pickled, state: Any) -> None:
    if type(state) is not dict:
        raise NotPlain("the state of Trials must be a dict")
    trials.attributes.update(state)


def _ignore_state(doc: dict[Any, Any], state: Any) -> None:
    """Do nothing: a dict keeps the order of its keys itself."""


def _set_state(user: Any, state: Any) -> None:
    """Set the state of an object whose class the caller allows, as `pickle` does."""
    if hasattr(user, "__setstate__"):
        user.__setstate__(state)
        return
    attributes, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    vars(user).update(attributes or {})
    for name, value in (slots or {}).items():
        setattr(user, name, value)


def load_hyperopt_trials(
    source: str | os.PathLike[str] | bytes | IO[bytes], *, allow: Iterable[Any] = ()
) -> Trials:
    """Read trials that Hyperopt pickled, with `pickle`, cloudpickle or ``trials_save_file``.

    Parameters
    ----------
    source : path, bytes or binary file
        The pickle.
    allow : iterable of class, optional
        Classes (or functions) of your own that results hold; what they do when they are unpickled
        is theirs. By default only plain data and NumPy's scalars and arrays are let in, and nothing
        that the file names is called.

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
    data = _bytes(source)
    vocabulary = _vocabulary(allow)
    try:
        loaded = read(data, vocabulary)
    except InvalidArgument:
        raise
    except Exception as error:  # a damaged pickle may fail in any way
        raise InvalidArgument(
            f"`source` must be a whole pickle of Hyperopt's Trials; got {_shown(source)} "
            f"({type(error).__name__}: {error!s:.200})."
        ) from error
    state = loaded.attributes if isinstance(loaded, _Pickled) else {}
    docs = state.get("_dynamic_trials")
    if not isinstance(docs, list):
        raise InvalidArgument(
            "`source` must be a pickle of Hyperopt's Trials; "
            f"{_shown(source)} holds {type(loaded).__name__.lstrip('_')}."
        )
    try:
        return _trials(docs, state)
    except Exception as error:
        raise InvalidArgument(
            f"`source` must hold whole trials; those of {_shown(source)} are damaged "
            f"({type(error).__name__}: {error!s:.200})."
        ) from error


def _trials(docs: list[Any], state: dict[str, Any]) -> Trials:
    trials = trials_from_docs(docs, exp_key=state.get("_exp_key"))
    trials._ids.update(state.get("_ids", ()))
    attachments = dict(state.get("attachments") or {})
    attachments.pop("FMinIter_Domain", None)  # Hyperopt's own pickled domain
    trials.attachments.update(attachments)
    return trials


def _bytes(source: Any) -> bytes:
    if isinstance(source, (bytes, bytearray)):
        return bytes(source)
    if isinstance(source, (str, os.PathLike)):
        return Path(source).read_bytes()
    found = source.read() if hasattr(source, "read") else None
    if not isinstance(found, bytes):
        raise InvalidArgumentType(
            f"`source` must be a path, bytes or a binary file; got {type(source).__name__}."
        )
    return found


def _shown(source: Any) -> str:
    if isinstance(source, (bytes, bytearray)):
        return f"{len(source)} bytes"
    return repr(os.fspath(source)) if isinstance(source, (str, os.PathLike)) else repr(source)
