"""`TrialHandle`: what an objective with a second parameter `trial` gets for it.

It is made where the trial runs, from plain data that travel with the trial, by `Objective.run` and
by `Domain.evaluate`.
"""

from __future__ import annotations

import shutil
import socket
import tempfile
import weakref
from pathlib import Path
from types import SimpleNamespace
from typing import Any

__all__ = ["MARKER", "TrialHandle"]

MARKER = ".sparktune"
"""The file in a search's folder of checkpoints by which a worker knows it; holds its token."""


class TrialHandle:
    """A trial, as its objective sees it: the second parameter of ``def train(params, trial)``.

    A pickle of it is a plain record (`types.SimpleNamespace`) of `tid`, `attempt` and, if it was
    used, `checkpoint_dir`.

    Attributes
    ----------
    tid : int or None
        The id of the trial; None where an objective is evaluated without one.
    attempt : int
        How many attempts of the trial were lost before this one; see `retries` of `fmin`.
    """

    def __init__(
        self,
        tid: Any = None,
        attempt: int = 0,
        root: str | None = None,
        token: str = "",
        hint: str = "",
    ) -> None:
        self.tid = tid
        self.attempt = attempt
        self._root = root
        self._token = token
        self._hint = hint
        self._folder: str | None = None

    @property
    def checkpoint_dir(self) -> str:
        """The path of the trial's own folder, which it finds again when it runs again.

        The folder is made when it is first asked for.

        Raises
        ------
        RuntimeError
            If this host does not see the folder that the driver has made for the search.
        """
        if self._folder is None:
            self._folder = self._make_folder()
        return self._folder

    def _make_folder(self) -> str:
        if self._root is None:  # evaluated by hand, so it cannot run again
            folder = tempfile.mkdtemp(prefix="sparktune-")
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
            return folder
        root = Path(self._root)
        try:
            found = (root / MARKER).read_text()
        except OSError:
            found = ""
        # Without this check each host would have a folder of its own, and lose what others wrote.
        # Not a FileNotFoundError: objectives catch that where they look for a checkpoint.
        if found != self._token:
            raise RuntimeError(
                "`trial.checkpoint_dir` needs a folder that the driver and all workers share; "
                f"host {socket.gethostname()!r} does not see the search's folder {self._root!r}. "
                f"Hint: {self._hint}."
            )
        folder = str(root / str(self.tid))
        Path(folder).mkdir(exist_ok=True)
        return folder

    def __repr__(self) -> str:
        return f"TrialHandle(tid={self.tid}, attempt={self.attempt})"

    # A copy is the same trial. A pickle must not need this class, which came here by value.

    def __copy__(self) -> TrialHandle:
        return self

    def __deepcopy__(self, memo: Any) -> TrialHandle:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        kept = {"tid": self.tid, "attempt": self.attempt, "checkpoint_dir": self._folder}
        return SimpleNamespace, (), kept
