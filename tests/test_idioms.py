"""The ways in which public code uses Hyperopt, run with the import changed."""

import contextlib
import functools
import logging
import pickle
import warnings

import numpy as np
import pytest

from sparktune import (
    STATUS_FAIL,
    STATUS_OK,
    SparkTrials,
    Trials,
    fmin,
    generate_trials_to_calculate,
    hp,
    partial,
    space_eval,
    tpe,
)
from sparktune.early_stop import no_progress_loss
from sparktune.pyll import scope
from sparktune.pyll.stochastic import sample

quiet = functools.partial(fmin, verbose=False, rstate=np.random.default_rng(42))
SPACE = {"x": hp.uniform("x", -5, 5), "kind": hp.choice("kind", ["a", "b"])}


def train(p):
    return {"status": STATUS_OK, "loss": p["x"] ** 2, "metrics": {"auc": 1.0}, "model": p["kind"]}


@pytest.fixture(scope="module")
def searched():
    trials = Trials()
    best = quiet(train, SPACE, algo=tpe.suggest, max_evals=30, trials=trials)
    return best, trials


@pytest.fixture(autouse=True)
def _no_mlflow(monkeypatch):
    monkeypatch.setenv("SPARKTUNE_MLFLOW", "0")


@pytest.fixture
def store(_no_mlflow, tmp_path, monkeypatch):
    """A separate MLflow store for a test."""
    import mlflow

    monkeypatch.delenv("SPARKTUNE_MLFLOW")
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID"):
        monkeypatch.setenv(name, "")  # so that what the test sets is undone
        monkeypatch.delenv(name)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    # With its own artifact location, since the default is in the working directory.
    mlflow.create_experiment("idioms", artifact_location=(tmp_path / "artifacts").as_uri())
    mlflow.set_experiment("idioms")
    yield mlflow
    while mlflow.active_run():
        mlflow.end_run()
    mlflow.set_tracking_uri(None)


# MLflow's SQLite store uses a loader that SQLAlchemy 2.1 deprecates.
sqlite_warns = pytest.mark.filterwarnings("ignore:The ``noload`` loader:DeprecationWarning")


@sqlite_warns
@pytest.mark.spark
@pytest.mark.mlflow
@pytest.mark.slow
def test_01_fmin_inside_an_active_run(spark, store):
    def objective(p):
        import mlflow

        mlflow.log_metric("auc", 1 - abs(p["x"]))
        return {"status": STATUS_OK, "loss": abs(p["x"])}

    with store.start_run(run_name="xgboost_models") as run:
        quiet(objective, SPACE, algo=tpe.suggest, max_evals=6, trials=SparkTrials(parallelism=3))
        assert store.active_run().info.run_id == run.info.run_id
    runs = store.search_runs(order_by=["metrics.auc DESC"])
    assert len(runs) == 7
    children = runs[runs["tags.mlflow.parentRunId"] == run.info.run_id]
    assert len(children) == 6
    assert set(children["status"]) == {"FINISHED"}
    best = runs.iloc[0]
    assert best["metrics.auc"] == pytest.approx(1 - best["metrics.loss"])


@sqlite_warns
@pytest.mark.spark
@pytest.mark.mlflow
@pytest.mark.slow
def test_02_the_objective_opens_a_nested_run(spark, store):
    def objective(p):
        import mlflow

        with mlflow.start_run(nested=True):
            mlflow.log_metric("inner", p["x"])
        return {"status": STATUS_OK, "loss": abs(p["x"])}

    with store.start_run() as run:
        quiet(objective, SPACE, algo=tpe.suggest, max_evals=4, trials=SparkTrials(parallelism=2))
    # The run that the objective starts is the trial's: none is left over, none exists twice.
    runs = store.search_runs()
    assert len(runs) == 5
    children = runs[runs["tags.mlflow.parentRunId"] == run.info.run_id]
    assert len(children) == 4
    assert set(children["status"]) == {"FINISHED"}
    assert list(children["metrics.inner"].abs()) == list(children["metrics.loss"])


