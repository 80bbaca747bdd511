"""A search that goes on with its journal: what it takes over, refuses and says."""

import json
import logging
import os
import subprocess
import sys

import numpy as np
import pytest

from sparktune import (
    Journal,
    ProcessTrials,
    Trials,
    fmin,
    hp,
    no_progress_loss,
    partial,
    tpe,
    with_data,
)
from sparktune.exceptions import InvalidArgument, InvalidArgumentType, InvalidTrial

SPACE = {"x": hp.uniform("x", -1, 1), "c": hp.choice("c", [0, hp.uniform("y", 0, 1)])}


def loss(point):
    return point["x"] ** 2 + point["c"]


def search(path, max_evals=6, fn=loss, space=SPACE, **arguments):
    trials = arguments.pop("trials", None)
    trials = Trials() if trials is None else trials
    arguments = {"rstate": 3, "verbose": False, "algo": tpe.suggest, **arguments}
    fmin(fn, space, max_evals=max_evals, trials=trials, journal=path, **arguments)
    return trials


def values(trials):
    return [trial["misc"]["vals"] for trial in trials.trials]


class Interrupted(BaseException):
    """What a test stops a search with."""


def interrupting(after):
    calls = []

    def fn(point):
        calls.append(point)
        if len(calls) > after:
            raise Interrupted
        return loss(point)

    fn.__name__ = "loss"
    return fn


def test_the_same_call_again_does_nothing_and_a_higher_limit_goes_on(tmp_path, caplog):
    first = search(tmp_path / "new" / "folder")
    again = search(tmp_path / "new" / "folder")
    assert values(again) == values(first)
    assert any("so none was evaluated" in r.message for r in caplog.records)
    more = search(tmp_path / "new" / "folder", 9)
    assert values(more)[:6] == values(first)
    assert values(more) == values(search(tmp_path / "other", 9))


@pytest.mark.parametrize("seed", [3, None, np.random.RandomState, np.random.default_rng])
def test_seeds_go_on_where_they_were(tmp_path, seed):
    def made():
        return seed(5) if callable(seed) else seed

    search(tmp_path / "a", 4, rstate=made())
    split = search(tmp_path / "a", 12, rstate=made())
    if seed is None:
        # The generator that nobody chose is the first one's.
        lines = (tmp_path / "a" / "journal.log").read_text().splitlines()
        records = [json.loads(line[9:]) for line in lines]
        began = [record for record in records if record["kind"] == "search"]
        assert began[0]["rstate"] == began[1]["rstate"]
        assert [record["draws"] for record in began] == [0, 4]
    else:
        assert values(split) == values(search(tmp_path / "b", 12, rstate=made()))


def test_another_seed_is_used_from_there_on(tmp_path):
    search(tmp_path, 4, rstate=1)
    other = search(tmp_path, 8, rstate=2)
    assert values(other)[:4] == values(search(tmp_path / "b", 4, rstate=1))
    assert values(other) != values(search(tmp_path / "c", 8, rstate=1))


def test_interrupted_trials_run_again_with_the_same_values(tmp_path):
    with pytest.raises(Interrupted):
        search(tmp_path, 10, fn=interrupting(4))
    read = Trials.from_journal(tmp_path)
    assert [doc["state"] for doc in read._dynamic_trials] == [2] * 4 + [4]
    assert values(search(tmp_path, 10)) == values(search(tmp_path / "b", 10))


def test_the_same_trials_again_in_a_notebook(tmp_path):
    trials = Trials()
    search(tmp_path, 4, trials=trials)
    docs = list(trials._dynamic_trials)
    search(tmp_path, 7, trials=trials)
    assert all(a is b for a, b in zip(docs, trials._dynamic_trials, strict=False))
    assert values(Trials.from_journal(tmp_path)) == values(trials)
    search(tmp_path, 9, trials=Trials.from_journal(tmp_path))
    search(tmp_path, 10, trials=trials)
    assert values(Trials.from_journal(tmp_path)) == values(trials)


