"""The Rust history by itself: rows that it suggested, losses, and what it refuses."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sparktune import _core
from sparktune.exceptions import (
    BadSearchSpace,
    InvalidArgument,
    SparktuneError,
)

SPACE = [("x", "uniform", [0.0, 1.0], [[]]), ("k", "randint", [0, 5], [[]])]
HALTON = _core.Sampler("halton", {})


@pytest.fixture
def history() -> _core.History:
    return _core.History(_core.Space(SPACE))


def test_a_suggested_row_is_taken_in_without_being_handed_back(history):
    rows = history.suggest(HALTON, [4, 5], 1)
    assert len(history) == 0
    assert not history.accept(6)
    assert history.accept(5)
    assert not history.accept(5), "once only"
    assert history.holds(5, rows[1])
    assert (len(history), history.finished) == (1, 0)


def test_a_known_trial_is_not_replaced_by_a_suggested_row(history):
    history.suggest(HALTON, [4], 1)
    history.observe(4, 0.5, [0.25, 3])
    assert not history.accept(4)
    assert history.holds(4, [0.25, 3])


def test_a_loss_is_told_without_the_row(history):
    history.observe(1, math.inf, [0.25, 3])
    assert history.tell(1, 2.0)
    assert not history.tell(2, 2.0)
    assert history.finished == 1
    assert history.holds(1, [0.25, 3])
    assert history.tell(1, math.nan)
    assert history.finished == 0


def test_of_many_trials_all_are_added_or_none(history):
    bad = np.array([[0.5, 1.0], [0.5, 1.5]])
    with pytest.raises(InvalidArgument, match=r"'k'|\"k\""):
        history.extend([1, 2], [0.0, 0.0], bad)
    assert len(history) == 0
    with pytest.raises(InvalidArgument, match="equal length"):
        history.extend([1], [0.0, 0.0], bad)


@pytest.mark.parametrize(
    ("error", "python"),
    [
        (lambda: _core.Space([("x", "uniform", [1.0, 0.0], [[]])]), (BadSearchSpace, ValueError)),
        (lambda: _core.Space([("x", "uniform", [0, 1], [[(0, 1)]])]), (BadSearchSpace, ValueError)),
        (
            lambda: _core.History(_core.Space(SPACE)).observe(0, 0.0, [1.0]),
            (InvalidArgument, ValueError),
        ),
        (lambda: _core.Sampler("tpe", {"gamma": 0.0}), (InvalidArgument, ValueError)),
        (lambda: _core.Sampler("tpe", {"split": "sqrt"}), (InvalidArgument, ValueError)),
        (lambda: _core.Sampler("sobol", {}), (InvalidArgument, ValueError)),
    ],
)
def test_errors_are_those_of_the_package(error, python):
    with pytest.raises(SparktuneError) as caught:
        error()
    for base in python:
        assert isinstance(caught.value, base)
    assert not str(caught.value).startswith("'")
