"""Compute inside the space: own functions, arithmetic, samples, annotations."""

import math

import hyperopt.pyll.stochastic
import numpy as np
from hyperopt.pyll import as_apply, rec_eval, scope
from hyperopt.pyll.stochastic import sample
from report import report

import hyperopt
from hyperopt import Trials, fmin, hp, partial, pyll, rand, space_eval, tpe


@scope.define
def power_of_two(n):
    return 2 ** int(n)


space = {
    "c": 1 + hp.lognormal("c1", 0, 1),
    "n": 20 + hp.randint("n", 100),
    "batch": scope.power_of_two(hp.quniform("log_batch", 3, 8, 1)),
    "half": hp.uniform("h", 0, 1) / 2,
    "depth": scope.int(hp.qnormal("depth", 5, 2, 1)),
    "layers": [hp.choice("l1", [32, 64]), hp.choice("l2", [None, {"units": hp.randint("u2", 9)}])],
    "most": scope.max(hp.uniform("m1", 0, 1), 0.5),
    "log": scope.log(hp.uniform("g", 1, math.e)),
}


def objective(p):
    loss = p["c"] + p["n"] + 1000 * (p["layers"][1] is None)
    return {"loss": loss, "status": "ok", "point": p}


trials = Trials()
best = fmin(objective, space, algo=tpe.suggest, max_evals=60, trials=trials, verbose=False)
drawn = [sample(space, rng=np.random.default_rng(seed)) for seed in range(60)]
alone = hyperopt.pyll.stochastic.sample(hp.choice("a", [("one", 1), ("two", 2)]))
sums = np.array(trials.vals["c1"]) + np.array(trials.vals["n"]) + 21
sums += 1000 * (np.array(trials.vals["l2"]) == 0)


def annotated(x: hp.uniform("x", -5, 5), y: hp.choice("y", [1, 2]), z: hp.randint("z", 3)):
    return x * x / 100 + y + z


by_annotation = fmin(annotated, space="annotated", algo=rand.suggest, max_evals=100, verbose=False)


@hyperopt.fmin_pass_expr_memo_ctrl
def low_level(expr, memo, ctrl):
    point = rec_eval(expr, memo=memo)
    ctrl.attachments["text"] = b"kept"
    return {"loss": point["c"], "status": "ok"}


low = Trials()
lowest = fmin(
    low_level, space, partial(tpe.suggest, n_startup_jobs=5), 12, trials=low, verbose=False
)
graph = as_apply({"a": [1, 2], "b": hp.uniform("b", 0, 1)})

report(
    equal={
        "labels": sorted(best),
        "sums": bool(np.allclose(trials.losses(), sums)),
        "batches": sorted({p["batch"] for p in drawn}) == [8, 16, 32, 64, 128, 256],
        "point": space_eval(space, best) == trials.best_trial["result"]["point"],
        "annotation": [by_annotation["y"], by_annotation["z"], sorted(by_annotation)],
        "alone": alone[0] in ("one", "two"),
        "low": [len(low), low.trial_attachments(low.trials[3])["text"].decode()],
        "nodes": sorted(node.name for node in pyll.dfs(graph)),
        "text": str(as_apply([1, "a"])),
    },
    typed={
        "best": best,
        "points": [t["result"]["point"] for t in trials.trials],
        "drawn": drawn,
        "alone": alone,
        "annotation": by_annotation,
        "lowest": {k: v for k, v in lowest.items() if k != "u2"},  # not in every point
        "trials": low.trials,
        "rec_eval": rec_eval(as_apply({"a": [1, (2, 3)], "b": "text"})),
    },
)
