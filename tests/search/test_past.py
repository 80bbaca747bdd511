"""Trials that do not belong to the space are refused before anything runs."""

import copy
import math
import pickle

import pytest

from sparktune import (
    ProcessTrials,
    Trials,
    fmin,
    generate_trials_to_calculate,
    hp,
    pyll,
    rand,
    tpe,
    trials_from_docs,
)
from sparktune.exceptions import InvalidTrial

X = {"x": hp.uniform("x", 0, 1)}


def objective(point):
    return 0.5


def searched(space, max_evals=12, trials=None, algo=tpe.suggest, **arguments):
    trials = Trials() if trials is None else trials
    fmin(objective, space, algo, len(trials) + max_evals, trials=trials, verbose=False, rstate=1,
         **arguments)  # fmt: skip
    return trials


def refused(space, trials, said, **arguments):
    """Go on with trials in a space, which must raise before anything happens."""
    calls, before = [], copy.deepcopy(trials._dynamic_trials)
    with pytest.raises(InvalidTrial, match=said):
        fmin(calls.append, space, tpe.suggest, 99, trials=trials, verbose=False, **arguments)
    assert calls == []
    assert trials._dynamic_trials == before


def known(trials, how):
    """Return the trials as the next search may get them."""
    if how == "object":
        return trials
    if how == "pickle":
        return pickle.loads(pickle.dumps(trials))
    return trials_from_docs(trials.trials)  # as from Hyperopt: nothing is known of their space


HOW = pytest.mark.parametrize("how", ["object", "pickle", "documents"])
CHOICE = hp.choice("c", ["a", "b", "c"])

DIFFERENT = [
    (X, {"y": hp.uniform("y", 0, 1)}, "trial 0 has 'x', which the space does not have"),
    (X, {"y": hp.uniform("y", 0, 1)}, "trial 0 has no value for 'y'"),
    (X, {**X, "y": hp.uniform("y", 0, 1)}, "trial 0 has no value for 'y'"),
    ({**X, "y": hp.uniform("y", 0, 1)}, X, "trial 0 has 'y', which the space does not have"),
    (X, hp.uniform("x", 5, 6), "for 'x', not a number from 5 to 6"),
    (X, hp.uniform("x", 0, 0.1), "for 'x', not a number from 0 to 0.1"),
    (X, hp.loguniform("x", 1, 2), "for 'x', not a number from 2.718"),
    (hp.normal("x", -50, 1), hp.lognormal("x", 0, 1), "not a finite number of at least 0"),
    (hp.quniform("x", 0, 50, 10), hp.quniform("x", 0, 5, 1), "not a number from -0.5 to 5.5"),
    (CHOICE, hp.choice("c", ["a"]), "for 'c', not a whole number from 0 to 0"),
    (hp.randint("n", 5, 9), hp.randint("n", 5), "for 'n', not a whole number from 0 to 4"),
    (CHOICE, hp.pchoice("c", [(0.5, "a"), (0.5, "b")]), "not a whole number from 0 to 1"),
    (hp.uniform("x", 0, 1), hp.randint("x", 5), "'x'.*(not a whole number|has categories now)"),
    (
        hp.choice("c", [0, hp.uniform("x", 0, 1)]),
        hp.choice("c", [hp.uniform("x", 0, 1), hp.uniform("z", 0, 1)]),
        "has no value for 'z'",
    ),
]


@HOW
@pytest.mark.parametrize(("old", "new", "said"), DIFFERENT)
def test_another_space(old, new, said, how):
    refused(new, known(searched(old, algo=rand.suggest), how), said)


@pytest.mark.parametrize("how", ["object", "pickle"])
def test_categories_are_not_numbers(how):
    trials = known(searched(CHOICE), how)
    refused(hp.uniform("c", 0, 5), trials, "'c' had categories and has numbers now")


def test_every_difference_is_named_up_to_five():
    space = {str(i): hp.uniform(str(i), 0, 1) for i in range(9)}
    refused(space, searched(X), "has 'x'.* '0'.* '3'; and 5 more")


