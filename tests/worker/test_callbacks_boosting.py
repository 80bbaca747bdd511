"""`trial.xgboost` and `trial.lightgbm`, with the real frameworks."""

import copy
import pickle
import re

import cloudpickle
import lightgbm as lgb
import numpy as np
import pytest
import xgboost as xgb
from sklearn.base import clone

from sparktune._worker.handle import TrialHandle, TrialPruned

ENDS = ("patience", {"steps": 2, "least": 10, "grace": 0})  # whatever the losses
LOGISTIC = {"objective": "binary:logistic", "nthread": 1}
BINARY = {"objective": "binary", "verbose": -1, "num_threads": 1}

random = np.random.default_rng(0)
X = random.normal(size=(300, 5))
y = (X[:, 0] + random.normal(size=300) > 0).astype(int)
X_TRAIN, y_TRAIN, X_VALID, y_VALID = X[:200], y[:200], X[200:], y[200:]


def train_xgboost(trial, eval_metric="logloss", metric=None, rounds=4, mode="auto", **arguments):
    """Train, and return the evaluations by ``data-metric``."""
    train, valid = xgb.DMatrix(X_TRAIN, y_TRAIN), xgb.DMatrix(X_VALID, y_VALID)
    result = {}
    xgb.train(
        {**LOGISTIC, "eval_metric": eval_metric}, train, rounds, verbose_eval=False,
        callbacks=[trial.xgboost(metric, mode)], evals_result=result,
        **{"evals": [(train, "train"), (valid, "valid")], **arguments},
    )  # fmt: skip
    return {f"{data}-{name}": log for data, logs in result.items() for name, log in logs.items()}


def train_lightgbm(trial, eval_metric="binary_logloss", metric=None, rounds=4, **arguments):
    """Train, and return the evaluations by ``data-metric``."""
    train, result = lgb.Dataset(X_TRAIN, y_TRAIN), {}
    lgb.train(
        {**BINARY, "metric": eval_metric}, train, rounds,
        callbacks=[trial.lightgbm(metric), lgb.record_evaluation(result)],
        **{
            "valid_sets": [train, lgb.Dataset(X_VALID, y_VALID)],
            "valid_names": ["train", "valid"], **arguments,
        },
    )  # fmt: skip
    return {f"{data}-{name}": log for data, logs in result.items() for name, log in logs.items()}


TRAIN = {"xgboost": (train_xgboost, "logloss"), "lightgbm": (train_lightgbm, "binary_logloss")}
each_framework = pytest.mark.parametrize("framework", TRAIN)


@each_framework
@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("score", [False, True])
def test_a_better_metric_is_a_smaller_loss(framework, maximize, score):
    """Of a loss and of a score, whether the search minimizes losses or maximizes scores."""
    train, logloss = TRAIN[framework]
    trial = TrialHandle(sign=-1.0 if maximize else 1.0)
    name = "auc" if score else logloss
    found = train(trial, ["auc", logloss], name)[f"valid-{name}"]
    curve = trial._close()
    assert curve["steps"] == [0, 1, 2, 3]
    assert curve["losses"] == [-each if score else each for each in found]


@each_framework
def test_a_trial_without_prospects_ends(framework):
    train, _ = TRAIN[framework]
    trial = TrialHandle(tid=3, rule=ENDS)
    with pytest.raises(TrialPruned, match="trial 3 ends at step 2"):
        train(trial, rounds=50)
    assert trial._close()["steps"] == [0, 1, 2]


@each_framework
def test_which_metric_is_reported(framework):
    train, logloss = TRAIN[framework]
    default = {"xgboost": "valid-" + logloss, "lightgbm": "valid-auc"}[framework]
    for asked, got in {
        None: default,
        "auc": "valid-auc",
        logloss: f"valid-{logloss}",
        "train-auc": "train-auc",
        f"train-{logloss}": f"train-{logloss}",
    }.items():
        trial = TrialHandle()
        found = train(trial, ["auc", logloss], asked)[got]
        assert trial._close()["losses"] == [-each if "auc" in got else each for each in found]


