"""`fmin(..., avoid_duplicates=True)`: no point twice; the search ends when a space is used up."""

import logging
import math

import numpy as np
import pytest

from sparktune import (
    JOB_STATE_CANCEL,
    JOB_STATE_DONE,
    STATUS_FAIL,
    Trials,
    anneal,
    fmin,
    hp,
    mix,
    partial,
    rand,
    tpe,
)
from sparktune._space.compile import compile_space
from sparktune._space.expr import scope
from sparktune._suggest.distinct import all_points

ALGORITHMS = {
    "tpe": tpe.suggest,
    "rand": rand.suggest,
    "anneal": anneal.suggest,
    "mix": partial(mix.suggest, p_suggest=[(0.5, rand.suggest), (0.5, tpe.suggest)]),
}
# 3 * 4 = 12 points below one option, 5 below the other.
SPACE = hp.choice(
    "kind",
    [
        {"a": hp.quniform("a", 0, 2, 1), "b": hp.choice("b", [10, 20, 30, 40])},
        {"c": hp.randint("c", 5)},
    ],
)
SIZE = 17


def loss(point):
    return sum(float(value) for value in point.values())


def search(space=SPACE, fn=loss, **arguments):
    trials = arguments.setdefault("trials", Trials())
    settings = {"algo": rand.suggest, "max_evals": 100, "rstate": 0, "verbose": False}
    best = fmin(fn, space, **{**settings, **arguments}, avoid_duplicates=True)
    return trials, best


def points_of(trials):
    return [
        frozenset((label, v[0]) for label, v in misc["vals"].items() if v) for misc in trials.miscs
    ]


@pytest.mark.parametrize("queue", [1, 6])
@pytest.mark.parametrize("algo", ALGORITHMS.values(), ids=list(ALGORITHMS))
def test_every_point_of_a_finite_space_once_then_it_ends(algo, queue, caplog):
    trials, best = search(algo=algo, max_queue_len=queue)
    assert len(trials) == SIZE
    assert len(set(points_of(trials))) == SIZE
    assert best == {"kind": 1, "c": 0}
    assert "all points of the space have been tried" in caplog.text
    # Without it, the same search tries points again.
    trials = Trials()
    fmin(loss, SPACE, algo=algo, max_evals=SIZE, trials=trials, rstate=0, verbose=False)
    assert len(set(points_of(trials))) < SIZE


def test_fewer_evaluations_than_points():
    trials, _ = search(max_evals=9)
    assert len(trials) == len(set(points_of(trials))) == 9


def test_a_seed_gives_the_same_search():
    assert points_of(search(rstate=4)[0]) == points_of(search(rstate=4)[0])


def test_points_to_evaluate_and_earlier_trials_count():
    given = [{"kind": 1, "c": 3}, {"kind": 0, "a": 2.0, "b": 0}]
    trials, _ = search(points_to_evaluate=given, max_evals=7)
    assert points_of(trials)[:2] == [frozenset(point.items()) for point in given]
    search(trials=trials)
    assert len(trials) == len(set(points_of(trials))) == SIZE


def test_failed_trials_count_and_cancelled_ones_do_not():
    def sometimes(point):
        if point.get("c") == 2:
            raise ValueError("no")
        return {"status": STATUS_FAIL} if point.get("c") == 3 else loss(point)

    trials, _ = search(fn=sometimes, catch_eval_exceptions=True, max_evals=10)
    trials._dynamic_trials[0]["state"] = JOB_STATE_CANCEL
    trials.refresh()
    search(fn=sometimes, trials=trials, catch_eval_exceptions=True)
    states = [doc["state"] for doc in trials._dynamic_trials]
    # The cancelled point is tried again; the one that raised is not.
    assert len(states) == SIZE + 1
    assert states.count(JOB_STATE_DONE) == SIZE - 1
    assert len(set(points_of(trials))) == SIZE - 1


def test_continuous_spaces_are_not_held_up():
    trials, _ = search({"x": hp.uniform("x", 0, 1), "k": hp.choice("k", [0, 1])}, max_evals=30)
    assert len(trials) == 30


def test_an_endless_space_whose_likely_points_are_used_up(caplog):
    trials, _ = search({"x": hp.qnormal("x", 0, 0.1, 10)})
    assert len(trials) == 1
    assert "50 random draws in a row gave no new point" in caplog.text


def test_a_space_of_one_point():
    trials, _ = search({"a": 3})
    assert len(trials) == 1


def test_an_unlikely_last_point_is_found(caplog):
    caplog.set_level(logging.WARNING)
    space = {"k": hp.pchoice("k", [(1 - 1e-9, 0), (1e-9, 1)])}
    trials, _ = search(space, fn=lambda p: p["k"])
    assert sorted(trials.vals["k"]) == [0, 1]


@pytest.mark.spark
def test_in_parallel(spark, monkeypatch):
    from sparktune import SparkTrials

    monkeypatch.setenv("SPARKTUNE_MLFLOW", "0")

    def objective(point):
        return sum(float(value) for value in point.values())

    trials, _ = search(fn=objective, algo=tpe.suggest, trials=SparkTrials(4), max_queue_len=3)
    assert len(trials) == len(set(points_of(trials))) == SIZE


class TestAllPoints:
    @pytest.mark.parametrize(
        ("node", "values"),
        [
            (hp.randint("x", 2, 5), {2, 3, 4}),
            (hp.uniformint("x", 1, 4), {1, 2, 3, 4}),
            (hp.quniform("x", 0, 1, 0.25), {0, 0.25, 0.5, 0.75, 1}),
            (hp.quniform("x", -3, 3.2, 2), {-2, 0, 2, 4}),
            (hp.qloguniform("x", 0, math.log(9), 4), {0, 4, 8}),
            (hp.pchoice("x", [(0.5, 1), (0.5, 2), (0.0, 3)]), {0, 1}),
        ],
    )
    def test_they_are_those_that_are_drawn(self, node, values):
        listed = {v["x"] for v in all_points(compile_space(node), 100).values()}
        assert listed == values
        trials = Trials()
        fmin(lambda _: 0, node, algo=rand.suggest, max_evals=400, trials=trials, rstate=1,
             verbose=False)  # fmt: skip
        assert set(trials.vals["x"]) == values

    @pytest.mark.parametrize(
        "node",
        [
            hp.uniform("x", 0, 1),
            hp.qnormal("x", 0, 1, 1),
            hp.randint("x", 101),
            hp.quniform("x", 0, 1e15, 1e-3),
            hp.quniform("x", 0, 1e15, 1e-9),
            [hp.randint(f"x{i}", 2) for i in range(40)],
        ],
    )
    def test_more_than_can_be_listed(self, node):
        assert all_points(compile_space(node), 100) is None

    def test_conditions_that_only_python_can_decide(self):
        a = hp.randint("a", 3)
        space = scope.switch(a > 1, hp.randint("b", 2), hp.randint("c", 2))
        assert compile_space(space).opaque
        labels = [set(vals) for vals in all_points(compile_space(space), 100).values()]
        assert len(labels) == 2 * 2 + 1 * 2
        assert {"a", "b"} in labels
        assert {"a", "c"} in labels
        assert {"a", "b", "c"} not in labels

    def test_shared_parameters(self):
        shared = hp.randint("s", 3)
        space = hp.choice("k", [shared, (shared, hp.randint("t", 2)), None])
        points = all_points(compile_space(space), 100)
        assert len(points) == 3 + 6 + 1
        assert all(type(v) in (int, np.int64, float) for p in points.values() for v in p.values())
