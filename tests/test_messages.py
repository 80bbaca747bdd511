"""What people do in their first hour, and what they are told: the rule, the value and a hint.

Each mistake raises before the first trial wherever it can be seen there.
"""

import functools
import math
from decimal import Decimal

import numpy as np
import pytest

from sparktune import (
    STATUS_FAIL,
    ProcessTrials,
    Trials,
    anneal,
    fmin,
    hp,
    mix,
    no_progress_loss,
    partial,
    rand,
    tpe,
)
from sparktune.exceptions import (
    AllTrialsFailed,
    InvalidAnnotatedParameter,
    InvalidArgument,
    InvalidArgumentType,
    InvalidLoss,
    InvalidResult,
    SparktuneError,
)

SPACE = {"a": hp.uniform("a", 0, 1), "b": hp.quniform("b", 1, 5, 1)}


def two(a, b):
    return a + b


def none():
    return 0.0


def stop_without_arguments():
    return False


def search(**given):
    """Search with these arguments, and count how often the objective was called."""
    calls = []
    fn = given.pop("fn", None) or (lambda point: calls.append(point) or 0.0)
    arguments = {"fn": fn, "space": SPACE, "algo": rand.suggest, "max_evals": 3, "verbose": False}
    try:
        return fmin(**{**arguments, **given})
    finally:
        search.calls = len(calls)


def told(error, **given):
    """Return what a mistake raises, as users see it."""
    with pytest.raises(error) as caught:
        search(**given)
    assert isinstance(caught.value, SparktuneError)
    return " ".join([str(caught.value), *getattr(caught.value, "__notes__", [])])


ARGUMENTS = [
    ({"max_eval": 8}, "fmin has no argument `max_eval`", "got max_eval=8", "Hint: max_evals."),
    ({"algorithm": 3}, "fmin has no argument `algorithm`", "got algorithm=3", "Hint: algo."),
    ({"n_trials": 8}, "fmin has no argument `n_trials`", "got n_trials=8", "Hint: max_evals."),
    ({"rseed": 8}, "fmin has no argument `rseed`", "got rseed=8", "Hint: rstate."),
    ({"n_jobs": 2}, "fmin has no argument", "got n_jobs=2", "Hint: trials=ProcessTrials(4)."),
    ({"qwerty": 2}, "fmin has no argument", "got qwerty=2", "Hint: it has fn, space, algo,"),
    (
        {"algo": partial(tpe.suggest, n_startup=5)},
        "tpe.suggest has no argument `n_startup`",
        "got n_startup=5",
        "Hint: n_startup_jobs.",
    ),
    (
        {"algo": partial(partial(anneal.suggest, avg_best=2), verbose=False)},
        "anneal.suggest has no argument `avg_best`",
        "got avg_best=2",
        "Hint: avg_best_idx.",
    ),
    ({"algo": partial(rand.suggest, gamma=1)}, "rand.suggest has no argument", "gamma=1", "no set"),
    ({"max_evals": "100"}, "`max_evals` must be an int", "got '100'", "Hint: 100 without quotes."),
    ({"timeout": "60"}, "`timeout` must be a number", "got '60'", "Hint: 60 without quotes."),
    ({"timeout": " 1e3 "}, "`timeout` must be a number", "got ' 1e3 '", "Hint: 1e3 without quot"),
    ({"loss_threshold": "0.1"}, "`loss_threshold` must be a number", "got '0.1'", "Hint: 0.1 wi"),
    ({"trials": Trials}, "must be a Trials or SparkTrials obj", "class Trials", "trials=Trials()"),
    (
        {"trials": ProcessTrials},
        "`trials` must be a Trials or SparkTrials object or None",
        "got the class ProcessTrials",
        "Hint: trials=ProcessTrials().",
    ),
    (
        {"fn": two},
        "The objective must take one argument, the point (here a dict with 'a', 'b')",
        "got two(a, b)",
        "Hint: lambda point: two(**point).",
    ),
    (
        {"fn": two, "space": (SPACE["a"], SPACE["b"])},
        "one argument, the point (here a tuple of 2)",
        "got two(a, b)",
        "Hint: lambda point: two(*point).",
    ),
    (
        {"fn": lambda x, y: 0.0, "space": SPACE["a"]},
        "one argument, the point (here the value of 'a')",
        "got <lambda>(x, y)",
        "Hint: def objective(point), or def objective(point, trial) for the trial's handle.",
    ),
    (
        {"fn": lambda a, b: 0.0},
        "one argument, the point (here a dict",
        "got <lambda>(a, b)",
        "Hint: lambda point: ... point['a'] ....",
    ),
    ({"fn": none}, "must take one argument, the point", "got none()", "Hint: def none(point)."),
    (
        {"fn": two, "trials": ProcessTrials(1)},
        "The objective must take one argument, the point",
        "got two(a, b)",
        "Hint: lambda point: two(**point).",
    ),
    (
        {"early_stop_fn": no_progress_loss},
        "`early_stop_fn` must be what no_progress_loss returns",
        "got no_progress_loss itself",
        "Hint: early_stop_fn=no_progress_loss(10).",
    ),
    (
        {"early_stop_fn": stop_without_arguments},
        "`early_stop_fn` must take the trials",
        "got stop_without_arguments()",
        "Hint: def stop(trials, *args): return False, args.",
    ),
    (
        {"early_stop_fn": lambda trials, count: (False, [count])},
        "`early_stop_fn` must take the trials",
        "got <lambda>(trials, count)",
        "Hint: def stop(trials, *args)",
    ),
]


