"""Which store a path or URL gets."""

import errno
import os
import sys
from pathlib import Path

import pytest

from sparktune._journal import places
from sparktune._journal.file_store import FileStore
from sparktune._journal.folders import FsspecFolder, LocalFolder
from sparktune._journal.places import store_at
from sparktune._journal.segments import SegmentStore
from sparktune.exceptions import InvalidArgument


def kinds(store):
    return type(store), type(getattr(store, "_folder", None))


SEGMENTS = (SegmentStore, LocalFolder)
FILE = (FileStore, type(None))


def refuse(monkeypatch, number, attempt=2):
    """Have one attempt to append to a file fail."""
    plain = Path.open
    modes = []

    def open_(self, mode="r", *args, **kwargs):
        if "a" in mode:
            modes.append(mode)
            if len(modes) == attempt:
                raise OSError(number, os.strerror(number))
        return plain(self, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", open_)


def test_a_local_folder(tmp_path):
    for path in (tmp_path / "new" / "deep", tmp_path, str(tmp_path)):
        store = store_at(path)
        assert kinds(store) == FILE
        assert store.place == str(path)
    assert list(tmp_path.iterdir()) == []


def test_a_relative_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert store_at("searches/churn").place == str(tmp_path / "searches" / "churn")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert store_at("~/churn").place == str(tmp_path / "churn")


def test_file_urls(tmp_path):
    path = tmp_path / "mit Leerzeichen ä"
    assert store_at(path.as_uri()).place == str(path)
    assert store_at(f"file:{tmp_path}").place == str(tmp_path)


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac has its disks in /Volumes")
@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("dbfs:/tmp/journal", "/dbfs/tmp/journal"),
        ("dbfs:///tmp/journal", "/dbfs/tmp/journal"),
        ("/dbfs/tmp/journal", "/dbfs/tmp/journal"),
        ("/Volumes/main/default/v/journal/", "/Volumes/main/default/v/journal"),
        ("file:///Volumes/main/default/v", "/Volumes/main/default/v"),
        ("/tmp/../Volumes/main/default/v", "/Volumes/main/default/v"),
    ],
)
def test_mounts_of_databricks(path, place):
    store = store_at(path)
    assert kinds(store) == SEGMENTS
    assert store.place == place


@pytest.mark.parametrize("path", ["/VolumesOfMine/a", "/dbfsx/a"])
def test_paths_that_only_look_like_mounts(path):
    assert kinds(store_at(path)) == FILE


@pytest.mark.parametrize("path", ["C:/searches", "c:\\searches", "C://searches", "a:b", "1s3://a"])
def test_what_is_not_a_scheme(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert kinds(store_at(path)) == FILE


def test_urls(s3):
    store = store_at(f"s3://{s3.bucket}/places/", s3.options)
    assert kinds(store) == (SegmentStore, FsspecFolder)
    assert store.place == f"s3://{s3.bucket}/places"
    assert not store.exists()
    assert kinds(store_at("memory://places/a")) == (SegmentStore, FsspecFolder)


def test_a_url_that_was_made_a_path():
    with pytest.raises(InvalidArgument, match="Hint: the text 's3://bucket/churn'"):
        store_at(Path("s3://bucket/churn"))


def test_options_are_for_urls(tmp_path):
    with pytest.raises(InvalidArgument, match=r"`storage_options` are for URLs .* got the local"):
        store_at(tmp_path, {"key": "k"})
    assert kinds(store_at(tmp_path, {})) == FILE


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS])
@pytest.mark.parametrize("attempt", [1, 2])
def test_a_folder_whose_files_cannot_be_appended_to(tmp_path, monkeypatch, number, attempt):
    refuse(monkeypatch, number, attempt)
    assert kinds(store_at(tmp_path / "new")) == SEGMENTS
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EROFS])
def test_other_errors_are_for_the_writer_to_meet(tmp_path, monkeypatch, number):
    refuse(monkeypatch, number)
    assert kinds(store_at(tmp_path)) == FILE
    assert list(tmp_path.iterdir()) == []


def test_segments_that_are_there_go_on(tmp_path):
    """Such as those that were copied from a bucket."""
    (tmp_path / "journal-000000000000-000000000000-000001.log").write_bytes(b"0\n")
    assert kinds(store_at(tmp_path)) == SEGMENTS


def test_the_error_of_a_folder_that_cannot_be_listed(tmp_path):
    path = tmp_path / "file"
    path.write_text("")
    assert places._appends(path)  # its folder
    with pytest.raises(OSError, match="file"):
        store_at(path)
