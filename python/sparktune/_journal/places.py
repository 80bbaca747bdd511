"""Which store keeps the journal of a path or URL."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from sparktune._journal.file_store import FileStore
from sparktune._journal.folders import FsspecFolder, LocalFolder
from sparktune._journal.segments import SegmentStore, has_segments
from sparktune._journal.store import LOG, Store
from sparktune.exceptions import InvalidArgument

__all__ = ["store_at"]

# Two letters or more: one is a drive of Windows.
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_FLAT_URL = re.compile(r"(s3a?|gc?s|abfss?|az|wasbs?|hdfs):/([^/].*)")
_DBFS = re.compile(r"dbfs:/+")
# Mounts of object stores: Databricks' volumes and file system.
_MOUNTS = ("/Volumes/", "/dbfs/")
# What file systems answer that cannot append.
_CANNOT_APPEND = {
    getattr(errno, name, -1)
    for name in ("EINVAL", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "ESPIPE", "EIO")
}


def store_at(
    path: str | os.PathLike[str], storage_options: Mapping[str, Any] | None = None
) -> Store:
    """Return the store of a journal, which need not exist yet.

    Parameters
    ----------
    path : path
        A URL with a scheme such as ``s3://``, for fsspec, or a local path, also as ``file://`` or
        ``dbfs:/``.
    storage_options : mapping, optional
        Arguments of fsspec's file system.

    Raises
    ------
    InvalidArgument
        If the URL is not one of fsspec's, or if there are `storage_options` for a local path.
    OSError
        If the folder cannot be listed.
    ImportError
        If fsspec or the driver of the store is not installed.
    """
    text = os.fspath(path)
    local = _local_path(text)
    if local is None:
        return SegmentStore(FsspecFolder(text, storage_options))
    if storage_options:
        raise InvalidArgument(
            "`storage_options` are for URLs such as s3://bucket/folder; got the local path "
            f"{text!r}."
        )
    folder = LocalFolder(local)
    if _is_mount(local):
        return SegmentStore(folder)
    # What is there decides, without a probe: reading a journal must not write.
    if has_segments(folder) or not (Path(local, LOG).is_file() or _appends(Path(local))):
        return SegmentStore(folder)
    return FileStore(local)


def _local_path(text: str) -> str | None:
    """Return the absolute local path, None if it is a URL."""
    if match := _DBFS.match(text):
        return os.path.normpath(f"/dbfs/{text[match.end() :]}")
    if text.startswith("file:/"):
        text = url2pathname(urlsplit(text).path)
    elif _URL.match(text):
        return None
    elif match := _FLAT_URL.match(text):
        raise InvalidArgument(
            f"`journal` must be a path or a URL; got {text!r}, which a `Path` makes of a URL. "
            f"Hint: the text {match[1] + '://' + match[2]!r}."
        )
    return str(Path(text).expanduser().absolute())


def _is_mount(path: str) -> bool:
    # On a Mac, /Volumes has its disks.
    return sys.platform != "darwin" and f"{os.path.realpath(path)}/".startswith(_MOUNTS)


def _appends(folder: Path) -> bool:
    """Whether files in a folder, or in the lowest one above it that exists, can be appended to."""
    while not folder.is_dir() and folder.parent != folder:
        folder = folder.parent
    probe = folder / f".sparktune-{secrets.token_hex(8)}.tmp"
    try:
        for _ in range(2):
            with probe.open("ab") as file:
                file.write(b"?")
    except OSError as error:
        # Others, such as a missing permission, are for the writer to meet.
        return error.errno not in _CANNOT_APPEND
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()
    return True
