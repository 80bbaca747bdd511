"""Begin with known points."""

import numpy as np
from hyperopt.fmin import generate_trials_to_calculate
from report import report

from hyperopt import Trials, fmin, hp, space_eval, tpe

space = {
    "x": hp.uniform("x", -10, 10),
    "n": hp.quniform("n", 0, 20, 1),
    "kind": hp.choice("kind", ["a", "b", "c"]),
}
known = [{"x": 0.0, "n": 5, "kind": 2}, {"x": 1.0, "n": np.float64(6), "kind": 0}]
seen = []


def objective(p):
    seen.append(p)
    return abs(p["x"]) + abs(p["n"] - 5) + (p["kind"] != "c")


best = fmin(
    objective, space, algo=tpe.suggest, max_evals=6, points_to_evaluate=known, verbose=False
)
after_points = len(seen)
trials = generate_trials_to_calculate(known)
waiting = [t["state"] for t in trials._dynamic_trials]
again = fmin(objective, space, algo=tpe.suggest, max_evals=10, trials=trials, verbose=False)
more = Trials()
for each in (3, 6, 9):
    fmin(objective, space, algo=tpe.suggest, max_evals=each, trials=more, verbose=False)

report(
    equal={
        "best": best,
        "again": again,
        "point": space_eval(space, best),
        "first": [seen[0]["x"], seen[0]["kind"], seen[1]["x"], seen[1]["kind"]],
        "evaluated": after_points,
        "waiting": waiting,
        "count": len(trials),
        "values": {k: v[:2] for k, v in trials.vals.items()},
        "losses": trials.losses()[:2],
        "more": [len(more), more.tids],
    },
    typed={
        "best": best,
        "first": seen[0],
        "second": seen[1],
        "seen": seen[2:],
        "trials": trials.trials,
        "vals": trials.vals,
    },
)
