"""RecBole 1.2.1: its suggester of all points of a finite space, which many projects copied.

RecBole needs PyTorch, so only the file with the suggester is loaded.
"""

import importlib.metadata
import importlib.util
import sys
import types

import numpy as np

from hyperopt import Trials, fmin, hp

for name in ("recbole", "recbole.utils", "recbole.utils.utils"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["recbole.utils.utils"].dict2str = str
path = importlib.metadata.distribution("recbole").locate_file("recbole/trainer/hyper_tuning.py")
spec = importlib.util.spec_from_file_location("recbole.trainer.hyper_tuning", path)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)

space = {"layers": hp.choice("layers", [1, 2, 3]), "rate": hp.choice("rate", [0.1, 0.2, 0.3, 0.4])}
assert module._spacesize(space) == 12
module._validate_space_exhaustive_search(space)
trials = Trials()
fmin(
    lambda p: p["layers"] + p["rate"],
    space,
    algo=module.exhaustive_search,
    max_evals=100,
    trials=trials,
    rstate=np.random.default_rng(0),
    show_progressbar=False,
)
points = {(m["vals"]["layers"][0], m["vals"]["rate"][0]) for m in trials.miscs}
assert len(trials) == len(points) == 12, (len(trials), points)

# Its own class, with its own bound and early stopping.
asked = []


def objective(config_dict, config_file_list, saved=True):
    asked.append(tuple(config_dict.values()))
    score = config_dict["layers"] + config_dict["rate"]
    result = {"ndcg": score}
    return {
        "model": "M",
        "best_valid_score": score,
        "valid_score_bigger": True,
        "best_valid_result": result,
        "test_result": result,
    }


tuning = module.HyperTuning(
    objective,
    params_dict={"choice": {"layers": [1, 2, 3], "rate": [0.1, 0.2]}},
    algo="exhaustive",
    early_stop=100,
)
tuning.run()
assert len(set(asked)) == 6
assert tuning.best_params == {"layers": 3, "rate": 0.2}
