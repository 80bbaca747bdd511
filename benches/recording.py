"""Measure the cost of recording in MLflow: trials per second, and store calls per trial.

Local Spark, an SQLite store, objectives that sleep for 100 ms. Searches with and without recording
take turns, so a machine that slows down slows both. Calls are counted in the store, for each run.
The same trials also run with MLflow's `MlflowSparkStudy` (Optuna). It calls the store from its
workers, so its calls are counted there. Read the numbers as ratios.

    python benches/recording.py [--rounds 3] [--trials 80] [--peer-trials 60] [--parallelism 4]
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from sparktune import SparkTrials, Trials, fmin, hp, rand

# The workers of MlflowSparkStudy must run the same Python.
os.environ.setdefault("PYSPARK_PYTHON", sys.executable)

SECONDS = 0.1


def trial_calls(counts: dict[str, Counter[str]]) -> Callable[[], None]:
    """Count the store calls of this process by run; return a function that undoes it."""
    inside = threading.local()
    originals = {
        name: method
        for name, method in vars(SqlAlchemyStore).items()
        if callable(method) and not name.startswith("_")
    }

    def counted(name: str, method: Any) -> Any:
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            if getattr(inside, "depth", 0):
                return method(self, *args, **kwargs)
            inside.depth = 1
            try:
                answer = method(self, *args, **kwargs)
            finally:
                inside.depth = 0
            run = answer.info.run_id if name == "create_run" else None
            run = run or kwargs.get("run_id") or kwargs.get("run_uuid") or (args[0] if args else "")
            counts[str(run)][name] += 1
            return answer

        return call

    for name, method in originals.items():
        setattr(SqlAlchemyStore, name, counted(name, method))

    def undo() -> None:
        for name, method in originals.items():
            setattr(SqlAlchemyStore, name, method)

    return undo


def calls_by_trial(trials: int) -> dict[int, Counter[str]]:
    """Return the store calls of each trial of a search, by trial id."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    undo = trial_calls(counts)
    try:
        found = Trials()
        fmin(
            lambda x: x * x,
            hp.uniform("x", -1, 1),
            algo=rand.suggest,
            max_evals=trials,
            trials=found,
            rstate=1,
            verbose=False,
            mlflow=True,
        )
    finally:
        undo()
    return {doc["tid"]: counts[doc["misc"]["run_id"]] for doc in found.trials}


def search(spark: Any, trials: int, parallelism: int, recorded: bool) -> float:
    """Return the trials per second of one search, from the call of `fmin` to its return."""

    def objective(x: float) -> float:
        time.sleep(SECONDS)
        return x * x

    began = time.perf_counter()
    fmin(
        objective,
        hp.uniform("x", -1, 1),
        algo=rand.suggest,
        max_evals=trials,
        max_queue_len=parallelism,
        trials=SparkTrials(parallelism=parallelism, spark_session=spark),
        rstate=1,
        verbose=False,
        mlflow=recorded,
    )
    return trials / (time.perf_counter() - began)


def peer(experiment: str, trials: int, parallelism: int, folder: Path) -> list[float]:
    """Return the trials per second of MlflowSparkStudy, for each third of its trials."""
    import optuna
    from mlflow.optuna.storage import MlflowStorage
    from mlflow.pyspark.optuna.study import MlflowSparkStudy

    file, seconds = str(folder / "calls"), SECONDS

    def objective(trial: Any) -> float:
        import builtins
        import time

        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        if not hasattr(builtins, "_calls"):
            builtins._calls = [0]  # type: ignore[attr-defined]
            for name, method in list(vars(SqlAlchemyStore).items()):
                if callable(method) and not name.startswith("_"):

                    def call(self: Any, *args: Any, _method: Any = method, **kwargs: Any) -> Any:
                        builtins._calls[0] += 1  # type: ignore[attr-defined]
                        return _method(self, *args, **kwargs)

                    setattr(SqlAlchemyStore, name, call)
        with open(file, "a") as out:  # noqa: PTH123 - travels to a worker
            import os

            out.write(f"{trial.number} {os.getpid()} {builtins._calls[0]}\n")  # type: ignore[attr-defined]
        x = trial.suggest_float("x", -1, 1)
        time.sleep(seconds)
        return float(x * x)

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = MlflowSparkStudy(
        "bench", MlflowStorage(experiment), sampler=optuna.samplers.RandomSampler(seed=1)
    )
    rates = []
    for _ in range(3):
        began = time.perf_counter()
        study.optimize(objective, n_trials=trials // 3, n_jobs=parallelism)
        rates.append(trials // 3 / (time.perf_counter() - began))
    return rates


def peer_calls(folder: Path) -> dict[int, int]:
    """Return the calls between successive trials of the same worker, by trial number."""
    calls, last = {}, {}
    for line in (folder / "calls").read_text().splitlines():
        number, pid, count = map(int, line.split())
        if pid in last:
            calls[number] = count - last[pid]
        last[pid] = count
    return calls


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=80)
    parser.add_argument("--peer-trials", type=int, default=60)
    parser.add_argument("--parallelism", type=int, default=4)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("mlflow").setLevel(logging.ERROR)

    from pyspark.sql import SparkSession

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        experiment = mlflow.MlflowClient().create_experiment(
            "bench", artifact_location=(folder / "artifacts").as_uri()
        )
        mlflow.set_experiment(experiment_id=experiment)
        spark = (
            SparkSession.builder.master(f"local[{given.parallelism}]")
            .config("spark.ui.enabled", "false")
            .config("spark.log.level", "ERROR")
            .getOrCreate()
        )
        try:
            search(spark, 2 * given.parallelism, given.parallelism, recorded=True)  # warm up
            rates: dict[bool, list[float]] = {True: [], False: []}
            for i in range(given.rounds):
                for recorded in (True, False) if i % 2 else (False, True):
                    rates[recorded].append(search(spark, given.trials, given.parallelism, recorded))
            peer_rates = peer(experiment, given.peer_trials, given.parallelism, folder)
        finally:
            spark.stop()
        on, off = statistics.median(rates[True]), statistics.median(rates[False])
        pairs = [a / b for a, b in zip(rates[True], rates[False], strict=True)]
        print(f"sparktune, parallelism {given.parallelism}, objectives of {SECONDS * 1000:.0f} ms, "
              f"median of {given.rounds} searches of {given.trials} trials:")  # fmt: skip
        print(f"  not recorded {off:6.2f} trials/s")
        print(f"  recorded     {on:6.2f} trials/s, ratio {statistics.median(pairs):.2f}")
        print("MlflowSparkStudy, the same objective, by thirds of its trials:")
        print(f"  recorded     {', '.join(f'{rate:.2f}' for rate in peer_rates)} trials/s")

        calls = calls_by_trial(501)
        theirs = peer_calls(folder)
        print("calls to the store per trial:")
        for tid in (10, 100, 500):
            shown = ", ".join(f"{name} {count}" for name, count in sorted(calls[tid].items()))
            print(f"  sparktune, trial {tid:3}: {calls[tid].total()} ({shown})")
        for number in sorted(theirs)[:: max(1, len(theirs) // 4)]:
            print(f"  MlflowSparkStudy, trial {number:3}: {theirs[number]}")


if __name__ == "__main__":
    main()
