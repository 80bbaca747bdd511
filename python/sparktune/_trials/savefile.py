"""`SaveFile`: keeps a copy of the trials of a search in a file."""

from __future__ import annotations

import contextlib
import os
import pickle
import tempfile
import time
from pathlib import Path
from typing import IO, Any

import cloudpickle

from sparktune._trials.large import LargeDict, restored

__all__ = ["SaveFile"]

# The least seconds between two saves, and the largest share of the time that they may take.
INTERVAL = 1.0
SHARE = 0.05


class SaveFile:
    """Writes trials to a file, whole or not at all. The directory of the file must exist.

    Large values of results are in files in a folder beside it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._next = 0.0

    @property
    def values(self) -> Path:
        """The folder of the large values."""
        path = self._path.absolute()
        return path.with_name(f"{path.name}.values")

    def load(self) -> Any:
        """Return what the file holds, or None if there is no file.

        The file is a pickle: load only files that you trust.
        """
        if not self._path.exists():
            return None
        with self._path.open("rb") as file:
            return _Unpickler(file, self.values).load()

    def save_if_due(self, trials: Any) -> None:
        """Save, unless the last save was a moment ago."""
        if time.monotonic() >= self._next:
            self.save(trials)

    def save(self, trials: Any) -> None:
        """Replace the file by one with `trials`; if that fails, the old one is still there."""
        start = time.monotonic()
        # A temporary file next to the target, so that the rename is atomic and a search that is
        # killed here leaves the old file in place.
        handle, name = tempfile.mkstemp(
            dir=self._path.parent, prefix=f".{self._path.name}.", suffix=".tmp"
        )
        try:
            with os.fdopen(handle, "wb") as file:
                _Pickler(file, self.values).dump(trials)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self._path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
        end = time.monotonic()
        self._next = end + max(INTERVAL, (end - start) / SHARE)


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


class _Unpickler(pickle.Unpickler):
    """Looks for large values beside the file, where it is now."""

    def __init__(self, file: IO[bytes], values: Path) -> None:
        super().__init__(file)
        self._values = values

    def find_class(self, module: str, name: str) -> Any:
        """Return what a name stands for."""
        found = super().find_class(module, name)
        if found is restored:
            return lambda _, *args: restored(str(self._values), *args)
        return found
