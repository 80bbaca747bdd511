"""Small helpers that Hyperopt has; searches do not use those for directories and arrays."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sparktune._listing import listing
from sparktune._space.expr import use_obj_for_literal_in_memo
from sparktune._trials.documents import coarse_utcnow
from sparktune._trials.pmin import pmin_sampled

__all__ = [
    "coarse_utcnow",
    "fast_isin",
    "get_closest_dir",
    "get_most_recent_inds",
    "path_split_all",
    "pmin_sampled",
    "temp_dir",
    "use_obj_for_literal_in_memo",
    "working_dir",
]

__dir__ = listing(__all__)


@contextlib.contextmanager
def working_dir(dir: str | os.PathLike[str]) -> Iterator[None]:
    """Change the working directory within a ``with`` block.

    Parameters
    ----------
    dir : path
        An existing directory.
    """
    before = os.getcwd()  # noqa: PTH109 - chdir takes a str as well
    os.chdir(dir)
    try:
        yield
    finally:
        os.chdir(before)


def fast_isin(X: Any, Y: Any) -> npt.NDArray[np.bool_]:
    """Return for each of the n items of `X` whether the array `Y` has it, as an array of bool."""
    return np.isin(X, Y)


def get_most_recent_inds(obj: Sequence[Mapping[str, Any]]) -> npt.NDArray[np.intp]:
    """Return where the latest version of each document is.

    Parameters
    ----------
    obj : sequence of dict
        Documents with ``_id`` and ``version``. Of equal versions the last one counts.

    Returns
    -------
    array of int
        Positions, in the order of ``_id``.
    """
    latest: dict[Any, int] = {}
    for position, doc in enumerate(obj):
        known = latest.get(doc["_id"])
        if known is None or int(doc["version"]) >= int(obj[known]["version"]):
            latest[doc["_id"]] = position
    return np.array([latest[key] for key in sorted(latest)], dtype=np.intp)


def path_split_all(path: str | os.PathLike[str]) -> Iterator[str]:
    """Return the parts of a path, one after the other.

    Parameters
    ----------
    path : path
        A relative path.
    """
    return iter(Path(path).parts)


def get_closest_dir(workdir: str | os.PathLike[str]) -> tuple[str, str]:
    """Return the deepest directory on a path that exists, and the next part of the path.

    Parameters
    ----------
    workdir : path
        A path that does not exist as a whole.

    Returns
    -------
    directory, name : str
        `directory` is empty where not even the first part exists.

    Raises
    ------
    ValueError
        If all of it exists.
    """
    found = Path()
    for part in Path(workdir).parts:
        if not (found / part).is_dir():
            return ("" if found == Path() else str(found)), part
        found /= part
    raise ValueError(f"`workdir` must not exist; got {os.fspath(workdir)!r}.")


@contextlib.contextmanager
def temp_dir(
    dir: str | os.PathLike[str], erase_after: bool = False, with_sentinel: bool = True
) -> Iterator[None]:
    """Have a directory within a ``with`` block.

    Parameters
    ----------
    dir : path
        The directory; made, with its parents, if it does not exist.
    erase_after : bool, default False
        Whether to remove at the end what was made here, and all that is in it.
    with_sentinel : bool, default True
        Whether to keep a file next to it meanwhile (``name.inuse``), so that its parent is not
        empty and other clean-up code does not remove it.

    Raises
    ------
    RuntimeError
        If the directory does not exist and its path goes upwards (``..``).
    NotADirectoryError
        If there is something else at that path.
    """
    path = Path(dir)
    if path.exists():
        if not path.is_dir():
            raise NotADirectoryError(f"`dir` must be a directory; got {os.fspath(dir)!r}.")
        yield
        return
    if os.pardir in path.parts:
        raise RuntimeError(f"`dir` must not contain '..'; got {os.fspath(dir)!r}.")
    parent, name = get_closest_dir(path)
    sentinel = Path(parent) / f"{name}.inuse"
    keep_sentinel = erase_after and with_sentinel
    if keep_sentinel:
        sentinel.touch()
    path.mkdir(parents=True)
    try:
        yield
    finally:
        if erase_after:
            shutil.rmtree(Path(parent) / name if keep_sentinel else path)
        if keep_sentinel:
            sentinel.unlink()
