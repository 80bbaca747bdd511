"""nevergrad 1.0.12: its HyperOpt optimizer calls `tpe.suggest` and writes into trial documents."""

import nevergrad as ng
import numpy as np
from nevergrad.optimization import externalbo  # noqa: F401 - registers HyperOpt

# Arrays: the optimizer rewrites values of `_dynamic_trials` after a suggestion.
optimizer = ng.optimizers.registry["HyperOpt"](ng.p.Array(shape=(3,)), budget=60)
optimizer.parametrization.random_state.seed(0)
best = optimizer.minimize(lambda x: float(np.sum((x - 0.5) ** 2)))
assert float(np.sum((best.value - 0.5) ** 2)) < 1.5, best.value
docs = optimizer.trials._dynamic_trials
assert [doc["tid"] for doc in docs] == list(range(60))
assert len(optimizer.trials.trials) == 60

# Points told without asking replace the values of a random suggestion.
point = optimizer.parametrization.spawn_child(new_value=np.full(3, 0.5))
optimizer.tell(point, 0.0)
assert optimizer.trials.best_trial["result"]["loss"] == 0.0
assert optimizer.trials.best_trial["tid"] == 60
# The next suggestion knows it.
assert optimizer.ask().value.shape == (3,)

# Mixed parameters become a nested space.
optimizer = ng.optimizers.registry["HyperOpt"](
    ng.p.Instrumentation(
        ng.p.Log(lower=0.01, upper=1.0),
        depth=ng.p.Scalar(lower=1, upper=8).set_integer_casting(),
        kind=ng.p.Choice(["a", "b", "c"]),
    ),
    budget=40,
)
optimizer.parametrization.random_state.seed(0)
best = optimizer.minimize(
    lambda rate, depth, kind: abs(np.log(rate) + 2) + abs(depth - 4) + (kind != "b")
)
(rate,), kwargs = best.value
assert kwargs["kind"] in ("a", "b", "c")
assert abs(np.log(rate) + 2) + abs(kwargs["depth"] - 4) + (kwargs["kind"] != "b") < 3