REFINED = [
    (X, hp.uniform("x", -1, 2)),
    (X, hp.loguniform("x", -50, 50)),
    (X, hp.normal("x", 0, 1)),
    (CHOICE, hp.choice("c", ["a", "b", "c", "d", {"deep": hp.uniform("d", 0, 1)}])),
    (CHOICE, hp.pchoice("c", [(0.1, "a"), (0.2, "b"), (0.7, "c")])),
    (hp.randint("n", 5), hp.randint("n", -5, 6)),
    (hp.quniform("x", 0.2, 10, 3), hp.quniform("x", 0, 10, 1)),
    (hp.loguniform("x", math.log(0.1), math.log(3)), hp.uniform("x", 0.1, 3)),
    (hp.choice("c", [hp.uniform("x", 0, 1), 3]), hp.choice("c", [hp.uniform("x", 0, 2), 3, 4])),
]


@HOW
@pytest.mark.parametrize(("old", "new"), REFINED)
def test_wider_ranges_and_more_options(old, new, how):
    trials = searched(new, 5, known(searched(old, algo=rand.suggest), how))
    assert len(trials) == 17


@HOW
def test_the_same_space_again(how):
    space = {
        "lr": hp.loguniform("lr", -9, 0),
        "q": hp.qloguniform("q", 0.3, 3, 2),
        "n": hp.qnormal("n", 0, 9, 7),
        "model": hp.choice("model", [{"a": hp.randint("a", 3)}, {"b": hp.choice("b", [1, X])}]),
    }
    trials = searched(space, 40, algo=rand.suggest)
    assert len(searched(space, 3, known(trials, how))) == 43


@pytest.mark.parametrize("how", ["object", "pickle"])
def test_points_outside_the_bounds_are_still_there_when_the_search_goes_on(how):
    trials = searched(X, points_to_evaluate=[{"x": 7.0}])
    assert 7.0 in trials.vals["x"]
    count = len(trials)
    assert len(searched(X, 3, known(trials, how))) == count + 3


def test_points_to_calculate():
    for value in (7.0, 0.5):
        fmin(objective, X, tpe.suggest, 3, trials=generate_trials_to_calculate([{"x": value}]),
             verbose=False)  # fmt: skip
    n = {"n": hp.randint("n", 3)}
    for point, said in (
        ({"n": 3}, "trial 0 has 3 for 'n', not a whole number from 0 to 2"),
        ({"n": 0.5}, "trial 0 has 0.5 for 'n'"),
        ({"m": 1}, "trial 0 has 'm'"),
    ):
        refused(n, generate_trials_to_calculate([{"n": 1} | point]), said)
        refused(n, generate_trials_to_calculate([point]), said)


def test_a_save_file(tmp_path):
    file = tmp_path / "trials.pkl"
    fmin(objective, X, tpe.suggest, 5, verbose=False, trials_save_file=file)
    saved, calls = file.read_bytes(), []
    with pytest.raises(InvalidTrial, match="'x', which the space does not have"):
        fmin(calls.append, hp.uniform("y", 0, 1), tpe.suggest, 9, verbose=False,
             trials_save_file=file)  # fmt: skip
    assert calls == []
    assert file.read_bytes() == saved
    fmin(objective, hp.uniform("x", -1, 2), tpe.suggest, 9, verbose=False, trials_save_file=file)


def test_parallel_trials():
    trials = searched(X, 4, ProcessTrials(2))
    refused(hp.uniform("y", 0, 1), trials, "'x', which the space does not have")


def test_cancelled_trials_and_other_experiments_do_not_count():
    trials = searched(X, 4)
    for doc in trials._dynamic_trials:
        doc["state"] = 4
    trials.refresh()
    assert len(searched(hp.uniform("y", 0, 1), 3, trials)) == 3
    searched(X, 3, view := trials.view(exp_key="other"))
    assert {doc["exp_key"] for doc in view._dynamic_trials} == {None, "other"}


def test_a_space_whose_conditions_need_python():
    switch = pyll.scope.switch(hp.randint("n", 4) // 2, hp.uniform("x", 0, 1), hp.normal("y", 0, 1))
    trials = searched(switch, 12, algo=rand.suggest)
    assert len(searched(switch, 3, trials_from_docs(trials.trials))) == 15
    refused(hp.uniform("x", 0, 1), trials, "'n', which the space does not have")
