"""The default estimator, with product kernels, as users call it."""

from __future__ import annotations

from functools import partial

import numpy as np

from sparktune import JOB_STATE_DONE, Domain, Trials, fmin, hp, rand, tpe

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
        algo=partial(tpe.suggest, **settings),
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


def test_it_finds_the_valley_more_often_than_one_mixture_per_parameter():
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


GRID = {"a": hp.quniform("a", 0, 4, 1), "b": hp.choice("b", list(range(4)))}


def points(**settings):
    trials = Trials()
    fmin(
        lambda p: abs(p["a"] - 2) + (p["b"] != 1),
        GRID,
        algo=partial(tpe.suggest, **settings),
        max_evals=25,
        trials=trials,
        rstate=2,
        show_progressbar=False,
    )
    return [(doc["misc"]["vals"]["a"][0], doc["misc"]["vals"]["b"][0]) for doc in trials.trials]


def test_a_point_is_not_tried_twice_while_there_are_others():
    # The grid has 20 points.
    rest = points(n_startup_jobs=1)
    assert len(set(rest[:20])) == 20
    assert len(rest) == 25
    assert len(set(points(n_startup_jobs=1, avoid_duplicates=False)[:20])) < 20


def test_random_trials_end_when_enough_have_finished():
    # Running trials have no result to learn from.
    domain = Domain(lambda x: x, hp.uniform("x", 0, 1))
    trials = Trials()

    def value(of=tpe.suggest):
        (doc,) = of([99], domain, trials, 5)
        return doc["misc"]["vals"]["x"][0]

    random = value()
    docs = rand.suggest(trials.new_trial_ids(25), domain, trials, 0)
    trials.insert_trial_docs(docs)
    trials.refresh()
    assert value() == random
    assert value(tpe.hyperopt_suggest) != random
    for doc in trials.trials[:8]:
        doc["state"] = JOB_STATE_DONE
        doc["result"] = {"status": "ok", "loss": doc["misc"]["vals"]["x"][0]}
    trials.refresh()
    assert value() != random


def test_gamma_says_how_many_are_good():
    # A single candidate is a draw from the good trials' density.
    trials = finished(50, best=0.0)

    def middle(gamma):
        return np.median(suggested(trials, 200, gamma=gamma, n_EI_candidates=1, gp_share=0))

    # A tenth and half of 50 uniform numbers, the better the nearer to 0.
    assert middle(0.5) > 1.2 * middle(0.1)


X = Domain(lambda x: x, hp.uniform("x", 0, 1))


def finished(count, best):
    """Random trials, the better the nearer they are to `best`."""
    trials = Trials()
    docs = rand.suggest(trials.new_trial_ids(count), X, trials, 0)
    for doc in docs:
        doc["state"] = JOB_STATE_DONE
        doc["result"] = {"status": "ok", "loss": (doc["misc"]["vals"]["x"][0] - best) ** 2}
    trials.insert_trial_docs(docs)
    trials.refresh()
    return trials


def suggested(trials, seeds, **given):
    rows = [tpe.suggest([500], X, trials, seed, **given) for seed in range(seeds)]
    return [doc["misc"]["vals"]["x"][0] for (doc,) in rows]


def test_running_trials_keep_others_away():
    def beside(running, **given):
        trials = finished(40, best=0.4)
        if running:
            docs = rand.suggest(trials.new_trial_ids(20), X, trials, 0)
            for step, doc in enumerate(docs):
                doc["misc"]["vals"]["x"] = [0.4 + 0.001 * step]
            trials.insert_trial_docs(docs)
            trials.refresh()
        return np.asarray(suggested(trials, 40, **given))

    for given in ({"multivariate": False}, {"gp_share": 0}, {"gp_share": 1}):
        alone, crowded = (abs(beside(running, **given) - 0.41) for running in (False, True))
        assert np.median(crowded) > np.median(alone)


def test_a_start_by_halton_fills_the_space_evenly():
    """Of 16 successive points, one is in each 16th of the first hyperparameter's range."""
    domain = Domain(lambda x: x, hp.uniform("x", 0, 1))
    trials = Trials()
    docs = tpe.suggest(
        trials.new_trial_ids(32), domain, trials, 0, startup="halton", n_startup_jobs=40
    )
    cells = [int(16 * doc["misc"]["vals"]["x"][0]) for doc in docs[16:]]
    assert sorted(cells) == list(range(16))