def test_trials_of_another_search_are_refused(tmp_path):
    search(tmp_path, 3)
    other = search(tmp_path / "b", 3, rstate=77)
    with pytest.raises(InvalidArgument, match="`trials` must be empty for a `journal`"):
        search(tmp_path, 5, trials=other)


def test_early_stopping_remembers(tmp_path):
    stop = {"early_stop_fn": no_progress_loss(5), "max_evals": 200}
    whole = search(tmp_path / "whole", **stop)
    for limit in (3, 6, 8):
        search(tmp_path / "parts", limit, early_stop_fn=no_progress_loss(5))
    parts = search(tmp_path / "parts", **stop)
    assert values(parts) == values(whole)
    assert values(search(tmp_path / "parts", **stop)) == values(whole)


def test_failures_are_remembered(tmp_path):
    def loss(point):
        if point["x"] > 0:
            raise ValueError("no")
        return 1.0

    options = {"catch_eval_exceptions": True, "max_failures": 3, "fn": loss}
    with pytest.raises(Exception, match="trials failed") as whole:
        search(tmp_path / "whole", 50, **options)
    for limit in (2, 4):
        search(tmp_path / "parts", limit, **options)
    with pytest.raises(Exception, match="trials failed") as parts:
        search(tmp_path / "parts", 50, **options)
    assert str(parts.value).partition("\n")[0] == str(whole.value).partition("\n")[0]


def test_processes_keep_their_trials(tmp_path):
    search(tmp_path, 8, trials=ProcessTrials(2))
    more = search(tmp_path, 12, trials=ProcessTrials(2))
    assert sorted(more.tids) == list(range(12))
    assert values(more)[:8] == values(Trials.from_journal(tmp_path))[:8]


def test_a_large_result_of_a_process_is_kept_once(tmp_path):
    def loss(point):
        return {"status": "ok", "loss": 1.0, "model": np.full(300_000, point["x"])}

    trials = search(tmp_path, 3, fn=loss, trials=ProcessTrials(2))
    assert len(list((tmp_path / "values").iterdir())) == 3
    read = Trials.from_journal(tmp_path, allow_pickle=True)
    for mine, theirs in zip(trials.trials, read.trials, strict=True):
        assert (mine["result"]["model"] == theirs["result"]["model"]).all()
        assert not mine["result"]["model"].flags.writeable or len(mine["result"]["model"])


def test_wrapped_objectives_are_told_apart_by_their_own_names(tmp_path):
    def weighted(point, weight):
        return weight * loss(point)

    search(tmp_path, 2, fn=with_data(weighted, weight=2.0))
    search(tmp_path, 3, fn=partial(weighted, weight=2.0))
    with pytest.raises(InvalidArgument, match="belongs to 'weighted', and the objective is 'loss'"):
        search(tmp_path, 4)


def test_changed_code_is_told(tmp_path, caplog):
    search(tmp_path, 2)
    search(tmp_path, 3)
    assert not [r for r in caplog.records if "code of the objective" in r.message]

    def loss(point):
        return 2 * point["x"]

    search(tmp_path, 4, fn=loss)
    assert len([r for r in caplog.records if "code of the objective" in r.message]) == 1


def test_wider_ranges_are_allowed_and_other_labels_are_not(tmp_path):
    search(tmp_path, 2)
    wider = {"x": hp.uniform("x", -2, 2), "c": hp.choice("c", [0, hp.uniform("y", 0, 2), 3])}
    search(tmp_path, 4, space=wider)
    with pytest.raises(InvalidTrial, match=r"The journal '.*' must have trials of this space only"):
        search(tmp_path, 6, space=hp.uniform("z", 0, 1), fn=partial(loss))


# -- bad input -------------------------------------------------------------------------------------


