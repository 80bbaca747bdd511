"""A whole search on a local Spark, read back from the store."""

import mlflow
import pytest

pytest.importorskip("pyspark")

from sparktune import SparkTrials, fmin, hp, tpe

pytestmark = pytest.mark.spark


def test_a_search_on_spark_is_one_parent_with_a_child_a_trial(spark, runs):
    def objective(params):
        import mlflow

        mlflow.log_param("from_worker", params["kind"])
        with mlflow.start_run(nested=True):
            mlflow.log_metric("auc", params["x"])
        if params["x"] > 5:
            raise ValueError("too big")
        return {"loss": params["x"] ** 2, "status": "ok", "seconds": 1.5}

    space = {"x": hp.uniform("x", -10, 10), "kind": hp.choice("kind", ["a", "b"])}
    with mlflow.start_run() as parent:
        trials = SparkTrials(parallelism=2, spark_session=spark)
        fmin(
            objective,
            space,
            algo=tpe.suggest,
            max_evals=16,
            max_queue_len=2,
            trials=trials,
            rstate=7,
            show_progressbar=False,
        )
        assert mlflow.active_run().info.run_id == parent.info.run_id

    (found,), children = runs()
    assert found.info.run_id == parent.info.run_id
    assert [int(child.data.tags["tid"]) for child in children] == list(range(16))
    failed = [child for child in children if child.info.status == "FAILED"]
    assert found.data.metrics["trials_failed"] == len(failed) > 0
    assert found.data.metrics["trials_ok"] == 16 - len(failed) > 0
    for child in children:
        x = float(child.data.params["x"])
        kind = child.data.params["kind"]
        assert child.data.metrics["auc"] == x
        assert child.data.params["from_worker"] == child.data.tags["choice.kind"] == "ab"[int(kind)]
        if x > 5:
            assert child.info.status == "FAILED"
        else:
            assert child.info.status == "FINISHED"
            assert child.data.metrics["loss"] == x**2
            assert child.data.metrics["seconds"] == 1.5


def test_mlflow_false_leaves_no_trace(spark, runs):
    fmin(
        lambda x: x,
        hp.uniform("x", 0, 1),
        algo=tpe.suggest,
        max_evals=2,
        trials=SparkTrials(parallelism=2, spark_session=spark),
        show_progressbar=False,
        mlflow=False,
    )
    assert runs() == ([], [])
