"""Each wrong `journal` gets a message with the rule, the value and a way out."""

import os
import shutil
from pathlib import Path

import pytest
from kill_kit import LOG, SPACE, log_of, loss_of

from sparktune import Journal, Trials, fmin, hp, rand
from sparktune._journal.record import line_of
from sparktune.exceptions import InvalidArgument, InvalidArgumentType, InvalidTrial


def search(journal, fn=loss_of, space=SPACE, **more):
    return fmin(
        fn, space, algo=rand.suggest, rstate=1, verbose=False,
        **{"journal": journal, "max_evals": 4, **more},
    )  # fmt: skip


@pytest.fixture
def journal(tmp_path):
    search(tmp_path / "j")
    return tmp_path / "j"


def refused(error, *parts, untouched=None, **arguments):
    before = None if untouched is None else log_of(untouched)
    with pytest.raises(error) as caught:
        search(**arguments)
    message = str(caught.value)
    for part in parts:
        assert part in message
    assert message[-1] in ".?)"
    if untouched is not None:
        assert log_of(untouched).startswith(before), "a journal was changed"
        assert b'"kind":"search"' not in log_of(untouched)[len(before) :]
    return message


@pytest.mark.parametrize("value", ["", 5, 1.5, True, b"x", ["x"], {"path": "x"}, object(), Journal])
def test_a_wrong_type(value, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(InvalidArgumentType, "`journal` must be", repr(value), journal=value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", ["\0", "a\0b"])
def test_an_impossible_path(value, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(InvalidArgument, "`journal` must be", repr(value), journal=value)
    assert list(tmp_path.iterdir()) == []


def test_a_path_of_bytes(tmp_path):
    class Bytes(os.PathLike):
        def __fspath__(self):
            return bytes(tmp_path / "j")

    refused(InvalidArgumentType, "`journal` must be", journal=Bytes())


def test_a_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("text")
    for wrong in (path, path / "below"):
        refused(InvalidArgument, "`journal` must be a folder", str(wrong), "Hint", journal=wrong)
    assert path.read_text() == "text"


def test_a_folder_in_the_place_of_the_file(tmp_path):
    (tmp_path / "j" / LOG).mkdir(parents=True)
    refused(InvalidArgument, "`journal` must be", "Hint", journal=tmp_path / "j")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_no_permission(tmp_path):
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o500)
    for path in (folder, folder / "below"):
        refused(InvalidArgument, "`journal` must be", str(path), "Permission denied", "Hint",
                journal=path)  # fmt: skip


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can become another")
def test_no_permission_for_another_user(tmp_path):
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o755)
    for each in tmp_path.parents:
        if each.stat().st_mode & 0o001 == 0:
            each.chmod(each.stat().st_mode | 0o011)
    tmp_path.chmod(0o755)
    os.seteuid(65534)
    try:
        for path in (folder, folder / "below"):
            refused(InvalidArgument, "`journal` must be", str(path), "Permission denied", "Hint",
                    journal=path)  # fmt: skip
    finally:
        os.seteuid(0)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can become another")
def test_a_folder_that_may_not_be_listed(tmp_path):
    """It may hold a journal of another kind, beside which none may begin."""
    folder = tmp_path / "closed"
    folder.mkdir()
    for each in tmp_path.parents:
        if each.stat().st_mode & 0o001 == 0:
            each.chmod(each.stat().st_mode | 0o011)
    tmp_path.chmod(0o755)
    folder.chmod(0o733)
    os.seteuid(65534)
    try:
        refused(InvalidArgument, "`journal` must be a folder that can be read", str(folder),
                "Permission denied", "Hint", journal=folder)  # fmt: skip
    finally:
        os.seteuid(0)
    assert list(folder.iterdir()) == []


def test_another_space(journal):
    refused(InvalidTrial, "must have trials of this space only", str(journal), "Hint",
            journal=journal, untouched=journal, max_evals=9,
            fn=lambda x: x["z"], space={"z": hp.uniform("z", 0, 1)})  # fmt: skip


def test_another_kind_of_hyperparameter(journal):
    refused(InvalidTrial, "'x' had numbers and has categories now", "Hint", untouched=journal,
            journal=journal, space={**SPACE, "x": hp.choice("x", [1, 2])})  # fmt: skip


def test_another_objective(journal):
    def other(point):
        return 1.0

    refused(InvalidArgument, "`journal` must belong to the objective", "'loss_of'", "'other'",
            "Hint", journal=journal, fn=other, untouched=journal)  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value"), [("version", 2), ("version", "1"), ("format", "another"), ("format", None)]
)
def test_an_unknown_version(field, value, journal):
    first, rest = log_of(journal).split(b"\n", 1)
    fields = {"format": "sparktune journal", "version": 1, "id": "0", "at": 0, field: value}
    (journal / LOG).write_bytes(line_of(0, "journal", fields) + rest)
    assert first != line_of(0, "journal", fields)
    refused(InvalidArgument, "`journal` must be a journal that this version of sparktune knows",
            repr(value), "Hint", journal=journal, untouched=journal)  # fmt: skip
    with pytest.raises(InvalidArgument, match="Hint: upgrade sparktune"):
        Trials.from_journal(journal)