def test_03_failing_by_status():
    def objective(p):
        try:
            return {"status": STATUS_OK, "loss": 1 / max(p["x"], 0)}
        except ZeroDivisionError:
            return {"status": STATUS_FAIL}

    def with_none(p):
        return {"status": STATUS_FAIL, "loss": None} if p["x"] < 0 else p["x"]

    for fn in (objective, with_none):
        trials = Trials()
        best = quiet(fn, SPACE, algo=tpe.suggest, max_evals=40, trials=trials)
        assert len(trials) == 40
        assert {STATUS_OK, STATUS_FAIL} == set(trials.statuses())
        assert best["x"] > 0


def test_04_the_objective_changes_its_params():
    space = hp.choice(
        "classifier_type",
        [
            {"type": "svm", "C": hp.lognormal("C", 0, 1)},
            {"type": "rf", "depth": hp.quniform("depth", 1, 9, 1)},
        ],
    )

    def objective(params):
        kind = params["type"]
        del params["type"]
        return params["C"] if kind == "svm" else params["depth"]

    trials = Trials()
    quiet(objective, space, algo=tpe.suggest, max_evals=40, trials=trials)
    active = [{k for k, v in misc["vals"].items() if v} for misc in trials.miscs]
    assert {frozenset(labels) for labels in active} == {
        frozenset({"classifier_type", "C"}),
        frozenset({"classifier_type", "depth"}),
    }


def test_05_parameters_of_trees():
    space = {
        "max_depth": scope.int(hp.quniform("max_depth", 4, 100, 1)),
        "seed": 123,
        "x": hp.choice("x", np.arange(1, 15, dtype=int)),
    }

    def objective(p):
        assert type(p["max_depth"]) is int
        assert p["seed"] == 123
        assert 1 <= p["x"] < 15
        return p["max_depth"] / p["x"]

    best = quiet(objective, space, algo=tpe.suggest, max_evals=30)
    assert set(best) == {"max_depth", "x"}
    assert isinstance(space_eval(space, best)["max_depth"], int)


def test_06_the_result_of_the_best_trial(searched):
    best, trials = searched
    model = trials.results[np.argmin([r["loss"] for r in trials.results])]["model"]
    assert model == space_eval(SPACE, best)["kind"] == trials.best_trial["result"]["model"]
    assert trials.best_trial["result"]["metrics"] == {"auc": 1.0}
    assert trials.best_trial["misc"]["vals"] == {k: [v] for k, v in trials.argmin.items()}
    assert trials.average_best_error() == min(trials.losses())


def test_07_space_eval_of_each_trial(searched):
    _, trials = searched
    for t in trials.trials:
        point = space_eval(SPACE, {k: v[0] for k, v in t["misc"]["vals"].items() if v})
        assert train(point) == t["result"]


def test_08_early_stop_with_a_generator_and_no_argmin():
    looked = []

    def own_loop(trials, *args):
        looked.append([t["result"]["status"] for t in trials.trials])
        return no_progress_loss(15)(trials, *args)

    point = quiet(train, SPACE, algo=tpe.suggest, max_evals=500, early_stop_fn=own_loop,
                  return_argmin=False)  # fmt: skip
    assert set(point) == {"x", "kind"}
    assert 15 <= len(looked) < 500


def test_09_warm_start():
    trials = generate_trials_to_calculate([{"x": 0.0, "kind": 1}])
    best = quiet(train, SPACE, algo=tpe.suggest, max_evals=10, trials=trials)
    assert best == {"x": 0.0, "kind": 1}
    assert trials.results[0]["model"] == "b"


def test_10_save_and_resume(tmp_path):
    file = tmp_path / "t.pkl"
    quiet(train, SPACE, algo=tpe.suggest, max_evals=10, trials_save_file=str(file))
    with file.open("rb") as f:
        trials = pickle.load(f)
    quiet(train, SPACE, algo=tpe.suggest, trials=trials, max_evals=len(trials.trials) + 20)
    assert len(trials) == 30
    with (tmp_path / "own.pkl").open("wb") as f:
        pickle.dump(trials, f)


