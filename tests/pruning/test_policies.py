"""Policies: pure functions of the curves so far and of a trial's own."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import wilcoxon

from sparktune._pruning.curves import Curves, Known, curve_of
from sparktune._pruning.estimate import estimated_loss
from sparktune._pruning.policies import policy_of
from sparktune._worker.rules import Curve, rule_of, signed_rank_p
from sparktune.exceptions import InvalidArgument, InvalidArgumentType
from sparktune.pruning import Asha, Envelope, Hyperband, Median, Patience, Percentile, Wilcoxon


def known(*curves, steps=None, returns=lambda losses: losses[-1]):
    """Curves of trials that have ended, each a list of losses; None at the end: it was pruned."""
    found = []
    for tid, losses in enumerate(curves):
        pruned = losses[-1] is None
        losses = [loss for loss in losses if loss is not None]
        at = list(range(1, len(losses) + 1)) if steps is None else steps[: len(losses)]
        found.append(Known(tid, at, losses, None if pruned else returns(losses)))
    return Curves(found)


def end_of(policy, curves, losses, steps=None, tid=99):
    """The step at which a trial ends with these losses, None if it runs to its end."""
    data = policy.rule(curves, tid)
    if data is None:
        return None
    rule, curve = rule_of(data), Curve()
    for step, loss in zip(steps or itertools.count(1), losses, strict=False):
        curve.add(step, loss)
        if rule.stops(curve):
            return step
    return None


FIVE = known(*([10 - level, 9 - level, 8 - level, 7 - level] for level in range(5)))


@pytest.mark.parametrize(
    ("policy", "losses", "end"),
    [
        (Median(grace=1), [7.9, 7.1, 6.1], 2),  # medians of the best so far: 8, 7, 6, 5
        (Median(grace=1), [7.9, 6.9, 5.9, 5.9], None),
        (Median(grace=1), [7.0, 8.0, 6.0], 2),  # complete trials return their last report: so here
        (Median(grace=3), [99, 99, 99], 3),
        (Median(grace=1, startup=6), [99, 99, 99], None),
        (Percentile(0.0, grace=1), [6.1], 1),
        (Percentile(0.0, grace=1), [6.0, 5.0], None),
        (Percentile(100.0, grace=1), [10.0, 9.0], None),
        (Percentile(25.0, grace=1), [7.1], 1),
    ],
)  # fmt: skip
def test_percentiles(policy, losses, end):
    assert end_of(policy, FIVE, losses) == end


def mean(losses):
    return sum(losses) / len(losses)


UP = ([5.0, 3.0, 4.0], [6.0, 3.5, 5.0], [4.0, 2.0, 3.0])  # they get worse at the end


@pytest.mark.parametrize(
    ("returns", "measure"),
    [
        (lambda losses: losses[-1], "last"),
        (min, "best"),
        (mean, "mean"),
        (lambda losses: round(losses[-1], 7) + 1e-8, "last"),
        (lambda losses: 2 * losses[-1], "best"),  # on another data set, say
    ],
)
def test_trials_are_compared_by_what_objectives_return(returns, measure):
    curves = known(*UP, returns=returns)
    assert curves.measure == measure
    levels = {"last": [4, 5, 3], "best": [3, 3.5, 2], "mean": [4, 14.5 / 3, 3]}[measure]
    assert [curves.level_at(each, 3) for each in curves.all] == pytest.approx(levels)
    data = Median(grace=1, startup=1).rule(curves, 9)
    assert data[1]["table"][-1] == (3, pytest.approx(sorted(levels)[1]))
    curve = Curve()
    for step, loss in enumerate(UP[0], start=1):
        curve.add(step, loss)
    assert curve.level(data[1]["measure"]) == pytest.approx(levels[0])


def test_one_trial_in_ten_may_return_something_else():
    returns = iter([4.0, 5.0, 3.0] * 3 + [9.9])
    curves = known(*UP, *UP, *UP, UP[0], returns=lambda _: next(returns))
    assert curves.measure == "last"
    curves.add(Known(99, [1, 2], [2.0, 1.0], 7.0))
    assert curves.measure == "best"


def test_a_mean_counts_the_reports_that_are_not_kept():
    curve = Curve()
    losses = np.arange(5000.0)
    for step, loss in enumerate(losses):
        curve.add(step, loss)
    assert len(curve.losses) <= Curve.LIMIT
    assert curve.level("mean") == losses.mean()


def test_an_estimate_is_at_most_the_best_report_if_that_is_returned():
    pruned = Known(9, [1], [2.0], None)
    assert estimated_loss(pruned, known(*UP, returns=min)) == 2
    assert estimated_loss(pruned, known(*UP)) == 3  # the others get worse


@pytest.mark.parametrize(
    ("policy", "losses", "end"),
    [
        (Envelope(), [8.0, 7.0, 6.0, 5.0], None),  # as the worst of the best three, at each step
        (Envelope(), [8.1, 7.0], 1),
        (Envelope(), [8.0, 7.0, 6.1], 3),
        (Envelope(share=1.0), [10.0, 9.0, 8.1], 3),
        (Envelope(startup=6), [99.0] * 4, None),
    ],
)
def test_the_envelope_of_the_best(policy, losses, end):
    assert end_of(policy, FIVE, losses) == end


def test_the_envelope_leaves_room_for_slow_starters():
    slow, fast = [9.0, 8.0, 1.0, 0.5], [3.0, 2.9, 2.8, 2.7]
    curves = known(slow, slow, fast, fast, fast, fast)
    like_slow = [8.9, 7.9, 0.9, 0.4]
    assert end_of(Envelope(), curves, like_slow) is None
    assert end_of(Median(grace=1), curves, like_slow) == 1
    assert end_of(Envelope(), curves, [3.0, 2.9, 2.9]) == 3


def test_grace_is_a_tenth_of_the_longest_trial():
    curves = known(*([float(i)] * 100 for i in range(5)))
    assert end_of(Median(), curves, [9.0] * 100) == 10


def test_halving_by_hand():
    curves = known([3.0, None], [1.0] * 27, [2.0, None], [4.0, None], [5.0, 4, 3, None])
    table = Asha(reduction=3, grace=1).rule(curves, 99)[1]["table"]
    # Five are at step 1, so two of six go on; two at step 3, so one of three.
    assert table == [(1, 2.0), (3, 1.0)]
    assert end_of(Asha(reduction=3, grace=1), curves, [2.0, 2, 1.1]) == 3
    assert end_of(Asha(reduction=3, grace=1), curves, [2.0, 2, 1.0, 9, 9, 9, 9, 9, 9]) is None
    assert end_of(Asha(reduction=3, grace=1), curves, [2.1]) == 1


def test_a_rung_between_two_reports_is_met_once():
    curves = known([1.0, 1.0, 1.0], [2.0, 2.0, 2.0], steps=[10, 20, 30])
    steps = [8, 16, 24]
    assert end_of(Asha(reduction=3, grace=10), curves, [5.0, 1.5, 0.5], steps) == 16


def test_steps_that_begin_at_zero_are_one_further():
    curves = known(*([float(i)] * 27 for i in range(3)), steps=list(range(27)))
    assert [step for step, _ in Asha(reduction=3).rule(curves, 9)[1]["table"]] == [0, 2, 8]


def test_hyperbands_brackets():
    policy = Hyperband()
    count = [policy.bracket_of(tid) for tid in range(1000)]
    shares = [count.count(bracket) / 1000 for bracket in range(4)]
    assert shares == sorted(shares, reverse=True)
    assert min(shares) > 0.02
    curves = known(*([float(i)] * 27 for i in range(40)))
    for tid in range(20):
        rule = policy.rule(curves, tid)
        bracket = policy.bracket_of(tid)
        if bracket == 3:
            assert rule is None
        else:
            assert rule[1]["table"][0][0] == pytest.approx(27 * 3.0 ** (bracket - 3))


@pytest.mark.parametrize(
    ("policy", "losses", "end"),
    [
        (Patience(3), [5, 4, 4, 4, 4], 5),
        (Patience(3), [5, 4, 3, 2, 1], None),
        (Patience(3, least=0.5), [5, 4.8, 4.7, 4.6], 4),
        (Patience(3, grace=6), [5] * 9, 6),
        (Patience(3), [math.inf] * 9, None),
        (Patience(), [5] * 9, None),
    ],
)
def test_patience(policy, losses, end):
    assert end_of(policy, Curves(), losses) == end


def test_patience_is_a_fifth_of_the_longest_trial():
    assert end_of(Patience(), known([1.0] * 50), [9.0] * 50) == 11


def test_folds():
    best = known([1.0] * 10)
    assert end_of(Wilcoxon(), best, [1.1, 1.2, 1.3, 1.4]) == 4
    assert end_of(Wilcoxon(), best, [0.9, 1.2, 0.8, 1.1, 0.9, 1.05, 0.7]) is None
    assert end_of(Wilcoxon(p=0.01), best, [1.1 + i / 10 for i in range(10)]) == 7
    assert end_of(Wilcoxon(), Curves(), [9.0] * 10) is None


@given(st.lists(st.floats(-10, 10).filter(lambda x: x != 0), min_size=3, max_size=45, unique=True))
def test_the_test_of_signed_ranks_is_scipys(differences):
    if len({abs(each) for each in differences}) < len(differences):
        return
    method = "exact" if len(differences) <= 30 else "asymptotic"
    expected = wilcoxon(differences, alternative="greater", method=method).pvalue
    assert signed_rank_p(differences) == pytest.approx(expected, rel=1e-9)


def test_ties_and_zeros_in_signed_ranks():
    # 2**n outcomes by hand: ranks 1.5, 1.5, 3 and a zero that has the rank 1 of four.
    assert signed_rank_p([1.0, 1.0, 2.0]) == 1 / 8
    assert signed_rank_p([0.0, 1.0, 1.0, 2.0]) == 1 / 8
    assert signed_rank_p([0.0, 0.0]) == 1.0
    assert signed_rank_p([-1.0, 1.0]) == pytest.approx(3 / 4)


@given(st.lists(st.floats(allow_nan=False, width=32), min_size=1, max_size=5000))
def test_a_thinned_curve_keeps_its_ends_and_its_best(losses):
    curve = Curve()
    for step, loss in enumerate(losses):
        curve.add(step, loss)
    assert len(curve.steps) <= Curve.LIMIT + 1
    assert curve.best == min(losses)
    assert curve.last == (len(losses) - 1, losses[-1])
    assert curve.steps[-1] == len(losses) - 1
    assert curve.steps == sorted(set(curve.steps))
    assert [losses[step] for step in curve.steps] == curve.losses


# -- what a pruned trial would have reached --------------------------------------------------------


def test_the_estimate_has_the_rank_of_the_trial():
    curves = known([9, 5.0], [8, 4.0], [7, 3.0])

    def estimate(loss):
        return estimated_loss(Known(9, [1], [loss], None), curves)

    assert estimate(7) == 3
    assert estimate(7.5) == 3.5
    assert estimate(9) == 5
    assert estimate(11) == 5 + 2
    assert estimate(2) == 3


def test_the_estimate_without_rivals_is_what_is_known():
    assert estimated_loss(Known(9, [1], [4.0], None), Curves()) == 4.0
    assert estimated_loss(Known(9, [1], [math.inf], None), known([1.0, 2.0])) == math.inf


@given(st.lists(st.floats(0, 100), min_size=1, max_size=20), st.floats(0, 100), st.floats(0, 100))
def test_a_worse_trial_has_no_better_estimate(finals, one, other):
    curves = known(*([final + 10, final] for final in finals))
    low, high = sorted((one, other))
    estimates = [estimated_loss(Known(9, [1], [loss], None), curves) for loss in (low, high)]
    assert estimates[0] <= estimates[1] + 1e-9


# -- results and arguments -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "result",
    [
        {"status": "ok", "loss": 1.0},
        {"status": "fail", "curve": {"steps": [1], "losses": [1.0]}},
        {"status": "ok", "loss": 1.0, "curve": [1, 2]},
        {"status": "ok", "loss": 1.0, "curve": {"steps": [], "losses": []}},
        {"status": "ok", "loss": 1.0, "curve": {"steps": [1], "losses": [1.0, 2.0]}},
        {"status": "ok", "loss": 1.0, "curve": {"steps": ["a"], "losses": [1.0]}},
        {"status": "ok", "loss": 1.0, "curve": {"rates": np.ones(3)}},
    ],
)  # fmt: skip
def test_results_without_a_curve_of_ours(result):
    assert curve_of(0, result) is None


@pytest.mark.parametrize(
    "name", ["median", "percentile", "asha", "hyperband", "wilcoxon", "patience"]
)
def test_names(name):
    assert callable(policy_of(name).rule)


def test_what_is_no_policy():
    assert policy_of(None) is policy_of(False) is None
    assert policy_of(True) == Envelope()
    with pytest.raises(InvalidArgument, match=r"`prune` must be one of 'asha', .*; got 'ahsa'"):
        policy_of("ahsa")
    with pytest.raises(InvalidArgumentType, match=r"got the class Asha. Hint: Asha\(\)"):
        policy_of(Asha)
    with pytest.raises(InvalidArgumentType, match=r"got 3. Hint: prune='asha'"):
        policy_of(3)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Percentile(101), "`percentile`.* a number at least 0 and at most"),
        (lambda: Median(grace=-1), "`grace`.* a number at least 0; got -1"),
        (lambda: Median(startup=2.5), "`startup`.* an int of at least 0; got 2.5"),
        (lambda: Asha(reduction=1), "`reduction`.* a number greater than 1; got 1"),
        (lambda: Hyperband(brackets=0), "`brackets`.* an int of at least 1; got 0"),
        (lambda: Patience(0), "`steps`.* a number greater than 0; got 0"),
        (lambda: Wilcoxon(p="x"), "`p`.* a number at least 0 and at most 1; got 'x'"),
    ],
)  # fmt: skip
def test_wrong_settings(make, said):
    with pytest.raises(InvalidArgument, match=said):
        make()
