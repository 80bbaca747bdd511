"""Spaces that are valid but hardly meant: constants only, and values in place of logarithms."""

import logging
import math

import numpy as np
import pytest

from sparktune import Trials, fmin, hp, rand
from sparktune._space.compile import compile_space
from sparktune.exceptions import BadSearchSpace, BadSearchSpaceType


def warnings_of(caplog, space, **arguments):
    """Return the warnings of a search in a space."""
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="sparktune"):
        fmin(lambda point: 0.0, space, rand.suggest, 2, verbose=False, **arguments)
    return [record.getMessage() for record in caplog.records]


def nested(depth):
    """Return a list in a list in a list, deeper than Python has frames."""
    inner = []
    for _ in range(depth):
        inner = [inner]
    return inner


@pytest.mark.parametrize(
    ("space", "hint"),
    [
        ({"x": (-5, 5)}, "Hint: for a constant that should vary write hp.uniform('x', -5, 5)."),
        ({"x": np.array([1.0])[0]}, "write hp.uniform('x', low, high)."),
        ({"x": [1, 2, 3]}, "write hp.choice('x', [1, 2, 3])."),
        ({"x": [5, -5]}, "write hp.choice('x', [5, -5])."),
        ({"x": range(100)}, "write hp.choice('x', [0, 1, 2, ...])."),
        ({"a": {"k": ["rbf", "poly"]}, "x": (0.1, 1)}, "hp.choice('k', ['rbf', 'poly']), hp.uni"),
        ((-5, 5), "write hp.uniform('x', -5, 5)."),
        (3, "write hp.uniform('x', low, high)."),
        (nested(2000), "all trials evaluate the same point."),
        ({}, "all trials evaluate the same point."),
        ({"name": "svm", "data": object()}, "all trials evaluate the same point."),
    ],
)
def test_a_space_without_hyperparameters_warns_once(caplog, space, hint):
    for trials in (None, Trials()):
        (said,) = warnings_of(caplog, space, trials=trials)
        assert said.startswith("A space should have hyperparameters, made with hp; this one has ")
        assert said.endswith(hint) or hint in said


@pytest.mark.parametrize(
    "constants", [{"betas": (0.9, 0.999)}, {"x": (-5, 5)}, {"sizes": [64, 128]}, {"n": 3}]
)
def test_constants_beside_hyperparameters_are_constants(caplog, constants):
    assert warnings_of(caplog, {**constants, "rate": hp.uniform("rate", 0, 1)}) == []


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (lambda: hp.loguniform("t1", 1e-4, 1), "hp.float('t1', 0.0001, 1, log=True)"),
        (lambda: hp.loguniform("t2", 1e-5, 0.1), "values are from 1.00001 to 1.10517"),
        (lambda: hp.loguniform("t3", 0.01, 100), "hp.float('t3', 0.01, 100, log=True)"),
        (lambda: hp.loguniform("t4", 1, 100), "hp.float('t4', 1, 100, log=True)"),
        (lambda: hp.qloguniform("t5", 1, 100, 1), "hp.int('t5', 1, 100, log=True)"),
        (lambda: hp.qloguniform("t6", 0.1, 99, 0.1), "hp.float('t6', 0.1, 99, log=True)"),
    ],
)
def test_bounds_that_look_like_values_warn_once_per_label(caplog, make, hint):
    with caplog.at_level(logging.WARNING, logger="sparktune"):
        compile_space(make())
        make()
    (said,) = [record.getMessage() for record in caplog.records]
    assert "are logarithms, so its values are from" in said
    assert hint in said


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (-10, 0), (-5, 1), (-1, 1), (0, 1), (0, 5), (1, 5), (1, 10), (0.5, 3), (0.7, 1), (3, 8),
        (math.log(1e-4), math.log(1)), (np.log(0.01), np.log(20)), (math.log(1.05), math.log(2)),
        (math.log(1.1), math.log(10)), (math.log(2), math.log(1e30)), (math.log(1.01), 0.5),
    ],
)  # fmt: skip
def test_usual_logarithms_do_not_warn(caplog, low, high):
    with caplog.at_level(logging.WARNING, logger="sparktune"):
        hp.loguniform("usual", low, high)
        hp.qloguniform("usual", low, high, 1)
    assert caplog.records == []


def test_a_set_of_hyperparameters():
    calls = []
    for kind in (set, frozenset):
        with pytest.raises(BadSearchSpaceType) as caught:
            fmin(calls.append, kind([hp.uniform("x", -5, 5)]), rand.suggest, 2, verbose=False)
        said = str(caught.value)
        assert f"A space must be made of dicts, lists and tuples; got a {kind.__name__}" in said
        assert "Hint: {'x': hp.uniform('x', ...)}." in said
    assert calls == []
    assert warnings_are_constants({1, 2})


def warnings_are_constants(constant):
    """Whether a space keeps a constant as it is."""
    return compile_space({"c": constant, "x": hp.uniform("x", 0, 1)}).evaluate({"x": 0.5})["c"] is (
        constant
    )


def test_what_hyperopt_takes_is_taken():
    assert compile_space(hp.choice("k", {"a": 1, "b": 2})).evaluate({"k": 1}) == "b"
    assert compile_space(hp.uniformint("n", 0.5, 5)).evaluate({"n": 5.0}) == 5


@pytest.mark.parametrize(
    ("call", "hint"),
    [
        (int, "scope.int(node)"),
        (float, "scope.float(node)"),
        (range, "hp.choice"),
        (round, "scope.int(node)"),
        (math.log, "scope.log(node)"),
        ([1, 2].__getitem__, "hp.choice"),
    ],
)
def test_conversions_of_a_hyperparameter(call, hint):
    for node in (hp.quniform("x", 0, 5, 1), hp.randint("x", 5)):
        with pytest.raises(TypeError, match="before it is evaluated; got 'x'") as caught:
            call(node)
        assert isinstance(caught.value, BadSearchSpace)
        assert "Hint: " in str(caught.value)
        assert hint in str(caught.value)