def refused(path, said, error=InvalidArgument, **arguments):
    calls = []

    def loss(point):
        calls.append(point)
        return 1.0

    with pytest.raises(error, match=said) as raised:
        search(path, fn=loss, **arguments)
    assert calls == []
    assert "Hint: " in str(raised.value) or error is InvalidArgumentType


@pytest.mark.parametrize("path", ["", 3, b"x", ["a"]], ids=repr)
def test_something_else_than_a_path(path):
    refused(path, "`journal` must be the path of a folder; got", InvalidArgumentType)


def test_settings_that_are_none():
    with pytest.raises(InvalidArgumentType, match="`fsync` must be True or False; got 1"):
        Journal("x", fsync=1)


def test_a_path_that_is_a_file(tmp_path):
    (tmp_path / "f").write_text("text")
    refused(tmp_path / "f", "`journal` must be a folder that can be read and written")
    assert (tmp_path / "f").read_text() == "text"


def test_a_log_of_something_else(tmp_path):
    (tmp_path / "journal.log").write_text("2026-01-01 a log of a program\n" * 3)
    refused(tmp_path, "The records of a journal must be as they were written", ValueError)


def test_a_journal_of_a_later_version(tmp_path):
    from sparktune._journal.record import line_of

    header = {"format": "sparktune journal", "version": 2, "id": "x", "at": 0}
    (tmp_path / "journal.log").write_bytes(line_of(0, "journal", header))
    refused(tmp_path, "that this version of sparktune knows; .* version 2, not .* and 1")
    with pytest.raises(InvalidArgument, match="Hint: upgrade sparktune"):
        Trials.from_journal(tmp_path)


def test_no_journal_to_read(tmp_path):
    with pytest.raises(InvalidArgument, match=r"there is none in .*Hint: fmin\(..., journal=path"):
        Trials.from_journal(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_journal_in_use(tmp_path):
    script = (
        "import sys, time\nfrom sparktune import fmin, hp\n"
        "def loss(x):\n    print('in', flush=True)\n    time.sleep(60)\n"
        "fmin(loss, hp.uniform('x', 0, 1), max_evals=2, verbose=False, journal=sys.argv[1])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "in\n"
        said = rf"must not be in use; .* being written by process {holder.pid} on .* since 20"
        refused(tmp_path, said)
        assert len(Trials.from_journal(tmp_path)._dynamic_trials) == 1
        holder.kill()
    search(tmp_path, 2, space=hp.uniform("x", 0, 1), fn=lambda x: x)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    refused(tmp_path / "j", "PermissionError")


def test_trials_that_others_write(tmp_path):
    class Shared(Trials):
        asynchronous = True

    with pytest.raises(InvalidArgument, match="must be used with Trials, ProcessTrials or Spark"):
        search(tmp_path, trials=Shared())


# -- a disk that fails -----------------------------------------------------------------------------


def test_a_full_disk_pauses_the_journal_and_no_more(tmp_path, monkeypatch, caplog):
    real, full = os.pwrite, []

    def pwrite(file, data, at):
        if full:
            raise OSError(28, "No space left on device")
        return real(file, data, at)

    monkeypatch.setattr(os, "pwrite", pwrite)
    monkeypatch.setattr("sparktune._journal.writer._AGAIN", 0.0)

    def callback(trials, trial):
        if trial["tid"] == 2:
            full.append(True)
        if trial["tid"] == 5:
            full.clear()

    caplog.set_level(logging.DEBUG)
    trials = search(tmp_path, 8, callbacks=[callback])
    said = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert [r.message.partition(" (")[0].partition("' ")[2] for r in said] == [
        "cannot be written", "is complete again.",
    ]  # fmt: skip
    assert values(Trials.from_journal(tmp_path)) == values(trials)


def test_a_disk_that_stays_full(tmp_path, monkeypatch, caplog):
    def fsync(file):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        trials = search(tmp_path, 4)
    assert len(trials) == 4
    assert "is missing" in caplog.text or "are missing in the journal" in caplog.text
    search(tmp_path, 5)
