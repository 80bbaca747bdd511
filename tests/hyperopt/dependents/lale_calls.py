"""lale 0.9.5: its calls (lale itself pins scikit-learn below 1.8 and needs a dozen packages more).

Spaces with its own functions of hyperparameters, objects as options, combinations picked by
index; two searches whose trials it merges by rewriting ids; algorithms by name.
"""

import numpy as np
from hyperopt.exceptions import AllTrialsFailed
from hyperopt.pyll import scope

import hyperopt
from hyperopt import hp


class Frequencies:
    def __init__(self, values):
        self.values = values

    def __len__(self):
        return len(self.values)

    def __getitem__(self, position):
        return self.values[int(position)]


@scope.define
def pgo_sample(pgo, sample):
    return pgo[sample]


@scope.define
def make_nested_hyperopt(space):
    return {"nested": space}


def operator(prefix):
    combinations = hp.choice(
        f"{prefix}_combos",
        [
            [hp.uniform(f"{prefix}_a", 0, 1), None, "l2"],
            [
                hp.loguniform(f"{prefix}_b", -5, 0),
                scope.pgo_sample(Frequencies([8, 16, 32]), hp.quniform(f"{prefix}_n", 0, 2, 1)),
                hp.choice(f"{prefix}_p", ["l1", "none"]),
            ],
        ],
    )
    return {"name": prefix, "C": combinations[0], "n": combinations[1], "penalty": combinations[2]}


space = hp.choice(
    "meta_model",
    [
        (
            operator("lr"),
            scope.make_nested_hyperopt({"depth": scope.int(hp.qloguniform("d", 0, 2, 1))}),
        ),
        (operator("svm"), None),
    ],
)
seen = []


def objective(params):
    first, second = params
    seen.append(params)
    assert first["n"] in (None, 8, 16, 32)
    assert second is None or type(second["nested"]["depth"]) is int
    if first["penalty"] == "none":
        return {"loss": None, "status": hyperopt.STATUS_FAIL}
    return {"loss": first["C"], "status": hyperopt.STATUS_OK, "params": params, "time": 0.1}


def merge(trials, others):
    highest = max(trial["tid"] for trial in trials.trials)
    for trial in others:
        tid = trial["tid"] + highest + 1
        doc = hyperopt.Trials().new_trial_docs([None], [None], [None], [None])
        doc[0] = trial
        doc[0]["tid"] = doc[0]["misc"]["tid"] = tid
        for label in doc[0]["misc"]["idxs"]:
            doc[0]["misc"]["idxs"][label] = [tid]
        trials.insert_trial_docs(doc)
        trials.refresh()
    return trials


for name in ("rand", "tpe", "anneal"):
    main, defaults = hyperopt.Trials(), hyperopt.Trials()
    for trials, evaluations in ((main, 25), (defaults, 5)):
        try:
            hyperopt.fmin(
                objective,
                space,
                algo=getattr(hyperopt, name).suggest,
                max_evals=evaluations,
                trials=trials,
                rstate=np.random.default_rng(0),
                show_progressbar=False,
            )
        except AllTrialsFailed:
            assert hyperopt.STATUS_OK not in trials.statuses()
    merged = merge(main, defaults)
    assert len(merged) == 30
    assert merged.tids == list(range(30))
    assert merged.best_trial["result"]["loss"] == merged.average_best_error()
    assert merged.best_trial["result"]["params"] in seen
