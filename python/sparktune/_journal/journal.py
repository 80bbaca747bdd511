"""`Journal`: a search on disk, by its path."""

from __future__ import annotations

import getpass
import os
import platform
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sparktune._core import __version__
from sparktune._journal.contents import Contents, Unknown, without_collections
from sparktune._journal.events import read_time
from sparktune._journal.places import store_at
from sparktune._journal.record import Log, may_begin
from sparktune._journal.store import InUse, Part, Store
from sparktune._journal.values import Values
from sparktune._trials.documents import Trial
from sparktune._trials.large import LargeDict
from sparktune.exceptions import DamagedJournal, InvalidArgument, InvalidArgumentType

__all__ = ["Journal", "journal_of", "this_process"]


class Journal:
    """A search on disk, for the parameter `journal` of `fmin`.

    Parameters
    ----------
    path : str or os.PathLike
        A folder, which is made if there is none; or a URL that ``fsspec`` knows, such as
        ``s3://bucket/churn``. docs/journal.md describes what is in it.
    fsync : bool, default True
        Whether a result has reached the disk before the search acts on it, so that it survives a
        loss of power. Without, it survives whatever happens to the process. Turn it off if trials
        take less than some milliseconds.
    storage_options : mapping, optional
        For ``fsspec``, such as ``{"profile": "team"}``.

    Raises
    ------
    InvalidArgument, InvalidArgumentType
        If `path` cannot be the path of a journal.
    ImportError
        If `path` is a URL and ``fsspec``, or its package for such URLs, is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from sparktune import Journal, Trials, fmin, hp
    >>> folder = tempfile.mkdtemp()
    >>> space = hp.uniform("x", -5, 5)
    >>> def objective(x):
    ...     return (x - 1) ** 2
    >>> best = fmin(objective, space, max_evals=5, journal=folder, verbose=False)
    >>> best = fmin(objective, space, max_evals=8, journal=folder, verbose=False)  # 3 more
    >>> len(Trials.from_journal(folder))
    8
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        fsync: bool = True,
        storage_options: Mapping[str, Any] | None = None,
    ) -> None:
        text = os.fspath(path) if isinstance(path, os.PathLike) else path
        if not isinstance(text, str) or not text:
            raise InvalidArgumentType(f"`journal` must be the path of a folder; got {path!r}.")
        if "\0" in text:
            raise InvalidArgument(f"`journal` must be the path of a folder; got {path!r}.")
        if not isinstance(fsync, bool):
            raise InvalidArgumentType(f"`fsync` must be True or False; got {fsync!r}.")
        self.path = text
        self.fsync = fsync
        try:
            self.store = store_at(self.path, storage_options)
        except OSError as error:
            raise _refused(self.path, error) from error

    def __repr__(self) -> str:
        return f"Journal({self.path!r})"

    @property
    def place(self) -> str:
        """The whole path, or the URL."""
        return self.store.place

    @property
    def checkpoints(self) -> Path | None:
        """The folder of the trials' checkpoints, None if the journal is not in a local folder."""
        values = self.store.path_of_value("any")
        return None if values is None else values.parent.parent / "checkpoints"

    @property
    def values(self) -> Path | None:
        """The folder of large values, None if the journal is not in a local folder."""
        values = self.store.path_of_value("any")
        return None if values is None else values.parent

    # -- reading -------------------------------------------------------------------------------

    def exists(self) -> bool:
        """Whether there is a journal."""
        return bool(_explained(self.store, self.store.exists))

    def log(self) -> Log:
        """Return the records, and what is wrong with them."""
        if not self.exists():
            raise InvalidArgument(
                f"`journal` must be the path of a journal; there is none in {self.place!r}. "
                "Hint: fmin(..., journal=path) begins one."
            )
        with without_collections():
            log = Log().read(self.parts())
        if log.torn and log.next == 0 and not may_begin(log.torn):
            raise self._unknown("its first line is not a record")  # which nobody may cut off
        return log

    def parts(self) -> list[Part]:
        """Return the lines, as they are."""
        found: list[Part] = _explained(self.store, lambda: list(self.store.read()))
        return found

    def contents(self, log: Log | None = None) -> Contents:
        """Return what the journal says.

        Raises
        ------
        DamagedJournal
            If a record is not as it was written.
        InvalidArgument
            If there is no journal, or one of another version.
        """
        log = log or self.log()
        if log.damage:
            raise self.damaged(log)
        return self.contents_in_spite(log)

    def contents_in_spite(self, log: Log) -> Contents:
        """Return what those records say that can be read."""
        try:
            with without_collections():
                contents = Contents(log)
        except Unknown as error:
            raise InvalidArgument(
                f"`journal` must be a journal that this version of sparktune knows; of "
                f"{self.place!r}, {error}. Hint: upgrade sparktune, or choose another path."
            ) from error
        except (KeyError, TypeError, AttributeError) as error:
            raise self._unknown(error) from error
        if log.records and not contents.id and not log.damage:
            raise self._unknown("its first record is another one")
        return contents

    def trials(self, contents: Contents, values: Values) -> tuple[list[Trial], LargeDict]:
        """Return documents and attachments."""
        try:
            with without_collections():
                return contents.documents(values), contents.attachments(values)
        except Exception as error:  # whatever values raise that nobody wrote
            raise self._unknown(error) from error

    def values_of(self, unpickle: bool) -> Values:
        """Return what reads and writes the values beside the log."""
        return Values(self.store, unpickle)

    def _unknown(self, why: Any) -> InvalidArgument:
        what = f"{type(why).__name__}: {why}" if isinstance(why, Exception) else why
        return InvalidArgument(
            f"`journal` must be a journal that sparktune wrote; {self.place!r} is not one "
            f"({what!s:.200}). Hint: choose another path."
        )

    def damaged(self, log: Log) -> DamagedJournal:
        """Return the error that says what is wrong with the records."""
        saved = self.contents_in_spite(log)
        ended = sum(trial.get("state") in ("done", "error") for trial in saved.trials.values())
        first, more = log.damage[0], len(log.damage) - 1
        others = f" and {more} more {'is' if more == 1 else 'are'} damaged" if more else ""
        return DamagedJournal(
            f"The records of a journal must be as they were written; in {self.place!r} {first}"
            f"{others}. {ended} trials that ended can be saved. Hint: restore the file from a "
            f"backup, or `python -m sparktune journal {self.path} --salvage NEW` writes what can "
            "be read into a new journal.",
            first.number,
        )

    # -- writing -------------------------------------------------------------------------------

    def open(self) -> Store:
        """Become the only writer, and return the store.

        Raises
        ------
        InvalidArgument
            If another process writes the journal, or the path cannot be written.
        """
        try:
            _explained(self.store, self.store.open)
        except InUse:
            raise InvalidArgument(
                f"`journal` must not be in use; {self.place!r} is being written{self._holder()}. "
                "Hint: wait for that search, stop it, or choose another path."
            ) from None
        return self.store

    def _holder(self) -> str:
        """Return who writes the journal, as it says itself."""
        try:
            opened = self.contents_in_spite(self.log()).opened
            since = read_time(opened["at"]).isoformat(" ", "seconds")
            return f" by process {opened['pid']} on {opened['host']} since {since} UTC"
        except Exception:  # it may be in the middle of its first record
            return " by another process"


def _explained(store: Store, call: Any) -> Any:
    """Call something of a store, and say what a path must be if that fails."""
    try:
        return call()
    except OSError as error:
        raise _refused(store.place, error) from error


def _refused(place: str, error: OSError) -> InvalidArgument:
    return InvalidArgument(
        f"`journal` must be a folder that can be read and written; for {place!r} that fails with "
        f"{type(error).__name__}: {error}. Hint: choose another path."
    )


def journal_of(given: Any) -> Journal | None:
    """Return the journal that an argument of `fmin` names, None if there is none."""
    if given is None or isinstance(given, Journal):
        return given
    return Journal(given)


def this_process() -> dict[str, Any]:
    """Return what a journal says of the process that writes it."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):
        user = ""
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "user": user,
        "sparktune": __version__,
        "python": platform.python_version(),
    }
