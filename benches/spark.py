"""Time `SparkTrials`, bare Spark jobs, Hyperopt's `SparkTrials` and MLflow's `MlflowSparkStudy`.

    python benches/spark.py [section ...]

Sections: rate, connect, objective, batches, hyperopt, busy, driver, mlflow, memory; all of them by
default.
Each line is measured in its own process, on a local Spark. Read the ratios within a line: what they
compare took turns in the same session.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from importlib.metadata import version

PARALLELISMS = (4, 16, 64)
TURNS = 3
NO_OPS = 160


def make_session(slots, connect=False):
    from pyspark.sql import SparkSession

    master = f"local[{slots}]"
    builder = SparkSession.builder
    builder = builder.remote(master) if connect else builder.master(master)
    for key, value in {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.log.level": "OFF",
    }.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def search(fn, trials, max_evals, **arguments):
    from sparktune import fmin, hp, tpe

    space = {label: hp.uniform(label, -5, 5) for label in "abcdefghij"}
    begin = time.perf_counter()
    fmin(
        fn, space, algo=tpe.suggest, max_evals=max_evals, trials=trials, rstate=0, verbose=False,
        **arguments,
    )  # fmt: skip
    return time.perf_counter() - begin


def bare_job(spark, connect, seconds=0.0):
    """Return a function that runs a job with one task that sleeps, written as a user would."""

    def task(rows):
        time.sleep(seconds)
        return rows

    if not connect:
        sc = spark.sparkContext
        return lambda: sc.parallelize([0], 1).mapPartitions(lambda rows: list(task(rows))).collect()
    from pyspark.sql.types import LongType, StructField, StructType

    schema = StructType([StructField("id", LongType())])
    one = spark.range(1, numPartitions=1)
    return lambda: one.mapInArrow(task, schema).toArrow()


def run_jobs(job, threads, count):
    left = list(range(count))

    def work():
        while left:
            try:
                left.pop()
            except IndexError:
                return
            job()

    begin = time.perf_counter()
    pool = [threading.Thread(target=work) for _ in range(threads)]
    for thread in pool:
        thread.start()
    for thread in pool:
        thread.join()
    return time.perf_counter() - begin


def rate(parallelism, connect=False):
    """Compare no-op trials with bare jobs from as many threads, taking turns in one session."""
    from sparktune import SparkTrials

    spark = make_session(parallelism, connect)
    job = bare_job(spark, connect)
    count = max(NO_OPS, 4 * parallelism)

    def trials():
        queue = SparkTrials(parallelism=parallelism, spark_session=spark)
        return count / search(lambda point: point["a"], queue, count, max_queue_len=parallelism)

    def bare():
        return count / run_jobs(job, parallelism, count)

    bare(), trials()  # start the workers
    turns = [(bare(), trials()) for _ in range(TURNS)]
    return {
        "bare jobs/s": statistics.median(turn[0] for turn in turns),
        "trials/s": statistics.median(turn[1] for turn in turns),
        "ratio": statistics.median(turn[1] / turn[0] for turn in turns),
    }


def fresh_objective(size, kind):
    """Compare trials that each unpickle the objective with trials that share it.

    The objective holds `size` kilobytes, and the trials run on four slots.
    """
    import numpy as np

    from sparktune import ProcessTrials, SparkTrials

    held = np.zeros(size * 128)

    def objective(point):
        return point["a"] + held[0]

    session = None if kind == "processes" else make_session(4, kind == "connect")

    def rate_of(reuse):
        if session is None:
            trials = ProcessTrials(4, reuse_objective=reuse)
        else:
            trials = SparkTrials(4, spark_session=session, reuse_objective=reuse)
        return NO_OPS / search(objective, trials, NO_OPS, max_queue_len=4)

    rate_of(True)  # start the workers
    turns = [(rate_of(True), rate_of(False)) for _ in range(2 * TURNS)]
    return {
        "shared trials/s": statistics.median(turn[0] for turn in turns),
        "fresh trials/s": statistics.median(turn[1] for turn in turns),
        "ratio": statistics.median(turn[1] / turn[0] for turn in turns),
    }


def batches(milliseconds, kind):
    """Compare one trial per task, "auto" and bare jobs, for objectives that sleep, on four slots.

    For each, how many per second, and what share of the slots' time they sleep.
    """
    from sparktune import ProcessTrials, SparkTrials

    seconds = milliseconds / 1000
    session = None if kind == "processes" else make_session(4, kind == "connect")
    # For some ten seconds each.
    few, many = (200, 4000) if milliseconds < 50 else (100, 600)
    few = many if session is None else few

    def objective(point):
        time.sleep(seconds)
        return point["a"]

    def trials(per_task, count):
        if session is None:
            queue = ProcessTrials(4, trials_per_task=per_task)
        else:
            queue = SparkTrials(4, spark_session=session, trials_per_task=per_task)
        return count / search(objective, queue, count)

    def bare():
        return few / run_jobs(bare_job(session, kind == "connect", seconds), 4, few)

    trials(1, 16)  # start the workers
    ways = {"one": lambda: trials(1, few), "auto": lambda: trials("auto", many)}
    if session is not None:
        ways["bare jobs"] = bare
    turns = [{name: way() for name, way in ways.items()} for _ in range(TURNS)]
    found = {}
    for name in ways:
        found[f"{name}/s"] = rate = statistics.median(turn[name] for turn in turns)
        found[f"{name} share"] = rate * seconds / 4
    return found


def beside_hyperopt():
    import hyperopt
    from sparktune import SparkTrials

    spark = make_session(4)
    run_jobs(bare_job(spark, False), 4, 16)
    count = 24
    begin = time.perf_counter()
    space = {label: hyperopt.hp.uniform(label, -5, 5) for label in "abcdefghij"}
    hyperopt.fmin(
        lambda point: point["a"], space, hyperopt.tpe.suggest, count, show_progressbar=False,
        trials=hyperopt.SparkTrials(parallelism=4),
    )  # fmt: skip
    theirs = count / (time.perf_counter() - begin)
    search(lambda point: point["a"], SparkTrials(parallelism=4), 16)
    ours = NO_OPS / search(lambda point: point["a"], SparkTrials(parallelism=4), NO_OPS)
    return {"hyperopt trials/s": theirs, "trials/s": ours, "ratio": ours / theirs}


def busy():
    """Run 200 trials of one second on four slots; return the share of slot time in objectives."""
    from sparktune import SparkTrials

    make_session(4)
    search(lambda point: point["a"], SparkTrials(parallelism=4), 16)

    def second(point):
        begin = time.time()
        time.sleep(1)
        return {"loss": point["a"], "status": "ok", "seconds": time.time() - begin}

    trials = SparkTrials(parallelism=4)
    wall = search(second, trials, 200)
    used = sum(result["seconds"] for result in trials.results)
    return {"wall s": wall, "share": used / (4 * wall)}


def driver():
    """Measure what a trial costs the driver besides its job: suggestion, documents, bookkeeping."""
    from sparktune import Trials

    spark = make_session(4)
    job = bare_job(spark, False)
    run_jobs(job, 1, 30)
    bare = run_jobs(job, 1, 60) / 60
    starts = []
    search(lambda point: starts.append(time.perf_counter()) or point["a"], Trials(), 1020)

    def around(trial):
        gaps = [starts[i + 1] - starts[i] for i in range(trial - 10, trial + 10)]
        return statistics.median(gaps)

    # The first trials are random, so the estimator's cost shows from trial 30 on.
    return {
        "bare job ms": bare * 1000,
        **{f"trial {n} ms": around(n) * 1000 for n in (10, 30, 1000)},
        "share at 10": around(10) / bare,
        "share at 1000": around(1000) / bare,
    }


def beside_mlflow():
    """Compare trials recorded by MLflow with MlflowSparkStudy (Optuna), 60 each."""
    import mlflow
    import optuna
    from mlflow.optuna.storage import MlflowStorage
    from mlflow.pyspark.optuna.study import MlflowSparkStudy

    from sparktune import SparkTrials

    folder = tempfile.mkdtemp()
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    make_session(4)
    experiment = mlflow.create_experiment("study")
    study = MlflowSparkStudy("study", MlflowStorage(experiment_id=experiment))

    def objective(trial):
        return sum(trial.suggest_float(label, -5, 5) for label in "abcdefghij")

    def theirs(count):
        begin = time.perf_counter()
        study.optimize(objective, n_trials=count, n_jobs=4)
        return count / (time.perf_counter() - begin)

    def ours(count):
        with mlflow.start_run():
            trials = SparkTrials(parallelism=4)
            return count / search(lambda point: sum(point.values()), trials, count)

    mlflow.set_experiment("trials")
    theirs(8), ours(8)  # imports
    rates = {"study trials/s": theirs(60), "trials/s": ours(60)}
    return {**rates, "ratio": rates["trials/s"] / rates["study trials/s"]}


def memory():
    """Run 2,000 trials in one search; sample the driver's resident memory and threads."""
    from sparktune import SparkTrials

    make_session(4)
    seen = {}

    def look(trials, count=0):
        if count + 1 in (200, 1000, 2000):
            with open("/proc/self/statm") as file:  # noqa: PTH123
                pages = int(file.read().split()[1])
            seen[f"MB at {count + 1}"] = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
            seen[f"threads at {count + 1}"] = threading.active_count()
        return False, [count + 1]

    trials = SparkTrials(parallelism=4)
    wall = search(lambda point: point["a"], trials, 2000, max_queue_len=4, early_stop_fn=look)
    return {"trials/s": 2000 / wall, **seen}


