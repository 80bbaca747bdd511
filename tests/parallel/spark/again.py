"""Scenarios about the handles of trials, and trials that run again; see `scenarios`."""

import os
import signal
import subprocess
import time
from pathlib import Path

from scenarios import points, search

from sparktune import SparkTrials, with_data
from sparktune.pruning import Median


def handles(spark):
    """What an objective sees of its trial, and what is left of its folder."""

    def objective(x, trial, data=None):
        import sys

        Path(trial.checkpoint_dir, "model").write_text("weights")
        return {"loss": x, "status": "ok", "sparktune": "sparktune" in sys.modules,
                "facts": [trial.tid, trial.attempt, trial.checkpoint_dir]}  # fmt: skip

    trials = SparkTrials(parallelism=2, spark_session=spark)
    report = search(with_data(objective, data=[1]), trials, max_evals=4)
    left = [Path(each["facts"][2]).parent.exists() for each in report["results"]]
    return {**report, "left": left}


def unshared_folder(spark):
    """A worker that does not see the driver's folder."""

    def objective(x, trial):
        trial._root += "-elsewhere"
        return len(trial.checkpoint_dir)

    trials = SparkTrials(parallelism=1, spark_session=spark)
    return search(objective, trials, max_evals=1, return_argmin=False)


def pruned(spark, prune):
    """Trials that report to themselves, without a way to the driver."""

    def objective(x, trial):
        import sys

        for epoch in range(20):
            trial.report(x + 10 / (epoch + 1), step=epoch)
        return {"loss": x, "status": "ok", "sparktune": "sparktune" in sys.modules, "facts": []}

    trials = SparkTrials(parallelism=2, spark_session=spark)
    stop = (lambda curves, curve: curve[0][-1] == 2) if prune == "function" else prune
    report = search(objective, trials, max_evals=16, prune=stop)
    return {**report, "statuses": [each["result"]["status"] for each in trials.trials],
            "last": trials.to_pandas()["last_step"].tolist()}  # fmt: skip


def ended_from_outside(spark, steps):
    """A slow and bad trial that begins when nothing is known, and others that end meanwhile."""

    def objective(x, trial):
        import sys
        import threading

        before = sorted(thread.name for thread in threading.enumerate())
        for step in range(steps):
            if x == 99:
                time.sleep(0.05)
            elif step == 0:
                time.sleep(0.2)
            trial.report(x, step=step)
        return {"loss": x, "status": "ok", "sparktune": "sparktune" in sys.modules,
                "facts": [trial._line is not None, before]}  # fmt: skip

    trials = SparkTrials(parallelism=2, spark_session=spark)
    report = search(objective, trials, points_to_evaluate=points(99, *range(12)), prune="asha")
    slow = trials.trials[0]["result"]
    return {**report, "status": slow["status"], "last": slow["curve"]["steps"][-1]}


def freed_slots(spark, folder):
    """How soon a trial begins after one that was pruned has ended, where all slots are in use."""

    def objective(x, trial):
        name = Path(folder, str(trial.tid))
        begin = time.time()
        try:
            for step in range(10):
                time.sleep(0.05)
                trial.report(x, step=step)
        finally:
            name.write_text(f"{begin} {time.time()}")
        return {"loss": x, "status": "ok", "facts": []}

    trials = SparkTrials(parallelism=2, spark_session=spark)
    at = points(*(0 if n % 4 == 0 else 1 + n for n in range(40)))
    report = search(objective, trials, points_to_evaluate=at,
                    prune=lambda curves, curve: curve[1][-1] > 0 and curve[0][-1] >= 2)  # fmt: skip
    times = [tuple(map(float, Path(folder, str(tid)).read_text().split())) for tid in range(40)]
    pruned = [times[tid][1] for tid in range(40) if at[tid]["x"] > 0]
    begun = sorted(begin for begin, _ in times)
    # Each end frees a slot for the trial that begins next; two ends at once free two.
    waits = sorted(begin - end for end in pruned
                   if (begin := next((b for b in begun if b > end), None)))  # fmt: skip
    return {**report, "waits": waits}


def pruned_models(spark):
    """Models of XGBoost that end early, on executors that cannot import sparktune."""

    def objective(rate, trial):
        import sys

        import numpy as np
        import xgboost as xgb

        class Refuse:
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] == "sparktune":
                    raise ImportError(name)

        refuse = Refuse()
        sys.meta_path.insert(0, refuse)
        try:
            X = np.random.default_rng(0).normal(size=(100, 3))
            data = xgb.DMatrix(X, X[:, 0] > 0)
            result = {}
            xgb.train(
                {"objective": "binary:logistic", "eta": rate, "nthread": 1}, data, 20,
                evals=[(data, "valid")], evals_result=result, verbose_eval=False,
                callbacks=[trial.xgboost()],
            )  # fmt: skip
        finally:
            sys.meta_path.remove(refuse)
        facts = ["sparktune" in sys.modules]
        return {"loss": result["valid"]["logloss"][-1], "status": "ok", "facts": facts}

    trials = SparkTrials(parallelism=1, spark_session=spark)
    rates = [{"x": rate} for rate in (0.3, 1e-6, 0.3, 1e-6)]
    policy = Median(grace=2, startup=1)
    report = search(objective, trials, points_to_evaluate=rates, prune=policy)
    return {**report, "statuses": [each["result"]["status"] for each in trials.trials],
            "last": trials.to_pandas()["last_step"].tolist()}  # fmt: skip


def lost_at_first(spark, how, always=False, retries=1):
    """A trial that is lost in its first attempt, or always, in one of several ways."""

    def objective(x, trial):
        folder = Path(trial.checkpoint_dir)
        before = len(list(folder.iterdir()))
        (folder / str(before)).touch()
        if x < 0 and (always or trial.attempt == 0):
            if how == "timeout":
                time.sleep(600)
            if how == "executor":
                time.sleep(2)  # otherwise a trial that starts with it never finishes
                command = ["ps", "-o", "ppid=", "-p", str(os.getppid())]
                found = subprocess.run(command, capture_output=True, check=True).stdout
                os.kill(int(found), signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)
        return {"loss": x, "status": "ok", "facts": [trial.tid, trial.attempt, before]}

    timeout = 12 if how == "timeout" else None  # a worker may take seconds to start
    trials = SparkTrials(parallelism=2, spark_session=spark, trial_timeout=timeout)
    report = search(objective, trials, points_to_evaluate=points(-1, 1, 2, 3), retries=retries)
    lost = [doc["misc"].get("attempts", []) for doc in trials._dynamic_trials]
    attempts = [[[each["reason"], each["error"]] for each in of] for of in lost]
    return {**report, "attempts": attempts}
