"""Tune LightGBM on Spark: each trial is a task, and the data are sent to each worker once.

Run it with: pip install lightgbm scikit-learn "sparktune[spark]"; python examples/lightgbm_spark.py
"""

import lightgbm as lgb
import numpy as np
from sklearn.datasets import make_regression
from sklearn.model_selection import train_test_split

from sparktune import SparkTrials, fmin, hp, tpe, with_data

SPACE = {
    "learning_rate": hp.loguniform("learning_rate", np.log(0.01), np.log(0.5)),
    "num_leaves": hp.uniformint("num_leaves", 4, 64),
    "min_child_samples": hp.uniformint("min_child_samples", 5, 50),
    "feature_fraction": hp.uniform("feature_fraction", 0.4, 1.0),
}


def train(params, X, y):
    """Return the root mean squared error on the validation part."""
    X_train, X_valid, y_train, y_valid = train_test_split(X, y, random_state=0)
    fixed = {"objective": "regression", "metric": "rmse", "verbosity": -1, "num_threads": 1}
    booster = lgb.train(
        {**fixed, **params}, lgb.Dataset(X_train, y_train), num_boost_round=200,
        valid_sets=[lgb.Dataset(X_valid, y_valid)],
        callbacks=[lgb.early_stopping(20, verbose=False)],
    )  # fmt: skip
    return booster.best_score["valid_0"]["rmse"]


def main(max_evals=40, parallelism=2):
    """Search on the active Spark session, or on a local one."""
    X, y = make_regression(n_samples=2_000, n_features=20, noise=10.0, random_state=0)
    trials = SparkTrials(parallelism)
    fmin(
        with_data(train, X=X, y=y), SPACE, tpe.suggest, max_evals, trials=trials, rstate=0,
        max_queue_len=parallelism,
    )  # fmt: skip
    print(f"Best: RMSE {trials.best_trial['result']['loss']:.2f} with {trials.best_params}")
    return trials.best_trial["result"]["loss"]


if __name__ == "__main__":
    main()
