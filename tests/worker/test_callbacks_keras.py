"""`trial.keras`, with the real Keras, in a process of its own: JAX does not go with forks."""

import os
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from sparktune._worker.handle import TrialHandle, TrialPruned

ENDS = ("patience", {"steps": 2, "least": 10, "grace": 0})  # whatever the losses


@pytest.fixture(scope="module")
def elsewhere():
    """Call a function of this module in another process."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        yield lambda function, *args, **kwargs: pool.submit(function, *args, **kwargs).result(100)


def model_and_data():
    os.environ["KERAS_BACKEND"] = "jax"
    import keras
    import numpy as np

    keras.utils.set_random_seed(0)
    X = np.random.default_rng(0).normal(size=(64, 3))
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, activation="sigmoid")])
    model.compile(loss="binary_crossentropy", metrics=["accuracy"])
    return model, X, X[:, 0] > 0


def fit(validated=True, monitor="val_loss", mode="auto", rule=None, sign=1.0, **arguments):
    """Fit; return the curve, what Keras has logged, and how the training ended."""
    model, X, y = model_and_data()
    trial, ended = TrialHandle(rule=rule, sign=sign), "complete"
    if validated:
        arguments["validation_data"] = (X, y)
    try:
        model.fit(
            X, y, verbose=0, callbacks=[trial.keras(monitor, mode)], **{"epochs": 4, **arguments}
        )
    except (TrialPruned, ValueError) as error:
        ended = f"{type(error).__name__}: {error}"
    return trial._close(), model.history.history, ended


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("monitor", ["val_loss", "val_accuracy"])
def test_a_better_metric_is_a_smaller_loss(elsewhere, maximize, monitor):
    curve, logs, ended = elsewhere(fit, monitor=monitor, sign=-1.0 if maximize else 1.0)
    assert curve["steps"] == [0, 1, 2, 3]
    assert curve["losses"] == [-x if monitor == "val_accuracy" else x for x in logs[monitor]]
    assert ended == "complete"


def test_the_mode_decides(elsewhere):
    curve, logs, _ = elsewhere(fit, mode="max")
    assert curve["losses"] == [-x for x in logs["val_loss"]]


def test_a_trial_without_prospects_ends(elsewhere):
    curve, _, ended = elsewhere(fit, rule=ENDS, epochs=50)
    assert curve["steps"] == [0, 1, 2]
    assert ended == "TrialPruned: trial None ends at step 2"


def test_steps_are_epochs(elsewhere):
    assert elsewhere(fit, initial_epoch=2)[0]["steps"] == [2, 3]
    assert elsewhere(fit, monitor="loss", validated=False)[0]["steps"] == [0, 1, 2, 3]


def test_some_epochs_may_be_without_validation(elsewhere):
    curve, logs, ended = elsewhere(fit, validation_freq=2)
    assert (curve["steps"], ended) == ([1, 3], "complete")
    assert curve["losses"] == logs["val_loss"]


@pytest.mark.parametrize(
    ("monitor", "validated", "listed"),
    [
        ("val_auc", True, "'accuracy', 'loss', 'val_accuracy', 'val_loss'"),
        ("val_loss", False, "'accuracy', 'loss'"),
        ("auc", False, "'accuracy', 'loss'"),
    ],
)
def test_a_metric_that_is_not_there(elsewhere, monitor, validated, listed):
    curve, _, ended = elsewhere(fit, validated, monitor)
    assert curve is None
    assert ended.startswith(
        f"ValueError: `monitor` of trial.keras must be one of {listed}; got {monitor!r}. "
        "Hint: validation_data=(X, y) of fit"
    )


def names_of_callbacks():
    model, X, y = model_and_data()
    trial = TrialHandle()
    callback = trial.keras("loss")
    model.fit(X, y, epochs=1, verbose=0, callbacks=[callback])
    again = pickle.loads(pickle.dumps(callback))
    found = pickle.loads(pickle.dumps(model)).predict(X, verbose=0)
    same = bool((found == model.predict(X, verbose=0)).all())
    return type(again).__module__, same, b"sparktune" in pickle.dumps(model)


def test_a_pickle_of_a_callback_is_one_of_keras_that_does_nothing(elsewhere):
    module, same, ours = elsewhere(names_of_callbacks)
    assert module.startswith("keras.")
    assert same
    assert not ours
