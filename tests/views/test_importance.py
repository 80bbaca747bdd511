"""`trials.importance()`: which hyperparameters mattered, whatever the trials come from."""

import logging
import math
import pickle

import numpy as np
import pytest

from sparktune import (
    STATUS_FAIL,
    STATUS_OK,
    Trials,
    fmin,
    hp,
    rand,
    trials_from_docs,
)
from sparktune.base import JOB_STATE_DONE, JOB_STATE_ERROR
from sparktune.exceptions import InvalidArgument

stats = pytest.importorskip("scipy.stats")
pytest.importorskip("pandas")

METHODS = ["fanova", "ped-anova"]


def doc(tid, vals, loss, status=STATUS_OK, state=JOB_STATE_DONE):
    vals = {label: [] if value is None else [value] for label, value in vals.items()}
    return {
        "tid": tid,
        "state": state,
        "spec": None,
        "result": {"status": status, "loss": loss},
        "misc": {
            "tid": tid,
            "cmd": None,
            "idxs": {label: [tid] if value else [] for label, value in vals.items()},
            "vals": vals,
        },
        "exp_key": None,
        "owner": None,
        "version": 0,
        "book_time": None,
        "refresh_time": None,
    }


def search(fn, space, evals=400, **kwargs):
    trials = Trials()
    fmin(
        fn,
        space,
        rand.suggest,
        max_evals=evals,
        trials=trials,
        rstate=np.random.default_rng(1),
        show_progressbar=False,
        **kwargs,
    )
    return trials


def shares(table):
    return dict(zip(table["parameter"], table["importance"], strict=True))


# -- models of two kinds: the effects by exact integration ---------------------------------------

MODELS = hp.choice(
    "model",
    [
        {"kind": "slow", "rate": hp.loguniform("rate", -2, 0)},
        {"kind": "quick", "depth": hp.uniform("depth", 0, 1)},
    ],
)
# Variances: of the means 2 and 0.5 of the two kinds, and of each kind's own term, by half.
EXACT = {"model": 1.5**2 / 4, "rate": 4 / 12 / 2, "depth": 1 / 12 / 2}


def model_loss(point):
    return 3 + math.log(point["rate"]) if point["kind"] == "slow" else point["depth"]


@pytest.fixture(scope="module")
def models():
    return search(model_loss, MODELS)


def test_a_conditional_search_has_its_exact_effects(models):
    table = models.importance()
    assert list(table.columns) == ["parameter", "importance", "low", "high", "active"]
    assert list(table["parameter"]) == ["model", "rate", "depth"]
    total = sum(EXACT.values())
    for row in table.itertuples():
        assert row.importance == pytest.approx(EXACT[row.parameter] / total, abs=0.05)
        assert 0 <= row.low <= row.importance <= row.high
    active = dict(zip(table["parameter"], table["active"], strict=True))
    assert active["model"] == 400 == active["rate"] + active["depth"]


def test_without_the_space_conditions_and_ranges_are_found_in_the_values(models):
    loaded = pickle.loads(pickle.dumps(models))
    assert loaded._space is None
    for label, share in shares(loaded.importance()).items():
        assert share == pytest.approx(shares(models.importance())[label], abs=0.05)


def test_trials_of_a_journal_and_of_documents_are_the_same(tmp_path, models):
    kept = search(model_loss, MODELS, evals=120, journal=tmp_path / "search.journal")
    read = Trials.from_journal(tmp_path / "search.journal")
    made = trials_from_docs(kept.trials)
    assert shares(read.importance()) == shares(made.importance())


def test_pairs_are_rows_with_a_partner():
    def loss(point):
        return (point["x"] - 0.5) * (point["y"] - 0.5) + 0 * point["z"]

    trials = search(loss, {label: hp.uniform(label, 0, 1) for label in "xyz"}, evals=1_000)
    table = trials.importance(pairs=True)
    first = table.iloc[0]
    assert len(table) == 6
    assert {first["parameter"], first["partner"]} == {"x", "y"}
    assert first["importance"] > 0.5 > 5 * table["importance"][1]
    assert first["active"] == 1_000


@pytest.mark.parametrize("method", METHODS)
def test_ranks_agree_with_closed_form(method):
    labels = [f"x{k}" for k in range(8)]
    trials = search(
        lambda p: sum(0.7**k * p[x] for k, x in enumerate(labels)),
        {label: hp.uniform(label, 0, 1) for label in labels},
        evals=1_000,
    )
    found = shares(trials.importance(method))
    known = [0.7 ** (2 * k) for k in range(8)]
    assert stats.spearmanr([found[x] for x in labels], known)[0] >= 0.9


