"""Writes a pickle of Hyperopt's `Trials`; made `trials-hyperopt-0.2.7.pkl`.

``python3.10 -m venv v && v/bin/pip install hyperopt==0.2.7 "numpy<1.24" "setuptools<70"``, then
``v/bin/python make_trials.py trials-hyperopt-0.2.7.pkl``. It runs with newer versions as well.
"""

import pickle
import sys

import numpy as np

from hyperopt import STATUS_FAIL, STATUS_OK, Trials, fmin, hp, tpe

SPACE = {
    "model": hp.choice(
        "model",
        [
            {"kind": "svm", "C": hp.loguniform("C", -3, 3)},
            {"kind": "forest", "depth": hp.quniform("depth", 1, 9, 1)},
        ],
    ),
    "seed": hp.randint("seed", 5),
}


def objective(point):
    model = point["model"]
    if point["seed"] == 4:
        raise ValueError("no seed of 4")
    if point["seed"] == 3:
        return {"status": STATUS_FAIL}
    loss = abs(np.log(model["C"])) if "C" in model else np.float64(model["depth"])
    return {
        "status": STATUS_OK,
        "loss": loss,
        "weights": np.arange(3.0),
        "when": {"seed": int(point["seed"])},
        "attachments": {"log": b"trained"},
    }


if __name__ == "__main__":
    trials = Trials()
    fmin(
        objective,
        SPACE,
        algo=tpe.suggest,
        max_evals=25,
        trials=trials,
        rstate=np.random.default_rng(7),
        catch_eval_exceptions=True,
        show_progressbar=False,
    )
    with open(sys.argv[1], "wb") as file:  # noqa: PTH123
        pickle.dump(trials, file)
