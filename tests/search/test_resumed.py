"""Searches that are run again: trials that a dead driver left, and what counts to `max_evals`."""

import contextlib
import copy
import logging
import pickle
import subprocess
import sys

import pytest

from sparktune import (
    STATUS_FAIL,
    STATUS_OK,
    ProcessTrials,
    Trials,
    fmin,
    hp,
    rand,
    tpe,
    trials_from_docs,
)
from sparktune.base import (
    JOB_STATE_CANCEL,
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    JOB_STATE_NEW,
    JOB_STATE_RUNNING,
)
from sparktune.exceptions import SearchFailed

SPACE = {"x": hp.uniform("x", -1, 1), "k": hp.choice("k", ["a", "b"])}
KINDS = pytest.mark.parametrize("kind", [Trials, lambda: ProcessTrials(1)], ids=["here", "there"])


def search(trials, max_evals, fn=lambda p: p["x"], **arguments):
    fmin(fn, SPACE, tpe.suggest, max_evals, trials=trials, verbose=False, rstate=0,
         catch_eval_exceptions=True, **arguments)  # fmt: skip
    return trials


def abandoned(kind, *tids, count=8):
    """Return trials as a driver leaves them that is killed while some run."""
    trials = search(kind(), count)
    for doc in trials._dynamic_trials:
        if doc["tid"] in tids:
            doc["state"], doc["result"] = JOB_STATE_RUNNING, {"status": "new"}
    return pickle.loads(pickle.dumps(trials))


def states(trials):
    return [doc["state"] for doc in trials._dynamic_trials]


def values(trials):
    return [(doc["tid"], doc["misc"]["vals"]) for doc in trials._dynamic_trials]


# -- trials that a dead driver left ----------------------------------------------------------------


@KINDS
def test_trials_that_ran_run_again_with_the_same_values(kind):
    trials = abandoned(kind, 3, 7)
    before = copy.deepcopy(values(trials))
    search(trials, 12)
    assert states(trials) == [JOB_STATE_DONE] * 12
    assert values(trials)[:8] == before
    assert [r["loss"] for r in trials.results] == trials.vals["x"]


@KINDS
def test_they_run_even_if_nothing_more_is_suggested(kind):
    trials = abandoned(kind, 0, 7)
    search(trials, 8)
    assert states(trials) == [JOB_STATE_DONE] * 8


def test_from_a_save_file(tmp_path):
    file = tmp_path / "t.pkl"
    file.write_bytes(pickle.dumps(abandoned(Trials, 2)))
    calls = []
    fmin(lambda p: calls.append(p) or 0.5, SPACE, tpe.suggest, 8, trials_save_file=file,
         verbose=False)  # fmt: skip
    assert len(calls) == 1
    assert states(pickle.loads(file.read_bytes())) == [JOB_STATE_DONE] * 8


def test_points_of_the_user_that_ran():
    trials = trials_from_docs(abandoned(Trials, 1)._dynamic_trials)
    trials.trials[1]["misc"]["vals"]["x"] = [5.0]  # which is not in the range
    search(trials, 8)
    assert trials.results[1]["loss"] == 5.0


def test_trials_of_another_experiment_are_left_alone():
    trials = abandoned(Trials, 2, 3)
    for doc in trials._dynamic_trials:
        doc["exp_key"] = "mine"
    trials._dynamic_trials[2]["exp_key"] = "other"
    search(trials.view("mine"), 7)
    assert states(trials)[2:4] == [JOB_STATE_RUNNING, JOB_STATE_DONE]


class Polled(Trials):
    """Trials that other processes run."""

    asynchronous = True


def test_trials_that_other_processes_run_are_left_alone():
    trials = abandoned(Trials, 2)
    polled = Polled()
    polled.insert_trial_docs(trials._dynamic_trials)
    fmin(abs, SPACE, rand.suggest, 8, timeout=0.01, trials=polled, verbose=False)
    assert states(polled)[2] == JOB_STATE_RUNNING


def test_a_search_that_is_refused_changes_nothing():
    trials = abandoned(Trials, 2)
    before = copy.deepcopy(trials._dynamic_trials)
    with pytest.raises(ValueError, match="trials of this space"):
        fmin(abs, hp.uniform("other", 0, 1), trials=trials, max_evals=9, verbose=False)
    assert trials._dynamic_trials == before


def test_they_are_mentioned(caplog):
    with caplog.at_level(logging.INFO, "sparktune.fmin"):
        search(abandoned(Trials, 2, 5), 8)
    assert "Trials 2, 5 were running when an earlier search was cut off" in caplog.text


KILLED = """
import os, sys, time
from sparktune import ProcessTrials, fmin, hp, rand
import sparktune._trials.savefile as savefile
savefile.INTERVAL, savefile.SHARE = 0.0, 1e9
file, pid, go = sys.argv[1], os.getpid(), sys.argv[2]

def objective(x):
    if os.path.exists(go):
        return x
    open(go, "w").close()
    return x

def stop(trials):
    # The other slot has its trial by now, and the file says so after the next save.
    if len(trials.trials) == 4:
        os._exit(9)
    return False, []

fmin(objective, hp.uniform("x", 0, 1), rand.suggest, 20, trials=ProcessTrials(2), rstate=0,
     verbose=False, trials_save_file=file, early_stop_fn=stop)
"""


