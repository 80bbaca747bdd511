"""databricks-automl-runtime 0.2.21: its early stopping function, and its forecasting estimator.

Prophet is not installed; a model that fits a trend takes its place.
"""

import logging
import sys
import types

import numpy as np
import pandas as pd

from hyperopt import STATUS_FAIL, STATUS_OK, Trials, fmin, hp, tpe


class Prophet:
    def __init__(self, **settings):
        self.settings = settings

    def fit(self, df, **_):
        scale = {"additive": 1.0, "multiplicative": 1.5}[self.settings["seasonality_mode"]]
        self.error = scale + abs(np.log(self.settings["changepoint_prior_scale"]) + 3)
        return self


prophet = types.ModuleType("prophet")
prophet.Prophet = Prophet
diagnostics = types.ModuleType("prophet.diagnostics")
diagnostics.single_cutoff_forecast = None
diagnostics.performance_metrics = lambda errors: pd.DataFrame(
    {"horizon": [1, 2], "smape": errors, "mse": np.square(errors)}
)
serialize = types.ModuleType("prophet.serialize")
serialize.model_to_json = lambda model: repr(model.settings)
sys.modules.update(
    {
        "prophet": prophet,
        "prophet.diagnostics": diagnostics,
        "prophet.serialize": serialize,
        "prophet.forecaster": types.ModuleType("prophet.forecaster"),
    }
)
prophet.forecaster = sys.modules["prophet.forecaster"]
prophet.forecaster.Prophet = Prophet

from databricks.automl_runtime.forecast.prophet import forecast  # noqa: E402
from databricks.automl_runtime.hyperopt.early_stop import get_early_stop_fn  # noqa: E402

# -- forecasting: indices of `best` are looked up, and the metrics of the best trial

forecast.cross_validation = lambda model, **_: [model.error, model.error]
estimator = forecast.ProphetHyperoptEstimator(
    horizon=1,
    frequency_unit="d",
    metric="smape",
    interval_width=0.8,
    country_holidays="",
    search_space={
        "changepoint_prior_scale": hp.loguniform("changepoint_prior_scale", -6.9, -0.69),
        "seasonality_mode": hp.choice("seasonality_mode", ["additive", "multiplicative"]),
    },
    num_folds=2,
    max_eval=30,
    random_state=0,
    is_parallel=False,
)
history = pd.DataFrame({"ds": pd.date_range("2020-07-01", periods=60), "y": np.arange(60.0)})
found = estimator.fit(history)
assert "additive" in found["model_json"][0]
assert 1.0 <= found["smape"][0] < 1.8, found
assert found["mse"][0] == found["smape"][0] ** 2

# -- early stopping: it sees failed trials, and all that end

assert logging.getLogger("hyperopt-spark").level == logging.ERROR
losses = iter([5.0, None, 4.0, 3.0, *[3.5] * 200])


def objective(x):
    loss = next(losses)
    return {"status": STATUS_FAIL} if loss is None else {"status": STATUS_OK, "loss": loss}


trials = Trials()
fmin(
    objective,
    hp.uniform("x", 0, 1),
    algo=tpe.suggest,
    max_evals=200,
    trials=trials,
    early_stop_fn=get_early_stop_fn(no_early_stop_threshold=10, no_progress_stop_threshold=5),
    rstate=np.random.default_rng(0),
    show_progressbar=False,
)
# Nine more after the failed one make ten ok trials; none of the last five improves.
assert 11 <= len(trials) <= 12, len(trials)
