"""One contract for all folders, and what is special about each."""

import errno
import os
import sys
from pathlib import Path

import pytest

from sparktune._journal import folders
from sparktune._journal.folders import FsspecFolder, LocalFolder, delete_all, read_all
from sparktune.exceptions import InvalidArgument


class TestEach:
    def test_whole_files(self, place):
        folder = place.folder()
        assert folder.names() == []
        folder.make()
        assert folder.names() == []
        folder.write("a.log", b"one")
        folder.write("a.log", b"two")
        folder.write("wörter.log", b"")
        folder.write("values/b", b"three")
        assert sorted(folder.names()) == ["a.log", "wörter.log"]
        assert place.folder().read("a.log") == b"two"
        assert place.folder().read("wörter.log") == b""
        assert place.folder().read("values/b") == b"three"
        assert folder.exists("a.log")
        assert folder.exists("values/b")
        assert not folder.exists("values")
        assert not folder.exists("c")
        folder.delete("a.log")
        folder.delete("a.log")
        assert place.folder().names() == ["wörter.log"]

    def test_a_missing_file(self, place):
        with pytest.raises(FileNotFoundError):
            place.folder().read("a")

    def test_a_file_is_created_once(self, place):
        place.folder().make()
        place.folder().create("a", b"one")
        with pytest.raises(FileExistsError):
            place.folder().create("a", b"two")
        assert place.folder().read("a") == b"one"

    def test_many_files(self, place):
        folder = place.folder()
        folder.make()
        names = [f"file-{i:02}" for i in range(40)]
        for name in names:
            folder.write(name, name.encode())
        assert read_all(folder, names) == [name.encode() for name in names]
        assert sorted(folder.names()) == names
        with pytest.raises(FileNotFoundError):
            read_all(folder, [*names, "other"])
        delete_all(folder, [*names, "other"])
        assert folder.names() == []

    def test_what_others_write_is_seen_at_once(self, place):
        here, there = place.folder(), place.folder()
        here.make()
        for i in range(3):
            assert len(here.names()) == i
            assert not here.exists(f"{i}")
            there.write(f"{i}", b"x")
            assert here.exists(f"{i}")
            assert here.read(f"{i}") == b"x"
        there.delete("0")
        assert not here.exists("0")
        assert sorted(here.names()) == ["1", "2"]


