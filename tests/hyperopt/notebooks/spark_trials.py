"""`SparkTrials`: broadcast data, models in results, failures, and what trials change."""

import logging

import numpy as np
from hyperopt.pyll.base import scope
from pyspark.sql import SparkSession
from report import report

import hyperopt
from hyperopt import STATUS_FAIL, STATUS_OK, SparkTrials, fmin, hp, rand, space_eval

logging.getLogger("hyperopt-spark").setLevel(logging.CRITICAL)
spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.host", "127.0.0.1")
    .getOrCreate()
)
spark.sparkContext.setLogLevel("OFF")
X = spark.sparkContext.broadcast(np.arange(10.0))
seen = {"trials": 0, "points": []}
space = hp.choice(
    "kind",
    [
        {"type": "fails"},
        {"type": "raises", "y": hp.uniform("y", 0, 1)},
        {"type": "model", "degree": scope.int(hp.quniform("degree", 1, 3, 1))},
    ],
)


class Model:
    def __init__(self, degree):
        self.degree = degree


def train(params):
    kind = params.pop("type")
    seen["trials"] += 1
    seen["points"].append(params)
    if kind == "fails":
        return {"status": STATUS_FAIL}
    if kind == "raises":
        raise ValueError("no such model")
    return {
        "loss": float(X.value.mean()) / params["degree"],
        "status": STATUS_OK,
        "model": Model(params["degree"]),
        "trials": seen["trials"],
        "points": len(seen["points"]),
        "scores": X.value[:2],
    }


def by_turns(new_ids, domain, trials, seed):
    """Suggest each kind in turn, so that few trials are enough to see them all."""
    docs = rand.suggest(new_ids, domain, trials, seed)
    for doc in docs:
        kind = doc["tid"] % 3
        used = {0: ["kind"], 1: ["kind", "y"], 2: ["kind", "degree"]}[kind]
        values = {"kind": kind, "y": 0.5, "degree": float(doc["tid"] % 2 + 1)}
        for label in values:
            doc["misc"]["vals"][label] = [values[label]] if label in used else []
            doc["misc"]["idxs"][label] = [doc["tid"]] if label in used else []
    return docs


trials = SparkTrials(parallelism=2, spark_session=spark)
best = fmin(
    fn=train, space=space, algo=by_turns, max_evals=9, trials=trials,
    rstate=np.random.default_rng(0), show_progressbar=False,
)  # fmt: skip
docs = trials._dynamic_trials
model = trials.best_trial["result"]["model"]

report(
    equal={
        "best": best,
        "point": space_eval(space, best),
        "counts": [len(trials), len(docs), trials.count_total_trials()],
        "ended": [trials.count_successful_trials(), trials.count_failed_trials()],
        "statuses": trials.statuses(),
        "states": [t["state"] for t in docs],
        "losses": trials.losses(),
        "each trial has its own copy": [r.get("trials") for r in trials.results],
        "points": [r.get("points") for r in trials.results],
        "nothing comes back": seen,
        "degree": model.degree,
        "error": {t["misc"]["error"][0] for t in docs if "error" in t["misc"]} == {str(ValueError)},
        "told": {"no such model" in t["misc"]["error"][1] for t in docs if "error" in t["misc"]}
        == {True},
        "cancelled": trials.fmin_cancelled_reason,
        "parallelism": trials.parallelism,
        "reasons": hyperopt.spark.FMIN_CANCELLED_REASON_TIMEOUT,
    },
    typed={"best": best, "docs": docs, "trials": trials.trials, "object": trials},
)
spark.stop()