def test_11_tuned_tpe():
    algo = partial(tpe.suggest, n_startup_jobs=10, gamma=0.5, n_EI_candidates=50)
    by_functools = functools.partial(tpe.suggest, n_startup_jobs=10, gamma=0.5, n_EI_candidates=50)
    bests = [
        fmin(train, SPACE, algo=each, max_evals=30, rstate=1, verbose=False)
        for each in (algo, by_functools)
    ]
    assert bests[0] == bests[1]


@pytest.mark.spark
def test_12_broadcast_data(spark):
    X = spark.sparkContext.broadcast(np.arange(100.0))

    def obj(X, p):
        return float(((X - p["x"]) ** 2).mean())

    trials = SparkTrials(2, spark_session=spark)
    best = quiet(lambda p: obj(X.value, p), SPACE, algo=tpe.suggest, max_evals=4, trials=trials)
    assert trials.losses() == [obj(np.arange(100.0), {"x": x}) for x in trials.vals["x"]]
    assert best["x"] == max(trials.vals["x"])


@pytest.mark.spark
@pytest.mark.parametrize("make", [
    lambda sc: SparkTrials(parallelism=sc.defaultParallelism),
    lambda sc: SparkTrials(parallelism=None),
    lambda sc: Trials(),
])  # fmt: skip
def test_13_parallelism_from_the_cluster(spark, make):
    trials = make(spark.sparkContext)
    quiet(lambda p: p["x"] ** 2, SPACE, algo=tpe.suggest, max_evals=4, trials=trials)
    assert len(trials) == 4
    assert getattr(trials, "parallelism", 4) == 4


def test_14_expressions():
    @scope.define
    def plus_one(v):
        return v + 1

    space = {
        "c": 1 + hp.lognormal("c1", 0, 1),
        "n": 20 + hp.randint("n", 100),
        "own": scope.plus_one(hp.uniform("u", 0, 1)),
    }
    try:
        drawn = sample(space)
        assert drawn["c"] > 1
        assert 20 <= drawn["n"] < 120
        assert 1 <= drawn["own"] <= 2
        trials = Trials()
        quiet(lambda p: p["c"] + p["n"] + p["own"], space, algo=tpe.suggest, max_evals=25,
              trials=trials)  # fmt: skip
        sums = [sum(v) for v in zip(*trials.vals.values(), strict=True)]
        np.testing.assert_allclose(trials.losses(), np.array(sums) + 22)
    finally:
        scope.undefine("plus_one")


def test_15_plots(searched):
    import matplotlib

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        matplotlib.use("Agg")
        from matplotlib import pyplot

    from sparktune.plotting import main_plot_histogram, main_plot_history, main_plot_vars

    _, trials = searched
    try:
        for plot in (main_plot_history, main_plot_histogram, main_plot_vars):
            plot(trials, do_show=False)
        assert pyplot.get_fignums()
    finally:
        pyplot.close("all")


def test_16_one_bare_parameter():
    seen = []

    def objective(C):
        seen.append(C)
        return (C - 1) ** 2

    best = quiet(objective, hp.lognormal("C", 0, 1.0), algo=tpe.suggest, max_evals=20)
    assert best["C"] in seen
    assert all(np.ndim(C) == 0 and C > 0 for C in seen)


@pytest.mark.spark
def test_17_logging_is_switched_off_by_name(spark, caplog):
    logger = logging.getLogger("hyperopt-spark")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(None):
            trials = SparkTrials(parallelism=2, timeout=600)
            # This would warn, because it is set for the object and for the search.
            quiet(lambda p: p["x"], SPACE, algo=tpe.suggest, max_evals=2, trials=trials,
                  timeout=500)  # fmt: skip
        assert not [
            r
            for r in caplog.records
            if r.name.startswith(("sparktune.spark", "sparktune.dispatch"))
        ]
    finally:
        logger.setLevel(level)
