"""The hyperparameter constructors: what they build and what they accept."""

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from sparktune import hp
from sparktune._space.compile import compile_space
from sparktune._space.draw import sample
from sparktune._space.expr import Literal, as_apply, rec_eval, scope


def param(node):
    """Find the hyperparameter's node below casts and choices."""
    while node.name != "hyperopt_param":
        node = node.pos_args[0]
    return node


@pytest.mark.parametrize(
    ("node", "outer", "distribution"),
    [
        (hp.uniform("x", 0, 1), "float", "uniform"),
        (hp.quniform("x", 0, 1, 0.1), "float", "quniform"),
        (hp.loguniform("x", 0, 1), "float", "loguniform"),
        (hp.qloguniform("x", 0, 1, 1), "float", "qloguniform"),
        (hp.normal("x", 0, 1), "float", "normal"),
        (hp.qnormal("x", 0, 1, 1), "float", "qnormal"),
        (hp.lognormal("x", 0, 1), "float", "lognormal"),
        (hp.qlognormal("x", 0, 1, 1), "float", "qlognormal"),
        (hp.randint("x", 3), "int", "randint"),
        (hp.uniformint("x", 0, 3), "int", "quniform"),
        (hp.choice("x", [1, 2]), "switch", "randint"),
        (hp.pchoice("x", [(0.5, 1), (0.5, 2)]), "switch", "categorical"),
    ],
)
def test_the_shape_that_frameworks_walk(node, outer, distribution):
    assert node.name == outer
    assert param(node).arg["label"].obj == "x"
    assert param(node).arg["obj"].name == distribution


@pytest.mark.parametrize(
    ("by_position", "by_keyword"),
    [
        (hp.uniform("x", 1, 2), hp.uniform(label="x", low=1, high=2)),
        (hp.quniform("x", 1, 2, 3), hp.quniform("x", low=1, high=2, q=3)),
        (hp.normal("x", 1, 2), hp.normal("x", sigma=2, mu=1)),
        (hp.qlognormal("x", 1, 2, 3), hp.qlognormal("x", mu=1, sigma=2, q=3)),
        (hp.randint("x", 1, 2), hp.randint("x", low=1, high=2)),
        (hp.choice("x", [1]), hp.choice("x", options=[1])),
        (hp.pchoice("x", [(1, 1)]), hp.pchoice("x", p_options=[(1, 1)])),
        (hp.uniformint("x", 1, 2), hp.uniformint("x", 1, 2, q=1)),
    ],
)
def test_keywords_do_what_positions_do(by_position, by_keyword):
    assert str(by_position) == str(by_keyword)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (scope.log(1), scope.log(10), (0.0, math.log(10))),
        (np.log(1e-5), np.log(1), (math.log(1e-5), 0.0)),
        (np.float32(0.5), np.int8(3), (0.5, 3.0)),
        (np.array(1), np.array(2.5), (1.0, 2.5)),
        (Fraction(1, 4), Fraction(1, 2), (0.25, 0.5)),
        (Literal(1) * 2, Literal(3), (2.0, 3.0)),
        (-(10**30), 10**30, (-1e30, 1e30)),
    ],
)
def test_bounds_are_any_constant_number(low, high, expected):
    assert compile_space(hp.uniform("x", low, high)).params[0].args == expected


@pytest.mark.parametrize(
    "options",
    [[1, 2, 3], (1, 2, 3), range(1, 4), np.arange(1, 4), {1: "a", 2: "b", 3: "c"}, iter([1, 2, 3])],
    ids=["list", "tuple", "range", "array", "dict", "iterator"],
)
def test_options_are_any_collection(options):
    node = hp.choice("c", options)
    assert [rec_eval(node, memo={node.pos_args[0]: i}) for i in range(3)] == [1, 2, 3]


def test_an_option_keeps_its_type_and_identity():
    marker = object()
    node = hp.choice("c", [marker, np.int64(3), None, True])
    values = [rec_eval(node, memo={node.pos_args[0]: i}) for i in range(4)]
    assert values[0] is marker
    assert type(values[1]) is np.int64
    assert values[2:] == [None, True]


def test_options_of_a_node_of_known_length():
    node = hp.choice("c", as_apply((5, 6)))
    assert rec_eval(node, memo={node.pos_args[0]: 1}) == 6


def test_a_literal_label_is_fine():
    assert param(hp.uniform(Literal("x"), 0, 1)).arg["label"].obj == "x"


def test_pchoice_forgives_rounding_and_normalises():
    node = hp.pchoice("p", [(0.1, i) for i in range(9)] + [(0.1 + 5e-7, 9)])
    args = compile_space(node).params[0].args
    assert math.fsum(args) == pytest.approx(1.0, abs=1e-15)
    assert sample(node, 0) in range(10)


def test_pchoice_takes_certain_and_impossible_options():
    node = hp.pchoice("p", [(1, "always"), (0, "never")])
    assert {sample(node, seed) for seed in range(20)} == {"always"}


def test_values_have_the_types_of_the_objective():
    space = [hp.randint("r", 2, 9), hp.uniformint("u", 0, 5), hp.quniform("q", 0, 5, 1)]
    assert [type(v) for v in sample(space, 0)] == [int, int, float]


def test_ranges():
    draws = [sample(hp.uniformint("u", 1, 3), s) for s in range(60)]
    assert set(draws) == {1, 2, 3}
    assert {sample(hp.randint("r", -2, 1), s) for s in range(60)} == {-2, -1, 0}
    assert {sample(hp.quniform("q", 0, 1, 0.5), s) for s in range(60)} == {0.0, 0.5, 1.0}


def test_a_hyperparameter_remembers_its_line():
    node = hp.uniform("x", 0, 1)
    file, line = param(node).made_at.rsplit(":", 1)
    source = Path(file).read_text().splitlines()[int(line) - 1]
    assert source.strip() == 'node = hp.uniform("x", 0, 1)'
