"""`points_to_evaluate`: each value must be one that its hyperparameter can have."""

import math

import numpy as np
import pytest

from sparktune import Domain, Trials, fmin, hp, rand
from sparktune._search.points import check_points
from sparktune.exceptions import InvalidArgument, InvalidArgumentType

SPACE = {
    "n": hp.randint("n", 3, 9),
    "int": hp.uniformint("int", 1, 4),
    "choice": hp.choice("choice", ["a", "b", "c"]),
    "pchoice": hp.pchoice("pchoice", [(0.5, "a"), (0.5, "b")]),
    "uniform": hp.uniform("uniform", -1, 2),
    "quniform": hp.quniform("quniform", 0.2, 9, 2),
    "log": hp.loguniform("log", math.log(1e-3), math.log(10)),
    "qlog": hp.qloguniform("qlog", math.log(1), math.log(9), 1),
    "normal": hp.normal("normal", 0, 1),
    "qnormal": hp.qnormal("qnormal", 0, 1, 2),
    "lognormal": hp.lognormal("lognormal", 0, 1),
    "qlognormal": hp.qlognormal("qlognormal", 0, 1, 1),
}
COMPILED = Domain(None, SPACE).space
GOOD = {
    "n": 3, "int": 2, "choice": 0, "pchoice": 1, "uniform": 0, "quniform": 2.0, "log": 0.1,
    "qlog": 3, "normal": -7, "qnormal": 2, "lognormal": 0.5, "qlognormal": 0,
}  # fmt: skip

# Outside of the bounds, as Hyperopt allows.
OUTSIDE = [("uniform", 2.5), ("quniform", 11.5), ("log", 20.0), ("qlog", 9.6)]


@pytest.mark.parametrize(
    ("label", "value"),
    [
        ("n", 8), ("n", 8.0), ("n", np.int64(3)), ("choice", True),
        ("uniform", -1), ("uniform", 2), ("uniform", np.float32(0.5)), ("log", 1e-3), ("log", 10),
        ("quniform", 0), ("quniform", 10), ("quniform", 0.3), ("qlog", 9.4), ("int", 4.0),
        ("normal", 1e9), ("uniform", np.array(0.5)),
        *OUTSIDE,
    ],
)  # fmt: skip
def test_values_that_a_hyperparameter_can_have(label, value, caplog):
    check_points([{**GOOD, label: value}], COMPILED)
    outside = (label, value) in OUTSIDE
    assert [f"[{label!r}]` should be from " in each.getMessage() for each in caplog.records] == (
        [True] if outside else []
    )


@pytest.mark.parametrize(
    ("label", "value", "rule"),
    [
        ("n", 2.5, "a whole number from 3 to 8, as hp.randint gives; got 2.5"),
        ("n", 9, "a whole number from 3 to 8"),
        ("n", 2, "a whole number from 3 to 8"),
        ("pchoice", 0.5, "a whole number from 0 to 1"),
        ("uniform", math.nan, "a finite number, as hp.uniform gives; got nan"),
        ("log", -1.0, "a finite number of at least 0"),
        ("normal", math.inf, "a finite number, as hp.normal"),
        ("lognormal", -0.1, "a finite number of at least 0"),
        ("qlognormal", -1, "a finite number of at least 0"),
        ("uniform", "0.5", "a finite number"),
        ("uniform", None, "a finite number"),
        ("uniform", [0.5], "a finite number"),
    ],
)
def test_values_that_it_cannot_have(label, value, rule):
    with pytest.raises(InvalidArgument, match=r"points_to_evaluate\[1\]") as caught:
        check_points([GOOD, {**GOOD, label: value}], COMPILED)
    if label != "pchoice":  # what decides a switch is found to be wrong there
        assert f"[{label!r}]` must be {rule}" in str(caught.value)
    assert isinstance(caught.value, InvalidArgumentType) == (value in (None, [0.5]))


@pytest.mark.parametrize("value", [2.5, math.nan])
def test_they_are_refused_at_the_call(value):
    calls, trials = [], Trials()
    with pytest.raises(InvalidArgument, match=r"\['n'\]` must be a whole number from 0 to 8"):
        fmin(calls.append, hp.randint("n", 9), rand.suggest, 3, trials=trials, verbose=False,
             points_to_evaluate=[{"n": value}])  # fmt: skip
    assert calls == []
    assert len(trials._dynamic_trials) == 0


def test_values_of_inactive_hyperparameters_are_checked_too():
    space = hp.choice("c", [0, hp.randint("n", 9)])
    with pytest.raises(InvalidArgument, match=r"\['n'\]` must be a whole number"):
        check_points([{"c": 0, "n": 2.5}], Domain(None, space).space)
