"""Trials that fail: by status, with and without a loss, by raising, and with a loss of NaN."""

import logging

from hyperopt.exceptions import AllTrialsFailed
from report import report

import hyperopt
from hyperopt import STATUS_FAIL, STATUS_OK, Trials, fmin, hp, rand

logging.disable(logging.CRITICAL)
space = {"x": hp.uniform("x", -4, 4)}


def by_status(p):
    if p["x"] < -2:
        return {"status": STATUS_FAIL}
    if p["x"] < 0:
        return {"status": STATUS_FAIL, "loss": None, "reason": "negative"}
    if p["x"] < 1:
        return {"status": STATUS_OK, "loss": float("nan")}
    return {"status": STATUS_OK, "loss": p["x"]}


def by_raising(p):
    try:
        return 1 / max(p["x"], 0)
    except ZeroDivisionError as error:
        raise ValueError("x must be positive") from error


trials = Trials()
best = fmin(by_status, space, rand.suggest, 150, trials=trials, verbose=False)

caught = Trials()
least = fmin(
    by_raising, space, rand.suggest, 150, trials=caught, catch_eval_exceptions=True, verbose=False
)
raised = []
stopped = Trials()
for fn in (lambda p: 1 / 0, lambda p: {"loss": 1.0}, lambda p: {"status": "odd", "loss": 1.0}):
    try:
        fmin(fn, space, rand.suggest, 5, trials=stopped, verbose=False)
    except Exception as error:
        raised.append(type(error).__name__)
none = Trials()
try:
    fmin(lambda p: {"status": STATUS_FAIL}, space, rand.suggest, 5, trials=none, verbose=False)
except AllTrialsFailed as error:
    raised.append(type(error).__name__)
try:
    none.argmin
except AllTrialsFailed as error:
    raised.append(type(error).__name__)

states = [t["state"] for t in caught._dynamic_trials]
report(
    equal={
        "count": len(trials),
        "statuses": sorted(set(trials.statuses())),
        "best": best["x"] == min(x for x in trials.vals["x"] if x >= 1),
        "losses": sorted({str(loss)[:3] for loss in trials.losses() if not loss or loss != loss}),
        "fit": [r["status"] for r in trials.results] == trials.statuses(),
        "states": sorted({t["state"] for t in trials.trials}),
        "caught": sorted(set(states)),
        "caught in all": len(states) == 150,
        "in trials": len(caught.trials)
        == states.count(hyperopt.JOB_STATE_DONE)
        == len(caught.results),
        "least": least["x"] == max(caught.vals["x"]),
        "raised": raised,
        "stopped": [t["state"] for t in stopped._dynamic_trials],
        "none": [len(none), none.statuses(), none.losses()],
    },
    typed={
        "trials": trials.trials,
        "losses": trials.losses(),
        "caught": caught._dynamic_trials,
        "stopped": stopped._dynamic_trials,
        "best": best,
    },
)
