"""`SaveFile`: keeps a copy of the trials of a search in a file."""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import stat
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import cloudpickle

from sparktune._trials.large import LargeDict, restored
from sparktune.exceptions import InvalidArgument, InvalidArgumentType

__all__ = ["SaveFile"]

logger = logging.getLogger("sparktune.fmin")

# The least seconds between two saves, and the largest share of the time that they may take.
INTERVAL = 1.0
SHARE = 0.05


class SaveFile:
    """Writes trials to a file, whole or not at all.

    Large values of results are in files in a folder beside it.

    Raises
    ------
    InvalidArgumentType
        If `path` is not a path.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        try:
            # The real path: objectives may change the folder, and a rename would replace a link.
            self._path = Path(os.path.realpath(os.fsdecode(path)))
        except TypeError:
            raise InvalidArgumentType(f"`trials_save_file` must be a path; got {path!r}.") from None
        self._next = 0.0
        self._warned = False

    @property
    def values(self) -> Path:
        """The folder of the large values."""
        return self._path.with_name(f"{self._path.name}.values")

    def check(self) -> None:
        """Check that the file can be written, and would not replace what no search has written.

        Raises
        ------
        InvalidArgument
            If its folder is missing or cannot be written to, or something else is in its place.
        """
        name, folder = str(self._path), str(self._path.parent)
        if not self._path.parent.is_dir():
            raise InvalidArgument(
                "`trials_save_file` must be in a folder that exists; there is no folder "
                f"{folder!r}. Hint: os.makedirs({folder!r})."
            )
        try:
            if self._path.exists():
                mode = self._path.stat().st_mode
                if not stat.S_ISREG(mode):
                    what = "a folder" if stat.S_ISDIR(mode) else "something else"
                    raise InvalidArgument(f"`trials_save_file` must be a file; {name!r} is {what}.")
                if not _may_be_a_pickle(self._path):
                    raise InvalidArgument(
                        f"`trials_save_file` must be a new file or one that a search has written; "
                        f"{name!r} is another kind of file. Hint: choose another name."
                    )
            self._temporary().unlink()
        except OSError as error:
            raise InvalidArgument(
                f"`trials_save_file` must be readable and its folder writable; for {name!r} that "
                f"fails with {type(error).__name__}: {error}. Hint: choose another folder."
            ) from error

    def load(self, read_hyperopts: Callable[[str], Any] | None = None) -> Any:
        """Return what the file holds, or None if there is no file or an empty one.

        The file is a pickle: load only files that you trust.

        Parameters
        ----------
        read_hyperopts : callable, optional
            Reads a file that Hyperopt wrote.

        Raises
        ------
        InvalidArgument
            If the file does not hold trials, or cannot be read.
        """
        if not self._path.exists() or not self._path.stat().st_size:
            return None
        name = str(self._path)
        aside = "move it away to begin a new search"
        try:
            with self._path.open("rb") as file:
                loaded = _Unpickler(file, self.values).load()
        except MemoryError:
            raise
        except _Hyperopts as error:
            return self._hyperopts(read_hyperopts, error)
        except Exception as error:
            hint = f"if a program was killed while it wrote the file, {aside}"
            if isinstance(error, (ImportError, AttributeError)):
                hint = "define or install what it names, in the same module as when it was written"
            raise InvalidArgument(
                f"`trials_save_file` must hold the trials of a search; {name!r} cannot be read "
                f"({type(error).__name__}: {error!s:.200}). Hint: {hint}."
            ) from error
        if not hasattr(loaded, "_dynamic_trials"):
            raise InvalidArgument(
                f"`trials_save_file` must hold the trials of a search; {name!r} holds an object "
                f"of type {type(loaded).__name__}. Hint: choose another name, or {aside}."
            )
        return loaded

    def _hyperopts(self, read: Callable[[str], Any] | None, refused: Exception) -> Any:
        """Read a file that Hyperopt wrote."""
        try:
            if read is None:
                raise refused
            return read(str(self._path))
        except (InvalidArgument, _Hyperopts) as error:
            raise InvalidArgument(
                f"`trials_save_file` must hold trials; {str(self._path)!r}, which Hyperopt wrote, "
                f"cannot be read: {error} Hint: pass trials=load_hyperopt_trials(..., allow=[...])."
            ) from error

    def keep_if_due(self, trials: Any) -> None:
        """Do what `keep` does, unless the last attempt was a moment ago."""
        if time.monotonic() >= self._next:
            self.keep(trials)

    def keep(self, trials: Any) -> None:
        """Save, and go on if that fails: the first failure is logged as a warning."""
        start = time.monotonic()
        try:
            self.save(trials)
        except Exception as error:  # results may raise anything when they are pickled
            level = logging.DEBUG if self._warned else logging.WARNING
            logger.log(
                level,
                "The trials cannot be saved to %r (%s: %s). The search goes on and tries again; "
                "until that succeeds, the file stays as it was.",
                str(self._path),
                type(error).__name__,
                error,
            )
            self._warned = True
        else:
            if self._warned:
                logger.info("The trials are saved to %r again.", str(self._path))
        end = time.monotonic()
        self._next = end + max(INTERVAL, (end - start) / SHARE)

    def save(self, trials: Any) -> None:
        """Replace the file by one with `trials`; if that fails, the old one is still there."""
        temporary = self._temporary()
        try:
            with temporary.open("wb") as file:
                _Pickler(file, self.values).dump(trials)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise

    def _temporary(self) -> Path:
        """Make an empty file next to the target.

        So the rename is atomic, and a search that is killed leaves the old file in place.
        """
        handle, name = tempfile.mkstemp(
            dir=self._path.parent, prefix=f".{self._path.name}.", suffix=".tmp"
        )
        os.close(handle)
        return Path(name)


def _may_be_a_pickle(path: Path) -> bool:
    """Whether a file is empty, or begins or ends as pickles do."""
    with path.open("rb") as file:
        if not (begin := file.read(1)):
            return True
        file.seek(-1, os.SEEK_END)
        return begin == pickle.PROTO or file.read(1) == pickle.STOP


class _Pickler(cloudpickle.CloudPickler):  # type: ignore[misc]
    """Refers to large values by the names of their files."""

    def __init__(self, file: IO[bytes], values: Path) -> None:
        super().__init__(file)
        self._values = values

    def reducer_override(self, obj: Any) -> Any:
        """Return how to pickle an object."""
        if type(obj) is LargeDict:
            return obj.saved(self._values)
        return super().reducer_override(obj)


class _Hyperopts(Exception):
    """Hyperopt wrote the file."""


class _Unpickler(pickle.Unpickler):
    """Looks for large values beside the file, where it is now."""

    def __init__(self, file: IO[bytes], values: Path) -> None:
        super().__init__(file)
        self._values = values

    def find_class(self, module: str, name: str) -> Any:
        """Return what a name stands for."""
        if module.partition(".")[0] == "hyperopt" and not _is_installed_as_hyperopt():
            raise _Hyperopts(f"it needs {module}.{name}.")
        found = super().find_class(module, name)
        if found is restored:
            return lambda _, *args: restored(str(self._values), *args)
        return found


def _is_installed_as_hyperopt() -> bool:
    """Whether `install_as_hyperopt` was called, so that Hyperopt's names are ours."""
    name = getattr(sys.modules.get("hyperopt"), "__name__", "")
    return bool(name == "sparktune")
