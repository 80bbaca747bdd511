"""Scenarios about the handles of trials, and trials that run again; see `scenarios`."""

from pathlib import Path

from scenarios import search

from sparktune import SparkTrials, with_data


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
