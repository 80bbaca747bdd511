"""Folders for stores that write whole files: local ones, and those of object stores."""

from __future__ import annotations

import contextlib
import errno
import inspect
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from sparktune.exceptions import InvalidArgument

__all__ = ["Folder", "FsspecFolder", "LocalFolder", "delete_all", "read_all", "sync_folder"]

T = TypeVar("T")

_AT_ONCE = 16  # requests
_TEMPORARY = re.compile(r"\..+~[0-9a-f]{16}\.tmp")
# What file systems answer that do not rename or do not sync.
_CANNOT = {
    getattr(errno, name, -1)
    for name in ("ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EINVAL", "EXDEV", "ENOTTY", "EPERM")
}


class Folder(Protocol):
    """Whole files by name, ``/`` in it for those in folders below. What fails raises `OSError`.

    Several threads may use it.
    """

    place: str
    """The path or URL, for messages."""

    def make(self) -> None:
        """Make the folder if there is none, and remove what a killed process left half written."""
        ...

    def names(self) -> list[str]:
        """Return the names of the files in the folder as they are now; none if it is not there."""
        ...

    def exists(self, name: str) -> bool:
        """Whether there is a file."""
        ...

    def read(self, name: str) -> bytes:
        """Return a file; raises `FileNotFoundError` if there is none."""
        ...

    def write(self, name: str, data: bytes) -> None:
        """Write or replace a file, which readers find whole or not at all."""
        ...

    def create(self, name: str, data: bytes) -> None:
        """Write a file unless there is one; raises `FileExistsError`.

        Not every object store can prevent that two processes create the same file at the same time.
        """
        ...

    def delete(self, name: str) -> None:
        """Delete a file, if there is one."""
        ...

    def path_of(self, name: str) -> Path | None:
        """Return the path of a file, None if it is not on this computer."""
        ...


def _at_once(do: Callable[[str], T], names: Iterable[str]) -> list[T]:
    names = list(names)
    if len(names) < 2:
        return [do(name) for name in names]
    with ThreadPoolExecutor(min(_AT_ONCE, len(names)), "sparktune-journal") as pool:
        return list(pool.map(do, names))


def read_all(folder: Folder, names: Iterable[str]) -> list[bytes]:
    """Return files, which are read at the same time."""
    return _at_once(folder.read, names)


def delete_all(folder: Folder, names: Iterable[str]) -> None:
    """Delete files at the same time."""
    _at_once(folder.delete, names)


class LocalFolder:
    """See `Folder`: a folder of the local file system, or one that is mounted there.

    A file is written under another name, synced and renamed. Where renaming does not work it is
    written in place; a process that is killed meanwhile leaves the beginning of the data.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        # The real path: objectives may change the working directory.
        self._path = Path(os.path.realpath(os.fspath(path)))
        self.place = str(self._path)
        self._renames = True

    def make(self) -> None:
        """Make the folder, with those above it."""
        self._path.mkdir(parents=True, exist_ok=True)
        for left in (*self._path.glob(".*"), *self._path.glob("*/.*")):
            if _TEMPORARY.fullmatch(left.name):
                with contextlib.suppress(OSError):
                    left.unlink()

    def names(self) -> list[str]:
        """Return the names of the files."""
        try:
            with os.scandir(self._path) as entries:
                return [entry.name for entry in entries if entry.is_file()]
        except FileNotFoundError:
            return []

    def exists(self, name: str) -> bool:
        """Whether there is a file."""
        return self.path_of(name).is_file()

    def read(self, name: str) -> bytes:
        """Return a file."""
        return self.path_of(name).read_bytes()

    def write(self, name: str, data: bytes) -> None:
        """Write a file."""
        target = self.path_of(name)
        target.parent.mkdir(exist_ok=True)
        if self._renames and self._write_and_rename(target, data):
            return
        self._renames = False
        _write_synced(target, "wb", data)

    def _write_and_rename(self, target: Path, data: bytes) -> bool:
        """Write a file under another name and rename it; return whether that works here."""
        temporary = target.with_name(f".{target.name}~{secrets.token_hex(8)}.tmp")
        _write_synced(temporary, "xb", data)
        try:
            temporary.replace(target)
        except BaseException as error:
            with contextlib.suppress(OSError):
                temporary.unlink()
            if isinstance(error, OSError) and error.errno in _CANNOT:
                return False
            raise
        sync_folder(target.parent)
        return True

    def create(self, name: str, data: bytes) -> None:
        """Write a file unless there is one."""
        target = self.path_of(name)
        target.parent.mkdir(exist_ok=True)
        _write_synced(target, "xb", data)
        sync_folder(target.parent)

    def delete(self, name: str) -> None:
        """Delete a file."""
        self.path_of(name).unlink(missing_ok=True)

    def path_of(self, name: str) -> Path:
        """Return the path of a file."""
        return self._path / name


def _write_synced(path: Path, mode: str, data: bytes) -> None:
    """Write a file to the disk, or leave none."""
    file = path.open(mode)  # `FileExistsError` must not remove the file
    try:
        with file:
            file.write(data)
            file.flush()
            _sync(file.fileno())
    except BaseException:
        with contextlib.suppress(OSError):
            path.unlink()
        raise


def _sync(file: int) -> None:
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno not in _CANNOT:
            raise


def sync_folder(folder: Path) -> None:
    """Have the disk write the names in a folder, where the system can do that."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


