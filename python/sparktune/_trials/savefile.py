"""`SaveFile`: keeps a copy of the trials of a search in a file."""

from __future__ import annotations

import contextlib
import os
import pickle
import tempfile
import time
from pathlib import Path
from typing import Any

import cloudpickle

__all__ = ["SaveFile"]

# The least seconds between two saves, and the largest share of the time that they may take.
INTERVAL = 1.0
SHARE = 0.05


class SaveFile:
    """Writes trials to a file, whole or not at all. The directory of the file must exist."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._next = 0.0

    def load(self) -> Any:
        """Return what the file holds, or None if there is no file.

        The file is a pickle: load only files that you trust.
        """
        if not self._path.exists():
            return None
        with self._path.open("rb") as file:
            return pickle.load(file)

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
                cloudpickle.dump(trials, file)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self._path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
        end = time.monotonic()
        self._next = end + max(INTERVAL, (end - start) / SHARE)
