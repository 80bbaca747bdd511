"""Nothing but `sparktune.exceptions` leaves a public function for a value that it cannot take."""

import functools
import math
import re

import numpy as np
import pytest

from sparktune import (
    JOB_STATE_DONE,
    Domain,
    Trials,
    anneal,
    criteria,
    fmin,
    generate_trials_to_calculate,
    hp,
    partial,
    plotting,
    pyll,
    rand,
    space_eval,
    tpe,
    trials_from_docs,
)
from sparktune.base import miscs_to_idxs_vals, miscs_update_idxs_vals
from sparktune.exceptions import InvalidArgument, InvalidArgumentType, InvalidTrial

SPACE = {"x": hp.uniform("x", 0, 1), "c": hp.choice("c", ["a", {"q": hp.quniform("q", 0, 9, 2)}])}
DOMAIN = Domain(lambda point: 0.0, SPACE)


def document(tid=0, **changes):
    """Return the document of a trial that is done."""
    (doc,) = rand.suggest([tid], DOMAIN, Trials(), 1)
    doc |= {"state": JOB_STATE_DONE, "result": {"status": "ok", "loss": 1.0}}
    return doc | changes


# -- space_eval ------------------------------------------------------------------------------------

CHOICE = "The value of 'c' must be a position among its 2 options, an int from 0 to 1; got "


@pytest.mark.parametrize(
    ("values", "error", "said"),
    [
        ({"x": 0.5, "c": 2}, InvalidArgument, CHOICE + "2. Hint: "),
        ({"x": 0.5, "c": [2]}, InvalidArgument, CHOICE + "2. Hint: "),
        ({"x": 0.5, "c": -1}, InvalidArgument, CHOICE + "-1. Hint: "),
        ({"x": 0.5, "c": 10**400}, InvalidArgument, CHOICE + "1000"),
        ({"x": 0.5, "c": "a"}, InvalidArgumentType, CHOICE + "'a'. Hint: "),
        ({"x": 0.5, "c": 0.5}, InvalidArgumentType, CHOICE + "0.5. Hint: "),
        ({"x": 0.5, "c": None}, InvalidArgumentType, CHOICE + "None. Hint: "),
        ({"x": 0.5, "c": np.array([0, 1])}, InvalidArgumentType, CHOICE + "array"),
        ({"x": "a", "c": 0}, InvalidArgumentType, "The value of 'x' must be a number; got 'a'."),
        ({"x": {}, "c": 0}, InvalidArgumentType, "The value of 'x' must be a number; got {}."),
        ({"x": 10**400, "c": 0}, InvalidArgument, "The value of 'x' must be a number"),
        ({"x": 0.5, "c": 1, "q": "a"}, InvalidArgumentType, "The value of 'q' must be a number"),
        ({"x": 0.5, 1: 0}, InvalidArgument, "'c' is missing among"),
    ],
)
def test_values_that_a_space_cannot_have(values, error, said):
    for space in (SPACE, DOMAIN.space):
        with pytest.raises(InvalidArgument, match=re.escape(said)) as caught:
            space_eval(space, values)
        assert type(caught.value) is error


def test_what_a_function_of_the_space_raises_is_left_alone():
    def pick(x):
        return ["a"][x]

    @pyll.scope.define_if_new
    def picked_in_test_of_bad_input(x):
        return pick(x)

    space = [
        pyll.scope.picked_in_test_of_bad_input(hp.randint("k", 5)),
        hp.choice("c", [0, 1]),
    ]
    for values in ({"k": 3, "c": 0}, {"k": 3, "c": "not used"}):
        with pytest.raises(IndexError, match="list index out of range"):
            space_eval(space[:1], values)
    # Whichever is evaluated first.
    with pytest.raises((IndexError, InvalidArgument)):
        space_eval(space, {"k": 3, "c": 9})


# -- documents -------------------------------------------------------------------------------------


def with_misc(**changes):
    doc = document()
    doc["misc"] |= changes
    return doc


def with_tid(tid):
    doc = document()
    doc["tid"] = doc["misc"]["tid"] = tid
    return doc


ID_RULE = r"The `tid` of a trial must be an int; got .*Hint: .*new_trial_ids"


@pytest.mark.parametrize("tid", [[1], {}, np.array([1, 2])])
def test_an_id_that_cannot_be_looked_up(tid):
    trials = Trials()
    for insert in (trials.insert_trial_doc, lambda doc: trials.insert_trial_docs([doc])):
        with pytest.raises(InvalidTrial, match=ID_RULE):
            insert(with_tid(tid))
    with pytest.raises(InvalidTrial, match=ID_RULE):
        trials_from_docs([with_tid(tid)])
    assert len(trials._dynamic_trials) == 0


@pytest.mark.parametrize("tid", ["a", "1", b"x", None, (1, 2), 1.5, math.inf, 1j, object])
def test_an_id_that_trials_take_and_suggesters_do_not(tid):
    trials = trials_from_docs([with_tid(tid)])
    assert trials.tids == [tid]
    for suggest in (tpe.suggest, anneal.suggest):
        with pytest.raises(InvalidTrial, match=ID_RULE):
            suggest(trials.new_trial_ids(1), DOMAIN, trials, 1)
    with pytest.raises(InvalidTrial, match=ID_RULE):
        fmin(lambda point: point["x"], SPACE, max_evals=30, trials=trials, verbose=False)


@pytest.mark.parametrize("tid", [1, -5, True, 1.0, np.int64(3), np.float64(1), np.uint8(1)])
def test_ids_that_are_taken(tid):
    trials = trials_from_docs([with_tid(tid)])
    assert len(tpe.suggest(trials.new_trial_ids(1), DOMAIN, trials, 1)) == 1


