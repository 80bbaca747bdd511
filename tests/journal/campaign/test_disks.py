"""A disk that is full, read-only or gone pauses the journal with one warning, not the search."""

import contextlib
import errno
import os
import resource
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from kill_kit import SPACE, check_journal, documents, log_of, loss_of

from sparktune import Journal, Trials, fmin, rand
from sparktune._journal import file_store, writer

ROOT = os.geteuid() == 0


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    """Try again at once, and look at the path each time."""
    monkeypatch.setattr(writer, "_AGAIN", 0.0)
    monkeypatch.setattr(file_store, "_LOOKS", 0.0)


@pytest.fixture
def warnings(caplog):
    def found():
        return [r.getMessage() for r in caplog.records if r.name == "sparktune.journal"]

    caplog.set_level("WARNING", "sparktune.journal")
    return found


def search(journal, *, at=None, fsync=True, max_evals=12, fn=loss_of):
    """Search; `at` has what to do before the trials with some numbers."""
    runs, trials = [], Trials()

    def objective(point):
        runs.append(point)
        for number, act in (at or {}).items():
            if number == len(runs):
                act()
        return fn(point)

    objective.__name__ = "objective"
    fmin(objective, SPACE, algo=rand.suggest, max_evals=max_evals, trials=trials, rstate=3,
         journal=Journal(journal, fsync=fsync), verbose=False)  # fmt: skip
    assert len(trials.losses()) == max_evals
    return trials


def assert_paused_and_complete(journal, trials, messages):
    assert [m for m in messages if "cannot be written" in m] == messages[:1]
    assert [m for m in messages if "is complete again" in m] == messages[1:2]
    assert len(messages) == 2
    assert documents(check_journal(journal)) == documents(trials)


@pytest.mark.parametrize("fsync", [True, False])
@pytest.mark.parametrize("call", ["pwrite", "fsync", "both"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_calls_that_fail_for_a_while(call, fsync, number, tmp_path, monkeypatch, warnings):
    if call == "fsync" and not fsync:
        pytest.skip("nothing is synced")
    broken = []

    def failing(real):
        def fail(*arguments):
            if broken:
                raise OSError(number, os.strerror(number))
            return real(*arguments)

        return fail

    for name in ("pwrite", "fsync") if call == "both" else (call,):
        monkeypatch.setattr(os, name, failing(getattr(os, name)))
    trials = search(tmp_path / "j", at={4: lambda: broken.append(1), 8: broken.clear}, fsync=fsync)
    assert_paused_and_complete(tmp_path / "j", trials, warnings())


@pytest.mark.parametrize("call", ["pwrite", "fsync"])
def test_calls_that_fail_until_the_end(call, tmp_path, monkeypatch, warnings):
    def fail(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    trials = search(tmp_path / "j", at={4: lambda: monkeypatch.setattr(os, call, fail)})
    monkeypatch.undo()
    assert len(warnings()) == 2
    assert "are missing" in warnings()[1]
    ended = [d for d in Trials.from_journal(tmp_path / "j").trials if d["state"] == 2]
    assert len(ended) >= 3
    assert len(search(tmp_path / "j")) == len(trials)


def test_short_writes(tmp_path, monkeypatch, warnings):
    """A system may write a part of what it is given, and fail for the rest."""
    real, count = os.pwrite, [0]

    def short(file, data, at):
        count[0] += 1
        if count[0] % 3 == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file, data[: max(1, len(data) // 2)], at)

    monkeypatch.setattr(os, "pwrite", short)
    monkeypatch.setattr(writer, "_AGAIN", 0.0)
    trials = search(tmp_path / "j")
    monkeypatch.undo()
    search(tmp_path / "j")
    assert documents(check_journal(tmp_path / "j")) == documents(trials)


def test_a_limit_on_the_size_of_files(tmp_path, warnings):
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        trials = search(
            tmp_path / "j",
            at={
                4: lambda: resource.setrlimit(
                    resource.RLIMIT_FSIZE, (len(log_of(tmp_path / "j")) + 100, hard)
                ),
                8: lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard)),
            },
        )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert_paused_and_complete(tmp_path / "j", trials, warnings())


def test_a_folder_that_is_renamed_away_and_back(tmp_path, warnings):
    folder, away = tmp_path / "j", tmp_path / "away"
    trials = search(folder, at={4: lambda: folder.rename(away), 8: lambda: away.rename(folder)})
    assert_paused_and_complete(folder, trials, warnings())


def test_a_folder_that_is_replaced_by_its_copy(tmp_path, warnings):
    """As when a network share comes back: the same files, but others to the system."""
    folder, away = tmp_path / "j", tmp_path / "away"

    def replace():
        folder.rename(away)
        shutil.copytree(away, folder)

    trials = search(folder, at={5: replace})
    assert warnings() == []
    assert documents(check_journal(folder)) == documents(trials)


def test_records_that_another_search_has_added_are_not_overwritten(tmp_path, warnings):
    """The share was away, and another driver went on with the search meanwhile."""
    folder, away = tmp_path / "j", tmp_path / "away"

    def replace():
        shutil.copytree(folder, away)
        search(away)
        folder.rename(tmp_path / "old")
        away.rename(folder)

    search(folder, at={5: replace})
    assert len(warnings()) == 2
    assert len(check_journal(folder).losses()) == 12


def test_a_journal_that_another_search_holds_does_not_end_this_one(tmp_path, warnings):
    folder, away = tmp_path / "j", tmp_path / "away"
    holders = []

    def replace():
        shutil.copytree(folder, away)
        folder.rename(tmp_path / "old")
        away.rename(folder)
        holders.append(file_store.FileStore(folder))
        holders[0].open()

    try:
        search(folder, at={5: replace})
        assert len(warnings()) == 2
    finally:
        holders[0].close()


def test_a_file_that_is_removed(tmp_path, warnings):
    trials = search(tmp_path / "j", at={5: lambda: shutil.rmtree(tmp_path / "j")})
    assert len(warnings()) == 2
    assert len(trials) == 12


# -- real disks ----------------------------------------------------------------------------------


@contextlib.contextmanager
def mounted(folder, *options):
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", ",".join(options) or "size=1m", "tmpfs", str(folder)]
    if not ROOT or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root can mount a disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)


def fill(folder):
    with contextlib.suppress(OSError), (folder / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 4096)


def test_a_full_disk(tmp_path, warnings):
    with mounted(tmp_path / "disk", "size=64k") as disk:
        at = {4: lambda: fill(disk), 9: lambda: (disk / "filler").unlink()}
        trials = search(disk / "j", at=at, fn=bulky)
        assert_paused_and_complete(disk / "j", trials, warnings())


def bulky(point):
    return {"loss": loss_of(point), "status": "ok", "text": "x" * 900, "blob": bytes(2_000)}


def test_a_full_disk_from_the_beginning(tmp_path, warnings):
    with mounted(tmp_path / "disk", "size=64k") as disk:
        fill(disk)
        trials = search(disk / "j", at={4: lambda: (disk / "filler").unlink()}, fn=bulky)
        assert_paused_and_complete(disk / "j", trials, warnings())


def test_a_disk_that_is_unmounted_and_mounted_again(tmp_path, warnings):
    with mounted(tmp_path / "disk") as disk:
        view = tmp_path / "view"
        view.mkdir()
        subprocess.run(["mount", "--bind", str(disk), str(view)], check=True)

        try:
            trials = search(
                view / "j",
                at={4: lambda: subprocess.run(["umount", "-l", str(view)], check=True),
                    8: lambda: subprocess.run(
                        ["mount", "--bind", str(disk), str(view)], check=True)},
            )  # fmt: skip
        finally:
            subprocess.run(["umount", "-l", str(view)], check=False, capture_output=True)
        assert_paused_and_complete(disk / "j", trials, warnings())


def test_an_empty_disk_in_the_place_of_the_journal(tmp_path, warnings):
    with mounted(tmp_path / "disk") as disk:
        (disk / "j").mkdir()

        def replace():
            subprocess.run(["umount", "-l", str(disk)], check=True)
            subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(disk)], check=True)

        trials = search(disk / "j", at={4: replace})
        assert len(trials) == 12
        assert len(warnings()) == 2
        assert "are missing" in warnings()[1]


