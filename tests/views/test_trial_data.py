"""What charts read of trials."""

import math

import numpy as np
import pytest
from trials_kit import NEW, RUNNING, START, doc, failed, searched, trials_of

from sparktune import Trials, fmin, generate_trials_to_calculate, hp, rand, trials_from_docs
from sparktune._views.trial_data import read_trials
from sparktune.exceptions import InvalidArgumentType


def test_all_trials_are_there_by_id():
    def fn(p):
        if p["x"] > 0.5:
            raise ValueError(p)
        return math.inf if p["x"] < -0.5 else p["x"]

    trials = Trials()
    space = {"x": hp.uniform("x", -1, 1)}
    fmin(fn, space, rand.suggest, 30, trials=trials, rstate=0, verbose=False,
         catch_eval_exceptions=True)  # fmt: skip
    data = read_trials(trials_from_docs(reversed(trials._dynamic_trials)))
    assert data.tids == list(range(30))
    x = data.values["x"]
    assert data.outcomes == ["fail" if each > 0.5 else "ok" for each in x]
    assert data.finite.tolist() == (abs(x) <= 0.5).tolist()
    assert data.losses[data.finite].tolist() == x[data.finite].tolist()
    assert [error is not None for error in data.errors] == (x > 0.5).tolist()
    assert data.best == int(np.argmin(np.where(data.finite, x, math.inf)))


def test_only_trials_of_the_experiment():
    trials = generate_trials_to_calculate([{"x": 1}, {"x": 2}])
    trials._dynamic_trials[1]["exp_key"] = "mine"
    data = read_trials(trials.view("mine"))
    assert (data.tids, data.outcomes) == ([1], ["new"])


def test_columns():
    lost = [{"reason": "lost", "error": "TrialLost: gone", "start_time": START, "end_time": START}]
    data = read_trials(
        trials_of(
            [
                doc(3, 2.0, {"x": 1, "y": None}, seconds=(0.0, 2.5)),
                doc(5, 1.0, {"x": 4, "z": 7}, curve={"steps": [1, 2], "losses": [3.0, 1.0]},
                    attempts=lost),
                failed(6, "boom"),
                doc(7, state=RUNNING, seconds=(1.0, None)),
                doc(8, state=NEW, seconds=(None, None)),
            ]
        )
    )  # fmt: skip
    assert list(data.values) == ["x", "y", "z"]
    assert data.values["x"].tolist()[:2] == [1.0, 4.0]
    assert np.isnan(data.values["y"]).all()
    assert np.isnan(data.values["z"]).tolist() == [True, False, True, True, True]
    assert (data.ends - data.starts)[0] == 2.5
    assert np.isnan(data.ends).tolist() == [False, False, False, True, True]
    assert np.isnan(data.starts).tolist() == [False, False, False, False, True]
    assert [(row, *map(list, curve)) for row, curve in data.curves.items()] == [
        (1, [1.0, 2.0], [3.0, 1.0])
    ]
    assert [(each.row, each.error) for each in data.lost] == [(1, "TrialLost: gone")]
    assert data.counted() == "5 trials: 2 ok, 1 failed, 1 running, 1 new"


def test_the_best_has_status_ok_and_is_the_first_of_equals():
    docs = [doc(0, math.nan), doc(1, 0.1, status="fail"), doc(2, 0.2, status="pruned"),
            doc(3, 1.0), doc(4, 1.0), doc(5, -math.inf)]  # fmt: skip
    assert read_trials(trials_of(docs)).best == 3
    assert read_trials(trials_of(docs[:3])).best is None


def test_scores():
    assert read_trials(searched(maximize=True)).maximized
    assert not read_trials(searched()).maximized
    assert not read_trials(trials_of([])).maximized

    trials = Trials()
    fmin(lambda x: x, hp.uniform("x", 0, 1), rand.suggest, 5, trials=trials, rstate=0,
         verbose=False, maximize=True)  # fmt: skip
    data = read_trials(trials)
    assert (data.what, data.sign) == ("score", -1.0)
    assert (data.sign * data.losses).tolist() == data.values["x"].tolist()


def test_options_and_priors_of_a_space():
    trials, space = Trials(), {"c": hp.choice("c", [{"type": "svm"}, {"type": "tree"}]),
                               "r": hp.loguniform("r", -3, 0)}  # fmt: skip
    assert (read_trials(trials).options, read_trials(trials).priors) == ({}, {})
    fmin(lambda p: 0.5, space, rand.suggest, 1, trials=trials, verbose=False)
    data = read_trials(trials)
    assert data.options == {"c": ["svm", "tree"]}
    assert data.priors == {"c": "randint", "r": "loguniform"}


def test_values_that_are_not_numbers_are_gaps():
    docs = [doc(0, "1.5", {"x": "red"}), doc(1, 10**400, {"x": 10**400}), doc(2, 1, {"x": True})]
    data = read_trials(trials_of(docs))
    assert np.isnan(data.values["x"]).tolist() == [True, True, False]
    assert np.isnan(data.losses).tolist() == [False, True, False]


def test_ids_that_are_not_numbers_stand_in_a_row():
    docs = [doc(0, 1.0), doc(1, 2.0), doc(2, 3.0)]
    for each, tid in zip(docs, ("b", 7, "a"), strict=True):
        each["tid"] = each["misc"]["tid"] = tid
    data = read_trials(trials_from_docs(docs, validate=False))
    assert data.tids == [7, "a", "b"]
    assert data.x.tolist() == [0.0, 1.0, 2.0]


def test_something_else_is_refused():
    with pytest.raises(InvalidArgumentType, match="`trials` must be a Trials; got 5"):
        read_trials(5)
