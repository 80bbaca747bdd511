"""`trials_save_file`: checked before the search, and never the end of one."""

import errno
import logging
import os
import pickle
import subprocess
import sys

import pytest

from sparktune import (
    STATUS_OK,
    ProcessTrials,
    Trials,
    fmin,
    hp,
    load_hyperopt_trials,
    rand,
    tpe,
)
from sparktune._trials.large import LargeDict
from sparktune._trials.savefile import SaveFile
from sparktune.exceptions import InvalidArgument, InvalidArgumentType

X = hp.uniform("x", -1, 1)


def search(fn, file, max_evals=5, **arguments):
    return fmin(fn, X, rand.suggest, max_evals, verbose=False, rstate=0, trials_save_file=file,
                **arguments)  # fmt: skip


def refused(file, said, error=InvalidArgument, **arguments):
    """Search with a file, which must raise before anything runs and leave it as it is."""
    calls = []
    with pytest.raises(error, match=said) as raised:
        search(calls.append, file, **arguments)
    assert calls == []
    return str(raised.value)


# -- before the first trial ------------------------------------------------------------------------


@pytest.mark.parametrize("trials", [None, Trials(), ProcessTrials(1)])
def test_the_folder_must_exist(tmp_path, trials):
    file = tmp_path / "nowhere" / "t.pkl"
    refused(file, "folder that exists; there is no folder .*nowhere'. Hint", trials=trials)


@pytest.mark.parametrize("trials", [None, Trials()])
def test_it_must_be_a_file(tmp_path, trials):
    refused(tmp_path, "must be a file; .* is a folder", trials=trials)
    if sys.platform != "win32":
        os.mkfifo(tmp_path / "pipe")
        refused(tmp_path / "pipe", "is something else", trials=trials)


def test_the_folder_must_be_writable(tmp_path, monkeypatch):
    def refuse(**_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("tempfile.mkstemp", refuse)  # root may write everywhere
    refused(tmp_path / "t.pkl", "writable; for '.*t.pkl' that fails with PermissionError")


@pytest.mark.parametrize("trials", [None, Trials()])
def test_another_kind_of_file_is_not_replaced(tmp_path, trials):
    file = tmp_path / "train.py"
    file.write_text("import sparktune\n")
    refused(file, "'.*train.py' is another kind of file", trials=trials)
    assert file.read_text() == "import sparktune\n"


@pytest.mark.parametrize("path", [7, True, object(), ["t.pkl"]])
def test_it_must_be_a_path(path):
    refused(path, "`trials_save_file` must be a path; got", InvalidArgumentType)


def test_a_truncated_file_is_named_and_kept(tmp_path):
    file = tmp_path / "t.pkl"
    search(abs, file)
    whole = file.read_bytes()
    for size in (1, 30, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:size])
        refused(file, r"'.*t.pkl' cannot be read .*move it away")
        assert file.read_bytes() == whole[:size]


@pytest.mark.parametrize("other", [{"a": 1}, [1, 2], 7, "text"])
def test_other_pickles_are_refused(tmp_path, other):
    file = tmp_path / "t.pkl"
    file.write_bytes(pickle.dumps(other))
    refused(file, f"'.*t.pkl' holds an object of type {type(other).__name__}. Hint: choose another")


def test_a_missing_class_is_named(tmp_path):
    file = tmp_path / "t.pkl"
    file.write_bytes(b"\x80\x04\x8c\x07no_such\x8c\x05Class\x93.")
    refused(file, "No module named 'no_such'.*Hint: define or install what it names")


def test_an_empty_file_is_a_new_one(tmp_path):
    file = tmp_path / "t.pkl"
    file.touch()
    search(abs, file)
    assert len(pickle.loads(file.read_bytes())) == 5


@pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links")
def test_a_link_stays_one_and_a_path_relative(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link.pkl").symlink_to(tmp_path / "elsewhere" / "t.pkl")
    monkeypatch.chdir(tmp_path)

    def fn(x):
        os.chdir(tmp_path / "elsewhere")
        return x

    search(fn, "link.pkl")
    assert (tmp_path / "link.pkl").is_symlink()
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["t.pkl"]
    search(fn, os.fsencode(tmp_path / "link.pkl"), max_evals=7)
    assert len(pickle.loads((tmp_path / "elsewhere" / "t.pkl").read_bytes())) == 7


# -- files of Hyperopt -----------------------------------------------------------------------------


class Odd:
    """A class of the user's."""


def hyperopts(file, **result):
    hyperopt = pytest.importorskip("hyperopt")
    theirs = hyperopt.Trials()
    hyperopt.fmin(
        lambda x: {"status": "ok", "loss": x**2, **result},
        hyperopt.hp.uniform("x", -1, 1),
        algo=hyperopt.rand.suggest,
        max_evals=3,
        trials=theirs,
        show_progressbar=False,
    )
    file.write_bytes(pickle.dumps(theirs))
    return theirs


def test_a_file_of_hyperopt_is_gone_on_with(tmp_path):
    file = tmp_path / "t.pkl"
    theirs = hyperopts(file)
    calls = []
    search(lambda x: calls.append(x) or x, file)
    assert len(calls) == 2
    ours = pickle.loads(file.read_bytes())
    assert type(ours) is Trials
    assert ours.losses()[:3] == theirs.losses()


def test_a_file_of_hyperopt_with_classes_says_how_to_read_it(tmp_path):
    file = tmp_path / "t.pkl"
    hyperopts(file, odd=Odd())
    said = refused(file, "'.*t.pkl', which Hyperopt wrote, cannot be read: .*Odd")
    assert "trials=load_hyperopt_trials(" in said
    search(abs, file, trials=load_hyperopt_trials(file, allow=[Odd]))
    assert len(pickle.loads(file.read_bytes())) == 5


def test_sparktune_installed_as_hyperopt_reads_it_as_its_own(tmp_path):
    file = tmp_path / "t.pkl"
    hyperopts(file)
    script = (
        "import sparktune; sparktune.install_as_hyperopt()\n"
        "from sparktune._trials.savefile import SaveFile\n"
        f"print(len(SaveFile({str(file)!r}).load()))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "3\n", done.stderr


# -- saves that fail -------------------------------------------------------------------------------


class FullDisk:
    """Lets saves fail as on a full disk, from the given one on; counts them."""

    def __init__(self, monkeypatch, first=1, last=1000):
        self.first, self.last, self.count = first, last, 0
        monkeypatch.setattr("os.fsync", self)
        monkeypatch.setattr("sparktune._trials.savefile.INTERVAL", 0.0)
        monkeypatch.setattr("sparktune._trials.savefile.SHARE", 1e9)

    def __call__(self, handle):
        self.count += 1
        if self.first <= self.count <= self.last:
            raise OSError(errno.ENOSPC, "No space left on device")


def warnings_in(caplog):
    return [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("kind", [Trials, ProcessTrials])
@pytest.mark.parametrize("first", [1, 3], ids=["at the first save", "later"])
def test_a_full_disk_takes_no_result_away(tmp_path, monkeypatch, caplog, kind, first):
    file = tmp_path / "t.pkl"
    disk = FullDisk(monkeypatch, first)
    trials = kind() if kind is Trials else kind(1)
    best = search(abs, file, max_evals=6, trials=trials)
    assert best == trials.argmin
    assert len(trials) == 6
    assert disk.count > first
    (warning,) = warnings_in(caplog)
    assert str(file) in warning.getMessage()
    assert "No space left on device" in warning.getMessage()
    left = [path.name for path in tmp_path.iterdir()]
    assert left == (["t.pkl"] if first > 1 else [])
    if first > 1:
        assert 0 < len(pickle.loads(file.read_bytes())) < 6


def test_only_the_last_save_fails(tmp_path, monkeypatch, caplog):
    file = tmp_path / "t.pkl"
    monkeypatch.setattr("sparktune._trials.savefile.INTERVAL", 1000.0)
    saves, save = [], SaveFile.save

    def failing(self, trials):
        saves.append(len(trials))
        if len(saves) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        save(self, trials)

    monkeypatch.setattr(SaveFile, "save", failing)
    assert -1 <= search(abs, file)["x"] <= 1
    assert saves == [1, 5]
    assert len(warnings_in(caplog)) == 1
    assert len(pickle.loads(file.read_bytes())) == 1


def test_a_disk_with_room_again_is_used_again(tmp_path, monkeypatch, caplog):
    file = tmp_path / "t.pkl"
    FullDisk(monkeypatch, first=2, last=3)
    with caplog.at_level(logging.INFO, "sparktune.fmin"):
        search(abs, file)
    assert len(pickle.loads(file.read_bytes())) == 5
    assert len(warnings_in(caplog)) == 1
    assert "again" in caplog.text


def test_what_cannot_be_pickled_takes_no_result_away(tmp_path, caplog):
    file = tmp_path / "t.pkl"
    search(abs, file, max_evals=3)
    before = file.read_bytes()
    best = search(
        lambda x: {"status": STATUS_OK, "loss": x, "generator": (i for i in "ab")}, file, 4
    )
    assert -1 <= best["x"] <= 1
    (warning,) = warnings_in(caplog)
    assert "generator" in warning.getMessage()
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["t.pkl"]


def test_a_failing_save_does_not_hide_what_the_objective_raised(tmp_path, monkeypatch, caplog):
    FullDisk(monkeypatch)
    with pytest.raises(ZeroDivisionError):
        search(lambda x: 1 / 0, tmp_path / "t.pkl")
    assert len(warnings_in(caplog)) == 2  # the trial, the file


def test_a_large_value_that_cannot_be_copied_leaves_nothing_half_written(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    def full(source, target):
        open(target, "wb").close()  # noqa: PTH123
        raise OSError(errno.ENOSPC, "No space left on device")

    from sparktune._trials.stored import LargeValues

    values = LargeValues()
    trials = Trials()
    trials.attachments = LargeDict(big=values.store(pickle.dumps("x" * 1000)))
    monkeypatch.setattr("os.link", fail)
    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(OSError, match="No space"):
        SaveFile(tmp_path / "t.pkl").save(trials)
    assert [path.name for path in tmp_path.rglob("*")] == ["t.pkl.values"]
    assert trials.attachments["big"] == "x" * 1000


def test_tpe_resumes_from_the_file(tmp_path):
    file = tmp_path / "t.pkl"
    for max_evals in (12, 20):
        fmin(abs, X, tpe.suggest, max_evals, verbose=False, trials_save_file=file)
    assert len(pickle.loads(file.read_bytes())) == 20
