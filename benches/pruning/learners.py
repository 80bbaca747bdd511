"""Learners that report by steps, on data that scikit-learn ships.

Each yields a loss per step on a validation set; the loss of the last step is the trial's. `digits`
are Alpaydin and Kaynak's 1,797 images of 8 x 8, `breast cancer` are Wolberg's 569 samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np
from spaces import Param, Point, Space

TUNE, REPORT = "tune", "report"


@dataclass(frozen=True)
class Learner:
    """A space, and what a point of it reports.

    `costs` has the cost of each step, `at` its number as it is reported. The defaults of policies
    were chosen by the learners of the part `tune`; the docs show those of `report`.
    """

    name: str
    part: str
    space: Space
    at: tuple[float, ...]
    costs: tuple[float, ...]
    losses: Callable[[Point], Iterator[float]]
    folds: bool = False  # the loss of a trial is the mean of its steps

    @property
    def cost(self) -> float:
        """What a complete trial costs."""
        return sum(self.costs)


def _epochs(name: str, part: str, space: Space, count: int, losses: Any, data: str) -> Learner:
    """Return a learner whose steps all cost the same."""
    at, costs = tuple(map(float, range(count))), (1.0,) * count
    return Learner(f"{name}-{data}", part, space, at, costs, partial(losses, data))


@cache
def _data(name: str) -> list[Any]:
    from sklearn.datasets import load_breast_cancer, load_digits
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    x, y = (load_breast_cancer if name == "cancer" else load_digits)(return_X_y=True)
    y = y % 2 if name == "odd" else y
    parts = train_test_split(x, y, train_size=0.3, test_size=0.4, random_state=0)
    scaler = StandardScaler().fit(parts[0])
    return [scaler.transform(parts[0]), scaler.transform(parts[1]), *parts[2:]]


def xgboost_rounds(data: str, point: Point) -> Iterator[float]:
    """Yield the log loss after each round."""
    import xgboost as xgb

    train, valid, y_train, y_valid = _data(data)
    fitted, held_out = xgb.DMatrix(train, y_train), xgb.DMatrix(valid, y_valid)
    settings = {
        "objective": "binary:logistic",
        "nthread": 1,
        "seed": 0,
        "eta": point["eta"],
        "max_depth": int(point["depth"]),
        "min_child_weight": point["child"],
        "subsample": point["rows"],
        "colsample_bytree": point["columns"],
        "reg_lambda": point["lambda"],
    }
    model = xgb.Booster(settings, [fitted, held_out])
    while True:
        model.update(fitted, model.num_boosted_rounds())
        yield float(model.eval(held_out).rpartition(":")[2])


def lightgbm_rounds(data: str, point: Point) -> Iterator[float]:
    """Yield the log loss after each round."""
    import lightgbm as lgb

    train, valid, y_train, y_valid = _data(data)
    quiet = {"verbose": -1, "num_threads": 1, "seed": 0}
    fitted = lgb.Dataset(train, y_train, params=quiet)
    settings = {
        **quiet,
        "objective": "binary",
        "learning_rate": point["eta"],
        "num_leaves": int(point["leaves"]),
        "min_data_in_leaf": int(point["leaf"]),
        "feature_fraction": point["columns"],
        "bagging_fraction": point["rows"],
        "bagging_freq": 1,
        "lambda_l2": point["lambda"],
    }
    model = lgb.Booster(settings, fitted)
    model.add_valid(fitted.create_valid(valid, y_valid), "valid")
    while True:
        model.update()
        yield float(model.eval_valid()[0][2])


def mlp_epochs(data: str, point: Point) -> Iterator[float]:
    """Yield the log loss after each epoch."""
    from sklearn.metrics import log_loss
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(
        (int(point["width"]),) * int(point["layers"]),
        activation=("relu", "tanh")[int(point["activation"])],
        learning_rate_init=point["rate"],
        alpha=point["alpha"],
        batch_size=int(2 ** point["batch"]),
        random_state=0,
    )
    train, valid, y_train, y_valid = _data(data)
    while True:
        model.partial_fit(train, y_train, classes=np.unique(y_train))
        yield float(log_loss(y_valid, model.predict_proba(valid), labels=model.classes_))


def sgd_epochs(data: str, point: Point) -> Iterator[float]:
    """Yield the error after each epoch."""
    from sklearn.linear_model import SGDClassifier

    model = SGDClassifier(
        loss=("hinge", "log_loss", "modified_huber")[int(point["loss"])],
        penalty="elasticnet",
        alpha=point["alpha"],
        l1_ratio=point["l1"],
        learning_rate="invscaling",
        eta0=point["rate"],
        power_t=point["power"],
        random_state=0,
    )
    train, valid, y_train, y_valid = _data(data)
    while True:
        model.partial_fit(train, y_train, classes=np.unique(y_train))
        yield float(1 - model.score(valid, y_valid))


def svm_folds(data: str, point: Point) -> Iterator[float]:
    """Yield the error of each fold of 20."""
    from sklearn.model_selection import StratifiedKFold
    from sklearn.svm import SVC

    x, _, y, _ = _data(data)
    for train, valid in StratifiedKFold(20, shuffle=True, random_state=0).split(x, y):
        model = SVC(C=point["C"], gamma=point["gamma"]).fit(x[train], y[train])
        yield float(1 - model.score(x[valid], y[valid]))


_TREES = (
    Param("eta", "log", 0.005, 0.5),
    Param("rows", "float", 0.3, 1.0),
    Param("columns", "float", 0.3, 1.0),
    Param("lambda", "log", 1e-3, 100.0),
)
_XGBOOST = (*_TREES, Param("depth", "int", 2, 10), Param("child", "log", 0.1, 30.0))
_LIGHTGBM = (*_TREES, Param("leaves", "int", 4, 128), Param("leaf", "int", 2, 100))
_MLP = (
    Param("width", "int", 8, 128),
    Param("layers", "int", 1, 2),
    Param("activation", "choice", 0, 1),
    Param("rate", "log", 1e-5, 0.3),
    Param("alpha", "log", 1e-6, 1.0),
    Param("batch", "int", 4, 8),
)
_SGD = (
    Param("loss", "choice", 0, 2),
    Param("alpha", "log", 1e-7, 0.1),
    Param("l1", "float", 0.0, 1.0),
    Param("rate", "log", 1e-4, 10.0),
    Param("power", "float", 0.0, 0.9),
)
_SVM = (Param("C", "log", 1e-3, 1e3), Param("gamma", "log", 1e-5, 10.0))


def _learners(part: str, binary: str, data: str) -> Iterator[Learner]:
    yield _epochs("xgboost", part, _XGBOOST, 100, xgboost_rounds, binary)
    yield _epochs("lightgbm", part, _LIGHTGBM, 100, lightgbm_rounds, binary)
    yield _epochs("mlp", part, _MLP, 27, mlp_epochs, data)
    yield _epochs("sgd", part, _SGD, 27, sgd_epochs, data)
    yield replace(_epochs("svm", part, _SVM, 20, svm_folds, data), folds=True)


LEARNERS = (*_learners(TUNE, "cancer", "cancer"), *_learners(REPORT, "odd", "digits"))
