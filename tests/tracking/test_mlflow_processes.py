"""A search over worker processes, read back from the store."""

import mlflow

from sparktune import ProcessTrials, fmin, hp, rand


def search(fn, trials, **arguments):
    return fmin(
        fn, {"x": hp.normal("x", 0, 1)}, algo=rand.suggest, trials=trials, rstate=3,
        verbose=False, **arguments,
    )  # fmt: skip


def test_what_an_objective_logs_in_a_process_lands_in_the_run_of_its_trial(runs):
    def objective(params):
        import os
        import time

        import mlflow

        mlflow.log_metric("seen", params["x"])
        mlflow.log_param("pid", os.getpid())
        if params["x"] == 5.0:
            time.sleep(600)
        if params["x"] == 6.0:
            os._exit(3)
        return params["x"] ** 2

    with mlflow.start_run() as parent:
        # The import of MLflow counts as part of the trial.
        trials = ProcessTrials(parallelism=2, trial_timeout=20)
        points = [{"x": 5.0}, {"x": 6.0}]
        search(objective, trials, max_evals=6, points_to_evaluate=points)
        assert mlflow.active_run().info.run_id == parent.info.run_id

    (found,), children = runs()
    assert found.info.run_id == parent.info.run_id
    assert found.data.params["parallelism"] == "2"
    assert found.data.params["trial_timeout"] == "20"
    assert found.data.metrics["trials_ok"] == 6
    assert found.data.metrics["trials_failed"] == 2
    assert len(children) == 8
    for child in children:
        x = float(child.data.params["x"])
        assert child.data.metrics["seen"] == x
        assert child.info.status == ("FAILED" if x >= 5.0 else "FINISHED")
        assert child.data.metrics.get("loss") == (None if x >= 5.0 else x**2)
    assert len({child.data.params["pid"] for child in children}) >= 3


def test_a_search_outside_a_run_is_recorded_only_if_asked_for(runs):
    search(lambda params: params["x"], ProcessTrials(2), max_evals=2)
    assert runs() == ([], [])
    search(lambda params: params["x"], ProcessTrials(2), max_evals=2, mlflow=True)
    parents, children = runs()
    assert (len(parents), len(children)) == (1, 2)


def test_a_trial_that_was_lost_has_one_run(runs):
    def objective(params, trial):
        import os
        import signal
        import time

        import mlflow

        mlflow.log_metric("attempt", trial.attempt, step=trial.attempt)
        mlflow.log_param("x_seen", params["x"])
        run_id = mlflow.active_run().info.run_id
        if trial.tid == 1 and trial.attempt < 2:
            mlflow.end_run()
            os.kill(os.getpid(), signal.SIGKILL)
        while trial.tid == 1:  # the driver writes beside the trial
            run = mlflow.MlflowClient().get_run(run_id)
            if run.data.tags.get("attempts") == "3" and run.info.status == "RUNNING":
                break
            time.sleep(0.05)
        return {"loss": params["x"] ** 2, "status": "ok", "run": run_id}

    with mlflow.start_run() as parent:
        trials = ProcessTrials(2)
        search(objective, trials, max_evals=4, retries=3)
    (found,), children = runs()
    assert found.data.params["retries"] == "{'lost': 3}"
    assert found.data.metrics["trials_ok"] == 4
    assert found.data.metrics["trials_failed"] == 0
    assert [child.data.tags["tid"] for child in children] == ["0", "1", "2", "3"]
    assert [child.info.status for child in children] == ["FINISHED"] * 4
    assert [child.data.tags.get("attempts") for child in children] == [None, "3", None, None]
    assert [child.data.metrics["attempt"] for child in children] == [0, 2, 0, 0]
    docs = trials._dynamic_trials
    assert [doc["misc"]["run_id"] for doc in docs] == [child.info.run_id for child in children]
    assert [doc["result"]["run"] for doc in docs] == [child.info.run_id for child in children]
    history = mlflow.MlflowClient().get_metric_history(children[1].info.run_id, "attempt")
    assert [point.step for point in history] == [0, 1, 2]

    resumed = ProcessTrials.from_mlflow(parent.info.run_id)
    assert resumed._dynamic_trials[1]["misc"]["attempts"] == docs[1]["misc"]["attempts"]
    assert list(resumed.to_pandas()["attempts"]) == [1, 3, 1, 1]


def test_a_trial_that_is_lost_each_time_has_one_run_too(runs):
    def objective(params):
        import os
        import signal

        if params["x"] == 5.0:
            os.kill(os.getpid(), signal.SIGKILL)
        return params["x"] ** 2

    search(objective, ProcessTrials(2), max_evals=2, retries=1, mlflow=True,
           points_to_evaluate=[{"x": 5.0}])  # fmt: skip
    (found,), children = runs()
    assert found.data.metrics["trials_failed"] == 1
    assert [child.info.status for child in children] == ["FAILED", "FINISHED", "FINISHED"]
    assert children[0].data.tags["attempts"] == "2"
    assert children[0].data.tags["trial_status"] == "error"


def test_each_trial_of_a_task_has_one_run_of_its_own(runs):
    def objective(params, trial):
        import os

        import mlflow

        mlflow.log_metric("seen", params["x"])
        if trial.tid == 2:
            os._exit(3)
        if trial.tid == 4:
            raise ValueError("no model")
        return params["x"] ** 2

    with mlflow.start_run():
        search(objective, ProcessTrials(2, trials_per_task=4), max_evals=12)
    (found,), children = runs()
    assert found.data.params["trials_per_task"] == "4"
    assert found.data.metrics["trials_ok"] == 10
    assert found.data.metrics["trials_failed"] == 2
    assert sorted(int(child.data.tags["tid"]) for child in children) == list(range(12))
    for child in children:
        assert child.data.metrics["seen"] == float(child.data.params["x"])
        failed = child.data.tags["tid"] in ("2", "4")
        assert child.info.status == ("FAILED" if failed else "FINISHED")