class TestLocal:
    def test_a_failed_write_leaves_nothing(self, tmp_path, monkeypatch):
        folder = LocalFolder(tmp_path)
        folder.write("a", b"old")

        def full(file):
            raise OSError(errno.ENOSPC, "full")

        monkeypatch.setattr(os, "fsync", full)
        for write in (folder.write, folder.create):
            with pytest.raises(OSError, match="full"):
                write("b", b"new")
        with pytest.raises(OSError, match="full"):
            folder.write("a", b"new")
        assert os.listdir(tmp_path) == ["a"]  # noqa: PTH208
        assert folder.read("a") == b"old"

    def test_file_systems_that_do_not_sync(self, tmp_path, monkeypatch):
        def refuse(file):
            raise OSError(errno.EINVAL, "no")

        monkeypatch.setattr(os, "fsync", refuse)
        folder = LocalFolder(tmp_path)
        folder.write("a", b"data")
        assert folder.read("a") == b"data"

    def test_file_systems_that_do_not_rename(self, tmp_path, monkeypatch):
        def refuse(self, target):
            raise OSError(errno.ENOSYS, "no")

        monkeypatch.setattr(Path, "replace", refuse)
        folder = LocalFolder(tmp_path)
        for data in (b"one", b"two"):
            folder.write("a", data)
            assert folder.read("a") == data
        assert os.listdir(tmp_path) == ["a"]  # noqa: PTH208

    def test_another_error_of_renaming(self, tmp_path, monkeypatch):
        def refuse(self, target):
            raise PermissionError(errno.EACCES, "no")

        monkeypatch.setattr(Path, "replace", refuse)
        with pytest.raises(PermissionError):
            LocalFolder(tmp_path).write("a", b"data")
        assert os.listdir(tmp_path) == []  # noqa: PTH208

    def test_files_of_a_killed_process_are_removed_and_others_kept(self, tmp_path):
        folder = LocalFolder(tmp_path)
        folder.write("values/a", b"data")
        left = [".a~0123456789abcdef.tmp", "values/.b~0123456789abcdef.tmp"]
        kept = [".a.tmp", "notes.tmp", "values/.hidden", "deep/er/.b~0123456789abcdef.tmp"]
        for name in (*left, *kept):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"half")
        folder.make()
        assert not any((tmp_path / name).exists() for name in left)
        assert all((tmp_path / name).exists() for name in kept)

    def test_the_working_directory_may_change(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        folder = LocalFolder("journal")
        monkeypatch.chdir("/")
        folder.make()
        folder.write("a", b"data")
        assert (tmp_path / "journal" / "a").read_bytes() == b"data"


class TestFsspec:
    def test_without_fsspec(self, monkeypatch):
        for name in [name for name in sys.modules if name.split(".")[0] == "fsspec"]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "fsspec", None)
        with pytest.raises(ImportError) as caught:
            FsspecFolder("s3://bucket/a")
        assert str(caught.value) == (
            "A journal in an object store needs fsspec, which is not installed; got "
            "'s3://bucket/a'; hint: pip install 'sparktune[journal]' s3fs."
        )

    def test_without_the_driver(self, monkeypatch):
        pytest.importorskip("fsspec")
        monkeypatch.setitem(sys.modules, "gcsfs", None)
        with pytest.raises(ImportError, match=r"gs:// needs gcsfs.*hint: pip install .* gcsfs\."):
            FsspecFolder("gs://bucket/a")

    def test_an_unknown_scheme(self):
        pytest.importorskip("fsspec")
        with pytest.raises(InvalidArgument, match=r"got 'nothing://a/b'.*Hint: look at its scheme"):
            FsspecFolder("nothing://a/b")

    @pytest.mark.parametrize(
        ("raised", "expected"), [(TypeError, InvalidArgument), (RuntimeError, OSError)]
    )
    def test_a_driver_that_cannot_start(self, monkeypatch, raised, expected):
        pytest.importorskip("fsspec")

        def fail(self, *args, **options):
            raise raised(f"unexpected {options}")

        folder = FsspecFolder("memory://start")
        monkeypatch.setattr(type(folder._files), "__init__", fail)
        with pytest.raises(expected, match=r"memory://start.*unexpected \{'nothing': 1"):
            FsspecFolder("memory://start", {"nothing": 1})

    @pytest.mark.parametrize("raised", [RuntimeError, ValueError, KeyError, TimeoutError, OSError])
    def test_what_drivers_raise_is_an_os_error(self, monkeypatch, raised):
        pytest.importorskip("fsspec")
        folder = FsspecFolder("memory://errors")

        def fail(*args, **kwargs):
            raise raised("the driver says")

        for name in ("ls", "info", "cat_file", "pipe_file", "rm_file"):
            monkeypatch.setattr(folder._files, name, fail)
        calls = [
            folder.names, lambda: folder.exists("a"), lambda: folder.read("a"),
            lambda: folder.write("a", b""), lambda: folder.create("a", b""),
            lambda: folder.delete("a"),
        ]  # fmt: skip
        for call in calls:
            with pytest.raises(OSError, match=r"Cannot .*'memory://errors.*the driver says") as it:
                call()
            assert it.value.errno
            assert not issubclass(raised, OSError) or type(it.value) is raised

    def test_stores_without_conditional_writes(self, monkeypatch):
        pytest.importorskip("fsspec")
        folder = FsspecFolder("memory://conditional")
        write = folder._files.pipe_file

        def refuse(path, data, mode="overwrite"):
            if mode == "create":
                raise OSError(errno.ENOSYS, "not implemented")
            write(path, data)

        monkeypatch.setattr(folder._files, "pipe_file", refuse)
        folder.create("a", b"one")
        with pytest.raises(FileExistsError):
            folder.create("a", b"two")
        assert folder.read("a") == b"one"

    def test_old_drivers_that_cannot_create(self, monkeypatch):
        pytest.importorskip("fsspec")

        def old(self, path, value, **kwargs):
            pass

        assert folders._has_mode(type(FsspecFolder("memory://old")._files))
        assert not folders._has_mode(type("Old", (), {"pipe_file": old}))

    def test_the_users_own_file_system_has_no_part_in_it(self, s3):
        """Its listings are cached."""
        url = f"s3://{s3.bucket}/own"
        theirs = s3.files()
        folder = FsspecFolder(url, s3.options)
        folder.write("a", b"")
        assert len(theirs.ls(url)) == 1
        folder.write("b", b"")
        assert len(theirs.ls(url)) == 1
        assert sorted(folder.names()) == ["a", "b"]

    @pytest.mark.slow
    def test_more_files_than_a_server_lists_at_once(self, s3):
        folder = FsspecFolder(f"s3://{s3.bucket}/many", s3.options)
        names = [f"file-{i:04}" for i in range(1_010)]
        with folders.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name: folder.write(name, b""), names))
        assert sorted(folder.names()) == names

    def test_a_bucket_that_is_not_there(self, s3):
        folder = FsspecFolder("s3://another-bucket/a", s3.options)
        assert folder.names() == []
        with pytest.raises(FileNotFoundError, match="Cannot write 's3://another-bucket/a/b'"):
            folder.write("b", b"")

    def test_no_credentials(self, s3, monkeypatch):
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("HOME", "/nonexistent")
        options = {"endpoint_url": s3.options["endpoint_url"], "skip_instance_cache": True}
        folder = FsspecFolder(f"s3://{s3.bucket}/a", options)
        for call in (folder.names, lambda: folder.read("a"), lambda: folder.exists("a")):
            with pytest.raises(PermissionError, match=r"Hint: give credentials"):
                call()
