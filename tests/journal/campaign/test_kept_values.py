"""Values beside the log: a driver that dies while it writes one leaves nothing that counts."""

import os
from pathlib import Path

import pytest
from kill_kit import CASES, check_journal, log_of, search

from sparktune import Journal, Trials

CASE = CASES["rich results"]


def test_a_value_that_was_being_written_is_written_again(tmp_path):
    """Large results of other processes are written in place, and by name they are all the same."""
    whole = search(CASE, tmp_path / "whole")
    values = sorted((tmp_path / "whole" / "values").iterdir())
    assert values
    (tmp_path / "j" / "values").mkdir(parents=True)
    for path in values:
        (tmp_path / "j" / "values" / path.name).write_bytes(path.read_bytes()[:-1])
    check_journal(tmp_path / "j", search(CASE, tmp_path / "j"))
    for path in values:
        assert (tmp_path / "j" / "values" / path.name).read_bytes() == path.read_bytes()
    check_journal(tmp_path / "j", whole)


def test_what_a_killed_driver_was_writing_is_removed(tmp_path):
    (tmp_path / "j" / "values").mkdir(parents=True)
    (tmp_path / "j" / "values" / ".abc.tmp").write_bytes(b"half")
    check_journal(tmp_path / "j", search(CASE, tmp_path / "j"))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_a_value_and_its_name_reach_the_disk_before_the_record(tmp_path, monkeypatch):
    """After a loss of power, no record refers to a value that is not there."""
    events = []
    real_fsync, real_replace = os.fsync, Path.replace

    def fsync(file):
        events.append(("sync", Path(f"/proc/self/fd/{file}").readlink().name))
        real_fsync(file)

    def replace(self, target):
        events.append(("name", Path(target).name))
        return real_replace(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    search(CASE, Journal(tmp_path / "j"))
    names = [at for at, (kind, _) in enumerate(events) if kind == "name"]
    assert names
    for at in names:
        following = [name for kind, name in events[at:] if kind == "sync"]
        assert following.index("values") < following.index("journal.log")
    first = [name for _, name in events]
    assert first.index(tmp_path.name) < first.index("journal.log")
    assert len(Trials.from_journal(tmp_path / "j")) == 9
    assert log_of(tmp_path / "j")
