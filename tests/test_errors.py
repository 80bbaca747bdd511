"""Each mistake raises one clear error at the call, and has no side effects."""

import inspect
import math
import pickle

import numpy as np
import pytest

from sparktune import JOB_STATE_DONE, Domain, Trials, exceptions, fmin, hp, rand, space_eval, tpe
from sparktune.exceptions import (
    AllTrialsFailed,
    BadSearchSpace,
    DuplicateLabel,
    InvalidAnnotatedParameter,
    InvalidArgument,
    InvalidArgumentType,
    InvalidLoss,
    InvalidResult,
    InvalidResultStatus,
    InvalidTrial,
    SearchFailed,
    SparktuneError,
)

X = hp.uniform("x", 0, 1)
C = {"x": X, "c": hp.choice("c", ["a", "b"])}

WRONG_ARGUMENTS = [
    ({"fn": 3}, InvalidArgumentType, "`fn` must be a function of a point; got 3"),
    ({"fn": None}, InvalidArgumentType, "`fn` must be a function"),
    ({"algo": "tpe"}, InvalidArgumentType, "`algo` must be a suggest function; got 'tpe'"),
    ({"algo": tpe}, InvalidArgumentType, "Hint: tpe.suggest"),
    ({"max_evals": -1}, InvalidArgument, "`max_evals` must be at least 0; got -1"),
    ({"max_evals": True}, InvalidArgumentType, "`max_evals` must be an int; got True"),
    ({"max_evals": 10.5}, InvalidArgumentType, "`max_evals` must be an int; got 10.5"),
    ({"max_evals": -1.0}, InvalidArgument, "`max_evals` must be at least 0; got -1"),
    ({"max_evals": math.nan}, InvalidArgumentType, "`max_evals` must be an int; got nan"),
    ({"max_evals": "10"}, InvalidArgumentType, "`max_evals` must be an int; got '10'"),
    ({"max_evals": -math.inf}, InvalidArgumentType, "Hint: None means no bound"),
    (
        {"timeout": 0},
        InvalidArgument,
        "timeout argument should be None or a positive value. Given value: 0",
    ),
    ({"timeout": -1.5}, InvalidArgument, "timeout argument should be None or a positive"),
    ({"timeout": math.nan}, InvalidArgument, "timeout argument should be None or a positive"),
    (
        {"timeout": True},
        InvalidArgumentType,
        "timeout argument should be None or a positive value. Given value: True",
    ),
    ({"timeout": "1h"}, InvalidArgumentType, "Given value: 1h"),
    (
        {"loss_threshold": "low"},
        InvalidArgumentType,
        "loss_threshold argument should be None or a numeric value",
    ),
    (
        {"loss_threshold": True},
        InvalidArgumentType,
        "loss_threshold argument should be None or a numeric value",
    ),
    ({"loss_threshold": math.nan}, InvalidArgument, "`loss_threshold` must not be NaN"),
    (
        {"trials": []},
        InvalidArgumentType,
        r"`trials` must be a Trials or .*got \[\]",
    ),
    ({"trials": 3}, InvalidArgumentType, "`trials` must be a Trials"),
    ({"trials": Trials}, InvalidArgumentType, "`trials` must be a Trials"),
    ({"rstate": "42"}, InvalidArgumentType, "`rstate` must be a numpy Generator"),
    ({"rstate": True}, InvalidArgumentType, "`rstate` must be a numpy Generator"),
    ({"rstate": -3}, InvalidArgument, "`rstate` as a seed must be at least 0; got -3"),
    ({"max_queue_len": 0}, InvalidArgument, "`max_queue_len` must be at least 1; got 0"),
    ({"max_queue_len": 1.5}, InvalidArgumentType, "`max_queue_len` must be an int; got 1.5"),
    ({"early_stop_fn": 10}, InvalidArgumentType, "`early_stop_fn` must be a function or None"),
    ({"max_failures": -1}, InvalidArgument, "`max_failures` must be at least 0; got -1"),
    ({"max_failures": 1.5}, InvalidArgument, "share must be from 0.0 to 1.0; got 1.5"),
    ({"max_failures": "3"}, InvalidArgumentType, "`max_failures` must be an int"),
    ({"mlflow": "yes"}, InvalidArgumentType, "`mlflow` must be True, False or None; got 'yes'"),
    ({"points_to_evaluate": {"x": 1}}, InvalidArgumentType, "must be a list of dicts"),
    ({"points_to_evaluate": [3]}, InvalidArgumentType, r"points_to_evaluate\[0\]` must be a dict"),
    (
        {"points_to_evaluate": [{"x": 1, "y": 2}]},
        InvalidArgument,
        r"labels of `points_to_evaluate\[0\]` must be labels of the space.*\['y'\]",
    ),
    ({"points_to_evaluate": [{}]}, InvalidArgument, r"\['x'\] are missing"),
    (
        {"space": C, "points_to_evaluate": [{"x": 0, "c": 0}, {"x": 0, "c": "a"}]},
        InvalidArgument,
        r"points_to_evaluate\[1\]` does not fit.*'a'.*a choice takes a position",
    ),
    ({"space": C, "points_to_evaluate": [{"x": 0, "c": 2}]}, InvalidArgument, "less than 2"),
    ({"rseed": 3}, TypeError, "rseed"),
]


