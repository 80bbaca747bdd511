"""`Keepers`: what keeps a search on disk while it runs, a save file or a journal or both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sparktune._journal.keeper import JournalKeeper
from sparktune._search.board import Board
from sparktune._search.ending import Ending
from sparktune._trials.documents import Trial
from sparktune._trials.savefile import SaveFile

__all__ = ["Keepers"]


class Keepers:
    """Tells them what happens.

    Parameters
    ----------
    trials : Trials
        The trials of the search.
    file : SaveFile or None
        Gets copies now and then.
    journal : JournalKeeper or None
        Gets each event when it happens.
    """

    def __init__(self, trials: Any, file: SaveFile | None, journal: JournalKeeper | None) -> None:
        self._trials = trials
        self._file = file
        self._journal = journal

    @property
    def values(self) -> Path | None:
        """The folder where large values of results stay, None if there is no such folder."""
        if self._file is not None:
            return self._file.values
        return None if self._journal is None else self._journal.folder_of_values

    @property
    def checkpoints(self) -> str | None:
        """The folder of the trials' checkpoints that the next process finds; None without one."""
        folder = None if self._journal is None else self._journal.journal.checkpoints
        return None if folder is None else str(folder)

    @property
    def points(self) -> Sequence[int]:
        """The ids of the points of a search that a journal keeps, which do not count."""
        return () if self._journal is None else self._journal.points

    def follow(self, board: Board) -> None:
        """Take in the trials that are there, and then what happens to them."""
        if self._journal is not None:
            self._journal.follow(board.ledger)

    def track(self, parent: Callable[[], dict[str, str] | None]) -> None:
        """Ask `parent` for the MLflow run of the search."""
        if self._journal is not None:
            self._journal.track(parent)

    def suggested(self, seed: int) -> None:
        """Note trials that were suggested with a seed."""
        if self._journal is not None:
            self._journal.suggested(seed)

    def started(self, trial: Trial, at_once: bool) -> None:
        """Note that a trial starts; `at_once` writes it, since another process may run it now."""
        if self._journal is not None:
            self._journal.started(trial)
            if at_once:
                self._journal.rest()

    def rest(self) -> None:
        """Write, because the search is about to wait."""
        if self._journal is not None:
            self._journal.rest()

    def secure(self) -> None:
        """Write the outcomes of trials, before the search acts on them."""
        if self._journal is not None:
            self._journal.secure()

    def save_if_due(self) -> None:
        """Save the trials, unless that was done a moment ago."""
        if self._file is not None:
            self._file.keep_if_due(self._trials)

    def save(self) -> None:
        """Save the trials, because the search is about to end."""
        self.secure()
        if self._file is not None:
            self._file.keep(self._trials)

    def end(self, ending: Ending) -> None:
        """Note how the search ended."""
        if self._journal is not None:
            self._journal.end(ending.reason, ending.message, ending.error)
