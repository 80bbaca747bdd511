"""`LargeValues`: where a search puts what is large, and `StoredValue`, one such value.

Values arrive pickled from where their trials ran, and are written as they are: a value is unpickled
when somebody looks at it.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import logging
import os
import pickle
import shutil
import tempfile
import threading
import uuid
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

from sparktune.exceptions import SparktuneError

__all__ = ["KEPT", "LargeValues", "StoredFile", "StoredValue"]

logger = logging.getLogger("sparktune.fmin")

KEPT = 3
"""The large values of so many results, the best ones, stay in memory as well."""

_NOT_LOADED = object()


class StoredFile(Protocol):
    """Where the bytes of a value are."""

    @property
    def path(self) -> Path | None:
        """Its path, None if it is not a file of this computer."""
        ...

    def read(self) -> bytes:
        """Return the bytes; raises `OSError`."""
        ...


class StoredValue:
    """A value whose pickle is in a file, or in memory if there is no file.

    Pickles as the value itself. `loads` makes the value of the bytes, if they are not a pickle.
    """

    def __init__(
        self,
        file: StoredFile | None,
        size: int,
        pickled: bytes | None = None,
        loads: Callable[[bytes], Any] = pickle.loads,
    ) -> None:
        self._file = file
        self._pickled = pickled
        self._loads = loads
        self._value: Any = _NOT_LOADED
        self._held = False
        self.size = size  # of the pickle, in bytes

    def load(self) -> Any:
        """Return the value: the same object while it is held, else one of its own each time.

        Raises
        ------
        SparktuneError
            If its file is gone, or it cannot be unpickled in this process.
        """
        if self._value is not _NOT_LOADED:
            return self._value
        try:
            value = self._loads(self.pickled())
        except SparktuneError:
            raise
        except Exception as error:
            raise SparktuneError(
                "A value of a result must be readable on the driver; this one is not "
                f"({type(error).__name__}: {error}). Hint: install here what the workers have."
            ) from error
        if self._held:
            self._value = value
            self._pickled = None if self._file is not None else self._pickled
        return value

    def pickled(self) -> bytes:
        """Return the bytes that the value is made of."""
        if self._pickled is not None:
            return self._pickled
        assert self._file is not None
        try:
            return self._file.read()
        except OSError as error:
            raise SparktuneError(
                f"A value of a result must be in its file, which cannot be read ({error}). Hint: "
                "move a `trials_save_file` and the folder of its values together."
            ) from error

    def hold(self) -> None:
        """Keep the value in memory from here on."""
        self._held = True
        self._pickled = self.pickled()

    def release(self) -> None:
        """Keep the value on disk only."""
        self._held, self._value = False, _NOT_LOADED
        if self._file is not None:
            self._pickled = None

    def file_in(self, folder: Path) -> str | None:
        """Return the name of the file with its pickle in a folder, which it moves to.

        None if it is in memory.
        """
        if self._file is None:
            return None
        path = self._file.path
        if path is None or self._loads is not pickle.loads:
            data = self.pickled() if self._loads is pickle.loads else pickle.dumps(self.load())
            self._file, self._loads = _Folder(folder).write(data), pickle.loads
            self.size = len(data)
        elif path.parent != folder:
            self._file = _File(_linked(path, folder))
        assert self._file.path is not None
        return self._file.path.name

    @classmethod
    def in_file(cls, path: Path, size: int) -> StoredValue:
        """Return the value whose pickle is in a file, which stays there."""
        return cls(_File(path), size)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        if self._value is not _NOT_LOADED:
            return _same, (self._value,)
        return self._loads, (self.pickled(),)

    def __copy__(self) -> StoredValue:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if self._value is not _NOT_LOADED:
            return copy.deepcopy(self._value, memo)
        pickled = None if self._file else self._pickled
        return StoredValue(self._file, self.size, pickled, self._loads)

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, StoredValue) and self._file is not None
        return self is other or (same and self._file is other._file)  # type: ignore[attr-defined]

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<{self.size / 1024 / 1024:.1f} MB, read on access>"


class LargeValues:
    """Where a search puts large values.

    Parameters
    ----------
    folder : path, optional
        Files stay there. By default they are in a temporary folder, and go when nothing refers to
        them, at the latest when the interpreter ends.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._place = folder
        self._folder: _Folder | None = None
        self._lock = threading.Lock()
        self._warned = False
        self._best: list[tuple[float, list[StoredValue]]] = []  # by loss

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return LargeValues, (self._place,)  # the copy of a search has files of its own

    def store(self, pickled: bytes) -> StoredValue:
        """Write a value; may be called by any thread. If it cannot be written, it is in memory."""
        try:
            with self._lock:
                self._folder = self._folder or _Folder(self._place)
            return StoredValue(self._folder.write(pickled), len(pickled))
        except OSError as error:
            level = logging.DEBUG if self._warned else logging.WARNING
            self._warned = True
            text = "A large value of a result cannot be written, so it stays in memory: %s."
            logger.log(level, text, error)
            return StoredValue(None, len(pickled), pickled)

    def rank(self, loss: float | None, values: Iterable[StoredValue]) -> None:
        """Take in a result: the values of the best ones are held in memory."""
        values = list(values)
        if loss is None or not values:
            return
        ranked = sorted([*self._best, (loss, values)], key=lambda each: each[0])
        self._best, beaten = ranked[:KEPT], ranked[KEPT:]
        if not any(values is worse for _, worse in beaten):
            for value in values:
                value.hold()
        for _, worse in beaten:
            for value in worse:
                value.release()