# --- Object stores --------------------------------------------------------------------------------

# The packages with the drivers, by the scheme of the URL.
_DRIVERS = {
    "s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs", "abfss": "adlfs",
    "az": "adlfs", "wasb": "adlfs", "wasbs": "adlfs", "hdfs": "pyarrow", "oci": "ocifs",
    "oss": "ossfs", "hf": "huggingface_hub", "sftp": "paramiko", "ssh": "paramiko",
}  # fmt: skip


class FsspecFolder:
    """See `Folder`: a folder of an object store, through fsspec.

    Parameters
    ----------
    url : str
        Such as ``"s3://bucket/folder"``.
    storage_options : mapping, optional
        Credentials, end points and other arguments of fsspec's file system.

    Raises
    ------
    ImportError
        If fsspec or the driver of the store is not installed.
    InvalidArgument
        If fsspec does not know the scheme or refuses the options.
    """

    def __init__(self, url: str, storage_options: Mapping[str, Any] | None = None) -> None:
        self.place = url.rstrip("/")
        self._files, path = _file_system(self.place, dict(storage_options or {}))
        self._path: str = path.rstrip("/")
        self._creates = _has_mode(type(self._files))

    def make(self) -> None:
        """Do nothing: object stores have no folders, and do not keep half of a file."""

    def names(self) -> list[str]:
        """Return the names of the files."""
        start = f"{self._path}/"
        with self._as_os_errors("list"):
            try:
                self._files.invalidate_cache(self._path)
                found = self._files.ls(self._path, detail=True)
            except FileNotFoundError:
                return []
        return [
            entry["name"].removeprefix(start)
            for entry in found
            if entry["type"] == "file" and len(entry["name"]) > len(start)
        ]

    def exists(self, name: str) -> bool:
        """Whether there is a file."""
        # `exists` of fsspec returns False whatever went wrong.
        with self._as_os_errors("read", name):
            try:
                return bool(self._files.info(self._at(name))["type"] == "file")
            except FileNotFoundError:
                return False

    def read(self, name: str) -> bytes:
        """Return a file."""
        with self._as_os_errors("read", name):
            return bytes(self._files.cat_file(self._at(name)))

    def write(self, name: str, data: bytes) -> None:
        """Write a file."""
        with self._as_os_errors("write", name):
            self._files.pipe_file(self._at(name), data)

    def create(self, name: str, data: bytes) -> None:
        """Write a file unless there is one."""
        if self._creates:
            try:
                with self._as_os_errors("write", name):
                    self._files.pipe_file(self._at(name), data, mode="create")
                return
            except FileExistsError:
                raise
            except OSError as error:
                # Stores word the refusal in their own ways, and some have no conditional writes.
                if self.exists(name):
                    raise FileExistsError(errno.EEXIST, str(error)) from error
                if error.errno not in (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP):
                    raise
        elif self.exists(name):
            raise FileExistsError(errno.EEXIST, f"There is a file {self._url(name)!r}")
        self.write(name, data)

    def delete(self, name: str) -> None:
        """Delete a file."""
        with self._as_os_errors("delete", name), contextlib.suppress(FileNotFoundError):
            self._files.rm_file(self._at(name))

    def path_of(self, name: str) -> None:
        """Return None."""

    def _at(self, name: str) -> str:
        return f"{self._path}/{name}"

    def _url(self, name: str) -> str:
        return f"{self.place}/{name}" if name else self.place

    @contextlib.contextmanager
    def _as_os_errors(self, doing: str, name: str = "") -> Iterator[None]:
        """Turn whatever a driver or its HTTP library raises into an `OSError` with the name."""
        try:
            yield
        except Exception as error:
            if isinstance(error, OSError) and error.filename is not None:
                raise
            raise _os_error(error, f"Cannot {doing} {self._url(name)!r}") from error


