"""Which values are suggested: inside bounds, possible ones only, finite at every scale."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sparktune import Trials, anneal, fmin, hp, partial, rand, tpe

SUGGESTERS = {
    "rand": rand.suggest,
    "tpe": tpe.suggest,
    "tpe, always a Gaussian process": partial(tpe.suggest, gp_share=1),
    "tpe, start by Halton": partial(tpe.suggest, startup="halton", n_startup_jobs=100),
    "tpe.hyperopt_suggest": tpe.hyperopt_suggest,
    "anneal": anneal.suggest,
}


@pytest.fixture(params=list(SUGGESTERS.values()), ids=list(SUGGESTERS))
def suggest(request):
    return request.param


def search(fn, space, algo, max_evals, **options):
    """Return the trials of a search."""
    trials = Trials()
    fmin(
        fn,
        space,
        algo=algo,
        max_evals=max_evals,
        trials=trials,
        rstate=np.random.default_rng(1),
        show_progressbar=False,
        verbose=False,
        **options,
    )
    return trials


# -- bounds --------------------------------------------------------------------------------------

SPACE = {
    "a": hp.uniform("a", 0, 1),
    "b": hp.uniform("b", -5, 10),
    "c": hp.loguniform("c", math.log(1e-5), 0),
    "d": hp.loguniform("d", math.log(2), math.log(3)),
    "narrow": hp.uniform("narrow", 1e6, 1e6 + 1e-6),
}
BOUNDS = {"a": (0, 1), "b": (-5, 10), "c": (1e-5, 1), "d": (2, 3), "narrow": (1e6, 1e6 + 1e-6)}


def shares(point):
    """Return how far the first three are between their bounds."""
    return [point["a"], (point["b"] + 5) / 15, 1 + math.log(point["c"]) / -math.log(1e-5)]


@pytest.mark.parametrize(
    "best", [[0.4, 0.6, 0.5], [0, 1, 0], [1, 0, 1]], ids=["interior", "bounds", "other bounds"]
)
def test_continuous_values_are_strictly_inside_and_pile_up_nowhere(suggest, best):
    def distance(point):
        return sum((x - at) ** 2 for x, at in zip(shares(point), best, strict=True))

    vals = search(distance, SPACE, suggest, 120).vals
    for label, (low, high) in BOUNDS.items():
        assert all(low < value < high for value in vals[label]), label
        if label != "narrow":
            assert len(set(vals[label])) == 120, label


def test_a_search_comes_close_to_a_bound_that_is_the_best_place():
    # The bound itself would give 0; random search comes to 0.3.
    best = search(lambda p: sum(shares(p)), SPACE, tpe.suggest, 100).best_trial
    assert best["result"]["loss"] < 0.01


@pytest.mark.parametrize("best", [0, 4])
def test_quantised_values_keep_their_bounds(suggest, best):
    trials = search(lambda x: abs(x - best), hp.quniform("x", 0, 4, 1), suggest, 100)
    assert best in set(trials.vals["x"])
    assert set(trials.vals["x"]) <= {0, 1, 2, 3, 4}


# -- options of probability zero ---------------------------------------------------------------

OPTIONS = hp.pchoice(
    "c", [(0.0, "never"), (0.5, "first"), (0.0, hp.uniform("never", 0, 1)), (0.5, "second")]
)


@pytest.mark.parametrize("distinct", [False, True], ids=["as they come", "avoid_duplicates"])
def test_options_of_probability_zero_are_never_suggested(suggest, distinct):
    space = (OPTIONS, hp.uniform("x", 0, 1), hp.randint("i", 3))
    trials = search(lambda point: point[1], space, suggest, 150, avoid_duplicates=distinct)
    assert set(map(int, trials.vals["c"])) == {1, 3}


def test_nor_if_the_user_tried_one_and_it_was_the_best(suggest):
    points = [{"c": 0, "x": 0.5}]
    space = (OPTIONS, hp.uniform("x", 0, 1))
    trials = search(
        lambda point: -1.0 if point[0] == "never" else point[1],
        space,
        suggest,
        100,
        points_to_evaluate=points,
    )
    assert set(map(int, trials.vals["c"][1:])) == {1, 3}


# -- extreme scales ----------------------------------------------------------------------------

EXTREMES = [
    ("normal", 0, 1e160),
    ("normal", 0, 1e-200),
    ("normal", 0, 5e-324),
    ("qnormal", 0, 1e-300, 1e-300),
    ("qnormal", 0, 1, 1e300),
    ("lognormal", 0, 1e-300),
    ("lognormal", 0, 100),
    ("lognormal", -1e300, 1),
    ("lognormal", 700, 1e300),
    ("qlognormal", 700, 5, 1),
    ("quniform", 0, 1, 5e-324),
    ("quniform", 1e17, 1e17 + 100, 1),
    ("uniform", 0, 1e308),
    ("uniform", 0, 1e-310),
    ("loguniform", -800, 700),
    ("qloguniform", -700, 1, 1e-300),
]


@pytest.mark.parametrize("prior", EXTREMES, ids=str)
def test_values_are_finite_at_every_scale(suggest, prior):
    name, *args = prior
    tried = []

    def fn(x):
        tried.append(x)
        return math.frexp(x)[1] + abs(x) % 1.0

    search(fn, getattr(hp, name)("x", *args), suggest, 130)
    assert len(tried) == 130
    assert all(map(math.isfinite, tried))
    if name.startswith("log"):
        assert min(tried) > 0
