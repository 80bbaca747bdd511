"""Options of choices have short names, for tables and plots."""

import functools
from enum import Enum

import numpy as np
import pytest

from sparktune import hp
from sparktune._space.reader import SpaceReader
from sparktune.pyll import as_apply, scope


class Model:
    """A user's class."""


class Kind(str, Enum):
    FAST = "f"


def half(x):
    return x / 2


X, Y = hp.uniform("x", 0, 1), hp.normal("y", 0, 1)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["rbf", "poly"], ["rbf", "poly"]),
        ([1, 2.5, True, None], [1, 2.5, True, "None"]),
        ([np.float64(0.5), np.int64(3)], [0.5, 3]),
        ([{"type": "svm", "C": X}, {"type": "forest"}], ["svm", "forest"]),
        ([{"name": "a", "type": "b"}, {"model": Model, "x": X}], ["b", "Model"]),
        ([{"C": X, "kernel": "rbf"}, {"kernel": "linear"}], ["rbf", "linear"]),
        ([{"k": "same", "w": "a"}, {"k": "same", "w": "b"}, 7], ["a", "b", 7]),
        ([{"x": X}, {"y": Y}], [0, 1]),
        ([{"type": hp.choice("t", ["a", "b"])}, {"q": 1}], [0, 1]),
        ([("case", X), ("other", Y), (X, Y)], ["case", "other", 2]),
        ([(64,), (64, 32), [1, "a"]], ["(64)", "(64, 32)", "(1, a)"]),
        ([tuple(range(99)), {}], [0, 1]),
        ([X, Y, X + Y], ["x", "y", 2]),
        ([Model, Model(), half, functools.partial(half, 1), Kind.FAST],
         ["Model (0)", "Model (1)", "half (2)", "half (3)", "FAST"]),
        ([1, X + 1], [1, "1 (1)"]),
        (["a", "a", {"type": "a"}], ["a", "a", "a (2)"]),
        ([{1: "a", "type": "b"}, "c"], [0, "c"]),
    ],
)  # fmt: skip
def test_names(options, names):
    found = SpaceReader(as_apply({"c": hp.choice("c", options)})).names()["c"]
    assert found == names
    assert list(map(type, found)) == list(map(type, names))


def test_functions_of_the_user_name_what_they_make():
    scope.define(half)
    try:
        choice = hp.choice("c", [scope.half(X), scope.int(X), scope.exp(Y)])
        assert SpaceReader(as_apply(choice)).names() == {"c": ["half", 1, 2]}
    finally:
        scope.undefine(half)


def test_each_choice_has_its_names():
    inner = hp.pchoice("inner", [(0.5, "a"), (0.5, "b")])
    space = {"outer": hp.choice("outer", [{"type": "deep", "inner": inner}, X]), "n": Y}
    assert SpaceReader(as_apply(space)).names() == {"outer": ["deep", "x"], "inner": ["a", "b"]}
    assert SpaceReader(None).names() == {}
