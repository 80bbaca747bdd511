"""Scenarios with several trials per task; see `scenarios`."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import footprints
from scenarios import points, search, start_workers

from sparktune import SparkTrials, no_progress_loss, with_data


def noting():
    """Return an objective's first lines, which leave a file for each run of a trial."""
    folder = Path(tempfile.mkdtemp(prefix="sparktune-test-"))

    def note(trial):
        (folder / f"{trial.tid}-{time.time_ns()}").touch()

    return folder, note


def runs(folder):
    """Return how often each trial ran, by its id as text."""
    return Counter(path.name.partition("-")[0] for path in Path(folder).iterdir())


def batched(spark, per_task):
    """Many quick trials, with data that travel apart."""

    def objective(x, data):
        return {
            "loss": x + data[0],
            "status": "ok",
            "facts": [os.getpid(), "sparktune" in sys.modules],
        }

    trials = SparkTrials(parallelism=2, spark_session=spark, trials_per_task=per_task)
    report = search(with_data(objective, data=[1.0]), trials, max_evals=60)
    right = [
        doc["result"]["loss"] == doc["misc"]["vals"]["x"][0] + 1.0 for doc in trials._dynamic_trials
    ]
    return {**report, "right": right}


def batched_footprints(spark, kind):
    """What trials of a task see of those before them in it."""
    fn, space, *expected = getattr(footprints, kind)()
    trials = SparkTrials(parallelism=1, spark_session=spark, trials_per_task=6)
    report = search(fn, trials, space=space, max_evals=6)
    facts = [result["facts"] for result in report.pop("results")]
    return {**report, "facts": facts, "expected": expected}


def batched_faults(spark, how, retries=None):
    """One trial in the middle of a task goes wrong."""
    folder, note = noting()

    def objective(x, trial):
        note(trial)
        if trial.tid == 3:
            if how == "exception":
                raise ValueError("no model")
            if how == "exit" and trial.attempt == 0:
                os._exit(0)
            if how == "always":
                os.kill(os.getpid(), signal.SIGKILL)
            if how == "executor":
                time.sleep(1)
                command = ["ps", "-o", "ppid=", "-p", str(os.getppid())]
                found = subprocess.run(command, capture_output=True, check=True).stdout
                os.kill(int(found), signal.SIGKILL)
            if how == "timeout":
                time.sleep(600)
        return {"loss": x, "status": "ok", "facts": [trial.tid, trial.attempt]}

    limit = 8 if how == "timeout" else None  # a worker may take seconds to start
    trials = SparkTrials(parallelism=1, spark_session=spark, trials_per_task=6, trial_timeout=limit)
    at = points(*range(12))
    report = search(objective, trials, points_to_evaluate=at, retries=retries)
    attempts = [len(doc["misc"].get("attempts", [])) for doc in trials._dynamic_trials]
    return {**report, "attempts": attempts, "runs": runs(folder)}


def batched_ends(spark, how):
    """The search ends while a task with several trials runs; then the slots are used again."""

    start_workers(spark)
    stops = how == "early stop"

    def objective(x, trial):
        time.sleep(600 if stops and trial.tid >= 6 else 0.05)
        return 1.0

    arguments = {"early_stop_fn": no_progress_loss(5)} if stops else {}
    limits = {} if stops else {"timeout": 6}
    trials = SparkTrials(parallelism=2, spark_session=spark, trials_per_task=6, **limits)
    report = search(objective, trials, max_evals=2000, **arguments)
    again = SparkTrials(parallelism=1, spark_session=spark, trials_per_task=3)
    after = search(lambda x: x, again, max_evals=4)
    return {**report, "after": after["states"]}


def batched_pruned(spark):
    """Trials of a task report to themselves."""

    def objective(x, trial):
        for epoch in range(20):
            trial.report(x + 10 / (epoch + 1), step=epoch)
        return {"loss": x, "status": "ok"}

    trials = SparkTrials(parallelism=2, spark_session=spark, trials_per_task=4)
    report = search(objective, trials, max_evals=40, prune="median")
    return {**report, "statuses": [each["result"]["status"] for each in trials.trials]}


def batched_large(spark):
    """Results that together are larger than what a task may return."""

    def objective(x):
        return {"loss": x, "status": "ok", "blob": bytes(3 << 20)}

    trials = SparkTrials(parallelism=1, spark_session=spark, trials_per_task=6)
    report = search(objective, trials, max_evals=6)
    return {**report, "sizes": [len(result["blob"]) for result in trials.results]}


def batched_tracked(spark, folder):
    """Each trial of a task has its own MLflow run."""
    import mlflow

    os.environ.pop("SPARKTUNE_MLFLOW", None)
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")

    def objective(x):
        import mlflow

        mlflow.log_param("from_worker", x)
        return x**2

    try:
        with mlflow.start_run() as parent:
            trials = SparkTrials(parallelism=2, spark_session=spark, trials_per_task=4)
            report = search(objective, trials, max_evals=12)
    finally:
        os.environ["SPARKTUNE_MLFLOW"] = "0"
    of_parent = f"tags.mlflow.parentRunId = '{parent.info.run_id}'"
    children = mlflow.MlflowClient().search_runs([parent.info.experiment_id], of_parent)
    same = [
        float(run.data.params["from_worker"]) == float(run.data.params["x"]) for run in children
    ]
    return {**report, "same": same, "tids": sorted(int(run.data.tags["tid"]) for run in children)}
