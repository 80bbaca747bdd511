"""The contract of suggesters, which each of them passes, and the specifics of some."""

from __future__ import annotations

import copy
import inspect
import itertools
import pickle
from pathlib import Path

import numpy as np
import pytest

import hyperopt
from sparktune import (
    JOB_STATE_DONE,
    JOB_STATE_RUNNING,
    STATUS_FAIL,
    STATUS_OK,
    Domain,
    Trials,
    anneal,
    fmin,
    hp,
    mix,
    partial,
    rand,
    tpe,
)
from sparktune._suggest.settings import TABLE
from sparktune.exceptions import InvalidArgument, InvalidArgumentType

SUGGESTERS = {
    "rand": rand.suggest,
    "tpe": tpe.suggest,
    "tpe.hyperopt_suggest": tpe.hyperopt_suggest,
    "tpe univariate": partial(tpe.suggest, multivariate=False),
    "tpe with duplicates": partial(tpe.suggest, avoid_duplicates=False),
    "tpe without a Gaussian process": partial(tpe.suggest, gp_share=0),
    "tpe, always a Gaussian process": partial(tpe.suggest, gp_share=1),
    "tpe, start by Halton": partial(tpe.suggest, startup="halton", n_startup_jobs=100),
    "anneal": anneal.suggest,
    "mix": partial(mix.suggest, p_suggest=[(0.3, rand.suggest), (0.7, tpe.suggest)]),
}

SPACE = {
    "kind": hp.choice(
        "kind",
        [
            {"C": hp.loguniform("C", -3, 3), "steps": hp.quniform("steps", 0, 20, 2)},
            {"depth": hp.uniformint("depth", 2, 9), "p": hp.pchoice("p", [(0.9, "a"), (0.1, "b")])},
        ],
    ),
    "x": hp.uniform("x", -1, 1),
    "n": hp.randint("n", 5),
    "l": hp.qlognormal("l", 0, 1, 0.5),
}
DOMAIN = Domain(None, SPACE)


@pytest.fixture(params=list(SUGGESTERS.values()), ids=list(SUGGESTERS))
def suggest(request):
    return request.param


@pytest.fixture
def trials():
    """Trials in all states, with losses of all kinds; enough for any suggester to use them."""
    trials = Trials()
    docs = rand.suggest(trials.new_trial_ids(60), DOMAIN, trials, 0)
    for doc, loss in zip(docs, itertools.cycle([0.5, np.nan, -2.0, np.inf, 3.0]), strict=False):
        doc["state"] = JOB_STATE_DONE
        doc["result"] = {"status": STATUS_OK, "loss": loss + doc["misc"]["vals"]["x"][0]}
    docs[-1]["state"] = JOB_STATE_RUNNING
    docs[-1]["result"] = {"status": "new"}
    docs[-2]["result"] = {"status": STATUS_FAIL}
    trials.insert_trial_docs(docs)
    trials.refresh()
    return trials


def values_of(docs):
    return [doc["misc"]["vals"] for doc in docs]


def test_one_complete_document_per_id(suggest, trials):
    ids = trials.new_trial_ids(7)
    docs = suggest(ids, DOMAIN, trials, 3)
    assert [doc["tid"] for doc in docs] == ids
    for doc in docs:
        trials.assert_valid_trial(doc)
        assert doc["state"] == 0
        assert doc["result"] == {"status": "new"}
        assert doc["misc"]["cmd"] == ("domain_attachment", "FMinIter_Domain")
        for label, vals in doc["misc"]["vals"].items():
            assert doc["misc"]["idxs"][label] == [doc["tid"]] * len(vals)


def test_values_are_possible_and_of_hyperopts_types(suggest, trials):
    for vals in values_of(suggest(trials.new_trial_ids(40), DOMAIN, trials, 4)):
        v = {label: each[0] for label, each in vals.items() if each}
        first = v["kind"] == 0
        assert list(vals) == list(DOMAIN.space.labels)
        assert ("C" in v, "steps" in v, "depth" in v, "p" in v) == (
            first,
            first,
            not first,
            not first,
        )
        assert -1 <= v["x"] <= 1
        assert 0 <= v["n"] < 5
        assert (v["l"] * 2).is_integer()
        if first:
            assert np.exp(-3) <= v["C"] <= np.exp(3)
            assert v["steps"] in range(0, 21, 2)
        else:
            assert v["depth"] in range(2, 10)
            assert v["p"] in (0, 1)
        for label, value in v.items():
            expected = np.int64 if label in ("kind", "n", "p") else np.float64
            assert type(value) is expected, label