@pytest.mark.parametrize(
    ("given", "rule", "value", "hint"),
    ARGUMENTS,
    ids=[f"{at}-{row[1][:30]}" for at, row in enumerate(ARGUMENTS)],
)
def test_arguments(given, rule, value, hint):
    said = told(InvalidArgumentType, **given)
    assert (rule in said, value in said, hint in said) == (True, True, True), said
    assert search.calls == 0


@pytest.mark.parametrize(
    ("given", "said", "hint"),
    [
        ({"timeout": 0}, "should be None or a positive value. Given value: 0", "timeout=60"),
        ({"timeout": -1}, "should be None or a positive value. Given value: -1", "timeout=60"),
        ({"loss_threshold": "a"}, "None or a numeric value. Given value: a", "loss_threshold=0.1"),
    ],
)
def test_messages_that_callers_compare_have_their_hint_in_a_note(given, said, hint):
    with pytest.raises(InvalidArgument) as caught:
        search(**given)
    assert str(caught.value).endswith(said)
    if hasattr(caught.value, "add_note"):
        assert hint in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("call", "value", "hint"),
    [
        (lambda: tpe.suggest(), "got too few arguments", "Hint: algo=tpe.suggest."),
        (lambda: tpe.suggest(gamma=0.3), "got gamma=0.3", "algo=partial(tpe.suggest, gamma=0.3)."),
        (lambda: tpe.hyperopt_suggest(), "got too few", "Hint: algo=tpe.hyperopt_suggest."),
        (lambda: rand.suggest(), "got too few arguments", "Hint: algo=rand.suggest."),
        (lambda: anneal.suggest(), "got too few arguments", "Hint: algo=anneal.suggest."),
        (lambda: mix.suggest(p_suggest=[]), "p_suggest=[]", "partial(mix.suggest, p_suggest=[])."),
    ],
)
def test_suggest_functions_that_are_called(call, value, hint):
    with pytest.raises(InvalidArgumentType) as caught:
        call()
    said = str(caught.value)
    assert "must be called with new_ids, domain, trials, seed" in said
    assert value in said
    assert hint in said


def test_what_objectives_and_functions_may_be():
    def unpacked(fn):
        @functools.wraps(fn)
        def taken(point):
            return fn(**point)

        return taken

    class Model:
        def __call__(self, point, scale=1.0):
            return scale * point["a"]

    def many(*args, **kwargs):
        return 0.0

    def by_keywords(new_ids, domain, trials, seed, **settings):
        return rand.suggest(new_ids, domain, trials, seed)

    for fn in (unpacked(two), Model(), Model().__call__, many, partial(scaled, scale=2), scaled):
        search(fn=fn, max_evals=1)
    search(early_stop_fn=lambda *args: (False, args[1:]), algo=partial(by_keywords, speed=3))
    search(early_stop_fn=no_progress_loss(5), algo=partial(tpe.suggest, gamma=0.3))


def scaled(point, *, scale=1.0):
    return scale * point["a"]


def test_annotated_parameters_without_annotation():
    def fn(a: hp.uniform("a", 0, 1), b, c=3):
        return a

    said = told(InvalidAnnotatedParameter, fn=fn, space="annotated")
    assert "every parameter without a default must have an annotation made by hp.*; 'b'" in said
    assert "Hint: b: hp.uniform('b', low, high)." in said


class Tensor:
    """As tensors of other libraries are: a number if it has one element."""

    def __init__(self, *values):
        self.values = values
        self.shape = (len(values),)

    def item(self):
        if len(self.values) != 1:
            raise RuntimeError("only a tensor of one element is a number")
        return self.values[0]

    def __float__(self):
        return float(self.item())

    def __repr__(self):
        return f"tensor{self.values}"


@pytest.mark.parametrize(
    "loss", [Tensor(1.5), Decimal("1.5"), np.array([1.5]), np.array(1.5), np.float32(1.5)]
)
@pytest.mark.parametrize("wrap", [lambda loss: loss, lambda loss: {"status": "ok", "loss": loss}])
def test_numbers_of_other_libraries_are_losses_bare_and_in_a_dict(loss, wrap):
    trials = Trials()
    search(fn=lambda point: wrap(loss), trials=trials, max_evals=1)
    assert trials.losses() == [1.5]
    assert type(trials.losses()[0]) is float


