"""Tests that need their own Spark, each in its own process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.timeout(240)]

PACKAGES = str(Path(__file__).resolve().parents[3] / "python")

START = """
import json, logging, os, signal, sys, threading, time
from pathlib import Path

import numpy as np
from pyspark.sql import SparkSession

from sparktune import SparkTrials, fmin, hp, rand

spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.ui.enabled", "false")
    .config("spark.ui.showConsoleProgress", "false")
    .config("spark.log.level", "OFF")
    .getOrCreate()
)
started = Path(sys.argv[1])
SPACE = hp.uniform("x", -5, 5)


def objective(x):
    if x < 0:
        started.touch()
        time.sleep(600)
    return x


def quick(x):
    return x**2


def squared_by_numpy(x):
    return float(np.square(x))


def search(fn, trials, **arguments):
    return fmin(fn, SPACE, rand.suggest, rstate=0, verbose=False, trials=trials, **arguments)


def when_started(act):
    started.unlink(missing_ok=True)  # a worker that was cancelled lives on for a while

    def watch():
        while not started.exists():
            time.sleep(0.05)
        started.unlink()
        act()

    threading.Thread(target=watch, daemon=True).start()


def report(**facts):
    threads = [t.name for t in threading.enumerate() if t.name.startswith("sparktune")]
    print("REPORT " + json.dumps({**facts, "threads": threads}), flush=True)
"""


def run(script, tmp_path, **environment):
    settings = {
        **os.environ,
        "PYTHONPATH": PACKAGES,
        "PYSPARK_PYTHON": sys.executable,
        "SPARKTUNE_MLFLOW": "0",
        **environment,
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", START + script, str(tmp_path / "started")],
        capture_output=True,
        text=True,
        timeout=220,
        check=False,
        cwd=tmp_path,
        env={name: value for name, value in settings.items() if value is not None},
    )
    reports = [
        json.loads(line.partition(" ")[2])
        for line in done.stdout.splitlines()
        if line.startswith("REPORT ")
    ]
    assert done.returncode == 0, done.stderr[-3000:]
    return reports


def test_ctrl_c_and_then_a_session_that_is_stopped(tmp_path):
    interrupted, usable, stopped, refused = run(
        """
trials = SparkTrials(parallelism=2)
when_started(lambda: os.kill(os.getpid(), signal.SIGINT))
try:
    search(objective, trials, max_evals=100)
except KeyboardInterrupt:
    report(reason=trials.fmin_cancelled_reason, states=[t["state"] for t in trials._dynamic_trials])

trials = SparkTrials(parallelism=2)
report(found=bool(abs(search(quick, trials, max_evals=10)["x"]) < 5))

trials = SparkTrials(parallelism=2)
when_started(spark.stop)
try:
    search(objective, trials, max_evals=100)
except Exception as error:
    report(error=type(error).__name__, states=[t["state"] for t in trials._dynamic_trials])
try:
    search(quick, trials, max_evals=200)
except Exception as error:
    report(error=str(error))
""",
        tmp_path,
    )
    assert interrupted["reason"] == "fmin run cancelled by user"
    assert 4 in interrupted["states"]
    assert set(interrupted["states"]) <= {2, 3, 4}
    assert usable["found"]
    assert stopped["error"] == "BackendLost"
    assert set(stopped["states"]) <= {2, 4}
    assert "must not be stopped" in refused["error"]
    assert [r["threads"] for r in (interrupted, usable, stopped, refused)] == [[]] * 4


def test_without_pinned_threads(tmp_path):
    searched, cancelled = run(
        """
trials = SparkTrials(parallelism=2)
search(quick, trials, max_evals=6)
report(ok=trials.count_successful_trials())
trials = SparkTrials(parallelism=2)
start = time.monotonic()
points = [{"x": 1.0}, {"x": -1.0}]
search(objective, trials, points_to_evaluate=points, max_evals=100, timeout=6)
report(seconds=time.monotonic() - start, cancelled=trials.count_cancelled_trials())
""",
        tmp_path,
        PYSPARK_PIN_THREAD="false",
    )
    assert searched == {"ok": 6, "threads": []}
    assert cancelled["cancelled"] >= 1
    assert cancelled["seconds"] < 6 + 5


def test_spark_does_not_repeat_a_trial_that_raises(tmp_path):
    # local[2,3]: Spark would run a failing task three times.
    (counted,) = run(
        """
spark.stop()
spark = SparkSession.builder.master("local[2,3]").getOrCreate()
folder = started.parent


def failing(x):
    (folder / f"{time.time_ns()}.ran").touch()
    if x < 0:
        raise ValueError("no")
    return x


trials = SparkTrials(parallelism=2)
points = [{"x": -1.0}, {"x": 1.0}, {"x": -2.0}]
search(failing, trials, points_to_evaluate=points, max_evals=0)
report(ran=len(list(folder.glob("*.ran"))), states=[t["state"] for t in trials._dynamic_trials])
""",
        tmp_path,
    )
    assert counted["ran"] == 3
    assert counted["states"] == [3, 2, 3]


def test_workers_of_another_python(tmp_path):
    bare = tmp_path / "bin" / "python3"
    bare.parent.mkdir()
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')  # without numpy, that is
    bare.chmod(0o755)
    chosen, refused = run(
        f"""
sc = spark.sparkContext
others = set()


def job_of_the_users(trials):
    # In mid-search, and in the same session.
    flags = sc.parallelize([0], 1).map(lambda _: sys.flags.no_site).collect()
    others.add((sc.pythonExec, *flags))
    return False, []


best = search(squared_by_numpy, SparkTrials(2), max_evals=8, early_stop_fn=job_of_the_users)
report(found=bool(abs(best["x"]) < 5), left=sc.pythonExec, others=sorted(others))

sc.pythonExec = {str(bare)!r}
trials = SparkTrials(2)
try:
    search(squared_by_numpy, trials, max_evals=50)
except Exception as error:
    report(error=type(error).__name__, message=str(error), ended=len(trials._dynamic_trials))
""",
        tmp_path,
        PYSPARK_PYTHON=None,
        PATH=f"{bare.parent}{os.pathsep}{os.environ['PATH']}",
    )
    # Nobody chose a Python for the workers, and the one on the PATH would not do.
    assert chosen["found"]
    assert chosen["left"] == "python3"
    assert chosen["threads"] == []
    # It was chosen for our jobs only: those of the user's run with what the session says.
    assert chosen["others"] == [["python3", 1]]
    assert refused["error"] == "ObjectiveNotLoaded"
    assert "No module named 'numpy'" in refused["message"]
    assert f"The driver runs {sys.executable}" in refused["message"]
    assert "PYSPARK_PYTHON" in refused["message"]
    assert refused["ended"] < 50
