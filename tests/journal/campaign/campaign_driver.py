"""One search, as a script that is started again after each kill; see `killed_search`.

It writes what happens into a side file, one line for each event: ``driver N``, ``start N VALUE``
when the objective begins in driver N, ``acted N TID`` when the search acts on a trial that ended,
and ``returned N``.
"""

import faulthandler
import json
import os
import signal
import sys
import warnings


def appender(path):
    """Return a function that appends a line to a file at once; it can be pickled by value."""

    def append(line, sync=False):

        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(file, f"{line}\n".encode())
            if sync:
                os.fsync(file)
        finally:
            os.close(file)

    return append


def objective_of(append, number, milliseconds, fails):
    def objective(point):
        import random
        import time

        append(f"start {number} {point['x']!r}")
        time.sleep(random.SystemRandom().uniform(0, milliseconds / 1000))
        if fails and point["x"] > 4:
            raise ValueError("too high")
        value = (point["x"] - 1) ** 2 + point["kind"]
        if point["kind"]:  # too large for a record, and not plain
            return {"loss": value, "status": "ok", "model": complex(value), "curve": [value] * 999}
        return {"loss": value, "status": "ok", "attachments": {"note": str(value).encode()}}

    return objective


def session_of(plan):
    from pyspark.sql import SparkSession

    if plan["address"].startswith("sc://"):
        return SparkSession.builder.remote(plan["address"]).getOrCreate()
    builder = SparkSession.builder.master(plan["address"])
    for key, value in plan["settings"].items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def trials_of(plan):
    from sparktune import ProcessTrials, SparkTrials, Trials

    if plan["mode"] == "serial":
        return Trials()
    if plan["mode"] == "processes":
        return ProcessTrials(parallelism=2)
    return SparkTrials(parallelism=2, spark_session=session_of(plan))


def main():
    faulthandler.register(signal.SIGUSR1)
    warnings.simplefilter("ignore")
    plan = json.loads(sys.argv[1])
    append, number = appender(plan["events"]), int(sys.argv[2])
    append(f"driver {number}")

    from sparktune import fmin, hp, tpe

    def act(_, trial):
        append(f"acted {number} {trial['tid']}", sync=True)
        if plan.get("dies_after") == [number, trial["tid"]]:
            os.kill(os.getpid(), signal.SIGKILL)

    space = {"x": hp.uniform("x", -5, 5), "kind": hp.choice("kind", [0, 1])}
    trials = trials_of(plan)
    fmin(
        objective_of(append, number, plan["milliseconds"], plan["fails"]),
        space,
        algo=tpe.suggest,
        max_evals=plan["max_evals"],
        trials=trials,
        rstate=plan["seed"],
        max_queue_len=plan["queue"],
        catch_eval_exceptions=True,
        callbacks=[act],
        journal=plan["journal"],
        mlflow=plan["mlflow"],
        verbose=False,
    )
    append(f"returned {number}")
    if plan["mode"] not in ("serial", "processes"):
        trials._spark.stop()


if __name__ == "__main__":
    main()
