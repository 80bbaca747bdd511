"""`FileStore`: a journal in one file of a local folder, to which lines are appended."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
import tempfile
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from sparktune._journal.folders import sync_folder
from sparktune._journal.store import LOG, VALUES, InUse, Part

__all__ = ["FileStore"]

_TEMPORARY = ".tmp"
_LOOKS = 0.5  # seconds between two looks at the path, when nobody waits for the disk
_FAR = 2**31 - 2  # Windows locks bytes, which nobody else may then read


class _Written(NamedTuple):
    """What is in a file. One object, so that Ctrl-C finds it changed or not, but not halfway."""

    safe: int  # bytes that would survive a loss of power
    last_safe: int  # the number of the last record in them
    since: list[tuple[bytes, int]]  # lines behind them, with the number of the last one

    @property
    def size(self) -> int:
        """Where the next line goes."""
        return self.safe + sum(len(lines) for lines, _ in self.since)

    @property
    def last(self) -> int:
        """The number of the last record that was appended, -1 if none was."""
        return self.since[-1][1] if self.since else self.last_safe


class FileStore:
    """See `Store`.

    The file is locked while it is open. The lock belongs to the process: it ends with it, however
    that ends, and forked children let go of it.

    Parameters
    ----------
    folder : path
        Made when the journal is opened.
    """

    gathers = False

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        # The real path: objectives may change the working directory.
        self.folder = Path(os.path.realpath(os.fspath(folder)))
        self.place = str(self.folder)
        self._path = self.folder / LOG
        self._file: io.FileIO | None = None
        self._written = _Written(0, -1, [])
        self._again = False  # whether what was written since has to be written again
        self._trusting = False
        self._look_at = 0.0
        _in_this_process.add(self)

    def exists(self) -> bool:
        """Whether there is a journal."""
        return self._path.is_file() and self._path.stat().st_size > 0

    def read(self) -> Iterator[Part]:
        """Return the file."""
        yield Part(LOG, self._path.read_bytes(), is_open=True)

    def open(self) -> None:
        """Lock the file, which is made if there is none."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._open(os.O_CREAT)
        for folder in (self.folder, self.folder.parent):
            sync_folder(folder)
        self._start_at(os.fstat(self._descriptor()).st_size)
        for left in (self.folder / VALUES).glob(f".*{_TEMPORARY}"):  # by a process that was killed
            with contextlib.suppress(OSError):
                left.unlink()

    def _open(self, flags: int = 0) -> None:
        self.close()
        file = io.FileIO(
            self._path, "r+", opener=lambda path, mode: os.open(path, mode | flags, 0o644)
        )
        try:
            _lock(file.fileno())
        except BaseException:
            file.close()
            raise
        self._file = file

    def _descriptor(self) -> int:
        if self._file is None or self._file.closed:
            raise OSError(errno.EBADF, "The journal is not open", str(self._path))
        return self._file.fileno()

    def _start_at(self, size: int) -> None:
        self._written = _Written(size, self._written.last, [])
        self._again = False

    def cut(self, size: int) -> None:
        """Cut the file."""
        os.ftruncate(self._descriptor(), size)
        self._start_at(size)

    def append(self, lines: bytes, first: int, last: int) -> None:
        """Write lines behind those that are complete."""
        self._write_again()
        written = self._written
        if first <= written.last:  # Ctrl-C came when they were there already
            lines = b"".join(lines.splitlines(keepends=True)[written.last - first + 1 :])
        self._write(lines, written.size)
        written.since.append((lines, last))

    def sync(self) -> None:
        """Have the disk write what was appended."""
        self._write_again()
        try:
            os.fsync(self._descriptor())
        except OSError:
            # The system may forget what it could not write, and not say so again.
            self._again = True
            raise
        self.trust()

    def trust(self) -> None:
        """Take what was appended as safe."""
        self._written = _Written(self._written.size, self._written.last, [])
        self._again = False
        self._trusting = True

    def _write_again(self) -> None:
        """Write what may be lost, and see to it that the open file is the one of the path."""
        if self._trusting and not self._again:
            now = time.monotonic()  # to look takes longer than to write
            if now < self._look_at:
                return
            self._look_at = now + _LOOKS
        here, file = self._path.stat(), self._file
        ours = None if file is None or file.closed else os.fstat(file.fileno())
        if ours is None or (here.st_ino, here.st_dev) != (ours.st_ino, ours.st_dev):
            self._open_again()
        if self._again:
            self._write(b"".join(lines for lines, _ in self._written.since), self._written.safe)
            self._again = False

    def _open_again(self) -> None:
        """Open the file that is at the path now, if it is ours up to what is safe."""
        path = str(self._path)
        try:
            self._open()
        except InUse as error:
            raise OSError(errno.ESTALE, "Another process writes the file", path) from error
        try:
            tail = self._path.read_bytes()[self._written.safe :]
            expected = b"".join(lines for lines, _ in self._written.since)
            size = os.fstat(self._descriptor()).st_size
            if size < self._written.safe or not expected.startswith(tail):
                raise OSError(errno.ESTALE, "The file is not as this search wrote it", path)
        except BaseException:
            self.close()
            raise
        self._again = True

    def _write(self, lines: bytes, start: int) -> None:
        file, done = self._descriptor(), 0
        try:
            while done < len(lines):
                done += _write_at(file, lines[done:], start + done)
        except BaseException:
            with contextlib.suppress(OSError):
                os.ftruncate(file, start)
            raise

    def close(self) -> None:
        """Let others write."""
        if self._file is not None:
            self._file.close()  # which ends the lock

    def put_value(self, name: str, data: bytes) -> None:
        """Keep a value in a file of its own."""
        folder = self.folder / VALUES
        target = folder / name
        if not folder.is_dir():
            folder.mkdir(exist_ok=True)
            sync_folder(self.folder)
        if target.exists() and target.stat().st_size == len(data):  # else its writer was killed
            sync_folder(folder)
            return
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=".", suffix=_TEMPORARY)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
            raise
        sync_folder(folder)

    def get_value(self, name: str) -> bytes:
        """Return a value."""
        return self.path_of_value(name).read_bytes()

    def path_of_value(self, name: str) -> Path:
        """Return the path of a value."""
        return self.folder / VALUES / name


# The stores whose locks a forked child lets go of; else they would outlive the process.
_in_this_process: weakref.WeakSet[FileStore] = weakref.WeakSet()


def _let_go() -> None:
    for store in list(_in_this_process):
        with contextlib.suppress(OSError):
            store.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)


def _lock(file: int) -> None:
    """Lock a file for this process, or raise `InUse`."""
    if sys.platform == "win32":
        import msvcrt

        try:
            os.lseek(file, _FAR, os.SEEK_SET)
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise InUse from error
    else:
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InUse from error


def _write_at(file: int, data: bytes, at: int) -> int:
    if hasattr(os, "pwrite"):
        return os.pwrite(file, data, at)
    os.lseek(file, at, os.SEEK_SET)
    return os.write(file, data)
