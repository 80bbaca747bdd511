"""What people read from trials after a search, and put into tables."""

import json
import pickle

import numpy as np
import pandas as pd
from report import report

from hyperopt import JOB_STATE_DONE, STATUS_OK, Trials, fmin, hp, tpe, trials_from_docs

space = {
    "lr": hp.loguniform("lr", -5, 0),
    "units": hp.choice("units", [16, 32, 64]),
    "drop": hp.choice("drop", [{"on": False}, {"on": True, "rate": hp.uniform("rate", 0, 0.5)}]),
}


def objective(p):
    rate = p["drop"].get("rate", 0.25)
    return {
        "loss": np.float64(p["lr"] + rate / p["units"] + (not p["drop"]["on"])),
        "true_loss": p["lr"],
        "status": STATUS_OK,
        "eval_time": 0.5,
        "history": [1, 0.5, np.float32(0.25)],
        "attachments": {"weights": pickle.dumps([p["units"]])},
    }


trials = Trials()
best = fmin(objective, space, algo=tpe.suggest, max_evals=40, trials=trials, verbose=False)

losses = trials.losses()
order = np.argsort(losses)
top = [trials.trials[i] for i in order[:3]]
results = pd.DataFrame(trials.results)
values = pd.DataFrame({"lr": trials.vals["lr"], "loss": losses})
params = pd.DataFrame(
    [{k: v[0] if v else None for k, v in t["misc"]["vals"].items()} for t in trials]
)
weights = pickle.loads(trials.trial_attachments(trials.best_trial)["weights"])
copied = trials_from_docs(trials.trials)
unpickled = pickle.loads(pickle.dumps(trials))

report(
    equal={
        "count": [len(trials), len(trials.trials), len(trials.tids), len(trials.specs)],
        "tids": trials.tids,
        "specs": trials.specs[0],
        "statuses": sorted(set(trials.statuses())),
        "keys": sorted(trials.best_trial),
        "misc": {
            k: v for k, v in trials.trials[0]["misc"].items() if k in ("tid", "cmd", "workdir")
        },
        "best loss": min(losses) == trials.best_trial["result"]["loss"] == top[0]["result"]["loss"],
        "average": trials.average_best_error() == trials.best_trial["result"]["true_loss"],
        "argmin": trials.argmin == best,
        "from document": best
        == {k: v[0] for k, v in trials.best_trial["misc"]["vals"].items() if v},
        "indices": [t["tid"] for t in trials][:3],
        "idxs": trials.idxs["lr"] == trials.tids,
        "conditional": trials.idxs["rate"]
        == [t["tid"] for t in trials if t["misc"]["vals"]["drop"] == [1]],
        "weights": weights == [[16, 32, 64][best["units"]]],
        "attachments": sorted(trials.attachments)[:1],
        "done": trials.count_by_state_unsynced(JOB_STATE_DONE),
        "copied": [len(copied), copied.argmin == best],
        "unpickled": [len(unpickled), unpickled.best_trial["tid"] == trials.best_trial["tid"]],
        "columns": [sorted(results), sorted(values), sorted(params)],
        "JSON": len(json.loads(json.dumps(trials.vals))),
    },
    typed={
        "best": best,
        "trials": trials.trials,
        "results": trials.results,
        "vals": trials.vals,
        "idxs": trials.idxs,
        "idxs_vals": trials.idxs_vals,
        "miscs": trials.miscs,
        "tids": trials.tids,
        "specs": trials.specs,
        "losses": losses,
        "statuses": trials.statuses(),
        "average": trials.average_best_error(),
        "attachments": dict(trials.attachments),
        "frames": [results, values],
        "copied": copied.trials,
        "unpickled": unpickled.trials,
        "object": trials,
    },
)
