"""Choose and tune the search algorithm."""

import functools

import numpy as np
from report import report

from hyperopt import Trials, anneal, fmin, hp, mix, partial, rand, tpe

space = {
    "x": hp.uniform("x", -5, 5),
    "c": hp.choice("c", ["a", "b"]),
    "n": hp.quniform("n", 1, 9, 2),
}


def objective(p):
    return (p["x"] - 1) ** 2 + (p["c"] == "a") + p["n"]


def only_right(new_ids, domain, trials, seed):
    """A suggest function of one's own, which changes what another one suggests."""
    docs = rand.suggest(new_ids, domain, trials, seed)
    for doc in docs:
        doc["misc"]["vals"]["x"] = [abs(doc["misc"]["vals"]["x"][0])]
    return docs


algorithms = {
    "tpe": tpe.suggest,
    "rand": rand.suggest,
    "anneal": anneal.suggest,
    "partial": partial(tpe.suggest, n_startup_jobs=10, gamma=0.5, n_EI_candidates=50),
    "functools": functools.partial(tpe.suggest, n_startup_jobs=5, prior_weight=0.5),
    "mix": partial(mix.suggest, p_suggest=[(0.1, rand.suggest), (0.9, anneal.suggest)]),
    "own": only_right,
    "lambda": lambda *args, **kwargs: tpe.suggest(*args, n_startup_jobs=3, **kwargs),
}
found, typed = {}, {}
for name, algo in algorithms.items():
    trials = Trials()
    best = fmin(
        objective, space, algo=algo, max_evals=40, trials=trials, verbose=False,
        rstate=np.random.default_rng(len(name)),
    )  # fmt: skip
    found[name] = [len(trials), sorted(best), min(trials.losses()) < 12]
    typed[name] = [best, trials.trials, trials.argmin]
found["right"] = min(trials.vals["x"]) >= 0 if name == "own" else True

queued = Trials()
typed["queued"] = fmin(
    objective, space, algo=rand.suggest, max_evals=20, max_queue_len=5, trials=queued, verbose=False
)
by_trials = Trials().fmin(objective, space, algo=rand.suggest, max_evals=10)
repeated = [
    fmin(objective, space, rand.suggest, 10, rstate=np.random.default_rng(7), verbose=False)
    for _ in range(2)
]

report(
    equal={
        **found,
        "queued": [len(queued), queued.tids],
        "method": sorted(by_trials),
        "repeated": repeated[0] == repeated[1],
    },
    typed={**typed, "method": by_trials, "documents": queued.trials},
)
