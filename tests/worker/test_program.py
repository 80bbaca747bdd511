"""`Program`: quick to evaluate, plain data."""

import pickle

import numpy as np
import pytest

from sparktune import hp
from sparktune._space.expr import Lambda, p0, scope
from sparktune._space.program_builder import build_program
from sparktune._worker.program import branch_index, run_program

SPACE = {
    "kind": "demo",
    "model": hp.choice(
        "m",
        [
            {"t": "svm", "C": hp.lognormal("C", 0, 1)},
            {"t": "forest", "depth": scope.int(hp.quniform("d", 1, 9, 1)), "x": [1, (2,)]},
        ],
    ),
    "sum": hp.uniform("a", 0, 1) + hp.uniform("b", 0, 1),
    "dict": {1: hp.randint("r", 5)},
}
VALUES = {"m": 1, "d": 3.0, "a": 0.25, "b": 0.5, "r": np.int64(4)}
POINT = {
    "kind": "demo",
    "model": {"t": "forest", "depth": 3, "x": (1, (2,))},
    "sum": 0.75,
    "dict": {1: 4},
}


def test_a_point_is_built():
    assert run_program(build_program(SPACE), VALUES) == POINT


def test_each_evaluation_gives_fresh_dicts():
    program = build_program(SPACE)
    point = run_program(program, VALUES)
    point["model"].clear()
    del point["kind"]
    assert run_program(program, VALUES) == POINT


@pytest.mark.parametrize("missing", ["m", "d", "a", "b", "r"])
def test_a_missing_value_is_named(missing):
    values = {k: v for k, v in VALUES.items() if k != missing}
    with pytest.raises(KeyError) as caught:
        run_program(build_program(SPACE), values)
    assert caught.value.args == (missing,)


def test_only_the_chosen_branch_runs_and_shared_nodes_run_once():
    calls = []

    def note(x):
        calls.append(x)
        return x

    scope.define(note)
    try:
        shared = scope.note(hp.uniform("s", 0, 1))
        lazy = scope.note("never")
        program = build_program([shared, hp.choice("c", [[shared, shared], lazy]), shared])
    finally:
        scope.undefine("note")
    assert run_program(program, {"s": 0.5, "c": 0}) == (0.5, (0.5, 0.5), 0.5)
    assert calls == [0.5]


def test_nested_choices_as_deep_as_one_likes():
    node = hp.uniform("x", 0, 1)
    for i in range(2000):
        node = hp.choice(f"c{i}", [i, node])
    program = build_program(node)
    values = {f"c{i}": 1 for i in range(2000)}
    assert run_program(program, {**values, "x": 0.5}) == 0.5
    assert run_program(program, {**values, "c1000": 0}) == 1000


def test_long_chains():
    node = hp.uniform("x", 0, 1)
    for _ in range(5000):
        node = node + 1
    assert run_program(build_program(node), {"x": 0.0}) == 5000.0


@pytest.mark.parametrize(
    ("position", "index"), [(1, 1), (np.int64(1), 1), (np.array([0]), 0), (np.array(1), 1)]
)
def test_positions(position, index):
    assert branch_index(position, 2) == index


@pytest.mark.parametrize(
    ("position", "error"), [(1.0, TypeError), (None, TypeError), (-1, ValueError), (2, IndexError)]
)
def test_wrong_positions(position, error):
    with pytest.raises(error, match="value of a choice"):
        run_program(build_program(SPACE), {**VALUES, "m": position})


def test_ctrl_takes_the_place_of_its_marker():
    class Marker:
        pass

    ctrl = object()
    program = build_program({"x": hp.uniform("x", 0, 1), "ctrl": Marker, "other": int}, Marker)
    assert run_program(program, {"x": 1.0}, ctrl) == {"x": 1.0, "ctrl": ctrl, "other": int}
    assert run_program(program, {"x": 1.0})["ctrl"] is None


def test_functions_with_keywords_and_functions_that_return_expressions():
    def shift(x, by=0):
        return scope.add(x, by)

    scope.define(shift)
    try:
        program = build_program(scope.shift(hp.uniform("x", 0, 1), by=10))
        assert run_program(program, {"x": 0.5}) == 10.5
        assert program.plain
    finally:
        scope.undefine("shift")
    scope.define(Lambda("twice", [("x", p0)], p0 * 2))
    try:
        program = build_program(scope.twice(hp.uniform("x", 0, 1)))
    finally:
        scope.undefine("twice")
    assert run_program(program, {"x": 0.5}) == 1.0
    assert not program.plain


def test_labels_and_plainness():
    program = build_program(SPACE)
    assert sorted(program.labels) == ["C", "a", "b", "d", "m", "r"]
    assert program.plain
    assert not build_program(scope.uniform(0, 1, rng=1)).plain


def test_a_program_pickles():
    program = build_program(SPACE)
    assert pickle.loads(pickle.dumps(program)) == program
