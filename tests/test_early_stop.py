"""no_progress_loss."""

import math
import warnings

import pytest

from sparktune import STATUS_FAIL, Trials, fmin, hp, rand
from sparktune.early_stop import no_progress_loss
from sparktune.exceptions import InvalidArgument, InvalidArgumentType


class Seen:
    """Stands for Trials with the given results."""

    def __init__(self, losses):
        self.trials = [{"result": {"status": "ok", "loss": loss}} for loss in losses]


def calls_until_stop(stop_fn, losses):
    args = []
    for number in range(1, len(losses) + 1):
        stop, args = stop_fn(Seen(losses[:number]), *args)
        if stop:
            return number
    return None


@pytest.mark.parametrize(
    "losses",
    [
        [5, 4, 3, 2, 1, 0],
        [1, 1, 1, 1, 1, 1],
        [3, 4, 5, 2, 6, 7, 8, 9],
        [10, 9.99, 9.98, 9.97, 5, 5, 5, 5],
        [-1, -1.005, -1.006, -2, -2, -2, -2],
        [1],
    ],
)
@pytest.mark.parametrize("arguments", [(3,), (2, 1.0), (1,), (4, 50.0)])
def test_it_stops_when_hyperopts_does(losses, arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from hyperopt import early_stop

    theirs = calls_until_stop(early_stop.no_progress_loss(*arguments), losses)
    assert calls_until_stop(no_progress_loss(*arguments), losses) == theirs


def test_trials_without_a_finite_loss_count_neither_way():
    stop_fn = no_progress_loss(2)
    losses = [1.0, math.nan, None, math.inf, -math.inf]
    args = []
    for number in range(1, len(losses) + 1):
        stop, args = stop_fn(Seen(losses[:number]), *args)
        assert not stop
    assert args == [1.0, 1]
    assert stop_fn(Seen([]), *args) == (False, args)
    failed = Seen([0.0])
    failed.trials[0]["result"] = {"status": "fail", "loss": 0.0}
    assert stop_fn(failed, *args) == (False, args)


@pytest.mark.parametrize("failure", ["raise", "status", "nan", "none"])
def test_a_failed_last_trial_breaks_nothing(failure):
    calls = []

    def fn(x):
        calls.append(x)
        if len(calls) % 2:
            return 1.0
        if failure == "raise":
            raise ValueError("no")
        return {
            "status": {"status": STATUS_FAIL},
            "nan": math.nan,
            "none": {"status": STATUS_FAIL, "loss": None},
        }[failure]

    trials = Trials()
    fmin(fn, hp.uniform("x", 0, 1), algo=rand.suggest, max_evals=100, trials=trials, verbose=False,
         catch_eval_exceptions=True, early_stop_fn=no_progress_loss(5))  # fmt: skip
    # The first good trial counts as the first of five.
    assert len(calls) == 9


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ((0,), InvalidArgument, "`iteration_stop_count` must be at least 1; got 0"),
        ((1.5,), InvalidArgumentType, "`iteration_stop_count` must be an int; got 1.5"),
        ((3, -1), InvalidArgument, "`percent_increase` must be at least 0 and finite; got -1"),
        ((3, math.nan), InvalidArgument, "`percent_increase` must be"),
        ((3, "1"), InvalidArgumentType, "`percent_increase` must be a number; got '1'"),
    ],
)
def test_wrong_arguments(arguments, error, said):
    with pytest.raises(error, match=said):
        no_progress_loss(*arguments)