@each_framework
def test_a_metric_that_is_not_there(framework):
    train, logloss = TRAIN[framework]
    said = (
        f"`metric` of trial.{framework} must be one of 'train-{logloss}', 'valid-{logloss}'; "
        "got 'valid_0-auc'."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        train(TrialHandle(), metric="valid_0-auc")


@each_framework
def test_no_evaluation_set(framework):
    train, name = {"xgboost": (train_xgboost, "evals"), "lightgbm": (train_lightgbm, "valid_sets")}[
        framework
    ]
    with pytest.raises(ValueError, match=f"{framework} needs an evaluation set.* Hint: {name}="):
        train(TrialHandle(), **{name: None, **({"valid_names": None} if "_" in name else {})})


@pytest.mark.parametrize(
    ("metric", "better"),
    [
        *[(name, -1) for name in ("rmse", "rmsle", "mae", "mape", "mphe", "logloss", "error")],
        *[(name, -1) for name in ("error@0.7", "poisson-nloglik", "gamma-nloglik")],
        *[(name, -1) for name in ("gamma-deviance", "tweedie-nloglik@1.5")],
        *[(name, 1) for name in ("auc", "aucpr", "pre@5", "ndcg", "ndcg@3", "map@3", "ndcg@3-")],
    ],
)
def test_xgboosts_own_metrics_need_no_mode(metric, better):
    trial = TrialHandle()
    (found,) = train_xgboost(trial, metric, rounds=1)["valid-" + metric]
    assert trial._close()["losses"] == [-better * found]


@pytest.mark.parametrize(("mode", "loss"), [("min", 0.5), ("max", -0.5)])
def test_a_metric_of_the_users_own_needs_a_mode(mode, loss):
    own = {"custom_metric": lambda predicted, data: ("mine", 0.5)}
    with pytest.raises(ValueError, match=r"'mine' does not tell trial.xgboost .* Hint: mode='min'"):
        train_xgboost(TrialHandle(), **own)
    trial = TrialHandle()
    train_xgboost(trial, rounds=1, mode=mode, **own)
    assert trial._close()["losses"] == [loss]
    with pytest.raises(ValueError, match=r"`mode` .* must be 'auto', 'min' or 'max'; got 'less'"):
        TrialHandle().xgboost(mode="less")


def test_lightgbm_knows_the_direction_of_a_metric_of_the_users_own():
    for larger in (False, True):
        trial = TrialHandle()
        own = lambda predicted, data, larger=larger: ("mine", 0.5, larger)  # noqa: E731
        train_lightgbm(trial, metric="mine", rounds=1, feval=own)
        assert trial._close()["losses"] == [-0.5 if larger else 0.5]


def test_all_folds_side_by_side():
    trial = TrialHandle()
    found = xgb.cv(LOGISTIC, xgb.DMatrix(X, y), 3, callbacks=[trial.xgboost()], as_pandas=False)
    assert trial._close()["losses"] == found["test-logloss-mean"]
    trial = TrialHandle()
    found = lgb.cv(BINARY, lgb.Dataset(X, y), 3, callbacks=[trial.lightgbm()])
    assert trial._close()["losses"] == found["valid binary_logloss-mean"]


def test_a_model_that_is_trained_further_goes_on_with_its_steps():
    begun = xgb.train(LOGISTIC, xgb.DMatrix(X_TRAIN, y_TRAIN), 2)
    trial = TrialHandle()
    train_xgboost(trial, rounds=2, xgb_model=begun)
    assert trial._close()["steps"] == [2, 3]
    begun = lgb.train(BINARY, lgb.Dataset(X_TRAIN, y_TRAIN), 2)
    trial = TrialHandle()
    train_lightgbm(trial, rounds=2, init_model=begun)
    assert trial._close()["steps"] == [2, 3]


def test_a_second_training_of_a_trial_does_not_count():
    trial = TrialHandle()
    first = train_xgboost(trial)["valid-logloss"]
    train_xgboost(trial, "error")
    assert trial._close()["losses"] == first


def test_early_stopping_works_beside_it():
    trial = TrialHandle()
    found = train_xgboost(trial, rounds=500, early_stopping_rounds=5)["valid-logloss"]
    assert len(found) < 500
    assert trial._close()["losses"] == found
    trial = TrialHandle()
    stop = lgb.early_stopping(5, verbose=False)
    model = lgb.train(
        BINARY, lgb.Dataset(X_TRAIN, y_TRAIN), 500, valid_sets=[lgb.Dataset(X_VALID, y_VALID)],
        callbacks=[stop, trial.lightgbm()],
    )  # fmt: skip
    assert trial._close()["steps"][-1] == model.best_iteration + 4


@pytest.mark.parametrize("pickler", [pickle, cloudpickle])
def test_estimators_of_xgboost_keep_a_callback_that_can_be_read_anywhere(pickler):
    trial = TrialHandle()
    fit = {"eval_set": [(X_VALID, y_VALID)], "verbose": False}
    model = xgb.XGBClassifier(n_estimators=3, nthread=1, callbacks=[trial.xgboost()])
    model.fit(X_TRAIN, y_TRAIN, **fit)
    assert trial._close()["steps"] == [0, 1, 2]
    data = pickler.dumps(model)
    assert b"sparktune" not in data
    again = pickle.loads(data)
    assert [type(each) for each in again.callbacks] == [xgb.callback.TrainingCallback]
    assert (again.predict(X_VALID) == model.predict(X_VALID)).all()
    again.fit(X_TRAIN, y_TRAIN, **fit)


def test_copies_of_estimators_report_too():
    trial = TrialHandle()
    model = clone(xgb.XGBClassifier(n_estimators=3, nthread=1, callbacks=[trial.xgboost()]))
    copy.copy(copy.deepcopy(model)).fit(
        X_TRAIN, y_TRAIN, eval_set=[(X_VALID, y_VALID)], verbose=False
    )
    assert trial._close()["steps"] == [0, 1, 2]


def test_estimators_of_lightgbm():
    trial = TrialHandle()
    model = lgb.LGBMClassifier(n_estimators=3, verbose=-1, n_jobs=1)
    model.fit(
        X_TRAIN, y_TRAIN, eval_X=X_VALID, eval_y=y_VALID, eval_metric="auc",
        callbacks=[trial.lightgbm()],
    )  # fmt: skip
    assert trial._close()["losses"] == [-each for each in model.evals_result_["valid_0"]["auc"]]
    assert b"sparktune" not in pickle.dumps(model)