def test_a_driver_that_was_killed(tmp_path):
    file = tmp_path / "t.pkl"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(file), str(tmp_path / "go")], capture_output=True
    )
    assert done.returncode == 9, done.stderr
    left = pickle.loads(file.read_bytes())
    assert JOB_STATE_RUNNING in states(left)
    before = copy.deepcopy(values(left))
    fmin(abs, hp.uniform("x", 0, 1), rand.suggest, 20, trials_save_file=file, verbose=False)
    whole = pickle.loads(file.read_bytes())
    assert states(whole) == [JOB_STATE_DONE] * 20
    assert values(whole)[: len(before)] == before


# -- what counts to `max_evals` --------------------------------------------------------------------


def half_fails(p):
    if p["k"] == "a":
        raise ValueError("a")
    return p["x"]


@KINDS
def test_the_same_search_again_does_nothing(kind):
    trials = search(kind(), 20, half_fails)
    failed = trials.count_failed_trials()
    assert failed > 0
    before = copy.deepcopy(trials._dynamic_trials)
    for again in (trials, pickle.loads(pickle.dumps(trials))):
        search(again, 20, half_fails)
        assert again._dynamic_trials == before
    search(trials, 25, half_fails)
    assert trials.count_total_trials() == 25


def test_the_same_search_with_a_file_does_nothing(tmp_path):
    calls = []

    def fn(p):
        calls.append(p)
        return half_fails(p)

    for _ in range(3):
        fmin(fn, SPACE, rand.suggest, 15, trials_save_file=tmp_path / "t.pkl", verbose=False,
             catch_eval_exceptions=True, rstate=0)  # fmt: skip
    assert len(calls) == 15


def test_without_catching_failed_trials_do_not_count():
    """As in Hyperopt: loops that search until `len(trials)` is enough have to end."""
    trials = Trials()

    def fn(p):
        if len(trials._dynamic_trials) % 3 == 1:
            raise ZeroDivisionError
        return p["x"]

    while len(trials) < 6:
        with contextlib.suppress(ZeroDivisionError):
            fmin(fn, SPACE, rand.suggest, 6, trials=trials, verbose=False, rstate=0)
        assert len(trials._dynamic_trials) < 12
    assert trials.count_failed_trials() > 0
    assert trials.count_successful_trials() == 6
    before = len(trials._dynamic_trials)
    fmin(fn, SPACE, rand.suggest, 6, trials=trials, verbose=False, rstate=0)
    assert len(trials._dynamic_trials) == before


def doc(tid, state):
    result = {"status": STATUS_OK, "loss": 1.0} if state == JOB_STATE_DONE else {"status": "new"}
    vals = {"x": [0.5], "k": [0]}
    return {
        "tid": tid,
        "state": state,
        "spec": None,
        "result": result,
        "misc": {"tid": tid, "cmd": None, "idxs": {x: [tid] for x in vals}, "vals": vals},
        "exp_key": None,
        "owner": None,
        "version": 0,
        "book_time": None,
        "refresh_time": None,
    }


@pytest.mark.parametrize(
    ("state", "result", "new"),
    [
        (JOB_STATE_DONE, None, 3),
        (JOB_STATE_DONE, {"status": STATUS_FAIL}, 3),
        (JOB_STATE_ERROR, None, 3),
        (JOB_STATE_CANCEL, None, 5),
        (JOB_STATE_NEW, None, 3),
        (JOB_STATE_RUNNING, None, 3),
    ],
)
def test_what_counts(state, result, new):
    """Cancelled trials are made up for, all others count."""
    docs = [doc(0, JOB_STATE_DONE), *[doc(tid, state) for tid in (1, 2)]]
    if result is not None:
        docs[1]["result"], docs[2]["result"] = dict(result), dict(result)
    trials = search(trials_from_docs(docs), 6)
    assert len(trials._dynamic_trials) - 3 == new


def test_failures_of_another_experiment_do_not_count():
    trials = trials_from_docs([doc(0, JOB_STATE_ERROR)])
    trials._dynamic_trials[0]["exp_key"] = "other"
    view = trials.view("mine")
    assert len(search(view, 4)) == 4


class Bar:
    """A progress callback that keeps what it was given."""

    def __init__(self):
        self.initial = self.total = None

    def __call__(self, initial, total):
        self.initial, self.total = initial, total
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False

    def update(self, n):
        pass


def test_the_bar_begins_with_what_counts():
    trials = search(Trials(), 20, half_fails)
    bar = Bar()
    search(trials, 22, half_fails, show_progressbar=bar)
    assert (bar.initial, bar.total) == (20, 22)


def test_a_search_that_ended_by_max_failures_can_go_on():
    trials = ProcessTrials(1)
    with pytest.raises(SearchFailed):
        search(trials, 30, half_fails, max_failures=2)
    search(trials, 30)
    counted = trials.count_successful_trials() + trials.count_failed_trials()
    assert counted == 30
