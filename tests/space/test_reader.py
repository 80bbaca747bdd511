"""A space as JSON, and what the choices of a trial chose."""

import json

import numpy as np
import pytest

from sparktune import hp
from sparktune._space.expr import as_apply, scope
from sparktune._space.reader import SpaceReader


class Thing:
    """Has the default repr, with an address."""


def make(top=1):
    x = hp.uniform("x", 0, top)
    return {
        "c": hp.choice("c", [[x, object], {"f": len, "o": Thing()}]),
        "n": np.float64(2),
        "q": scope.int(hp.quniform("q", 1, 9, 2)),
    }


def described(space):
    return SpaceReader(as_apply(space)).describe()


def test_the_form_that_is_recorded():
    """Searches that were recorded before are compared with it, so it must not change."""
    assert described(make()) == {
        "c": {
            "$choice": "c",
            "distribution": "randint",
            "args": [2],
            "options": [
                [{"$param": "x", "distribution": "uniform", "args": [0, 1]}, "object"],
                {"f": "len", "o": f"<{__name__}.Thing object>"},
            ],
        },
        "n": 2.0,
        "q": {
            "$call": "int",
            "args": [{"$param": "q", "distribution": "quniform", "args": [1, 9, 2]}],
        },
    }


def test_it_is_json_and_depends_on_the_space_only():
    description = described(make())
    assert json.loads(json.dumps(description)) == description
    assert description == described(make())
    assert description != described(make(top=2))


def test_what_json_does_not_have():
    space = [float("inf"), float("nan"), np.arange(2), {1: hp.randint("r", 3, 9)}, b"x", {2}]
    assert described(space) == [
        "inf",
        "nan",
        [0, 1],
        {
            "$call": "dict",
            "args": [
                [
                    [
                        1,
                        {
                            "$call": "int",
                            "args": [{"$param": "r", "distribution": "randint", "args": [3, 9]}],
                        },
                    ]
                ]
            ],
        },
        "b'x'",
        "{2}",
    ]


def test_a_description_without_end_is_refused():
    shared = hp.uniform("x", 0, 1)
    for i in range(40):  # 2**40 paths
        shared = hp.choice(f"c{i}", [shared, [shared]])
    with pytest.raises(ValueError, match="more than 1000000 nodes"):
        described(shared)


def test_choices_by_value():
    inner = hp.choice("inner", ["a", {"k": scope.int(hp.quniform("q", 0, 9, 1))}])
    reader = SpaceReader(as_apply(hp.choice("outer", [1, [inner, hp.uniform("x", 0, 1) + 1]])))
    assert reader.labels == {"outer", "inner", "q", "x"}
    vals = {"outer": 1, "inner": 1, "q": 3.0, "x": 0.5}
    assert reader.readable("outer", vals) == '[{"k": 3}, "add(...)"]'
    assert reader.readable("inner", {"inner": 0}) == "a"
    for unknown in ("x", "q", "missing"):
        assert reader.readable(unknown, vals) is None
    assert reader.readable("inner", {"inner": 7}) is None


def test_values_as_the_objective_saw_them():
    space = [scope.int(hp.quniform("i", 0, 9, 1)), hp.quniform("q", 0, 9, 1), hp.choice("c", ["a"])]
    reader = SpaceReader(as_apply(space))
    assert reader.value("i", np.float64(3)) == "3"
    assert reader.value("q", np.float64(3)) == "3.0"
    assert reader.value("c", np.int64(0)) == "0"
    assert reader.value("q", "odd") == "odd"


def test_nothing_is_known_without_a_space():
    reader = SpaceReader(None)
    assert reader.describe() is None
    assert reader.readable("x", {"x": 1}) is None
    assert reader.value("x", 0.5) == "0.5"
