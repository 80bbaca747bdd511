"""Searches in the stores that need no server."""

import warnings
from pathlib import Path

import mlflow
import pytest

from sparktune import ProcessTrials, Trials, fmin, hp, rand


@pytest.fixture
def file_store(experiment, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow recommends a database
        mlflow.set_tracking_uri("./runs")
        mlflow.set_experiment("files")
        yield tmp_path / "runs"


def test_the_file_store_where_the_user_allows_it(file_store):
    def objective(x):
        mlflow.log_metric("own", x)
        return x

    trials = Trials()
    search = {"algo": rand.suggest, "rstate": 1, "verbose": False, "mlflow": True}
    fmin(objective, hp.uniform("x", 0, 1), max_evals=5, trials=trials, **search)
    parent = mlflow.last_active_run()
    children = mlflow.search_runs(
        filter_string=f"tags.mlflow.parentRunId = '{parent.info.run_id}'", output_format="list"
    )
    assert {run.data.metrics["own"] for run in children} == set(trials.losses())
    assert {run.info.run_id for run in children} == set(trials.to_pandas()["run_id"])
    back = Trials.from_mlflow(parent.info.run_id)
    assert back.losses() == trials.losses()
    fmin(objective, hp.uniform("x", 0, 1), max_evals=7, trials=back, **search)
    assert mlflow.get_run(parent.info.run_id).data.metrics["trials_ok"] == 7


# The filters of docs/mlflow.md, and the trials that they find here.
FILTERS = {
    "tags.mlflow.parentRunId = '<run id>'": {0, 1, 2, 3, 4},
    "tags.fmin_uuid = '<uuid>' and attributes.run_name LIKE 'trial-%'": {0, 1, 2, 3, 4},
    "tags.trial_status = 'ok' and metrics.loss < 0.1": {0},
    "attributes.status = 'FAILED' and attributes.run_name LIKE 'trial-%'": {3, 4},
    "tags.error LIKE 'ValueError%'": {4},
    "tags.\"choice.model\" = 'svm'": {0, 2, 4},
    "params.C != ''": {0, 2, 4},
}


def test_the_filters_of_the_documentation(experiment):
    space = hp.choice("model", ["svm", "forest"])
    space = {"model": space, "C": hp.choice("has C", [hp.uniform("C", 0, 9), None])}
    values = [(0, 0.05), (1, None), (0, 2.0), (1, None), (0, 4.0)]

    def evaluate(point):
        calls.append(point)
        if len(calls) == 4:
            return {"status": "fail"}
        if len(calls) == 5:
            raise ValueError("no")
        return 1.0 if point["C"] is None else point["C"]

    calls = []
    points = [
        {"model": model, "has C": 0, "C": c} if c is not None else {"model": model, "has C": 1}
        for model, c in values
    ]
    fmin(
        evaluate,
        space,
        algo=lambda new_ids, domain, trials, seed: [],  # the points alone
        max_evals=5,
        points_to_evaluate=points,
        verbose=False,
        catch_eval_exceptions=True,
        mlflow=True,
    )
    parent = mlflow.last_active_run()
    page = (Path(__file__).parents[2] / "docs" / "mlflow.md").read_text()
    for text, tids in FILTERS.items():
        assert f"`{text}`" in page
        asked = text.replace("<run id>", parent.info.run_id)
        asked = asked.replace("<uuid>", parent.data.tags["fmin_uuid"])
        table = mlflow.search_runs(filter_string=asked, order_by=["metrics.loss ASC"])
        assert {int(tid) for tid in table["tags.tid"]} == tids, text


def test_local_processes_record_as_spark_does(runs):
    def objective(x):
        import mlflow

        mlflow.log_metric("own", x)
        if x > 0.8:
            raise ValueError("too big")
        return x

    trials = ProcessTrials(parallelism=3)
    search = {"algo": rand.suggest, "rstate": 1, "verbose": False, "mlflow": True}
    fmin(objective, hp.uniform("x", 0, 1), max_evals=12, trials=trials, **search)
    (parent,), children = runs()
    assert [int(run.data.tags["tid"]) for run in children] == list(range(12))
    for run in children:
        x = float(run.data.params["x"])
        assert run.data.metrics["own"] == x
        assert run.info.status == ("FAILED" if x > 0.8 else "FINISHED")
    failed = int(parent.data.metrics["trials_failed"])
    assert failed == trials.count_failed_trials() > 0
    back = ProcessTrials.from_mlflow(parent.info.run_id, parallelism=2)
    assert back.losses() == trials.losses()
    fmin(objective, hp.uniform("x", 0, 1), max_evals=14, trials=back, **search)
    (parent,), children = runs()
    assert len(children) == 14
