"""Tune XGBoost with early stopping, and keep the number of rounds of each trial.

Run it with: pip install xgboost scikit-learn; python examples/xgboost_rounds.py
"""

import numpy as np
import xgboost as xgb
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from sparktune import STATUS_OK, Trials, fmin, hp, tpe

X, y = load_breast_cancer(return_X_y=True)
X_train, X_valid, y_train, y_valid = train_test_split(X, y, random_state=0, stratify=y)

SPACE = {
    "learning_rate": hp.loguniform("learning_rate", np.log(0.01), np.log(0.5)),
    "max_depth": hp.uniformint("max_depth", 2, 8),
    "min_child_weight": hp.loguniform("min_child_weight", np.log(0.1), np.log(10)),
    "subsample": hp.uniform("subsample", 0.5, 1.0),
    "colsample_bytree": hp.uniform("colsample_bytree", 0.3, 1.0),
}


def train(params):
    """Return the log loss on the validation part, and after how many rounds it was reached."""
    model = xgb.XGBClassifier(
        n_estimators=300, early_stopping_rounds=20, eval_metric="logloss", nthread=1, **params
    )
    model.fit(X_train, y_train, eval_set=[(X_valid, y_valid)], verbose=False)
    return {"loss": model.best_score, "status": STATUS_OK, "rounds": model.best_iteration + 1}


def main(max_evals=40):
    """Search in this process."""
    trials = Trials()
    fmin(train, SPACE, tpe.suggest, max_evals, trials=trials, rstate=0)
    best = trials.best_trial["result"]
    print(f"Best: log loss {best['loss']:.4f} after {best['rounds']} rounds")
    print(trials.best_params)
    return best["loss"]


if __name__ == "__main__":
    main()
