"""Real models that are pruned by the callbacks of their frameworks, in worker processes."""

import pytest

from sparktune import ProcessTrials, fmin, hp
from sparktune.pruning import Median

pytestmark = pytest.mark.timeout(120)


def objectives():
    """Return one objective per framework; made here, so that they are pickled by value."""

    def data():
        import numpy as np

        random = np.random.default_rng(0)
        X = random.normal(size=(200, 3))
        return X, (X[:, 0] + random.normal(size=200) > 0).astype(int)

    def xgboost(rate, trial):
        import xgboost as xgb

        X, y = data()
        model = xgb.XGBClassifier(
            n_estimators=20, learning_rate=rate, eval_metric="logloss", n_jobs=1,
            callbacks=[trial.xgboost()],
        )  # fmt: skip
        model.fit(X, y, eval_set=[(X, y)], verbose=False)
        return {
            "loss": model.evals_result()["validation_0"]["logloss"][-1], "status": "ok",
            "model": model,
        }  # fmt: skip

    def lightgbm(rate, trial):
        import lightgbm as lgb

        train = lgb.Dataset(*data())
        model = lgb.train(
            {"objective": "binary", "metric": "auc", "learning_rate": rate, "verbose": -1,
             "min_data_in_leaf": 90 if rate < 0.01 else 5, "num_threads": 1},
            train, 20, valid_sets=[train], callbacks=[trial.lightgbm()],
        )  # fmt: skip
        return {"score": model.best_score["training"]["auc"], "status": "ok", "model": model}

    def keras(rate, trial):
        import os

        os.environ["KERAS_BACKEND"] = "jax"
        import keras

        X, y = data()
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, "sigmoid")])
        model.compile(keras.optimizers.SGD(rate), "binary_crossentropy")
        fitted = model.fit(
            X, y, epochs=20, validation_data=(X, y), verbose=0, callbacks=[trial.keras()]
        )
        return {"loss": fitted.history["val_loss"][-1], "status": "ok"}

    def sklearn(rate, trial):
        from sklearn.linear_model import SGDClassifier

        X, y = data()
        model = SGDClassifier(loss="log_loss", learning_rate="constant", eta0=rate, random_state=0)
        return trial.sklearn_partial_fit(model, X, y, X, y, epochs=20, scoring="neg_log_loss")

    return {"xgboost": xgboost, "lightgbm": lightgbm, "keras": keras, "sklearn": sklearn}


@pytest.mark.parametrize(
    "framework",
    ["xgboost", "lightgbm", "sklearn", pytest.param("keras", marks=pytest.mark.slow)],
)
def test_a_bad_learning_rate_ends_early(framework):
    trials = ProcessTrials(1)
    rates = [0.2, 1e-6, 0.2, 1e-6]
    fmin(
        objectives()[framework], hp.uniform("rate", 0, 1), max_evals=0, trials=trials,
        points_to_evaluate=[{"rate": rate} for rate in rates], prune=Median(grace=2, startup=1),
        maximize=framework == "lightgbm", rstate=0, verbose=False,
    )  # fmt: skip
    assert [trial["result"]["status"] for trial in trials.trials] == ["ok", "pruned"] * 2
    assert trials.to_pandas()["last_step"].tolist() == [19, 2, 19, 2]
    best = trials.best_trial["result"]
    assert best["curve"]["losses"][-1] == best["loss"]
    if "model" in best:
        assert len(best["model"].predict([[0.0, 0.0, 0.0]])) == 1
