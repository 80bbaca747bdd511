"""`hp.float`, `hp.int`, `hp.categorical` and `hp.ordinal`: bounds and options are values."""

import inspect
import math
import pickle
from collections import Counter

import numpy as np
import pytest

from sparktune import Trials, anneal, fmin, hp, rand, space_eval, tpe
from sparktune._space.compile import compile_space
from sparktune._space.expr import as_apply
from sparktune._space.reader import SpaceReader
from sparktune.exceptions import BadSearchSpace, BadSearchSpaceType


def drawn(node, count=200, algo=rand.suggest, loss=lambda value: 0.0):
    """Return the values that a search tries, and its trials."""
    values, trials = [], Trials()

    def objective(value):
        values.append(value)
        return loss(value)

    fmin(objective, node, algo, count, trials=trials, rstate=0, verbose=False)
    return values, trials


@pytest.mark.parametrize(
    ("node", "kind", "expected"),
    [
        (hp.int("n", -2, 2), int, [-2, -1, 0, 1, 2]),
        (hp.int("n", 1.0, np.int64(3)), int, [1, 2, 3]),
        (hp.int("n", 0, 10, step=3), int, [0, 3, 6, 9]),
        (hp.int("n", 16, 64, step=16), int, [16, 32, 48, 64]),
        (hp.int("n", 1, 4, log=True), int, [1, 2, 3, 4]),
        (hp.int("n", 7, 7), int, [7]),
        (hp.int("n", 1, 1, log=True), int, [1]),
        (hp.int("n", 2**40, 2**40), int, [2**40]),
        (hp.float("x", 0, 1, step=0.25), float, [0.0, 0.25, 0.5, 0.75, 1.0]),
        (hp.float("x", 0.5, 0.5, step=0.5), float, [0.5]),
        (hp.categorical("c", ("a", "b")), str, ["a", "b"]),
        (hp.ordinal("o", range(3, 10, 2)), int, [3, 5, 7, 9]),
        (hp.ordinal("o", ["small"]), str, ["small"]),
    ],
)
@pytest.mark.parametrize("algo", [rand.suggest, anneal.suggest])
def test_a_search_tries_all_values_and_no_others(node, kind, expected, algo):
    values, _ = drawn(node, algo=algo)
    if algo is rand.suggest:
        assert sorted(set(values)) == expected
    assert set(values) <= set(expected)
    assert {type(value) for value in values} == {kind}


@pytest.mark.parametrize("best", [0, 9])
@pytest.mark.parametrize(
    "node", [hp.int("n", 0, 9), hp.float("n", 0, 9, step=1), hp.ordinal("n", range(10))]
)
def test_the_ends_are_reached_and_not_passed(node, best):
    values, trials = drawn(node, 60, tpe.suggest, loss=lambda value: abs(value - best))
    assert set(values) <= set(range(10))
    assert space_eval(node, trials.argmin) == best


def test_ends_are_as_likely_as_the_rest():
    # Each count is binomial(4000, 1/5): beyond six sigma once in a hundred million tests.
    for node in (hp.int("n", 0, 4), hp.float("n", 0, 4, step=1), hp.ordinal("n", range(5))):
        counts = Counter(drawn(node, 4000)[0])
        assert all(abs(count - 800) < 6 * math.sqrt(4000 * 0.2 * 0.8) for count in counts.values())


def test_zero_is_positive():
    values, trials = drawn(hp.float("x", 0, 0.5, step=0.5))
    assert all(math.copysign(1, value) == 1 for value in [*values, *trials.vals["x"]])


def test_floats_lie_between_the_bounds():
    for node in (hp.float("x", 0.001, 10, log=True), hp.float("x", low=0.001, high=10)):
        values, _ = drawn(node)
        assert all(0.001 < value < 10 and type(value) is float for value in values)
    below = sum(value < 0.1 for value in drawn(hp.float("x", 0.001, 10, log=True))[0])
    assert 58 <= below <= 142  # half of 200, within six sigma


def test_results_show_values_and_positions():
    space = {
        "rate": hp.float("rate", 1e-4, 1, log=True),
        "n": hp.int("n", 10, 100, log=True),
        "size": hp.ordinal("size", ["small", "medium", "large"]),
        "kernel": hp.categorical("kernel", ["rbf", "poly"]),
    }
    point = {"rate": 0.01, "n": 20, "size": 2, "kernel": 1}
    trials = Trials()
    best = fmin(lambda point: 0.0, space, max_evals=1, trials=trials, verbose=False,
                points_to_evaluate=[point])  # fmt: skip
    assert best == point
    seen = {"rate": 0.01, "n": 20, "size": "large", "kernel": "poly"}
    assert trials.best_params == space_eval(space, best) == seen
    reader = SpaceReader(as_apply(space))
    assert [reader.value("n", 20.0), reader.readable("size", best)] == ["20", "large"]
    assert reader.describe()["kernel"]["$choice"] == "kernel"


