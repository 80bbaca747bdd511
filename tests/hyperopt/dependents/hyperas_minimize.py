"""hyperas 0.4.1: its template becomes a space, `rseed=` must be refused, the best model is found.

Keras and Jupyter are not installed; hyperas needs them only for features that are not used here.
"""

import sys
import types

for name in ("nbformat", "nbconvert", "keras", "keras.models"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["nbconvert"].PythonExporter = None
sys.modules["keras.models"].model_from_yaml = None

from hyperas import optim  # noqa: E402
from hyperas.distributions import choice, uniform  # noqa: E402

from hyperopt import STATUS_OK, Trials, tpe  # noqa: E402


def data():
    target = 3.0
    return target


def model(target):
    rate = {{uniform(-10, 10)}}
    units = {{choice([16, 32, 64])}}
    return {"loss": (rate - target) ** 2 + units, "status": STATUS_OK, "model": ("net", units)}


trials = Trials()
best_run, best_model, space = optim.minimize(
    model=model,
    data=data,
    algo=tpe.suggest,
    max_evals=40,
    trials=trials,
    verbose=False,
    eval_space=True,
    return_space=True,
)
assert len(trials) == 40
assert best_model == ("net", best_run["units"]), (best_model, best_run)
assert best_run["units"] == 16
assert abs(best_run["rate"] - 3) < 3
# It may run again with the same trials object and more evaluations.
again, model_again = optim.minimize(
    model=model, data=data, algo=tpe.suggest, max_evals=45, trials=trials, verbose=False
)
assert len(trials) == 45
assert model_again[1] == [16, 32, 64][again["units"]]
