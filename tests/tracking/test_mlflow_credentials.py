"""Passwords: on the driver, on workers only if requested, and never in what is recorded."""

import logging
from pathlib import Path

import mlflow
import pytest

pytest.importorskip("pyspark")

from gate import Gate

from sparktune import SparkTrials, fmin, hp, rand

pytestmark = [pytest.mark.slow, pytest.mark.spark, pytest.mark.timeout(400)]

CANARY = "canary-2f9c7e"


@pytest.fixture
def gate(server, monkeypatch):
    gate = Gate(server.uri, "ann", CANARY)
    # Spark's workers have the environment in which its JVM was started: without these.
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ann")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", CANARY)
    mlflow.set_tracking_uri(gate.uri)
    yield gate
    mlflow.set_tracking_uri(server.uri)
    gate.close()


def search(spark):
    def objective(x):
        import mlflow

        mlflow.log_param("from_worker", 7)
        mlflow.log_text("text", "note.txt")
        if x < 0.5:
            raise ValueError(f"the secret is {CANARY}")
        return x

    trials = SparkTrials(parallelism=2, spark_session=spark)
    fmin(
        objective,
        hp.uniform("x", 0, 1),
        algo=rand.suggest,
        max_evals=10,
        trials=trials,
        rstate=1,
        verbose=False,
    )
    return trials


def everything(server, folder):
    """Return all that the server keeps, as text, and the children."""
    client = mlflow.MlflowClient()
    runs = client.search_runs([server.experiment])
    texts = [str(run.to_dictionary()) for run in runs]
    for run in runs:
        for file in client.list_artifacts(run.info.run_id):
            path = client.download_artifacts(run.info.run_id, file.path, str(folder))
            texts.append(Path(path).read_text())
    return "\n".join(texts), [run for run in runs if "tid" in run.data.tags]


def test_workers_without_credentials_cost_one_warning(gate, server, spark, caplog, tmp_path):
    with caplog.at_level(logging.DEBUG, logger="sparktune"):
        trials = search(spark)
    warnings = [r for r in caplog.records if r.name == "sparktune.mlflow" and r.levelno >= 30]
    assert len(warnings) == 1
    assert "401" in warnings[0].getMessage()
    assert "SPARKTUNE_MLFLOW_CREDENTIALS=1" in warnings[0].getMessage()
    assert gate.refused > 0
    failed = trials.count_failed_trials()
    assert 0 < failed < 10
    texts, children = everything(server, tmp_path)
    assert len(children) == 10
    assert sum(run.info.status == "FINISHED" for run in children) == 10 - failed
    assert all("x" in run.data.params for run in children)
    assert not any("from_worker" in run.data.params for run in children)
    assert "the secret is ***" in texts
    assert CANARY not in texts
    own = "\n".join(r.getMessage() for r in caplog.records if r.name == "sparktune.mlflow")
    assert CANARY not in own


def test_workers_get_credentials_by_choice(gate, server, spark, tmp_path, monkeypatch):
    monkeypatch.setenv("SPARKTUNE_MLFLOW_CREDENTIALS", "1")
    search(spark)
    texts, children = everything(server, tmp_path)
    assert len(children) == 10
    assert all(run.data.params["from_worker"] == "7" for run in children)
    assert CANARY not in texts


def test_workers_that_are_reused_forget_credentials(gate, server, spark, monkeypatch):
    def logged():
        """Search once more; return how many of the new runs have what the objective logs."""
        known = {run.info.run_id for run in mlflow.MlflowClient().search_runs([server.experiment])}
        trials = search(spark)
        errors = {t["misc"]["error"][0] for t in trials._dynamic_trials if "error" in t["misc"]}
        assert errors == {str(ValueError)}  # the objective's own
        runs = mlflow.MlflowClient().search_runs([server.experiment])
        return sum("from_worker" in run.data.params for run in runs if run.info.run_id not in known)

    def password(_):
        import os

        return os.environ.get("MLFLOW_TRACKING_PASSWORD")

    assert logged() == 0
    monkeypatch.setenv("SPARKTUNE_MLFLOW_CREDENTIALS", "1")
    assert logged() == 10  # as the warning of the first search advises
    assert set(spark.sparkContext.parallelize(range(8), 4).map(password).collect()) == {None}
    monkeypatch.delenv("SPARKTUNE_MLFLOW_CREDENTIALS")
    assert logged() == 0


def test_a_password_in_the_uri_stays_on_the_driver(experiment, documents, monkeypatch):
    from sparktune._tracking.store import worker_uri

    uri = f"http://ann:{CANARY}@host:1/path"
    assert worker_uri(uri) == "http://host:1/path"
    monkeypatch.setenv("SPARKTUNE_MLFLOW_CREDENTIALS", "1")
    assert worker_uri(uri) == uri
