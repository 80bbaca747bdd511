"""What plots show, as data."""

import math

import numpy as np
import pytest

from sparktune import Trials, fmin, generate_trials_to_calculate, hp, rand, trials_from_docs
from sparktune._trials.plot_data import (
    Point,
    best_so_far,
    names_of,
    points_of,
    rank_ticks,
    ranks,
    with_loss,
)


def point(tid, loss=math.nan, status="ok"):
    return Point(tid, status, loss, {})


def test_all_trials_are_there_by_id():
    def fn(p):
        if p["x"] > 0.5:
            raise ValueError(p)
        return math.inf if p["x"] < -0.5 else p["x"]

    trials = Trials()
    space = {"x": hp.uniform("x", -1, 1)}
    fmin(fn, space, rand.suggest, 30, trials=trials, rstate=0, verbose=False,
         catch_eval_exceptions=True)  # fmt: skip
    found = points_of(trials_from_docs(reversed(trials._dynamic_trials)))
    assert [each.tid for each in found] == list(range(30))
    for each in found:
        x = each.vals["x"]
        assert each.status == ("fail" if x > 0.5 else "ok")
        assert math.isnan(each.loss) if abs(x) > 0.5 else each.loss == x
    assert with_loss(found) == [each for each in found if abs(each.vals["x"]) <= 0.5]


def test_only_trials_of_the_experiment():
    trials = generate_trials_to_calculate([{"x": 1}, {"x": 2}])
    trials._dynamic_trials[1]["exp_key"] = "mine"
    assert [(each.tid, each.status) for each in points_of(trials.view("mine"))] == [(1, "new")]


def test_the_best_so_far_is_of_trials_that_may_be_the_best():
    points = [point(0), point(2, 3.0), point(3, 1.0, "fail"), point(5, 4.0), point(6, 2.0),
              point(9, status="fail")]  # fmt: skip
    assert best_so_far(points) == ([2, 5, 6, 9], [3.0, 3.0, 2.0, 2.0])
    assert best_so_far([point(0), point(1, 1.0, "fail")]) == ([], [])


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([5.0], [0.0]),
        ([3.0, 1.0, 2.0], [1.0, 0.0, 0.5]),
        ([1e9, 0.1, 0.11, 0.12, 0.13], [1.0, 0.0, 0.25, 0.5, 0.75]),
        ([2.0, 1.0, 1.0], [1.0, 0.0, 0.0]),
    ],
)
def test_ranks_tell_good_losses_apart(losses, expected):
    assert ranks(losses) == expected


def test_ticks_of_ranks():
    assert rank_ticks([5.0]) == [(0.0, 5.0)]
    assert rank_ticks([3.0, 1.0]) == [(0.0, 1.0), (1.0, 3.0)]
    losses = np.arange(101.0)[::-1].tolist()
    assert rank_ticks(losses) == [(0, 0), (0.25, 25), (0.5, 50), (0.75, 75), (1, 100)]


def test_names_of_options():
    trials, space = Trials(), hp.choice("c", [{"type": "svm"}, {"type": "tree" * 9}])
    assert names_of(trials) == {}
    fmin(lambda p: 0.5, space, rand.suggest, 1, trials=trials, verbose=False)
    assert names_of(trials) == {"c": ["svm", "treetreetreet..."]}