def test_a_read_only_folder(tmp_path):
    with mounted(tmp_path / "disk", "ro") as disk, pytest.raises(Exception) as caught:  # noqa: PT011
        search(disk / "j")
    assert type(caught.value).__name__ == "InvalidArgument"
    assert "`journal` must be a folder that can be read and written" in str(caught.value)
    assert "Read-only file system" in str(caught.value)
    assert "Hint" in str(caught.value)


def test_reading_writes_nothing(tmp_path, monkeypatch):
    """Not even to find out what the disk can do: a reader that is killed leaves nothing."""
    search(tmp_path / "j")
    real = os.open

    def look(path, flags, *more, **named):
        assert not flags & (os.O_WRONLY | os.O_RDWR), path
        return real(path, flags, *more, **named)

    before = (tmp_path / "j").stat().st_mtime_ns, tmp_path.stat().st_mtime_ns
    monkeypatch.setattr(os, "open", look)
    assert len(Trials.from_journal(tmp_path / "j").losses()) == 12
    assert ((tmp_path / "j").stat().st_mtime_ns, tmp_path.stat().st_mtime_ns) == before


def test_a_read_only_journal_can_be_read(tmp_path):
    with mounted(tmp_path / "disk") as disk:
        trials = search(disk / "j")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        assert documents(check_journal(disk / "j")) == documents(trials)
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)


def test_the_pause_between_two_attempts_is_short(tmp_path, monkeypatch, warnings):
    """With the real pause, a search that goes on for longer catches up by itself."""
    monkeypatch.setattr(writer, "_AGAIN", 0.05)
    folder, away = tmp_path / "j", tmp_path / "away"
    trials = search(
        folder,
        at={3: lambda: folder.rename(away), 6: lambda: away.rename(folder),
            9: lambda: time.sleep(0.1)},
    )  # fmt: skip
    assert_paused_and_complete(folder, trials, warnings())
    assert Path(folder).is_dir()
