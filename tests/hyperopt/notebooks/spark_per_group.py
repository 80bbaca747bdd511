"""One model per group: `fmin` inside of `applyInPandas`."""

import numpy as np
import pandas as pd
from pyspark.sql import SparkSession
from report import report, shape

from hyperopt import STATUS_OK, Trials, fmin, hp, space_eval, tpe

spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.sql.shuffle.partitions", "2")
    .getOrCreate()
)
spark.sparkContext.setLogLevel("OFF")
sales = pd.DataFrame({
    "store": np.repeat(["north", "south", "west"], 20),
    "value": np.repeat([1.0, 4.0, 9.0], 20) + np.tile(np.linspace(-0.1, 0.1, 20), 3),
})  # fmt: skip
space = {"level": hp.uniform("level", 0, 10), "kind": hp.choice("kind", ["mean", "median"])}


def tune(group: pd.DataFrame) -> pd.DataFrame:
    def objective(params):
        middle = getattr(group["value"], params["kind"])()
        return {"loss": abs(middle - params["level"]), "status": STATUS_OK}

    trials = Trials()
    best = fmin(
        objective, space, algo=tpe.suggest, max_evals=40, trials=trials,
        rstate=np.random.default_rng(1), verbose=False,
    )  # fmt: skip
    point = space_eval(space, best)
    return pd.DataFrame({
        "store": [group["store"].iloc[0]],
        "level": [point["level"]],
        "kind": [point["kind"]],
        "loss": [trials.best_trial["result"]["loss"]],
        "count": [len(trials)],
        "types": [str([shape(best), shape(trials.trials)])],
    })  # fmt: skip


schema = "store string, level double, kind string, loss double, count long, types string"
models = spark.createDataFrame(sales).groupBy("store").applyInPandas(tune, schema).toPandas()
models = models.sort_values("store")

report(
    equal={
        "stores": list(models["store"]),
        "counts": [int(count) for count in models["count"]],
        "near": [bool(loss < 2.5) for loss in models["loss"]],
        "kinds": set(models["kind"]) <= {"mean", "median"},
        "levels": bool(np.allclose((models["level"] - [1, 4, 9]).abs(), models["loss"])),
        "types": sorted(set(models["types"])),
    },
    typed={"models": models},
)
spark.stop()
