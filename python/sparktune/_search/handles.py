"""`Handles`: turns what the search says about the handles of its trials into their data."""

from __future__ import annotations

import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sparktune._pruning.pruner import Pruner
from sparktune._trials.attempts import attempt_of
from sparktune._trials.documents import Trial
from sparktune._worker.handle import MARKER, TrialHandle

__all__ = ["HandleOptions", "Handles", "Lines", "handle_of"]

_SHARED = "use a path that all hosts share"
_TEMPORARY = "before the search, set TMPDIR on the driver to a path that all hosts share"


@dataclass(frozen=True)
class HandleOptions:
    """What the search says about the handles of its trials.

    Attributes
    ----------
    checkpoints : str or None
        The folder for the trials' checkpoints, which stays. None: a temporary one, which is removed
        when the search ends.
    pruner : Pruner or None
        Says by which rule a trial ends itself.
    """

    checkpoints: str | None = None
    pruner: Pruner | None = None


class Lines(Protocol):
    """The driver's end of the lines of running trials; see `sparktune._worker.line`."""

    def data(self, trial: Trial) -> tuple[str, int, bytes, Any] | None:
        """Return what the line of a trial that starts is made from; None if there is none."""
        ...

    def close(self) -> None:
        """Close all lines."""
        ...


class Handles:
    """Makes the data of the handle of each trial, and owns the folder of their checkpoints.

    Parameters
    ----------
    domain : Domain
        Says whether the objective takes a handle at all.
    options : HandleOptions
        What the search says.
    lines : Lines, optional
        Ways to the driver while trials run, where there are such.
    """

    def __init__(self, domain: Any, options: HandleOptions, lines: Lines | None = None) -> None:
        self._wanted = bool(getattr(domain, "takes_trial", False))
        self._options = options
        self._lines = lines
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._common: dict[str, Any] | None = None

    def data(self, trial: Trial) -> dict[str, Any] | None:
        """Return the arguments of a trial's `TrialHandle`, None if its objective takes none."""
        if not self._wanted:
            return None
        if self._common is None:
            self._common = self._open()
        rule = None if self._options.pruner is None else self._options.pruner.rule(trial)
        line = None if self._lines is None else self._lines.data(trial)
        return {**_own(trial), **self._common, "rule": rule, "line": line}

    def _open(self) -> dict[str, Any]:
        """Make the folder, if it is not there, with the marker by which workers know it."""
        given, hint = self._options.checkpoints, _SHARED
        if given is None:
            self._temporary = tempfile.TemporaryDirectory(
                prefix="sparktune-", ignore_cleanup_errors=True
            )
            given, hint = self._temporary.name, _TEMPORARY
        root = Path(given).absolute()
        root.mkdir(parents=True, exist_ok=True)
        marker = root / MARKER
        if not marker.exists():  # a search that goes on finds it
            marker.write_text(secrets.token_hex(16))
        pruner = self._options.pruner
        sign = -1.0 if pruner is not None and pruner.maximize else 1.0
        return {"root": str(root), "token": marker.read_text(), "hint": hint, "sign": sign}

    def close(self) -> None:
        """Close the lines, and remove the folder if it is temporary."""
        try:
            if self._lines is not None:
                self._lines.close()
        finally:
            if self._temporary is not None:
                self._temporary.cleanup()
                self._temporary = self._common = None


def handle_of(ctrl: Any) -> TrialHandle:
    """Return the handle of a trial that is evaluated here; `ctrl` may be any object, or None."""
    data = getattr(ctrl, "handle", None)
    if data is None:
        trial = getattr(ctrl, "current_trial", None)
        data = {} if trial is None else _own(trial)
    return TrialHandle(**data)


def _own(trial: Trial) -> dict[str, Any]:
    return {"tid": trial["tid"], "attempt": attempt_of(trial)}
