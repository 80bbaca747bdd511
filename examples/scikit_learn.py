"""Choose between two models of scikit-learn, each with its own hyperparameters.

Run it with: python examples/scikit_learn.py
"""

import os

from sklearn.datasets import make_regression
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_score
from sklearn.preprocessing import scale

from sparktune import ProcessTrials, fmin, hp, tpe, with_data

X, y = make_regression(n_samples=500, n_features=10, noise=5.0, random_state=0)
y = scale(y**2)  # so that a linear model is not enough

SPACE = hp.choice(
    "model",
    [
        {"name": "ridge", "alpha": hp.loguniform("alpha", -7, 7)},
        {
            "name": "boosting",
            "learning_rate": hp.loguniform("learning_rate", -5, 0),
            "max_leaf_nodes": hp.uniformint("max_leaf_nodes", 4, 64),
        },
    ],
)
MODELS = {"ridge": Ridge, "boosting": HistGradientBoostingRegressor}


def score(params, X, y):
    """Return the mean R^2 of three folds."""
    params = dict(params)
    model = MODELS[params.pop("name")](**params)
    return cross_val_score(model, X, y, cv=3).mean()


def main(max_evals=40):
    """Search in as many processes as there are processors."""
    trials = ProcessTrials(os.cpu_count())
    fmin(
        with_data(score, X=X, y=y), SPACE, tpe.suggest, max_evals, trials=trials, rstate=0,
        maximize=True,
    )  # fmt: skip
    best = trials.best_trial["result"]["score"]
    print(f"Best: R^2 {best:.3f} with {trials.best_params}")
    return best


if __name__ == "__main__":
    main()