RESULTS = [
    (None, "got None", "Did the objective forget its `return`?"),
    ("0.5", "got '0.5'", "Hint: return float(...)"),
    (b"1", "got b'1'", "Hint: return float(...)"),
    ((0.5, 0.9), "got (0.5, 0.9)", "Hint: return a dict to keep more than the loss"),
    ([0.5], "got [0.5]", "Hint: return a dict to keep more than the loss"),
    ([[1], [1, 2]], "got [[1], [1, 2]]", "Hint: return a dict to keep more than the loss"),
    ({0.5}, "got {0.5}", "Hint: return a dict to keep more than the loss"),
    (1 + 2j, "got (1+2j)", "Hint: return a real number, such as abs(...) of it."),
    (np.complex64(1), "got np.complex64", "Hint: return a real number, such as abs(...) of it."),
    (np.zeros(3), "got array([0., 0., 0.])", "Hint: return one number, such as its .mean()."),
    (Tensor(1, 2), "got tensor(1, 2)", "Hint: return one number, such as its .mean()."),
    (np.array(["1"]), "got array(['1']", "Hint: return one number, such as its .mean()."),
    (np.zeros(3).mean, "got <built-in method mean", "Hint: call it, with ()."),
]


@pytest.mark.parametrize(("rval", "value", "hint"), RESULTS, ids=[row[1] for row in RESULTS])
def test_results_that_are_not_losses(rval, value, hint):
    said = told(InvalidResult, fn=lambda point: rval)
    assert said.startswith("The objective must return a number, or a dict with 'status'")
    assert value in said
    assert hint in said
    if rval is not None and not isinstance(rval, (str, bytes, np.ndarray)):
        said = told(InvalidLoss, fn=lambda point: {"status": "ok", "loss": rval})
        assert said.startswith("A result with status 'ok' must have a 'loss'")
        assert hint in said


@pytest.mark.parametrize(
    ("rval", "count", "hint"),
    [
        (math.nan, "(3 done with the loss nan)", "Hint: look for 0 / 0"),
        (math.inf, "(3 done with an infinite loss)", "Hint: look for a division by 0"),
        (-math.inf, "(3 done with an infinite loss)", "Hint: look for a division by 0"),
        ({"status": STATUS_FAIL}, "(3 done with status 'fail')", "Hint: return STATUS_OK"),
    ],
)
def test_why_there_is_no_best_trial(rval, count, hint):
    said = told(AllTrialsFailed, fn=lambda point: rval)
    assert "No trial ended with status 'ok' and a finite loss" in said
    assert count in said
    assert hint in said


def test_different_reasons_are_counted_apart():
    results = iter([math.nan, math.inf, {"status": STATUS_FAIL}])
    said = told(AllTrialsFailed, fn=lambda point: next(results))
    for count in ("1 done with the loss nan", "1 done with an infinite", "1 done with status"):
        assert count in said
    assert "Hint" not in said


def test_a_search_of_no_trials():
    said = told(AllTrialsFailed, max_evals=0)
    assert said.startswith("There are no evaluation tasks to choose from")  # as in Hyperopt
    assert "`max_evals` must be at least 1" in said
    assert "got 0" in said
    assert "Hint: return_argmin=False" in said
    trials = Trials()
    best = search(trials=trials)
    assert search(trials=trials, max_evals=0) == best


@pytest.mark.parametrize(
    ("fn", "error", "said"),
    [
        (lambda a: a * a, TypeError, ". Hint: the objective gets the point, a dict with 'a', 'b'"),
        (lambda a: math.sqrt(a), TypeError, "write a = point['a'] in it."),
        (lambda point: point["A_"], KeyError, "Trial 0 failed: KeyError: 'A_'"),
        (lambda point: point["aa"], KeyError, "Hint: the keys of the point are 'a', 'b'."),
        (lambda point: {}["q"], KeyError, "Trial 0 failed: KeyError: 'q'"),
        (lambda point: range(point["b"]), TypeError, "the values of 'b' are floats; use hp.int("),
    ],
)  # fmt: skip
def test_hints_in_the_log_where_an_objective_raises(fn, error, said, caplog):
    with pytest.raises(error):
        search(fn=fn)
    assert said in caplog.records[0].getMessage()


def test_no_hint_where_the_point_has_nothing_to_do_with_it(caplog):
    for fn in (lambda point: point["a"] + {}, lambda point: {}["q"]):
        with pytest.raises((TypeError, KeyError)):
            search(fn=fn)
    assert not any("Hint" in record.getMessage() for record in caplog.records)
