"""`trial.sklearn_partial_fit`, with real estimators."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression, SGDClassifier, SGDRegressor
from sklearn.metrics import accuracy_score, log_loss
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neural_network import MLPClassifier

from sparktune._worker.handle import TrialHandle, TrialPruned

random = np.random.default_rng(0)
X = random.normal(size=(90, 4))
y = np.digitize(X[:, 0], [-0.4, 0.4])
SPLIT = (X[:60], y[:60], X[60:], y[60:])


def classifier():
    return SGDClassifier(loss="log_loss", random_state=0)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_it_reports_after_each_epoch_and_returns_what_the_objective_returns(sign):
    trial, same = TrialHandle(sign=sign), classifier()
    value = trial.sklearn_partial_fit(classifier(), *SPLIT, epochs=3)
    losses = [
        -accuracy_score(y[60:], same.partial_fit(X[:60], y[:60], [0, 1, 2]).predict(X[60:]))
        for _ in range(3)
    ]
    assert trial._close() == {"steps": [0, 1, 2], "losses": losses}
    assert value == sign * losses[-1]


@pytest.mark.parametrize("scoring", ["neg_log_loss", lambda model, X, y: model.score(X, y) - 5])
def test_scoring_is_that_of_scikit_learn(scoring):
    trial, model = TrialHandle(), classifier()
    loss = trial.sklearn_partial_fit(model, *SPLIT, epochs=2, scoring=scoring)
    assert trial._close()["losses"][-1] == loss
    expected = log_loss(y[60:], model.predict_proba(X[60:])) if isinstance(scoring, str) else (
        5 - model.score(X[60:], y[60:])
    )  # fmt: skip
    assert loss == pytest.approx(expected)


def test_a_trial_without_prospects_ends():
    trial = TrialHandle(rule=("patience", {"steps": 2, "least": 10, "grace": 0}))
    model = classifier()
    with pytest.raises(TrialPruned):
        trial.sklearn_partial_fit(model, *SPLIT, epochs=50)
    assert model.t_ == 1 + 3 * 60


@pytest.mark.parametrize("size", [1, 7, 60, 1000])
def test_an_epoch_of_batches_trains_with_each_row_once(size):
    model = classifier()
    TrialHandle().sklearn_partial_fit(model, *SPLIT, epochs=2, batch_size=size)
    assert model.t_ == 1 + 2 * 60


def test_the_order_of_batches_comes_from_the_trials_random_state():
    def train(seed):
        np.random.seed(seed)  # noqa: NPY002 - as a worker does for each trial
        model = SGDRegressor(random_state=0)
        TrialHandle().sklearn_partial_fit(model, *SPLIT, epochs=2, batch_size=7)
        return model.coef_.tolist()

    assert train(1) == train(1) != train(2)


def test_batches_of_frames_sparse_matrices_and_lists():
    def train(X, y):
        model = MultinomialNB()
        TrialHandle().sklearn_partial_fit(model, X, y, X, y, epochs=2, batch_size=7)
        return model.feature_count_

    labels = np.arange(90)[::-1] + 0.5  # of rows, which are not their positions
    counts = np.arange(360).reshape(90, 4)
    expected = [2 * counts[y == each].sum(axis=0) for each in range(3)]
    frame = pd.DataFrame(counts, index=labels)
    assert (train(counts, y) == expected).all()
    assert (train(frame, pd.Series(y, index=labels)) == expected).all()
    assert (train(csr_matrix(counts), y.tolist()) == expected).all()


def test_classes_are_those_of_the_data_unless_given():
    few = y[:60] % 2
    model = GaussianNB()
    TrialHandle().sklearn_partial_fit(model, X[:60], few, X[:60], few, epochs=1, batch_size=1)
    assert model.classes_.tolist() == [0, 1]
    TrialHandle().sklearn_partial_fit(model := classifier(), *SPLIT, epochs=1, classes=range(5))
    assert model.classes_.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("model", [LogisticRegression(), MLPClassifier(solver="lbfgs")])
def test_an_estimator_that_cannot_be_trained_by_epochs(model):
    with pytest.raises(TypeError) as caught:
        TrialHandle().sklearn_partial_fit(model, *SPLIT, epochs=2)
    assert str(caught.value).startswith(
        "`estimator` of trial.sklearn_partial_fit must have a method `partial_fit`; "
        f"{type(model).__name__} has none. Hint: "
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"epochs": 0}, "`epochs` .* an int of at least 1; got 0"),
        ({"epochs": 2.5}, "`epochs` .* an int of at least 1; got 2.5"),
        ({"epochs": 1, "batch_size": 0}, "`batch_size` .* an int of at least 1; got 0"),
    ],
)
def test_wrong_numbers(arguments, said):
    with pytest.raises(ValueError, match=said):
        TrialHandle().sklearn_partial_fit(classifier(), *SPLIT, **arguments)