def test_records_without_a_first_one(journal):
    _, rest = log_of(journal).split(b"\n", 1)
    (journal / LOG).write_bytes(line_of(0, "opened", {"at": 0}) + rest)
    refused(InvalidArgument, "`journal` must be a journal that sparktune wrote", "Hint",
            journal=journal, untouched=journal)  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("finished", {"tid": []}),
        ("suggested", {"trials": [{"vals": 1}]}),
        ("suggested", {"trials": 5}),
        ("attached", {"key": [], "value": 1}),
        ("attached", {"key": "a", "value": {"$value": "../../etc/passwd", "size": 1}}),
        ("search", {}),
        ("added", {"trials": [{"tid": 99, "state": "unknown", "vals": {"x": 1}}]}),
    ],
)
def test_records_that_nobody_wrote(kind, fields, journal):
    count = log_of(journal).count(b"\n")
    with (journal / LOG).open("ab") as file:
        file.write(line_of(count, kind, fields))
    refused(InvalidArgument, "`journal` must be", "Hint", journal=journal, untouched=journal)


def test_unknown_kinds_are_skipped(journal):
    count = log_of(journal).count(b"\n")
    with (journal / LOG).open("ab") as file:
        file.write(line_of(count, "of a later version", {"tid": 1}))
    search(journal, max_evals=6)
    assert len(Trials.from_journal(journal).losses()) == 6


def test_no_journal_to_read(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(InvalidArgument, match=r"`journal` must be the path.*none in.*Hint"):
            Trials.from_journal(path)
    assert list(tmp_path.iterdir()) == []


def test_trials_that_other_processes_run(tmp_path):
    class Polled(Trials):
        asynchronous = True

    refused(InvalidArgument, "`journal` must be used with Trials", "Polled", journal=tmp_path / "j",
            trials=Polled())  # fmt: skip
    assert not (tmp_path / "j").exists()


def test_a_wrong_setting(tmp_path):
    with pytest.raises(InvalidArgumentType, match=r"`fsync` must be True or False; got 1\."):
        Journal(tmp_path, fsync=1)


def test_two_journals_side_by_side(tmp_path, monkeypatch):
    """Relative paths stay what they were, wherever the objective goes."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)

    def objective(point):
        os.chdir(tmp_path / "elsewhere")
        return loss_of(point)

    search("j", fn=objective)
    assert sorted(path.name for path in Path(tmp_path / "j").iterdir()) == [LOG]
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_copied_journal_goes_on_by_itself(journal, tmp_path):
    shutil.copytree(journal, tmp_path / "copy")
    search(tmp_path / "copy", max_evals=6)
    search(journal, max_evals=5)
    assert len(Trials.from_journal(tmp_path / "copy").losses()) == 6
    assert len(Trials.from_journal(journal).losses()) == 5
