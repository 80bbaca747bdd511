"""`Trials.to_pandas`: what became of each trial, and what is in which column."""

import datetime
import math
import pickle

import numpy as np
import pytest

from sparktune import (
    STATUS_FAIL,
    STATUS_OK,
    ProcessTrials,
    Trials,
    fmin,
    hp,
    rand,
    trials_from_docs,
)
from sparktune._trials.findings import brief_error, error_of
from sparktune.base import (
    JOB_STATE_CANCEL,
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    JOB_STATE_NEW,
    JOB_STATE_RUNNING,
)

pd = pytest.importorskip("pandas")

START = datetime.datetime(2024, 5, 1, 12)


def doc(tid, state, result=None, seconds=None, **misc):
    started = None if seconds is None else START
    return {
        "tid": tid,
        "state": state,
        "spec": None,
        "result": {"status": "new"} if result is None else result,
        "misc": {"tid": tid, "cmd": None, "idxs": {}, "vals": {}, **misc},
        "exp_key": None,
        "owner": None,
        "version": 0,
        "book_time": started,
        "refresh_time": started and START + datetime.timedelta(seconds=seconds),
    }


def of(*docs):
    return trials_from_docs(list(docs)).to_pandas()


def test_the_status_is_what_became_of_the_trial():
    table = of(
        doc(0, JOB_STATE_NEW),
        doc(1, JOB_STATE_RUNNING, {"status": "running"}, 0),
        doc(2, JOB_STATE_DONE, {"status": STATUS_OK, "loss": 1.0}, 2.5),
        doc(3, JOB_STATE_DONE, {"status": STATUS_FAIL}, 1),
        doc(4, JOB_STATE_ERROR, None, 0.25, error=("<class 'ValueError'>", "x is too large\nx")),
        doc(5, JOB_STATE_CANCEL, None, 9),
        doc(6, JOB_STATE_CANCEL),
    )
    assert list(table.status) == ["new", "running", "ok", "fail", "fail", "cancelled", "cancelled"]
    assert list(table.state) == [
        "new", "running", "done", "done", "error", "cancelled", "cancelled"
    ]  # fmt: skip
    assert list(table.error.dropna()) == ["ValueError: x is too large"]
    assert table.duration.dropna().to_dict() == {2: 2.5, 3: 1.0, 4: 0.25, 5: 9.0}


def test_attempts_are_counted():
    lost = {"reason": "lost", "error": "TrialLost: gone", "start_time": START, "end_time": START}
    table = of(
        doc(0, JOB_STATE_NEW),
        doc(1, JOB_STATE_NEW, attempts=[lost]),  # waits to run again
        doc(2, JOB_STATE_RUNNING, {"status": "running"}, 0, attempts=[lost, lost]),
        doc(3, JOB_STATE_DONE, {"status": STATUS_OK, "loss": 1.0}, 2.5),
        doc(4, JOB_STATE_CANCEL, attempts=[lost]),
    )
    assert list(table.attempts) == [0, 1, 3, 1, 1]


def test_what_the_objective_returned_has_columns():
    table = of(
        doc(0, JOB_STATE_DONE, {"status": "ok", "loss": 1.0, "accuracy": np.float32(0.5), "n": 3}),
        doc(
            1, JOB_STATE_DONE, {"status": "ok", "loss": 1.0, "kind": "a", "curve": [1, 2], 7: True}
        ),
        doc(2, JOB_STATE_DONE, {"status": "ok", "loss": "2.5", "kind": None, "n": {"deep": 1}}),
        doc(3, JOB_STATE_DONE, {"status": "fail", "loss": None}),
    )
    returned = [name for name in table.columns if name.startswith("result.")]
    assert returned == ["result.accuracy", "result.n", "result.kind", "result.7"]
    assert table["result.accuracy"].dropna().to_dict() == {0: 0.5}
    assert table["result.n"].dropna().to_dict() == {0: 3}
    assert table["result.kind"].dropna().to_dict() == {1: "a"}
    assert list(table.loss[:3]) == [1.0, 1.0, 2.5]
    assert math.isnan(table.loss[3])


SPACE = {
    "kernel": hp.choice("kernel", ["rbf", "poly"]),
    "size": hp.choice("size", [None, 5]),
    "model": hp.choice("model", [{"type": "svm", "C": hp.uniform("C", 0, 1)}, {"type": "tree"}]),
}


def test_choices_have_short_names():
    trials = Trials()
    fmin(lambda p: 0.5, SPACE, rand.suggest, 30, trials=trials, rstate=0, verbose=False)
    table = trials.to_pandas()
    assert set(table["params.kernel"]) == {"rbf", "poly"}
    assert set(table["params.size"]) == {"None", 5}
    assert set(table["params.model"]) == {"svm", "tree"}
    assert list(table["params.C"].isna()) == list(table["params.model"] == "tree")
    # The space is not pickled.
    positions = pickle.loads(pickle.dumps(trials)).to_pandas()
    assert set(positions["params.model"]) == {0, 1}


def objective(x):
    if x > 0:
        raise ValueError("x is too large")
    return x


@pytest.mark.parametrize("kind", [Trials, ProcessTrials])
def test_trials_that_raised(kind):
    trials = kind() if kind is Trials else kind(1)
    fmin(objective, hp.uniform("x", -1, 1), rand.suggest, 12, trials=trials, rstate=0,
         verbose=False, catch_eval_exceptions=True)  # fmt: skip
    table = trials.to_pandas()
    assert list(table.status == "fail") == list(table["params.x"] > 0)
    assert set(table[table.status == "fail"].error) == {"ValueError: x is too large"}
    assert table[table.status == "ok"].error.isna().all()
    assert (table.duration >= 0).all()


@pytest.mark.parametrize("trials", [Trials(), trials_from_docs([doc(0, JOB_STATE_NEW)])])
def test_without_results(trials):
    table = trials.to_pandas()
    assert len(table) == len(trials)
    assert {"status", "error", "duration"} <= set(table.columns)
    assert str(table.start_time.dtype).startswith("datetime64")


CHAINED = """Traceback (most recent call last):
  File "a.py", line 1, in f
ValueError: first

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "a.py", line 3, in f
    raise ValueError("second")
ValueError: second
and a line more
"""


@pytest.mark.parametrize(
    ("type_name", "text", "brief"),
    [
        ("<class 'ValueError'>", "x is too large", "ValueError: x is too large"),
        ("<class 'KeyError'>", "'y'", "KeyError: 'y'"),
        ("<class 'my.module.f.<locals>.Odd'>", "", "Odd"),
        ("<class 'ValueError'>", CHAINED, "ValueError: second"),
        ("<class 'm.f.<locals>.Odd'>", "Traceback (most recent call last):\nm.f.Odd", "Odd"),
        ("<class 'TypeError'>", "Traceback (most recent call last):\n  odd", "TypeError: odd"),
        ("cancelled", "", "cancelled"),
    ],
)  # fmt: skip
def test_errors_in_a_line(type_name, text, brief):
    assert brief_error(type_name, text) == brief
    failed = doc(0, JOB_STATE_ERROR, error=(type_name, text))
    assert error_of(failed) == brief


@pytest.mark.parametrize("error", [None, (), "text", ["<class 'OSError'>"]])
def test_odd_errors(error):
    found = error_of(doc(0, JOB_STATE_ERROR, error=error))
    assert found == ("OSError" if error and isinstance(error, list) else None)