def _os_error(error: Exception, what: str) -> OSError:
    """Return an error of a driver as an `OSError` of the same kind."""
    what += f" ({type(error).__name__}: {error})"
    if _is_about_credentials(error):
        hint = "Hint: give credentials in `storage_options` or in the environment"
        return PermissionError(errno.EACCES, f"{what}. {hint}")
    if not isinstance(error, OSError):
        return OSError(errno.EIO, what)
    kind = next(kind for kind in type(error).__mro__ if kind.__module__ == "builtins")
    return cast("OSError", kind(error.errno or _NUMBERS.get(kind, errno.EIO), what))


_NUMBERS: dict[type, int] = {
    FileNotFoundError: errno.ENOENT,
    FileExistsError: errno.EEXIST,
    PermissionError: errno.EACCES,
    TimeoutError: errno.ETIMEDOUT,
}


def _is_about_credentials(error: BaseException) -> bool:
    """Whether a library found no credentials: botocore, google-auth and azure have own classes."""
    names = [kind.__name__ for kind in type(error).__mro__]
    return any("Credential" in name or "Authentication" in name for name in names)


def _file_system(url: str, options: dict[str, Any]) -> tuple[Any, str]:
    """Return fsspec's file system of a URL, and the path in it."""
    scheme = url.partition("://")[0]
    driver = _DRIVERS.get(scheme, "")
    install = f"pip install 'sparktune[journal]' {driver}".rstrip()
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise ImportError(
            f"A journal in an object store needs fsspec, which is not installed; got {url!r}; "
            f"hint: {install}."
        ) from error
    try:
        # A cached listing does not show what other processes wrote.
        return url_to_fs(url, **{**options, "use_listings_cache": False})  # type: ignore[no-any-return]
    except ImportError as error:
        raise ImportError(
            f"A journal in {scheme}:// needs {driver or 'a driver'}, which cannot be imported; "
            f"got {url!r} ({error}); hint: {install}."
        ) from error
    except (ValueError, TypeError) as error:
        raise InvalidArgument(
            f"`journal` must be a path, or a URL that fsspec can open; got {url!r} "
            f"({type(error).__name__}: {error}). Hint: look at its scheme, and at "
            "`storage_options` if there are any."
        ) from error
    except Exception as error:
        raise _os_error(error, f"Cannot open {url!r}") from error


def _has_mode(files: type) -> bool:
    """Whether a file system can write a file only if there is none."""
    write = getattr(files, "_pipe_file", None) or getattr(files, "pipe_file", None)
    return write is not None and "mode" in inspect.signature(write).parameters