@pytest.mark.parametrize(
    ("arguments", "error", "said"), WRONG_ARGUMENTS, ids=lambda value: str(value)[:40]
)
def test_wrong_arguments_of_fmin(arguments, error, said):
    calls = []
    given = {
        "fn": lambda x: calls.append(x) or 0.0,
        "space": X,
        "algo": rand.suggest,
        "max_evals": 3,
        "verbose": False,
    } | arguments
    with pytest.raises(error, match=said) as caught:
        fmin(**given)
    assert calls == []
    assert error is TypeError or isinstance(caught.value, SparktuneError)


def test_types_are_type_errors_and_values_are_value_errors():
    assert issubclass(InvalidArgumentType, TypeError)
    assert issubclass(InvalidArgument, ValueError)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"gamma": 0}, "`gamma` of tpe.suggest must be positive and finite; got 0"),
        ({"gamma": math.nan}, "`gamma`"),
        ({"gamma": "0.5"}, "`gamma` of tpe.suggest must be a number; got '0.5'"),
        ({"prior_weight": -1}, "`prior_weight` of tpe.suggest must be positive"),
        ({"n_EI_candidates": 0}, "`n_EI_candidates` of tpe.suggest must be at least 1; got 0"),
        ({"gp_share": 1.5}, "`gp_share` of tpe.suggest must be from 0 to 1; got 1.5"),
        ({"gp_share": math.nan}, "`gp_share` of tpe.suggest must be from 0 to 1; got nan"),
        ({"gp_share": "all"}, "`gp_share` of tpe.suggest must be a number; got 'all'"),
        ({"startup": "sobol"}, "`startup` of tpe.suggest must be 'random' or 'halton'"),
        ({"n_EI_candidates": 2.5}, "`n_EI_candidates` of tpe.suggest must be an int; got 2.5"),
        ({"n_startup_jobs": None}, "`n_startup_jobs` of tpe.suggest must be an int; got None"),
        ({"seed": -1}, "`seed` must be from 0 to 2"),
        ({"seed": 1.5}, "`seed` must be an int; got 1.5"),
        ({"new_ids": ["a"]}, "`new_ids` must be ints"),
        ({"new_ids": 3}, "`new_ids` must be ints"),
    ],
)
def test_wrong_arguments_of_tpe(arguments, said):
    given = {"new_ids": [0], "domain": Domain(None, X), "trials": Trials(), "seed": 1} | arguments
    with pytest.raises(InvalidArgument, match=said):
        tpe.suggest(**given)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: hp.uniform("x", 1, 0), BadSearchSpace),
        (lambda: hp.uniform("x", 0, 0), BadSearchSpace),
        (lambda: hp.uniform("x", 0, math.inf), BadSearchSpace),
        (lambda: hp.quniform("x", 0, 1, -1), BadSearchSpace),
        (lambda: hp.normal("x", 0, 0), BadSearchSpace),
        (lambda: hp.randint("x", 0), BadSearchSpace),
        (lambda: hp.pchoice("x", [(0.5, 1), (1.4, 2)]), BadSearchSpace),
        (lambda: hp.choice("x", []), BadSearchSpace),
        (lambda: hp.uniform(3, 0, 1), TypeError),
        (lambda: [hp.uniform("x", 0, 1), hp.normal("x", 0, 1)], DuplicateLabel),
    ],
)
def test_wrong_spaces(make, error):
    calls = []
    with pytest.raises(error, match=r"'x'|label"):
        fmin(calls.append, make(), algo=rand.suggest, max_evals=3, verbose=False)
    assert calls == []


