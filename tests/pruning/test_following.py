"""Rules that take the place of one another, growing curves, and the messages that carry them."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparktune._pruning.curves import Curves, Known
from sparktune._pruning.policies import Asha
from sparktune._worker import rules, wire


def cutoffs(table, late=None, once=True, end=1e9):
    return rules.Cutoffs(table, once, end, late)


def stopped(rule, curve, step, loss):
    curve.add(step, loss)
    return rule.stops(curve)


def test_a_rung_that_was_passed_is_not_met_again():
    curve, first = rules.Curve(), cutoffs([(1, 5.0)])
    assert not stopped(first, curve, 1, 4.0)
    stricter = cutoffs([(1, 3.0), (3, 2.0)])
    stricter.follow(first, curve)
    assert not stopped(stricter, curve, 2, 4.0)
    again = cutoffs([(1, 2.0), (3, 2.0)])
    again.follow(stricter, curve)
    assert not stopped(again, curve, 2.5, 4.0)
    assert stopped(again, curve, 3, 4.0)


def test_a_rung_that_nobody_asked_for_is_met_late_and_once():
    curve = rules.Curve()
    curve.add(5, 4.0)
    for late, ends in (((0.0, 5.0), False), ((5.0, 3.0), True), ((5.0, math.inf), False),
                       ((3.0, math.inf), True)):  # fmt: skip
        rule = cutoffs([(1, 3.5), (3, 3.5), (9, 1.0)], [*late, 0.0])
        rule.follow(None, curve)
        later = rules.Curve()
        later.add(5, 4.0)
        assert stopped(rule, later, 6, 4.0) is ends
        assert not stopped(rule, later, 7, 4.0)
        assert stopped(rule, later, 9, 1.5)  # comes when the cut-off is known
        assert not stopped(rule, later, 10, 1.5)


reports = st.lists(st.floats(0, 1), min_size=2, max_size=40)


@given(losses=reports, data=st.data())
def test_patience_and_folds_go_on_where_the_rule_before_was(losses, data):
    at = data.draw(st.integers(1, len(losses) - 1))
    best = [(step, 0.4) for step in range(100)]
    for make in (
        lambda: rules.Patience(5, 0.01, 0),
        lambda: rules.Folds(best, 0.1, 4),
        lambda: cutoffs([(2, 0.5), (6, 0.2)]),
        lambda: cutoffs([(2, 0.5), (6, 0.2)], once=False),
    ):
        whole, changed = make(), make()
        ours, theirs = rules.Curve(), rules.Curve()
        for step, loss in enumerate(losses):
            if step == at:
                follower = make()
                follower.follow(changed, theirs)
                changed = follower
            assert stopped(whole, ours, step, loss) == stopped(changed, theirs, step, loss)


def test_patience_without_a_rule_before_reads_the_curve():
    curve = rules.Curve()
    for step, loss in enumerate([3.0, 1.0, 2.0, 2.0]):
        curve.add(step, loss)
    rule = rules.Patience(4, 0.0, 0)
    rule.follow(None, curve)
    assert not stopped(rule, curve, 4, 2.0)
    assert stopped(rule, curve, 5, 2.0)


@given(st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=9), min_size=1, max_size=9))
def test_a_curve_that_grows_is_as_one_that_is_read_at_once(parts):
    whole = [loss for part in parts for loss in part]
    at_once = Known(0, list(range(len(whole))), whole, None)
    growing = Known(0, list(range(len(parts[0]))), list(parts[0]), None)
    for part in parts[1:]:
        start = len(growing.steps)
        growing.extend(list(range(start, start + len(part))), part)
    assert vars(growing) == vars(at_once)


@given(st.lists(st.floats(0, 1), min_size=3, max_size=40), st.integers(2, 4))
def test_late_cutoffs_keep_the_share_of_those_that_are_counted(losses, reduction):
    curves = Curves([Known(999, [1, 2], [5.0, 5.0], 5.0)])
    for tid, loss in enumerate(losses):
        curves.running[tid] = Known(tid, [1], [loss], None)
    rule = Asha(reduction, grace=1).rule(curves, 0)
    if rule is None:
        return
    ((_, arrival),) = rule[1]["table"]
    (late,) = rule[1]["late"]
    everyone = sorted([*losses, 5.0])
    assert late == (everyone[len(everyone) // reduction - 1] if len(everyone) >= reduction
                    else math.inf)  # fmt: skip
    assert arrival == everyone[(len(everyone) + 1) // reduction - 1]


def test_messages_are_bound_to_their_connection_their_side_and_their_place():
    key = wire.session_key(b"k", b"a", b"b")
    sender = wire.Channel(key, b"t", 100)
    first, second = sender.pack({"n": 1}), sender.pack({"n": 2})
    receiver = wire.Channel(key, b"d", 100)
    found = [message for byte in first + second for message in receiver.take(bytes([byte]))]
    assert found == [{"n": 1}, {"n": 2}]
    for data, side, other in (
        (second, b"d", key),
        (first, b"t", key),
        (first, b"d", wire.session_key(b"k", b"b", b"a")),
        (first[:-1] + b"]", b"d", key),
    ):
        with pytest.raises(ValueError, match="without the key"):
            wire.Channel(other, side, 100).take(data)
    with pytest.raises(ValueError, match="101 bytes"):
        receiver.take((101).to_bytes(4, "big"))
    assert json.loads(first[36:]) == {"n": 1}
