"""A space that is one node: the objective gets its value, not a dict."""

import numpy as np
from report import report

from hyperopt import STATUS_OK, Trials, fmin, hp, rand, space_eval, tpe

seen = []


def objective(C):
    seen.append(C)
    return {"loss": (C - 1) ** 2, "status": STATUS_OK}


space = hp.lognormal("C", 0, 1.0)
trials = Trials()
best = fmin(fn=objective, space=space, algo=tpe.suggest, max_evals=30, trials=trials, verbose=False)

one_of = hp.choice("kernel", ["rbf", "linear", None])
kernel = fmin(
    lambda k: {"rbf": 0.1, "linear": 2, None: np.float32(7)}[k],
    one_of,
    algo=rand.suggest,
    max_evals=40,
    return_argmin=False,
    verbose=False,
)
pair = [hp.uniform("a", 0, 1), (hp.randint("b", 3), "constant")]
point = fmin(lambda p: p[0] + p[1][0], pair, rand.suggest, 40, return_argmin=False, verbose=False)

report(
    equal={
        "labels": list(best),
        "count": len(trials.trials),
        "seen in order": seen == [v[0] for v in trials.idxs_vals[1].values()]
        or seen == trials.vals["C"],
        "best is the lowest": best["C"] == min(seen, key=lambda C: (C - 1) ** 2),
        "point": space_eval(space, best) == best["C"],
        "kernel": kernel,
        "pair": point[1],
    },
    typed={
        "best": best,
        "seen": seen,
        "trials": trials.trials,
        "kernel": kernel,
        "point": point,
        "space_eval": space_eval(space, best),
    },
)