@pytest.mark.parametrize(
    ("rval", "error"),
    [
        (None, InvalidResult),
        ("0.5", InvalidResult),
        ({"loss": 1.0}, InvalidResult),
        ({"status": "great"}, InvalidResultStatus),
        ({"status": "ok"}, InvalidLoss),
    ],
)
def test_the_error_of_an_invalid_result_leaves_fmin_and_marks_the_trial(rval, error):
    trials = Trials()
    with pytest.raises(error) as caught:
        fmin(lambda x: rval, X, algo=rand.suggest, max_evals=3, trials=trials, verbose=False)
    assert repr(rval) in str(caught.value)
    assert len(trials) == 0
    assert len(trials._dynamic_trials) == 1
    assert trials._dynamic_trials[0]["misc"]["error"] == (
        str(type(caught.value)),
        str(caught.value),
    )


def test_an_exception_keeps_the_line_it_was_raised_at():
    def fn(x):
        raise LookupError("here")

    with pytest.raises(LookupError, match="here") as caught:
        fmin(fn, X, algo=rand.suggest, max_evals=3, verbose=False)
    assert caught.traceback[-1].name == "fn"


def test_all_failed_shows_the_first_traceback():
    def fn(x):
        raise LookupError("first of all")

    with pytest.raises(AllTrialsFailed, match=r"3 failed[\s\S]*in fn[\s\S]*LookupError: first"):
        fmin(fn, X, algo=rand.suggest, max_evals=3, catch_eval_exceptions=True, verbose=False)
    with pytest.raises(AllTrialsFailed, match="no trials"):
        fmin(fn, X, algo=rand.suggest, max_evals=0, verbose=False)
    assert fmin(fn, X, algo=rand.suggest, max_evals=0, verbose=False, return_argmin=False) is None


def test_max_failures_with_caught_exceptions():
    calls = []

    def fn(x):
        calls.append(x)
        raise LookupError("each time")

    with pytest.raises(SearchFailed, match=r"3 of 3 trials failed[\s\S]*LookupError: each time"):
        fmin(fn, X, algo=rand.suggest, max_evals=50, catch_eval_exceptions=True, max_failures=2,
             verbose=False)  # fmt: skip
    assert len(calls) == 3
    calls.clear()
    with pytest.raises(SearchFailed, match="10 of 10"):
        fmin(fn, X, algo=rand.suggest, max_evals=50, catch_eval_exceptions=True, max_failures=0.5,
             verbose=False)  # fmt: skip


HUGE = 10**400
DOMAIN = Domain(None, X)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: fmin(abs, X, timeout=HUGE, verbose=False), "timeout argument should be"),
        (lambda: fmin(abs, X, loss_threshold=HUGE, verbose=False), "loss_threshold argument"),
        (
            lambda: tpe.suggest([1], DOMAIN, Trials(), 1, prior_weight=HUGE),
            "`prior_weight` .* a float can hold; got 1",
        ),
        (lambda: tpe.suggest([1], DOMAIN, Trials(), 1, n_startup_jobs=HUGE), "can hold"),
        (lambda: rand.suggest([2**63], DOMAIN, Trials(), 1), r"`new_ids` .* from -2\*\*63"),
        (
            lambda: tpe.suggest([-(2**64)], DOMAIN, Trials(), 1),
            r"`new_ids` .*Hint: use `trials\.new_trial_ids",
        ),
        (lambda: space_eval(X, None), "must be a mapping from labels to values; got None. Hint"),
    ],
)
def test_numbers_that_nothing_holds_and_values_that_are_none(call, said):
    with pytest.raises(InvalidArgument, match=said):
        call()