def test_the_id_of_a_source():
    trials = trials_from_docs([with_misc(from_tid="a")])
    with pytest.raises(InvalidTrial, match="The `from_tid` of a trial must be an int; got 'a'"):
        tpe.suggest([1], DOMAIN, trials, 1)


@pytest.mark.parametrize(
    ("doc", "said"),
    [
        (document(misc=None), "The `misc` of a trial must be a dict; got None"),
        (document(misc=[1]), "The `misc` of a trial must be a dict; got [1]"),
        (document(result=None), "The `result` of a trial must be a dict; got None"),
        (document(result=0.5), "The `result` of a trial must be a dict; got 0.5"),
        (document(state=[2]), "The `state` of a trial must be one of [0, 1, 2, 3, 4]; got [2]"),
        (document(state="done"), "The `state` of a trial must be one of [0, 1, 2, 3, 4]"),
        (with_misc(vals=None), "The `vals` of a trial must be a dict; got None"),
        (with_misc(idxs=["x"]), "The `idxs` of a trial must be a dict; got ['x']"),
    ],
)
def test_parts_of_a_document(doc, said):
    with pytest.raises(InvalidTrial, match=re.escape(said)):
        trials_from_docs([doc])


def test_a_value_in_a_dict_is_taken_as_inactive(caplog):
    trials = trials_from_docs([with_misc(vals={"x": {"value": 1}, "c": [0]})])
    assert len(tpe.suggest([1], DOMAIN, trials, 1)) == 1
    assert "is not a number" in caplog.text


# -- arguments -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: trials_from_docs(3), "`docs` must be documents of trials; got 3."),
        (lambda: Trials().insert_trial_docs(None), "`docs` must be documents of trials; got None."),
        (lambda: Trials().new_trial_ids("a"), "`n` must be an int; got 'a'."),
        (lambda: Trials().new_trial_ids(1.5), "`n` must be an int; got 1.5."),
        (lambda: Trials().count_by_state_synced("a"), "`arg` must be one of [0, 1, 2, 3, 4]"),
        (lambda: generate_trials_to_calculate(3), "`points` must be a list of dicts; got 3."),
        (lambda: generate_trials_to_calculate({"x": 1}), "`points` must be a list of dicts"),
        (lambda: generate_trials_to_calculate([1]), "must be a dict of label to value; got 1."),
        (lambda: partial(3, gamma=1), "`fn` must be a function; got 3."),
        (lambda: tpe.suggest([1], None, Trials(), 1), "`domain` must be a Domain; got None."),
        (lambda: rand.suggest([1], SPACE, Trials(), 1), "`domain` must be a Domain; got {"),
        (lambda: rand.suggest([1], DOMAIN, [], 1), "`trials` must be a Trials; got []."),
        (lambda: tpe.suggest([1], DOMAIN, None, 1), "`trials` must be a Trials; got None."),
        (lambda: anneal.suggest([1], DOMAIN, {}, 1), "`trials` must be a Trials; got {}."),
        (lambda: plotting.main_plot_history([]), "`trials` must be a Trials; got []."),
        (lambda: plotting.main_plot_histogram(None), "`trials` must be a Trials; got None."),
        (lambda: plotting.main_plot_vars(3), "`trials` must be a Trials; got 3."),
    ],
)
def test_arguments_of_a_wrong_type(call, said):
    with pytest.raises(InvalidArgumentType, match=re.escape(said)):
        call()


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: Trials().new_trial_ids(-1), InvalidArgument, "`n` must be at least 0; got -1."),
        (lambda: Trials().average_best_error(), InvalidArgument, "No trial ended"),
        (lambda: plotting.main_plot_history(Trials()), InvalidArgument, "with a finite loss"),
        (lambda: plotting.main_plot_vars(Trials(), columns=0), InvalidArgument, "`columns` must"),
        (lambda: criteria.logEI_gaussian(0, -1, 0), InvalidArgument, "`var` must be at least 0"),
        (lambda: miscs_to_idxs_vals([]), InvalidArgument, "pass `keys`"),
        (lambda: miscs_update_idxs_vals([], {"x": []}, {1: []}), InvalidArgument, "same labels"),
        (
            lambda: miscs_update_idxs_vals([], {"x": []}, {"x": [1]}),
            InvalidArgument,
            "equally long",
        ),
        (
            lambda: miscs_to_idxs_vals([{"tid": 1, "idxs": {"x": [2]}, "vals": {"x": [0]}}]),
            InvalidTrial,
            "must be [] or the trial's id",
        ),
        (lambda: pyll.rec_eval(1, deepcopy_inputs={}), InvalidArgument, "Pass a memo as"),
        (lambda: pyll.scope.define(switch), InvalidArgument, "is already defined"),
        (lambda: pyll.scope.define_if_new(switch), InvalidArgument, "is already defined"),
    ],
)
def test_other_wrong_arguments(call, error, said):
    with pytest.raises(error, match=re.escape(said)):
        call()


def switch():
    """Has the name of a function of `scope`."""


def test_points_may_come_from_a_generator():
    trials = generate_trials_to_calculate({"x": x} for x in (1, 2))
    assert [doc["misc"]["vals"]["x"] for doc in trials._dynamic_trials] == [[1], [2]]


def test_callables_that_are_no_functions_still_work_in_partial():
    class Objective:
        def __call__(self, x, scale):
            return x * scale

    fn = partial(functools.partial(Objective(), scale=2))
    assert 0 <= fmin(fn, hp.uniform("x", 0, 1), rand.suggest, 3, verbose=False)["x"] <= 1