def test_options_may_hold_hyperparameters():
    space = hp.ordinal("depth", [{"a": hp.int("a", 1, 3)}, {"b": hp.float("b", 0, 1)}])
    values, trials = drawn(space, 40)
    assert {tuple(value) for value in values} == {("a",), ("b",)}
    for doc in trials.trials:
        vals = doc["misc"]["vals"]
        assert len(vals["a"]) + len(vals["b"]) == 1
    assert not compile_space(hp.ordinal("depth", [1, 2])).opaque


def test_annotations():
    def objective(n: hp.int("n", 1, 3), size: hp.ordinal("size", ["s", "m"])):
        assert type(n) is int
        return n + (size == "s")

    trials = Trials()
    fmin(objective, "annotated", max_evals=20, trials=trials, rstate=0, verbose=False)
    assert trials.best_params == {"n": 1, "size": "m"}


FLOAT = "hp.float('x')"
MISTAKES = [
    (lambda: hp.float("x", 1), "must be called as float(label, low, high, log, step)", ""),
    (lambda: hp.float(1, 2, 3), "The label of hp.float must be a string; got 1", "Write hp.float"),
    (lambda: hp.float("x", 2, 1), f"`high` of {FLOAT} must be greater than `low`; got low=2", ""),
    (lambda: hp.float("x", 1, 1), f"`high` of {FLOAT} must be greater than `low`; got low=1", ""),
    (lambda: hp.float("x", "a", 1), f"`low` of {FLOAT} must be a number; got low='a'", ""),
    (lambda: hp.float("x", 0, math.inf), f"`high` of {FLOAT} must be a finite number", ""),
    (
        lambda: hp.float("x", 0, 1, log=True),
        f"`low` of {FLOAT} must be greater than 0 where `log` is True; got low=0",
        "Hint: the bounds are values, not logarithms",
    ),
    (
        lambda: hp.float("x", 0, 1, 0.1),
        f"`log` of {FLOAT} must be True or False; got log=0.1",
        "Hint: step=0.1.",
    ),
    (
        lambda: hp.float("x", 1, 2, log=True, step=0.1),
        f"`step` of {FLOAT} must be None where `log` is True; got step=0.1",
        "Hint: a logarithmic scale has no equal steps",
    ),
    (lambda: hp.float("x", 0, 1, step=0), f"`step` of {FLOAT} must be greater than 0; got step=0",
     ""),
    (lambda: hp.float("x", 0, 1, step=2), f"`step` of {FLOAT} must be at most high - low; got", ""),
    (
        lambda: hp.float("x", 0.05, 1, step=0.1),
        f"`low` of {FLOAT} must be a multiple of `step`; got low=0.05, step=0.1",
        "Hint: 0.05 + hp.float('x', 0, 0.95, step=0.1).",
    ),
    (
        lambda: hp.int("n", 3, 9, step=2),
        "`low` of hp.int('n') must be a multiple of `step`; got low=3, step=2",
        "Hint: hp.ordinal('n', range(3, 10, 2)).",
    ),
    (lambda: hp.int("n", 1, 2, log=True, step=1), "`step` of hp.int('n') must be None", "Hint: "),
    (lambda: hp.int("n", 0, 2, log=True), "`low` of hp.int('n') must be greater than 0", "Hint: "),
    (lambda: hp.int("n", 3, 2), "`high` of hp.int('n') must be at least `low`; got low=3", ""),
    (lambda: hp.int("n", 1.5, 2), "`low` of hp.int('n') must be a whole number; got low=1.5", ""),
    (lambda: hp.int("n", 0, 9, step=1.5), "`step` of hp.int('n') must be a whole number", ""),
    (
        lambda: hp.categorical("c", "rbf"),
        "`options` of hp.categorical('c') must be a list; got 'rbf'",
        "Hint: hp.categorical('c', ['rbf', ...]).",
    ),
    (
        lambda: hp.categorical("c", {"a": 1}),
        "`options` of hp.categorical('c') must be a list; got {'a': 1}",
        "Hint: hp.categorical('c', ['a']).",
    ),
    (lambda: hp.ordinal("o", {3}), "`options` of hp.ordinal('o') must be a list; got {3}", "[3]"),
    (lambda: hp.ordinal("o", 3), "`options` of hp.ordinal('o') must be a list; got 3", "Write"),
    (lambda: hp.ordinal("o", []), "`options` of hp.ordinal('o') must not be empty; got []", ""),
]  # fmt: skip


@pytest.mark.parametrize(("call", "rule", "hint"), MISTAKES)
def test_mistakes(call, rule, hint):
    with pytest.raises(BadSearchSpace) as caught:
        call()
    assert rule in str(caught.value)
    assert hint in str(caught.value)


def test_wrong_types_are_type_errors():
    for call in (lambda: hp.float("x"), lambda: hp.float("x", 0, 1, log="yes")):
        with pytest.raises(BadSearchSpaceType):
            call()


def test_the_functions_look_like_those_of_hp():
    assert len(dir(hp)) == 16
    for name in dir(hp):
        function = getattr(hp, name)
        assert (function.__module__, function.__name__) == ("sparktune.hp", name)
        assert pickle.loads(pickle.dumps(function)) is function
        assert inspect.getdoc(function)