@pytest.mark.parametrize("tid", [2**63, -(2**70)])
def test_a_document_with_an_id_that_nothing_holds(tid):
    trials = of_one_trial(tid=tid, loss=1.0)
    with pytest.raises(InvalidTrial, match="must have values of the space"):
        tpe.suggest([1], DOMAIN, trials, 1)


def test_a_document_with_a_loss_or_value_that_no_float_holds_counts_as_none():
    trials = of_one_trial(tid=0, loss=HUGE)
    assert len(tpe.suggest([1], DOMAIN, trials, 1)) == 1
    trials = of_one_trial(tid=0, loss=1.0, value=HUGE)
    assert len(tpe.suggest([1], DOMAIN, trials, 1)) == 1


def of_one_trial(tid, loss, value=0.5):
    """Return trials with one document, inserted unchecked as code from elsewhere does."""
    trials = Trials()
    (doc,) = rand.suggest([0], DOMAIN, trials, 1)
    doc["tid"] = doc["misc"]["tid"] = tid
    label = next(iter(doc["misc"]["vals"]))
    doc["misc"]["idxs"], doc["misc"]["vals"] = {label: [tid]}, {label: [value]}
    doc["state"], doc["result"] = JOB_STATE_DONE, {"status": "ok", "loss": loss}
    trials.insert_trial_docs([doc])
    trials.refresh()
    return trials


@pytest.mark.parametrize(
    ("answer", "shown"), [(None, "None"), (True, "True"), ((True,), "True"), ((False, 3), "3")]
)
def test_what_early_stop_must_return(answer, shown):
    with pytest.raises(InvalidArgumentType, match=f"must return a pair.*{shown}"):
        fmin(abs, X, algo=rand.suggest, max_evals=3, early_stop_fn=lambda t: answer, verbose=False)


def test_what_a_suggester_must_return():
    def too_many(ids, domain, trials, seed):
        return rand.suggest([*ids, 77], domain, trials, seed)

    for algo, said in (
        (too_many, "at most one document per id; got 2 for 1"),
        (print_none, "list"),
    ):
        with pytest.raises(InvalidArgument, match=said):
            fmin(abs, X, algo=algo, max_evals=3, verbose=False)


def print_none(ids, domain, trials, seed):
    return None


class TestAnnotated:
    def test_without_annotations(self):
        with pytest.raises(InvalidAnnotatedParameter, match="has none"):
            fmin(lambda x: x, "annotated", max_evals=1, verbose=False)

    def test_with_types(self):
        def fn(x: float):
            return x

        with pytest.raises(InvalidAnnotatedParameter, match="class 'float'"):
            fmin(fn, "annotated", max_evals=1, verbose=False)

    def test_with_texts(self):
        def fn(x: "hp.uniform('x', 0, 1)"):
            return x

        with pytest.raises(InvalidAnnotatedParameter, match="__future__"):
            fmin(fn, "annotated", max_evals=1, verbose=False)


def test_a_wrong_seed_in_the_environment(monkeypatch):
    monkeypatch.setenv("HYPEROPT_FMIN_SEED", "many")
    with pytest.raises(InvalidArgument, match=r"\$HYPEROPT_FMIN_SEED must be an int.*'many'"):
        fmin(abs, X, max_evals=1, verbose=False)


def test_errors_have_messages_and_pickle():
    kinds = [getattr(exceptions, name) for name in exceptions.__all__]
    for kind in kinds:
        required = [
            p
            for p in inspect.signature(kind.__init__).parameters.values()
            if p.name not in ("self", "args", "kwargs") and p.default is p.empty
        ]
        error = kind(*["text" for _ in required])
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is kind
        assert str(again) == str(error)
    error = InvalidLoss({"loss": np.float64(1)})
    assert "np.float64(1.0)" in str(pickle.loads(pickle.dumps(error)))
