"""A whole search on local Spark, read back from the store."""

import mlflow
import pytest

pytest.importorskip("pyspark")

from sparktune import SparkTrials, fmin, hp, tpe

pytestmark = pytest.mark.spark


def test_a_search_on_spark_is_one_parent_with_one_child_per_trial(spark, runs):
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


@pytest.mark.slow
def test_many_trials_at_once_lose_no_run_and_double_none(spark, runs):
    def objective(x):
        import mlflow

        mlflow.log_metric("seen", x)
        return x

    trials = SparkTrials(parallelism=16, spark_session=spark)
    fmin(
        objective,
        hp.uniform("x", 0, 1),
        algo=tpe.suggest,
        max_evals=200,
        max_queue_len=16,
        trials=trials,
        rstate=7,
        show_progressbar=False,
    )
    (parent,), children = runs()
    assert [int(child.data.tags["tid"]) for child in children] == list(range(200))
    assert {child.info.status for child in children} == {"FINISHED"}
    for child, doc in zip(children, trials.trials, strict=True):
        loss = doc["result"]["loss"]
        assert child.data.metrics == {"trial": doc["tid"], "loss": loss, "seen": loss}
        assert child.data.params == {"x": repr(loss)}
    assert parent.data.metrics["trials_ok"] == 200
    assert parent.data.metrics["best_loss"] == min(trials.losses())
    back = SparkTrials.from_mlflow(parent.info.run_id, parallelism=3, spark_session=spark)
    assert back.parallelism == 3
    assert back.losses() == trials.losses()


def test_two_searches_on_the_same_workers_in_one_run(spark, runs):
    """Workers are reused; nothing of the first search shows in the second."""

    def first(x):
        import mlflow
        import mlflow.sklearn

        mlflow.sklearn.autolog()
        mlflow.set_experiment("elsewhere")
        mlflow.log_metric("first", 1)
        return x

    def second(x):
        import mlflow

        mlflow.log_metric("second", len(mlflow.sklearn.autolog.__name__))
        mlflow.end_run()
        mlflow.log_metric("after", 1)
        return x + 10

    with mlflow.start_run() as parent:
        for objective in (first, second):
            fmin(
                objective,
                hp.uniform("x", 0, 1),
                algo=tpe.suggest,
                max_evals=6,
                trials=SparkTrials(parallelism=2, spark_session=spark),
                rstate=7,
                show_progressbar=False,
            )
    (found,), children = runs()
    uuids = {found.data.tags["fmin_uuid"]}
    other = next(value for key, value in found.data.tags.items() if key.startswith("fmin_uuid_"))
    assert len(children) == 12
    for child in children:
        of_first = child.data.tags["fmin_uuid"] in uuids
        assert set(child.data.metrics) == (
            {"trial", "loss", "first"} if of_first else {"trial", "loss", "second", "after"}
        )
        assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert found.data.metrics["best_loss"] < 1 < found.data.metrics[f"best_loss_{other}"]
