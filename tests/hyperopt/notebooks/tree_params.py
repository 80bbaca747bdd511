"""Params of a boosted tree: whole numbers by several ways, options of NumPy, constants."""

import json

import numpy as np
from hyperopt.pyll.base import scope
from report import report

from hyperopt import Trials, fmin, hp, rand, space_eval

space = {
    "max_depth": scope.int(hp.quniform("max_depth", 4, 100, 1)),
    "num_leaves": hp.choice("num_leaves", np.arange(30, 150, 10, dtype=int)),
    "n_estimators": hp.choice("n_estimators", range(100, 500, 100)),
    "min_child_weight": hp.quniform("min_child_weight", 1, 10, 1),
    "reg_lambda": hp.uniform("reg_lambda", 0, 1),
    "learning_rate": hp.loguniform("learning_rate", np.log(0.01), np.log(0.3)),
    "colsample": hp.quniform("colsample", 0.5, 1.0, 0.05),
    "max_bin": hp.uniformint("max_bin", 63, 255),
    "bagging": 1 + hp.randint("bagging", 5),
    "window": hp.randint("window", 3, 9),
    "alpha": hp.choice("alpha", [0, 1e-3, 0.5]),
    "seed": 123,
    "objective": "binary",
    "metrics": ["auc", ("a", 2)],
    "nothing": None,
}
types = []


def objective(params):
    types.append(params)
    return params["max_depth"] / params["n_estimators"] + abs(params["reg_lambda"])


trials = Trials()
best = fmin(
    objective, space, algo=rand.suggest, max_evals=150, trials=trials,
    rstate=np.random.default_rng(42), show_progressbar=False,
)  # fmt: skip
final = space_eval(space, best)
by_hand = dict(best)
by_hand["max_depth"] = int(by_hand["max_depth"])
by_hand["n_estimators"] = [100, 200, 300, 400][best["n_estimators"]]

report(
    equal={
        "labels": sorted(best),
        "names": sorted(final),
        "constants": [final["seed"], final["objective"], final["metrics"], final["nothing"]],
        "by hand": by_hand["n_estimators"] == final["n_estimators"],
        "steps": all(v == round(v) for v in trials.vals["min_child_weight"]),
        "multiples": all(abs(v / 0.05 - round(v / 0.05)) < 1e-9 for v in trials.vals["colsample"]),
        "window": sorted(set(trials.vals["window"])),
        "bagging": sorted({p["bagging"] for p in types}),
        "JSON": json.loads(json.dumps(best)) == best,
        "all as JSON": len(json.dumps([t["misc"] for t in trials.trials])) > 0,
    },
    typed={
        "objective sees": types,
        "best": best,
        "final": {k: v for k, v in final.items() if k != "alpha"},  # 0 or 0.5
        "trials": trials.trials,
        "vals": trials.vals,
        "argmin": trials.argmin,
        "losses": trials.losses(),
    },
)
