"""Keep trials in a file, load them, and go on with more evaluations."""

import os
import pickle

import numpy as np
from report import report

from hyperopt import STATUS_OK, Trials, fmin, hp, tpe

space = {"x": hp.uniform("x", -5, 5), "k": hp.choice("k", ["a", "b"])}
rstate = np.random.default_rng(0)


def objective(p):
    return {"loss": p["x"] ** 2, "status": STATUS_OK, "k": p["k"]}


def run_trials(step=5, start=3):
    """The loop that many projects share: load what there is, or begin."""
    max_evals = start
    try:
        with open("my_trials.hyperopt", "rb") as file:
            trials = pickle.load(file)
        max_evals = len(trials.trials) + step
    except OSError:
        trials = Trials()
    best = fmin(
        objective, space, algo=tpe.suggest, max_evals=max_evals, trials=trials, rstate=rstate,
        verbose=False,
    )  # fmt: skip
    with open("my_trials.hyperopt", "wb") as file:
        pickle.dump(trials, file)
    return best, trials


counts = []
for _ in range(5):
    best, trials = run_trials()
    counts.append(len(trials))

saved = []
for total in (4, 4, 9):
    result = fmin(
        objective, space, algo=tpe.suggest, max_evals=total, trials_save_file="saved.pkl",
        rstate=rstate, verbose=False,
    )  # fmt: skip
    with open("saved.pkl", "rb") as file:
        saved.append(pickle.load(file))
before = [t["misc"]["vals"] for t in saved[0].trials]
again = fmin(objective, space, algo=tpe.suggest, max_evals=4, trials=saved[2], verbose=False)

report(
    equal={
        "counts": counts,
        "tids": trials.tids,
        "saved": [len(each) for each in saved],
        "kept": [t["misc"]["vals"] for t in saved[2].trials[:4]] == before,
        "result": result == saved[2].argmin == again,
        "files": sorted(os.listdir()),
        "states": sorted({t["state"] for t in saved[2].trials}),
    },
    typed={
        "best": best,
        "trials": trials.trials,
        "saved": saved[2].trials,
        "object": saved[2],
        "result": result,
    },
)
