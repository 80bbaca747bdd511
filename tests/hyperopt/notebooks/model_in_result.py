"""Train scikit-learn models and take the best one, kept in its result, out of the trials."""

import numpy as np
from report import report
from sklearn.datasets import load_iris
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.tree import DecisionTreeClassifier

from hyperopt import STATUS_OK, Trials, fmin, hp, space_eval, tpe

X, y = load_iris(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
evaluations = {"count": 0}

space = {
    "max_depth": hp.choice("max_depth", np.arange(1, 8)),
    "criterion": hp.choice("criterion", ["gini", "entropy"]),
    "min_samples_leaf": hp.uniformint("min_samples_leaf", 1, 20),
}


def train(params):
    evaluations["count"] += 1  # with Trials, all trials share the globals
    model = DecisionTreeClassifier(random_state=0, **params).fit(X_train, y_train)
    predicted = model.predict(X_test)
    accuracy = accuracy_score(y_test, predicted)
    return {
        "loss": -accuracy,
        "status": STATUS_OK,
        "model": model,
        "count": evaluations["count"],
        "metrics": {
            "accuracy": accuracy,
            "log_loss": log_loss(y_test, model.predict_proba(X_test)),
        },
        "predicted": predicted,
        "params": params,
    }


trials = Trials()
best = fmin(train, space, algo=tpe.suggest, max_evals=25, trials=trials, verbose=False)
model = trials.results[np.argmin([r["loss"] for r in trials.results])]["model"]
again = trials.best_trial["result"]["model"]
params = space_eval(space, best)
final = DecisionTreeClassifier(random_state=0, **params).fit(X, y)
score = fmin(
    lambda p: -cross_val_score(DecisionTreeClassifier(**p), X, y, cv=3).mean(),
    space, algo=tpe.suggest, max_evals=5, verbose=False,
)  # fmt: skip

report(
    equal={
        "same model": model is again,
        "accuracy": -trials.best_trial["result"]["loss"]
        == accuracy_score(y_test, model.predict(X_test)),
        "good": accuracy_score(y_test, model.predict(X_test)) > 0.9,
        "counts": [r["count"] for r in trials.results],
        "depths": set(trials.vals["max_depth"]) <= set(range(7)),
        "params": params == trials.best_trial["result"]["params"],
        "final": final.score(X, y) > 0.9,
        "labels": sorted(score),
    },
    typed={
        "best": best,
        "score": score,
        "params": params,
        "best_trial": trials.best_trial,
        "trials": trials.trials,
        "losses": trials.losses(),
    },
)
