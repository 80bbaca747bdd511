"""hyperopt-sklearn 1.1.1: scikit-learn spaces with its own functions in `scope`, and a search
that calls `fmin` again for one more evaluation at a time."""

import numpy as np
from hpsklearn import (
    HyperoptEstimator,
    decision_tree_classifier,
    k_neighbors_classifier,
    min_max_scaler,
)
from hpsklearn.components import any_preprocessing
from sklearn.datasets import load_iris

from hyperopt import hp, pyll, tpe

assert any_preprocessing("prep") is not None

X, y = load_iris(return_X_y=True)
order = np.random.default_rng(0).permutation(len(X))
X, y = X[order], y[order]
estimator = HyperoptEstimator(
    preprocessing=[min_max_scaler("scaler")],
    classifier=hp.choice(
        "model", [k_neighbors_classifier("knn"), decision_tree_classifier("tree")]
    ),
    algo=tpe.suggest,
    max_evals=12,
    trial_timeout=60,
    refit=True,
)
estimator.fit(X[:100], y[:100], random_state=np.random.default_rng(0))
assert len(estimator.trials.trials) == 12
assert set(estimator.trials.statuses()) <= {"ok", "fail"}
assert estimator.score(X[100:], y[100:]) > 0.8, estimator.trials.losses()
assert type(estimator.best_model()["learner"]).__name__ in (
    "KNeighborsClassifier",
    "DecisionTreeClassifier",
)
# The space is also a graph to draw from directly.
learner = pyll.stochastic.sample(k_neighbors_classifier("other"), rng=np.random.default_rng(1))
assert type(learner).__name__ == "KNeighborsClassifier"
