"""Searches on a real Spark with pruning and without: what they cost, and what they find.

200 trials of 100 steps, recorded in an SQLite store of MLflow. The objective sleeps for each step,
and its curve depends on four parameters. Each search runs in a process of its own.

    python benches/pruning/on_spark.py [--modes classic connect] [--policies none asha median]
        [--trials 200] [--parallelism 4] [--step 0.01]
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

sys.path.insert(1, str(Path(__file__).parents[1]))  # recording

STEPS = 100
os.environ.setdefault("PYSPARK_PYTHON", sys.executable)


def session(mode: str, slots: int) -> Any:
    """Start Spark, or a Spark Connect server and its client."""
    from pyspark.sql import SparkSession

    builder = SparkSession.builder
    master = f"local[{slots}]"
    builder = builder.remote(master) if mode == "connect" else builder.master(master)
    for name, value in (("ui.enabled", "false"), ("ui.showConsoleProgress", "false"),
                        ("log.level", "OFF")):  # fmt: skip
        builder = builder.config(f"spark.{name}", value)
    return builder.getOrCreate()


def search(mode: str, policy: str, trials: int, parallelism: int, pause: float) -> dict[str, Any]:
    """Run one search and return what it took."""
    import mlflow
    from recording import trial_calls

    from sparktune import SparkTrials, fmin, hp, tpe

    def objective(point: dict[str, float], trial: Any) -> float:
        floor = sum((point[label] - 0.3) ** 2 for label in "abc")
        for step in range(STEPS):
            time.sleep(pause)
            loss = floor + 2 * math.exp(-step * point["rate"])
            trial.report(loss, step=step)
        return loss

    space = {label: hp.uniform(label, -1, 1) for label in "abc"}
    space["rate"] = hp.loguniform("rate", math.log(0.005), math.log(0.5))
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    with tempfile.TemporaryDirectory() as folder:
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        mlflow.create_experiment("bench", artifact_location=Path(folder, "artifacts").as_uri())
        mlflow.set_experiment("bench")
        spark = session(mode, parallelism)
        found = SparkTrials(parallelism=parallelism, spark_session=spark)
        undo = trial_calls(counts)
        began = time.perf_counter()
        try:
            fmin(objective, space, algo=tpe.suggest, max_evals=trials, trials=found, rstate=0,
                 verbose=False, prune=None if policy == "none" else policy)  # fmt: skip
        finally:
            undo()
        seconds = time.perf_counter() - began
        spark.stop()
    table = found.to_pandas()
    durations = table["duration"].sum()
    calls = sorted(counts[doc["misc"]["run_id"]].total() for doc in found.trials)
    return {
        "seconds": round(seconds, 1),
        "slot_seconds": round(float(durations), 1),
        "steps": int(sum(step + 1 for step in table["last_step"])),
        "pruned": int((table["status"] == "pruned").sum()),
        "loss": round(found.best_trial["result"]["loss"], 4),
        "calls_per_trial": [calls[0], calls[-1]],
    }


def main() -> None:
    """Run each search in a process of its own, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--modes", nargs="+", default=["classic", "connect"])
    parser.add_argument("--policies", nargs="+", default=["none", "median", "asha"])
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--parallelism", type=int, default=4)
    parser.add_argument("--step", type=float, default=0.01, help="seconds per step")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        warnings.simplefilter("ignore")
        logging.getLogger("mlflow").setLevel(logging.ERROR)
        mode, policy = given.one.split()
        row = search(mode, policy, given.trials, given.parallelism, given.step)
        print(f"\n{json.dumps(row)}", flush=True)
        return
    print("| Spark | prune | seconds | slot-seconds | steps | pruned | loss | calls per trial |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for mode in given.modes:
        for policy in given.policies:
            command = [sys.executable, __file__, "--one", f"{mode} {policy}", "--trials",
                       str(given.trials), "--parallelism", str(given.parallelism),
                       "--step", str(given.step)]  # fmt: skip
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            row = json.loads(done.stdout.splitlines()[-1])
            low, high = row.pop("calls_per_trial")
            cells = [mode, policy, *row.values(), f"{low} to {high}"]
            print("|", " | ".join(map(str, cells)), "|", flush=True)


if __name__ == "__main__":
    main()