SECTIONS = {
    "rate": [(f"classic, {n} at once", f"rate({n})") for n in PARALLELISMS],
    "connect": [(f"Connect, {n} at once", f"rate({n}, connect=True)") for n in PARALLELISMS],
    "objective": [
        (f"{kind}, objective of {size:,} kB", f"fresh_objective({size}, {kind!r})")
        for kind in ("processes", "classic", "connect")
        for size in (3, 1_000, 10_000)
    ],
    "batches": [
        (f"{kind}, trials of {each} ms", f"batches({each}, {kind!r})")
        for kind in ("processes", "classic", "connect")
        for each in (10, 100)
    ],
    "hyperopt": [("hyperopt, 4 at once", "beside_hyperopt()")],
    "busy": [("200 trials of 1 s, 4 slots", "busy()")],
    "driver": [("cost on the driver", "driver()")],
    "mlflow": [("recorded by MLflow, 4 at once", "beside_mlflow()")],
    "memory": [("2,000 trials", "memory()")],
}


def measure(call, tracked):
    environment = {
        **os.environ,
        "PYSPARK_PYTHON": sys.executable,
        "SPARKTUNE_MLFLOW": "1" if tracked else "0",
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", __file__, "--measure", call],
        capture_output=True, text=True, env=environment, check=False, timeout=1800,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith("MEASURED ")]
    if not lines:
        sys.exit(f"{call} failed:\n{done.stderr[-3000:]}")
    return json.loads(lines[-1].partition(" ")[2])


def main():
    if sys.argv[1:2] == ["--measure"]:
        warnings.simplefilter("ignore")
        result = eval(sys.argv[2])
        print("MEASURED " + json.dumps(result), flush=True)
        os._exit(0)
    libraries = ("pyspark", "hyperopt", "optuna", "mlflow")
    print(
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in libraries)
    )
    for section in sys.argv[1:] or SECTIONS:
        for title, call in SECTIONS[section]:
            found = measure(call, section == "mlflow")
            shown = ", ".join(f"{name} {value:.3g}" for name, value in found.items())
            print(f"{title:32} {shown}", flush=True)


if __name__ == "__main__":
    main()