class _File:
    """A file with a pickle. A temporary one goes with this object."""

    def __init__(self, path: Path, folder: _Folder | None = None) -> None:
        self.path: Path = path
        self._folder = folder  # which goes after its last file
        if folder is not None:
            weakref.finalize(self, _remove, path, os.getpid())

    def read(self) -> bytes:
        """Return what is in it."""
        return self.path.read_bytes()


class _Folder:
    """A folder for the files of one search."""

    def __init__(self, place: Path | None) -> None:
        self._temporary = place is None
        if place is None:
            self._path = Path(tempfile.mkdtemp(prefix="sparktune-values-"))
            weakref.finalize(self, _remove, self._path, os.getpid())
        else:
            self._path = place
            place.mkdir(mode=0o700, exist_ok=True)

    def write(self, data: bytes) -> _File:
        # What stays is named by its contents, of which one copy is enough.
        name = uuid.uuid4().hex if self._temporary else hashlib.sha256(data).hexdigest()
        path = self._path / f"{name}.pkl"
        if not self._temporary and path.exists() and path.stat().st_size == len(data):
            return _File(path)
        try:
            with path.open("xb" if self._temporary else "wb") as file:
                file.write(data)
                if not self._temporary:
                    file.flush()
                    os.fsync(file.fileno())
        except BaseException:
            with contextlib.suppress(OSError):
                path.unlink()
            raise
        return _File(path, self if self._temporary else None)


def _remove(path: Path, pid: int) -> None:
    """Remove a file or folder, but not that of a parent process."""
    if os.getpid() != pid:
        return
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def _linked(path: Path, folder: Path) -> Path:
    """Return a file in a folder with the contents of another."""
    folder.mkdir(mode=0o700, exist_ok=True)
    target = folder / path.name
    with contextlib.suppress(FileExistsError):
        try:
            os.link(path, target)
        except FileExistsError:
            raise
        except OSError:  # another file system
            copied = target.with_suffix(".tmp")
            try:
                shutil.copyfile(path, copied)
                copied.replace(target)
            except BaseException:
                with contextlib.suppress(OSError):
                    copied.unlink()
                raise
    return target


def _same(value: Any) -> Any:
    return value