def test_a_pure_function_of_ids_trials_and_seed(suggest, trials):
    before = copy.deepcopy(trials._dynamic_trials)
    answers = [
        values_of(suggest([100, 101, 102], DOMAIN, each, 5))
        for each in (trials, trials, pickle.loads(pickle.dumps(trials)))
    ]
    assert answers[0] == answers[1] == answers[2]
    # A Halton sequence continues from its first point, independent of the seed.
    has_seed = suggest is not SUGGESTERS["tpe, start by Halton"]
    assert (values_of(suggest([100, 101, 102], DOMAIN, trials, 6)) != answers[0]) == has_seed
    assert str(trials._dynamic_trials) == str(before)


@pytest.mark.parametrize("name", [name for name in SUGGESTERS if name != "mix"])
def test_several_ids_are_one_call_per_id_with_the_earlier_ones_waiting(name, trials):
    """Not for mix, whose choice of a suggester depends on the position of the id in the call."""
    suggest = SUGGESTERS[name]
    ids = trials.new_trial_ids(6)
    together = values_of(suggest(ids, DOMAIN, trials, 5))
    one_by_one = []
    for tid in ids:
        docs = suggest([tid], DOMAIN, trials, 5)
        one_by_one += values_of(docs)
        trials.insert_trial_docs(docs)
        trials.refresh()
    assert together == one_by_one


@pytest.mark.parametrize("kind", [list, tuple, np.array, iter])
def test_ids_of_any_kind_and_all_by_keyword(suggest, trials, kind):
    docs = suggest(new_ids=kind([90, 91]), domain=DOMAIN, trials=trials, seed=np.int64(7))
    assert values_of(docs) == values_of(suggest([90, 91], DOMAIN, trials, 7))
    assert [type(doc["tid"]) for doc in docs] == [int, int]


def test_no_ids_no_documents(suggest, trials):
    assert suggest([], DOMAIN, trials, 1) == []


def test_a_space_without_hyperparameters(suggest):
    trials = Trials()
    (doc,) = suggest(trials.new_trial_ids(1), Domain(None, {"a": 1}), trials, 1)
    assert doc["misc"]["vals"] == {}


def test_trials_of_hyperopts_class(suggest, trials):
    theirs = hyperopt.trials_from_docs(copy.deepcopy(trials._dynamic_trials))
    assert values_of(suggest([100], DOMAIN, theirs, 5)) == values_of(
        suggest([100], DOMAIN, trials, 5)
    )


@pytest.mark.parametrize(
    ("ids", "seed", "error"),
    [
        ("ab", 1, InvalidArgumentType),
        (3, 1, InvalidArgumentType),
        ([0], 1.5, InvalidArgumentType),
        ([0], -1, InvalidArgument),
    ],
)
def test_wrong_ids_and_seeds(suggest, ids, seed, error):
    with pytest.raises(error, match=r"new_ids|seed"):
        suggest(ids, DOMAIN, Trials(), seed)


def parameters_of(function):
    """Names and defaults; for annealing, Hyperopt has them in a class."""
    found = inspect.signature(function).parameters.values()
    return [(p.name, p.default) for p in found if p.kind is p.POSITIONAL_OR_KEYWORD]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (rand.suggest, hyperopt.rand.suggest),
        (tpe.suggest, hyperopt.tpe.suggest),
        (tpe.hyperopt_suggest, hyperopt.tpe.suggest),
        (anneal.suggest, hyperopt.anneal.suggest),
        (mix.suggest, hyperopt.mix.suggest),
    ],
)
def test_hyperopts_parameters_and_defaults(ours, theirs):
    expected = parameters_of(theirs)
    if theirs is hyperopt.anneal.suggest:
        settings = parameters_of(hyperopt.anneal.AnnealingAlgo.__init__)
        expected += [p for p in settings if p[0] not in ("self", "domain", "trials", "seed")]
    if ours is tpe.suggest:
        # These find better trials; `hyperopt_suggest` keeps Hyperopt's numbers.
        better = {
            "prior_weight": 0.3,
            "n_startup_jobs": 8,
            "n_EI_candidates": 16,
            "gamma": 0.1,
        }
        expected = [(name, better.get(name, value)) for name, value in expected]
    assert parameters_of(ours) == expected


@pytest.mark.parametrize(
    ("function", "sampler"),
    [(tpe.suggest, "tpe"), (tpe.hyperopt_suggest, "hyperopt"), (anneal.suggest, "anneal")],
)
def test_settings_and_defaults_are_those_of_the_core(function, sampler):
    common = {"new_ids", "domain", "trials", "seed", "verbose"}
    parameters = inspect.signature(function).parameters.values()
    settings = [(p.name, p.default) for p in parameters if p.name not in common]
    assert settings == [(name, setting.default) for name, setting in TABLE[sampler].items()]
    for name, default in settings:
        assert type(default) is type(TABLE[sampler][name].default)