@pytest.mark.parametrize("method", METHODS)
def test_ranks_agree_with_optuna(method):
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    rng = np.random.default_rng(4)
    points = rng.uniform(size=(600, 5))
    weights = np.array([0, 0.5, 2, 5, 9])
    losses = np.prod((np.abs(4 * points - 2) + weights) / (1 + weights), axis=1)
    labels = [f"x{k}" for k in range(5)]
    docs = [
        doc(tid, dict(zip(labels, point, strict=True)), loss)
        for tid, (point, loss) in enumerate(zip(points.tolist(), losses.tolist(), strict=True))
    ]
    ours = shares(trials_from_docs(docs).importance(method))
    study = optuna.create_study()
    study.add_trials(
        optuna.trial.create_trial(
            params=dict(zip(labels, point, strict=True)),
            distributions=dict.fromkeys(labels, optuna.distributions.FloatDistribution(0, 1)),
            value=loss,
        )
        for point, loss in zip(points.tolist(), losses.tolist(), strict=True)
    )
    evaluator = (
        optuna.importance.MeanDecreaseImpurityImportanceEvaluator(seed=0)
        if method == "fanova"
        else optuna.importance.PedAnovaImportanceEvaluator()
    )
    theirs = optuna.importance.get_param_importances(study, evaluator=evaluator)
    assert stats.spearmanr([ours[x] for x in labels], [theirs[x] for x in labels])[0] >= 0.6


def test_losses_that_are_not_finite_are_the_worst_and_failures_do_not_count():
    rng = np.random.default_rng(2)
    points = [{"x": x, "y": y} for x, y in rng.uniform(size=(300, 2)).tolist()]
    losses = [point["x"] if point["x"] < 0.9 else math.inf for point in points]
    pairs = zip(points, losses, strict=True)
    docs = [doc(tid, point, loss) for tid, (point, loss) in enumerate(pairs)]
    docs[0]["result"]["loss"] = math.nan
    docs += [
        doc(300, {"x": 0.5, "y": 0.5}, None, state=JOB_STATE_ERROR),
        doc(301, {"x": 0.5, "y": 0.5}, 7.0, status=STATUS_FAIL),
    ]
    table = trials_from_docs(docs).importance()
    assert list(table["active"]) == [300, 300]
    assert shares(table)["x"] > 0.8 > 0.1 > shares(table)["y"]


@pytest.mark.parametrize(
    ("docs", "rule"),
    [
        ([], "at least two trials with a finite loss; got 0 of 0"),
        ([doc(0, {"x": 1.0}, 1.0)], "got 1 of 1"),
        ([doc(0, {"x": 1.0}, math.inf), doc(1, {"x": 2.0}, math.nan)], "got 0 of 2"),
        ([doc(0, {"x": 1.0}, None, state=JOB_STATE_ERROR)], "got 0 of 0"),
        ([doc(0, {"x": 1.0}, 2.0), doc(1, {"x": 2.0}, 2.0)], r"losses that differ; all 2 are 2\.0"),
    ],
)
def test_what_cannot_be_measured_is_said(docs, rule):
    with pytest.raises(InvalidArgument, match=rule):
        trials_from_docs(docs).importance()


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ({"method": "shap"}, "`method` must be one of fanova, ped-anova; got 'shap'"),
        ({"method": "ped-anova", "pairs": True}, "`pairs` needs the method 'fanova'"),
    ],
)
def test_arguments_are_checked(models, arguments, rule):
    with pytest.raises(InvalidArgument, match=rule):
        models.importance(**arguments)


@pytest.mark.parametrize("method", METHODS)
def test_odd_parameters_are_fine(method, caplog):
    rng = np.random.default_rng(3)
    docs = []
    for tid in range(60):
        point = {f"x{k}": value for k, value in enumerate(rng.uniform(size=50).tolist())}
        point |= {"größe <b>": float(rng.lognormal()), "never varies": 3.0, "never there": None}
        point["option"] = int(rng.integers(100))
        docs.append(doc(tid, point, point["x0"]))
    with caplog.at_level(logging.WARNING, "sparktune.importance"):
        table = trials_from_docs(docs).importance(method)
    assert "60 trials" in caplog.text
    found = shares(table)
    assert len(found) == 54
    assert np.isfinite(table[["importance", "low", "high"]].to_numpy()).all()
    assert found["never varies"] == found["never there"] == 0


@pytest.mark.parametrize("method", METHODS)
def test_many_trials(method, caplog):
    rng = np.random.default_rng(5)
    docs = [
        doc(tid, {"x": x, "y": y, "c": int(c)}, x + 0.1 * y)
        for tid, (x, y, c) in enumerate(
            zip(*rng.uniform(size=(2, 20_000)).tolist(), rng.integers(9, size=20_000), strict=True)
        )
    ]
    found = trials_from_docs(docs).importance(method)
    assert list(found["parameter"][:2]) == ["x", "y"]
    assert not caplog.text


def test_charts_say_themselves_that_importances_are_rough(caplog):
    pytest.importorskip("matplotlib").use("agg")
    trials = Trials()
    fmin(lambda x: x["x"] + x["y"], {"x": hp.uniform("x", 0, 1), "y": hp.uniform("y", 0, 1)},
         algo=rand.suggest, max_evals=20, trials=trials, rstate=0, verbose=False)  # fmt: skip
    trials.plot.importance(backend="matplotlib")
    assert "rough" not in caplog.text
    trials.importance()
    assert "20 trials are rough" in caplog.text
