"""`with_data` where trials run in this process; its way to workers is in tests/parallel."""

import inspect

import numpy as np
import pytest

from sparktune import fmin, hp, with_data
from sparktune.exceptions import InvalidArgument, InvalidArgumentType

X = np.arange(4.0)


def objective(point, X, *, y=1.0):
    return float(((X - point["c"]) ** 2).sum()) * y


def test_the_data_are_passed_as_they_are():
    seen = []
    with_data(lambda point, X: seen.append(X), X=X)({"c": 0})
    assert seen[0] is X


def test_a_search_in_process():
    fn = with_data(objective, X=X, y=2.0)
    best = fmin(fn, {"c": hp.uniform("c", 0, 3)}, max_evals=40, verbose=False, rstate=0)
    assert abs(best["c"] - 1.5) < 0.5


def test_it_looks_like_the_objective_without_the_data():
    fn = with_data(objective, X=X)
    assert fn.__name__ == "objective"
    assert list(inspect.signature(fn).parameters) == ["point", "y"]


def test_an_annotated_space():
    def annotated(c: hp.uniform("c", 0, 3), X):
        return float(((X - c) ** 2).sum())

    best = fmin(with_data(annotated, X=X), "annotated", max_evals=40, verbose=False, rstate=0)
    assert abs(best["c"] - 1.5) < 0.5


@pytest.mark.parametrize(
    ("error", "make", "message"),
    [
        (InvalidArgument, lambda: with_data(objective, Z=X), r"\['X', 'point', 'y'\]; got \['Z'\]"),
        (InvalidArgument, lambda: with_data(objective), "must be given data"),
        (InvalidArgumentType, lambda: with_data(3, X=X), "must be a function; got 3"),
    ],
)
def test_mistakes(error, make, message):
    with pytest.raises(error, match=message):
        make()


def test_keywords_of_any_name_are_taken_where_the_objective_takes_them():
    assert with_data(lambda point, **data: sum(data.values()), a=1, b=2)(0) == 3