def test_the_table_of_the_docs_is_that_of_the_core():
    text = (Path(__file__).parents[2] / "docs/quality.md").read_text(encoding="utf-8")

    def shown(setting):
        return f"`{setting.default!r}`".replace("'", '"') if setting else ""

    for name, setting in TABLE["tpe"].items():
        theirs = shown(TABLE["hyperopt"].get(name))
        assert f"| `{name}` | {shown(setting)} | {theirs} | {setting.doc} |" in text


class TestTpe:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ({"gamma": 0}, "`gamma` of tpe.suggest must be positive and finite; got 0"),
            ({"prior_weight": np.inf}, "`prior_weight` .* positive and finite; got inf"),
            ({"gp_share": 1.5}, "`gp_share` .* from 0 to 1; got 1.5"),
            ({"n_EI_candidates": 0}, "`n_EI_candidates` .* at least 1; got 0"),
            ({"startup": "sobol"}, "`startup` .* 'random' or 'halton'; got 'sobol'"),
        ],
    )
    def test_values_out_of_range(self, arguments, said):
        with pytest.raises(InvalidArgument, match=said):
            tpe.suggest([0], DOMAIN, Trials(), 1, **arguments)

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ({"gamma": "much"}, "`gamma` .* a number; got 'much'"),
            ({"gamma": True}, "`gamma` .* a number; got True"),
            ({"gamma": [0.1]}, "`gamma` .* a number"),
            ({"n_startup_jobs": 2.5}, "`n_startup_jobs` .* an int; got 2.5"),
        ],
    )
    def test_values_of_the_wrong_type(self, arguments, said):
        for suggest in (tpe.suggest, tpe.hyperopt_suggest):
            with pytest.raises(InvalidArgumentType, match=said):
                suggest([0], DOMAIN, Trials(), 1, **arguments)

    def test_whole_floats_count_as_in_hyperopt(self, trials):
        whole = tpe.suggest([99], DOMAIN, trials, 1, n_EI_candidates=30)
        assert values_of(tpe.suggest([99], DOMAIN, trials, 1, n_EI_candidates=30.0)) == values_of(
            whole
        )


class TestAnneal:
    def test_it_closes_in_on_the_best(self):
        trials = Trials()
        fmin(
            lambda x: abs(x - 3),
            hp.uniform("x", -50, 50),
            algo=anneal.suggest,
            max_evals=100,
            trials=trials,
            rstate=0,
            verbose=False,
        )
        x = np.array(trials.vals["x"])
        # Random search has a mean distance of about 25, early and late.
        assert np.mean(abs(x[-30:] - 3)) < 0.3 * np.mean(abs(x[:10] - 3))

    def test_values_that_were_good_together_stay_together(self):
        trials = Trials()
        space = {"a": hp.choice("a", [0, 1]), "b": hp.choice("b", [0, 1])}
        fmin(
            lambda p: p["a"] != p["b"],
            space,
            algo=partial(anneal.suggest, shrink_coef=1.0),
            max_evals=200,
            trials=trials,
            rstate=0,
            verbose=False,
        )
        assert np.mean(trials.losses()[100:]) < 0.1  # drawn apart, half of them are 1

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ({"avg_best_idx": 0.5}, "`avg_best_idx`.* at least 1"),
            ({"avg_best_idx": "2"}, "`avg_best_idx`.* a number"),
            ({"shrink_coef": -1}, "`shrink_coef`.* at least 0"),
        ],
    )
    def test_wrong_settings(self, arguments, said):
        with pytest.raises(InvalidArgument, match=said):
            anneal.suggest([0], DOMAIN, Trials(), 1, **arguments)


class TestMix:
    def test_each_suggester_has_its_share(self, trials):
        asked = []

        def named(name):
            def suggest(new_ids, domain, trials, seed):
                asked.append(name)
                return rand.suggest(new_ids, domain, trials, seed)

            return suggest

        pairs = [(0.8, named("often")), (0.2, named("seldom")), (0.0, named("never"))]
        mix.suggest(range(500), DOMAIN, trials, 0, p_suggest=pairs)
        assert len(asked) == 500
        assert asked.count("often") == pytest.approx(400, abs=40)  # 4.5 standard deviations
        assert asked.count("never") == 0

    @pytest.mark.parametrize(
        ("pairs", "said"),
        [
            ([(0.5, rand.suggest)], "sum to 0.5"),
            ([(1.5, rand.suggest), (-0.5, rand.suggest)], "at least 0"),
            ([("1", rand.suggest)], "must be a number"),
            ([(1.0, "rand")], "must be a suggest function"),
            (rand.suggest, "must be pairs"),
            ([], "at least 0 and sum to 1"),
        ],
    )
    def test_wrong_pairs(self, pairs, said):
        with pytest.raises(InvalidArgument, match=said):
            mix.suggest([0], DOMAIN, Trials(), 1, p_suggest=pairs)
