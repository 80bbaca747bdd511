"""Ways to stop a search: no progress, an own function, a loss, a time."""

import numpy as np
from hyperopt.early_stop import no_progress_loss
from report import report

from hyperopt import Trials, fmin, hp, rand, tpe

space = hp.uniform("x", 0, 1)
rstate = np.random.default_rng(42)


def search(fn, **arguments):
    trials = Trials()
    best = fmin(
        fn, space, arguments.pop("algo", rand.suggest), arguments.pop("max_evals", 100),
        trials=trials, rstate=rstate, verbose=False, **arguments,
    )  # fmt: skip
    return best, trials


def falling(start, end):
    """Return an objective whose loss falls by one per trial until the end."""
    losses = iter(range(start, 0, -1))
    return lambda x: max(next(losses), end)


flat_best, flat = search(lambda x: 1.0, early_stop_fn=no_progress_loss(15))
_, gain = search(falling(30, 20), early_stop_fn=no_progress_loss(5))
_, percent = search(
    falling(1000, 0),
    early_stop_fn=no_progress_loss(iteration_stop_count=7, percent_increase=10.0),
)
calls = []


def own(trials, count=0, *rest):
    calls.append((trials, count, rest))
    return count >= 9, [count + 1, "kept"]


_, mine = search(lambda x: x, early_stop_fn=own, algo=tpe.suggest)
_, threshold = search(lambda x: x, loss_threshold=0.5, max_evals=1000)
_, no_time = search(lambda x: x, timeout=0.3, max_evals=None)
point, _ = search(lambda x: x, early_stop_fn=no_progress_loss(3), return_argmin=False)

report(
    equal={
        "flat": len(flat),
        "gain": len(gain),
        "percent": len(percent),
        "own": [len(mine), len(calls), [count for _, count, _ in calls], calls[-1][2]],
        "same trials": all(len(trials) >= 1 for trials, _, _ in calls),
        "threshold": [min(threshold.losses()) < 0.5, [v >= 0.5 for v in threshold.losses()[:-1]]
                      == [True] * (len(threshold) - 1)],
        "some": len(no_time) > 0,
        "bare point": 0 <= point <= 1,
    },
    typed={
        "best": flat_best,
        "point": point,
        "trials": flat.trials,
        "own": mine.trials,
        "rest": calls[-1][1:],
        "losses": [gain.losses(), threshold.losses()],
    },
)  # fmt: skip
