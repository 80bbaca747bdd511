"""`FileStore`: a journal in one file of a local folder, to which lines are appended."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import tempfile
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

from sparktune._journal.store import InUse, Part

__all__ = ["LOG", "VALUES", "FileStore"]

LOG = "journal.log"
VALUES = "values"
_TEMPORARY = ".tmp"
_LOOKS = 0.5  # seconds between two looks at the path, when nobody waits for the disk
_FAR = 2**31 - 2  # Windows locks bytes, which nobody else may then read


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
        self._file: int | None = None
        self._size = 0  # where the next line goes
        self._synced = 0
        # What was written since, and whether it has to be written again.
        self._since: list[bytes] = []
        self._again = False
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
        self._open(os.O_RDWR | os.O_CREAT)
        _sync_folder(self.folder)
        self._start_at(os.fstat(self._descriptor()).st_size)
        for left in (self.folder / VALUES).glob(f".*{_TEMPORARY}"):  # by a process that was killed
            with contextlib.suppress(OSError):
                left.unlink()

    def _open(self, flags: int) -> None:
        self.close()
        file = os.open(self._path, flags | getattr(os, "O_BINARY", 0), 0o644)
        try:
            _lock(file)
        except BaseException:
            os.close(file)
            raise
        self._file = file

    def _descriptor(self) -> int:
        if self._file is None:
            raise OSError(errno.EBADF, "The journal is not open", str(self._path))
        return self._file

    def _start_at(self, size: int) -> None:
        self._size = self._synced = size
        self._since.clear()
        self._again = False

    def cut(self, size: int) -> None:
        """Cut the file."""
        os.ftruncate(self._descriptor(), size)
        self._start_at(size)

    def append(self, lines: bytes, first: int, last: int) -> None:
        """Write lines behind those that are complete."""
        self._write_again()
        self._write(lines)
        self._since.append(lines)

    def sync(self) -> None:
        """Have the disk write what was appended."""
        self._write_again()
        try:
            os.fsync(self._descriptor())
        except OSError:
            # The system may forget what it could not write, and not say so again.
            self._size, self._again = self._synced, True
            raise
        self.trust()

    def trust(self) -> None:
        """Take what was appended as safe."""
        self._start_at(self._size)
        self._trusting = True

    def _write_again(self) -> None:
        """Write what may be lost, and see to it that the open file is the one of the path."""
        if self._trusting and not self._again:
            now = time.monotonic()  # to look takes longer than to write
            if now < self._look_at:
                return
            self._look_at = now + _LOOKS
        here = self._path.stat()
        ours = os.fstat(self._file) if self._file is not None else None
        if ours is None or (here.st_ino, here.st_dev) != (ours.st_ino, ours.st_dev):
            if here.st_size < self._synced:
                raise OSError(errno.ESTALE, "The file is shorter than it was", str(self._path))
            self._open(os.O_RDWR)
            self._size, self._again = self._synced, True
        if self._again:
            self._write(b"".join(self._since))
            self._again = False

    def _write(self, lines: bytes) -> None:
        file, done = self._descriptor(), 0
        try:
            while done < len(lines):
                done += _write_at(file, lines[done:], self._size + done)
        except BaseException:
            with contextlib.suppress(OSError):
                os.ftruncate(file, self._size)
            raise
        self._size += done

    def close(self) -> None:
        """Let others write."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)  # which ends the lock

    def put_value(self, name: str, data: bytes) -> None:
        """Keep a value in a file of its own."""
        folder = self.folder / VALUES
        target = folder / name
        if target.exists():
            return
        folder.mkdir(exist_ok=True)
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


def _sync_folder(folder: Path) -> None:
    """Have the disk write the names in a folder, where the system can do that."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
