"""Trials can be counted, and show in a line or as HTML what became of them."""

import pickle

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
from sparktune.base import (
    JOB_STATE_CANCEL,
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    JOB_STATE_NEW,
    JOB_STATE_RUNNING,
)
from sparktune.exceptions import AllTrialsFailed


def doc(tid, state, result=None, exp_key=None, vals=None, **misc):
    vals = vals or {}
    return {
        "tid": tid,
        "state": state,
        "spec": None,
        "result": {"status": "new"} if result is None else result,
        "misc": {"tid": tid, "cmd": None, "idxs": {x: [tid] for x in vals}, "vals": vals, **misc},
        "exp_key": exp_key,
        "owner": None,
        "version": 0,
        "book_time": None,
        "refresh_time": None,
    }


def ok(tid, loss, **kwargs):
    return doc(tid, JOB_STATE_DONE, {"status": STATUS_OK, "loss": loss}, **kwargs)


def failed(tid, message="x is too large"):
    return doc(tid, JOB_STATE_ERROR, error=("<class 'ValueError'>", message))


ALL = [
    ok(0, 3.0),
    ok(1, float("nan")),
    doc(2, JOB_STATE_DONE, {"status": STATUS_FAIL, "loss": -9.0}),
    failed(3),
    doc(4, JOB_STATE_CANCEL),
    ok(5, 0.123456789),
    doc(6, JOB_STATE_RUNNING),
    doc(7, JOB_STATE_NEW),
]


def test_counts():
    trials = trials_from_docs(ALL)
    assert trials.count_successful_trials() == 4
    assert trials.count_failed_trials() == 1
    assert trials.count_cancelled_trials() == 1
    assert trials.count_total_trials() == 6
    assert trials.best_loss == 0.123456789


@pytest.mark.parametrize(
    ("docs", "text"),
    [
        ([], "no trials"),
        ([ok(0, 1.0)], "1 trial: 1 ok; best loss 1 (trial 0)"),
        ([failed(0), failed(1)], "2 trials: 2 failed"),
        (
            ALL,
            "8 trials: 3 ok, 2 failed, 1 cancelled, 1 running, 1 new; best loss 0.123457 (trial 5)",
        ),
    ],
)
def test_in_a_line(docs, text):
    trials = trials_from_docs(docs)
    assert repr(trials) == str(trials) == f"<Trials, {text}>"
    assert repr(pickle.loads(pickle.dumps(trials))) == repr(trials)
    assert text in trials._repr_html_()


def test_only_trials_of_the_experiment_count():
    trials = Trials()
    trials._insert_trial_docs([ok(0, 1.0, exp_key="a"), ok(1, 2.0, exp_key="b")])
    assert repr(trials.view("b")) == "<Trials, 1 trial: 1 ok; best loss 2 (trial 1)>"


def test_the_best_loss_of_trials_that_failed():
    with pytest.raises(AllTrialsFailed, match="x is too large"):
        _ = trials_from_docs([failed(0)]).best_loss


class Mine(Trials):
    """A subclass that does not call ours, and has an attribute in the place of a method."""

    def __init__(self):
        self.attachments = {}
        self.count_failed_trials = lambda: 7


@pytest.mark.parametrize("kind", [Mine, lambda: ProcessTrials(1), lambda: object.__new__(Trials)])
def test_objects_that_are_not_set_up(kind):
    trials = kind()
    assert repr(trials) == f"<{type(trials).__name__}, no trials>"
    assert type(trials).__name__ in trials._repr_html_()


def test_damaged_documents_do_not_raise():
    trials = trials_from_docs([ok(0, 1.0)])
    trials._dynamic_trials.append({"tid": 1})
    assert repr(trials).startswith("<sparktune.trials.Trials object at 0x")
    assert trials._repr_html_() is None


def test_old_pickles():
    state = {"_ids": {0}, "_dynamic_trials": [ok(0, 1.0)], "_exp_key": None,
             "attachments": {}, "_trials": [ok(0, 1.0)]}  # fmt: skip
    trials = object.__new__(Trials)
    trials.__setstate__(state)
    assert repr(trials) == "<Trials, 1 trial: 1 ok; best loss 1 (trial 0)>"
    assert trials.count_total_trials() == 1


def test_html_is_escaped():
    evil = "<script>alert('&')</script>"
    docs = [
        ok(0, 0.5, vals={evil: [evil]}),
        failed(1, evil),
        doc(2, JOB_STATE_DONE, {"status": evil}),
    ]
    html = trials_from_docs(docs)._repr_html_()
    assert "<script>" not in html
    assert html.count("&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;/script&gt;") == 4


def test_html_shows_the_best_trials_and_the_errors():
    def fn(point):
        if point["x"] > 0:
            raise ValueError("x is too large")
        return point["x"] ** 2

    trials = Trials()
    space = {"x": hp.uniform("x", -1, 1), "model": hp.choice("m", [{"type": "svm"}])}
    fmin(fn, space, rand.suggest, 40, trials=trials, rstate=0, verbose=False,
         catch_eval_exceptions=True)  # fmt: skip
    html = trials._repr_html_()
    assert f"{trials.best_loss:.6g}" in html
    assert html.count("<td>svm</td>") == 5
    assert f"ValueError: x is too large ({trials.count_failed_trials()})" in html


def test_html_of_many_hyperparameters_is_narrow():
    html = trials_from_docs([ok(0, 1.0, vals={f"x{i}": [0.5] for i in range(99)})])._repr_html_()
    assert html.count("<th>") == html.count("<td>") == 13
