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
