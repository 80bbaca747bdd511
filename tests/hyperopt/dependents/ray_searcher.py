"""Ray Tune 2.60: its HyperOptSearch, driven as Tune drives it (without a cluster)."""

import math
import tempfile

import numpy as np
import pytest
from ray import tune
from ray.tune.search.hyperopt import HyperOptSearch

import hyperopt
from hyperopt import hp


def loss(config):
    return (
        (config["width"] - 7) ** 2 + (config["activation"] == "relu") + abs(math.log(config["lr"]))
    )


def drive(search, trials, prefix="t"):
    configs = []
    for number in range(trials):
        config = search.suggest(f"{prefix}{number}")
        configs.append(config)
        search.on_trial_result(f"{prefix}{number}", {"training_iteration": 1})
        if number % 10 == 9:
            search.on_trial_complete(f"{prefix}{number}", error=True)
        else:
            search.on_trial_complete(f"{prefix}{number}", {"loss": loss(config)})
    return configs


# -- Tune's own space, converted; points by value, the first one first
config = {
    "width": tune.uniform(0, 20),
    "units": tune.randint(1, 9),
    "steps": tune.qrandint(10, 100, 10),
    "lr": tune.loguniform(1e-4, 1e2),
    "activation": tune.choice(["relu", "tanh"]),
}
start = [
    {"width": 1.5, "units": 3, "steps": 20, "lr": 0.5, "activation": "tanh"},
    {"width": 2.5, "units": 4, "steps": 30, "lr": 0.6, "activation": "relu"},
]
search = HyperOptSearch(metric="loss", mode="min", points_to_evaluate=start, random_state_seed=3)
assert search.set_search_properties("loss", "min", config)
configs = drive(search, 60)
assert [c["width"] for c in configs[:2]] == [1.5, 2.5], configs[:2]
assert [c["activation"] for c in configs[:2]] == ["tanh", "relu"]
assert all(type(c["steps"]) is int and c["steps"] % 10 == 0 for c in configs)
losses = [loss(c) for c in configs]
assert min(losses[30:]) < np.median(losses[:20])
trials = search._hpopt_trials
assert trials.count_by_state_unsynced(hyperopt.JOB_STATE_ERROR) == 6
assert len(trials.trials) == 54

# -- a space with a conditional parameter
search = HyperOptSearch(metric="loss", mode="min", n_initial_points=5)
nested = {**config, "deep": tune.choice([{"layers": tune.randint(1, 5)}, "none"])}
assert search.set_search_properties("loss", "min", nested)
kinds = [c["deep"] for c in drive(search, 30)]
assert "none" in kinds
assert all(kind == "none" or 1 <= kind["layers"] < 5 for kind in kinds)

# -- it resumes from a checkpoint
with tempfile.NamedTemporaryFile() as file:
    search.save(file.name)
    restored = HyperOptSearch(metric="loss", mode="min")
    restored.restore(file.name)
assert drive(restored, 5, "r") == drive(search, 5, "r")

# -- a Hyperopt space, and a point that lacks a parameter
space = {
    "width": hp.uniform("width", 0, 20),
    "lr": hp.loguniform("lr", -5, 2),
    "activation": hp.choice("activation", ["relu", "tanh"]),
}
search = HyperOptSearch(space, metric="loss", mode="max", n_initial_points=5)
drive(search, 20)
assert search._hpopt_trials.trials[0]["result"]["loss"] < 0
search = HyperOptSearch(space, metric="loss", mode="min", points_to_evaluate=[{"width": 1.0}])
with pytest.raises(ValueError, match="points_to_evaluate"):
    search.suggest("t")
