"""One search over several kinds of models, where the objective takes its params apart."""

import json

from hyperopt.pyll import scope
from report import report

from hyperopt import STATUS_OK, Trials, fmin, hp, rand, space_eval

space = hp.choice(
    "classifier_type",
    [
        {"type": "naive_bayes"},
        {
            "type": "svm",
            "C": hp.lognormal("svm_C", 0, 1.0),
            "kernel": hp.choice(
                "svm_kernel",
                [{"ktype": "linear"}, {"ktype": "RBF", "width": hp.lognormal("svm_width", 0, 1)}],
            ),
        },
        {
            "type": "dtree",
            "criterion": hp.choice("dtree_criterion", ["gini", "entropy"]),
            "max_depth": hp.choice(
                "dtree_max_depth", [None, scope.int(hp.qlognormal("dtree_depth", 3, 1, 1))]
            ),
            "weights": {"of": {"class": hp.pchoice("weights", [(0.3, "balanced"), (0.7, None)])}},
        },
    ],
)
kinds = []
depths = set()


def objective(params):
    kind = params["type"]
    del params["type"]
    kinds.append(kind)
    if kind == "svm":
        kernel = params.pop("kernel")
        if kernel.pop("ktype") == "linear":
            assert not kernel
        return {"loss": 1 + params["C"], "status": STATUS_OK, "params": params}
    if kind == "dtree":
        params["weights"]["of"]["class"] = "changed"  # no later trial sees this
        depths.add(type(params["max_depth"]).__name__)
        best = params["criterion"] == "gini" and params["max_depth"] is None
        return {"loss": 0.5 if best else 0.75, "status": STATUS_OK}
    return {"loss": 9.0, "status": STATUS_OK}


trials = Trials()
best = fmin(objective, space, algo=rand.suggest, max_evals=200, trials=trials, verbose=False)
point = space_eval(space, best)
points = [
    space_eval(space, {k: v[0] for k, v in t["misc"]["vals"].items() if v}) for t in trials.trials
]
active = {tuple(sorted(k for k, v in misc["vals"].items() if v)) for misc in trials.miscs}

report(
    equal={
        "kinds": sorted(set(kinds)),
        "kinds are those of the points": kinds == [p["type"] for p in points],
        "depths": sorted(depths),
        "best": {k: v for k, v in best.items() if k != "weights"},
        "point": {k: v for k, v in point.items() if k != "weights"},
        "weights": sorted({str(p["weights"]) for p in points if p["type"] == "dtree"}),
        "active": sorted(active),
        "labels of all trials": sorted(trials.vals),
        "best as JSON": json.loads(json.dumps(best)) == best,
        "text": "np." in str(best),
    },
    typed={
        "best": best,
        "point": {k: v for k, v in point.items() if k != "weights"},
        "points": points,
        "trials": trials.trials,
        "results": trials.results,
        "vals": trials.vals,
        "idxs": trials.idxs,
    },
)
