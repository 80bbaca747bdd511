"""The multivariate estimator as users call it."""

from __future__ import annotations

from functools import partial

import numpy as np

from sparktune import Trials, fmin, hp, tpe

SPACE = {
    "kind": hp.choice(
        "kind",
        [
            {"c": hp.loguniform("c", -5, 5), "steps": hp.quniform("steps", 0, 20, 2)},
            {"depth": hp.randint("depth", 2, 9)},
        ],
    ),
    "x": hp.uniform("x", -1, 1),
    "y": hp.normal("y", 0, 2),
}


def loss(point):
    # A valley along x == y, which no product of one-dimensional densities has.
    inner = point["kind"].get("c", 10.0)
    return (point["x"] - point["y"]) ** 2 + 0.1 * abs(np.log(inner))


def search(seed, **settings):
    trials = Trials()
    fmin(
        loss,
        SPACE,
        algo=partial(tpe.suggest, multivariate=True, **settings),
        max_evals=60,
        trials=trials,
        rstate=seed,
        show_progressbar=False,
    )
    return trials


def test_a_conditional_space_is_searched_group_by_group():
    trials = search(3)
    for doc in trials.trials:
        vals = {label: v[0] for label, v in doc["misc"]["vals"].items() if v}
        first = vals["kind"] == 0
        assert ("c" in vals, "steps" in vals, "depth" in vals) == (first, first, not first)
        if first:
            assert vals["steps"] % 2 == 0
            assert 0 <= vals["steps"] <= 20
        else:
            assert 2 <= vals["depth"] < 9
        assert -1 <= vals["x"] < 1


def test_a_seed_gives_the_same_search():
    assert search(5).losses() == search(5).losses()
    assert search(5).losses() != search(6).losses()


def test_it_finds_the_valley_more_often_than_one_mixture_a_parameter():
    def distance(**settings):
        found = []
        for seed in range(12):
            trials = Trials()
            fmin(
                lambda p: (p["x"] - p["y"]) ** 2 + 0.01 * p["x"],
                {"x": hp.uniform("x", -5, 5), "y": hp.uniform("y", -5, 5)},
                algo=partial(tpe.suggest, **settings),
                max_evals=80,
                trials=trials,
                rstate=seed,
                show_progressbar=False,
            )
            found.append(np.median(np.asarray(trials.losses())[40:]))
        return np.median(found)

    assert distance(multivariate=True) < distance(multivariate=False)
