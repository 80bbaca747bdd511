"""Domain and Ctrl."""

import math
import types

import cloudpickle
import numpy as np
import pandas as pd
import pytest

from sparktune import STATUS_FAIL, STATUS_OK, Ctrl, Domain, ProcessTrials, Trials, fmin, hp, rand
from sparktune._space import compile
from sparktune._space.expr import Apply, rec_eval, scope
from sparktune._space.program_builder import build_program
from sparktune._trials.results import normalize_result
from sparktune.exceptions import InvalidArgument, InvalidLoss, InvalidResult, InvalidResultStatus
from sparktune.fmin import fmin_pass_expr_memo_ctrl, partial


def evaluate(rval, **kwargs):
    trials = Trials()
    doc = trials.new_trial_docs([0], [None], [{}], [{"tid": 0}])[0]
    domain = Domain(lambda x: rval, hp.uniform("x", 0, 1))
    return domain.evaluate({"x": 0.5}, Ctrl(trials, doc), **kwargs), trials


@pytest.mark.parametrize(
    "rval",
    [
        0.5,
        np.float32(0.5),
        np.array(0.5),
        np.array([[0.5]]),
        {"loss": 0.5, "status": "ok"},
        {"loss": np.array([0.5]), "status": STATUS_OK},
        {"loss": "0.5", "status": STATUS_OK},
    ],
)
def test_what_is_a_loss(rval):
    result, _ = evaluate(rval)
    assert result == {"loss": 0.5, "status": "ok"}
    assert type(result["loss"]) is float


@pytest.mark.parametrize("rval", [3, True, np.int8(1), np.uint64(7)])
def test_ints_are_losses(rval):
    assert evaluate(rval)[0] == {"loss": float(rval), "status": "ok"}


@pytest.mark.parametrize("loss", [math.inf, -math.inf])
def test_infinite_losses_are_kept(loss):
    assert evaluate(loss)[0]["loss"] == loss
    assert math.isnan(evaluate(math.nan)[0]["loss"])


def test_results_keep_everything_and_are_copies():
    given = {"status": STATUS_FAIL, "why": "x", "model": object()}
    result, _ = evaluate(given)
    assert result == given
    assert result is not given


def test_attachments_are_split_off():
    given = {"status": "ok", "loss": 1, "attachments": {"a": b"1"}}
    result, trials = evaluate(given)
    assert result == {"status": "ok", "loss": 1.0}
    assert trials.attachments == {"ATTACH::0::a": b"1"}
    assert given["attachments"] == {"a": b"1"}
    kept, trials = evaluate(given, attach_attachments=False)
    assert kept["attachments"] == {"a": b"1"}
    assert trials.attachments == {}


@pytest.mark.parametrize(
    "kind", [pd.Series, lambda result: list(result.items()), types.MappingProxyType]
)
def test_results_are_what_dict_accepts(kind):
    result, _ = evaluate(kind({"status": "ok", "loss": 0.5, "why": "x"}))
    assert result == {"status": "ok", "loss": 0.5, "why": "x"}
    assert type(result) is dict


@pytest.mark.parametrize(
    ("rval", "error", "said"),
    [
        ("", InvalidResult, "must return a number"),
        ([], InvalidResult, "must return a number"),
        ([[1], [2]], InvalidResult, "must return a number"),
        (None, InvalidResult, "must return a number[\\s\\S]*None[\\s\\S]*forget its `return`"),
        ("0.5", InvalidResult, "must return a number[\\s\\S]*'0.5'"),
        (10**400, InvalidLoss, "float"),
        (np.complex128(1j), InvalidResult, "must return a number"),
        (np.array(["0.5"]), InvalidResult, "must return a number"),
        ({"status": "ok", "loss": 10**400}, InvalidLoss, "must have a 'loss'"),
        ([0.5], InvalidResult, "must return a number[\\s\\S]*0.5"),
        (np.zeros(3), InvalidResult, "must return a number"),
        ({"loss": 1.0}, InvalidResult, "sparktune.STATUS_OK"),
        ({"loss": 1.0, "status": "great"}, InvalidResultStatus, "one of 'new'[\\s\\S]*great"),
        ({"loss": 1.0, "status": ["ok"]}, InvalidResultStatus, "one of 'new'"),
        ({"status": "ok"}, InvalidLoss, "must have a 'loss'[\\s\\S]*STATUS_FAIL"),
        ({"status": "ok", "loss": None}, InvalidLoss, "must have a 'loss'"),
        ({"status": "ok", "loss": "low"}, InvalidLoss, "must have a 'loss'"),
        ({"status": "ok", "loss": np.zeros(2)}, InvalidLoss, "must have a 'loss'"),
        ({"status": "fail", "attachments": 3}, InvalidResult, "attachments[\\s\\S]*int"),
    ],
)
def test_invalid_results(rval, error, said):
    with pytest.raises(error, match=said) as caught:
        normalize_result(rval)
    assert type(caught.value) is error
    with pytest.raises(error, match=said):
        evaluate(rval)


def test_each_evaluation_has_a_fresh_point():
    seen = []

    def fn(point):
        seen.append(dict(point["inner"]))
        point.pop("x")
        point["inner"].clear()
        return 1.0

    fmin(
        fn,
        {"x": hp.uniform("x", 0, 1), "inner": {"a": 1, "b": hp.uniform("b", 0, 1)}},
        algo=rand.suggest,
        max_evals=3,
        verbose=False,
    )
    assert [point["a"] for point in seen] == [1, 1, 1]


def test_attributes():
    space = {"x": hp.uniform("x", 0, 1), "c": hp.choice("c", [1, hp.normal("y", 0, 1)])}
    domain = Domain(abs, space, workdir="w", name="n", loss_target=0.1)
    assert isinstance(domain.expr, Apply)
    assert {label: node.name for label, node in domain.params.items()} == {
        "x": "uniform",
        "c": "randint",
        "y": "normal",
    }
    assert (domain.fn, domain.workdir, domain.name, domain.loss_target) == (abs, "w", "n", 0.1)
    assert domain.cmd == ("domain_attachment", "FMinIter_Domain")
    assert domain.short_str() == f"Domain{{{abs}}}"
    assert domain.new_result() == {"status": "new"}
    result = {"loss": 1, "status": "ok"}
    assert (domain.loss(result), domain.true_loss(result)) == (1, 1)
    assert domain.true_loss({"true_loss": 2}) == 2
    assert (domain.loss_variance(result), domain.status(result)) == (0.0, "ok")


@pytest.mark.parametrize("kind", [Trials, ProcessTrials])
def test_a_search_compiles_its_space_once(kind, monkeypatch):
    compiled = []

    def counted(*args):
        compiled.append(args)
        return build_program(*args)

    monkeypatch.setattr(compile, "build_program", counted)
    space = {"x": hp.uniform("x", 0, 1), "ctrl": Ctrl, "c": hp.choice("c", ["a", "b"])}
    trials = kind()
    best = fmin(
        lambda point: point["x"],
        space,
        algo=rand.suggest,
        max_evals=3,
        trials=trials,
        points_to_evaluate=[{"x": 0.5, "c": 1}, {"x": 0.0, "c": 0}],
        return_argmin=False,
        verbose=False,
    )
    assert best == trials.best_params == trials.best_params == {"x": 0.0, "ctrl": Ctrl, "c": "a"}
    assert list(trials.to_pandas()["params.c"][:2]) == ["b", "a"]
    assert len(compiled) == 1


def test_pickles():
    offset = 3
    domain = Domain(lambda p: p["x"] + offset, {"x": hp.uniform("x", 0, 1)})
    other = cloudpickle.loads(cloudpickle.dumps(domain))
    assert other.evaluate({"x": 0.5}, Ctrl(None))["loss"] == 3.5
    assert other.space.labels == ("x",)


def test_low_level_objectives_get_expression_memo_and_ctrl():
    @fmin_pass_expr_memo_ctrl
    def fn(expr, memo, ctrl, power=2):
        ctrl.info("evaluating")
        ctrl.attachments["seen"] = b"1"
        ctrl.checkpoint({"status": "running"})
        assert ctrl.current_trial["result"] == {"status": "running"}
        return rec_eval(expr, memo=memo)["x"] ** power

    trials = Trials()
    fmin(partial(fn, power=4), {"x": hp.uniform("x", 0, 1)}, algo=rand.suggest, max_evals=3,
         trials=trials, verbose=False)  # fmt: skip
    assert trials.losses() == [x**4 for x in trials.vals["x"]]
    assert len(trials.attachments) == 3


def test_a_ctrl_in_the_space_is_the_evaluations_own():
    seen = []

    @scope.define
    def look_at(ctrl):
        seen.append(ctrl)
        return ctrl.current_trial["tid"]

    space = {"x": hp.uniform("x", 0, 1), "tid": scope.look_at(Domain.pyll_ctrl)}
    trials = Trials()
    fmin(lambda point: point["tid"], space, algo=rand.suggest, max_evals=3, trials=trials,
         verbose=False)  # fmt: skip
    assert trials.losses() == [0.0, 1.0, 2.0]
    assert all(isinstance(ctrl, Ctrl) for ctrl in seen)
    scope.undefine("look_at")


def test_injected_results_are_trials():
    @fmin_pass_expr_memo_ctrl
    def fn(expr, memo, ctrl):
        x = rec_eval(expr, memo=memo)
        tid = ctrl.current_trial["tid"]
        if tid == 1:
            misc = {"idxs": {"x": []}, "vals": {"x": [0.0]}}
            (new,) = ctrl.trials.new_trial_ids(1)
            misc["idxs"]["x"] = [new]
            ctrl.inject_results([None], [{"status": "ok", "loss": -1.0}], [misc], [new])
        return x

    trials = Trials()
    best = fmin(fn, hp.uniform("x", 0, 1), algo=rand.suggest, max_evals=4, trials=trials,
                verbose=False)  # fmt: skip
    assert best == {"x": 0.0}
    assert len(trials) == 5
    with pytest.raises(InvalidArgument, match="equally long"):
        Ctrl(trials, trials.trials[0]).inject_results([None], [], [])


@pytest.mark.parametrize("make", [np.random.default_rng, np.random.RandomState])
def test_others_suggesters_draw_from_the_prior_through_the_domain(make):
    space = {"k": hp.choice("k", [0, hp.uniform("x", 2, 3)])}
    domain = Domain(None, space)

    def draw(seed, ids):
        memo = {domain.s_new_ids: ids, domain.s_rng: make(seed)}
        return rec_eval(domain.s_idxs_vals, memo=memo)

    idxs, vals = draw(0, list(range(10, 40)))
    assert idxs["k"] == list(range(10, 40))
    # A conditional one has the trials in which it is active, in the same order.
    assert idxs["x"] == [tid for tid, k in zip(idxs["k"], vals["k"], strict=True) if k == 1]
    assert 5 < len(idxs["x"]) == len(vals["x"]) < 25
    assert all(2 <= x <= 3 for x in vals["x"])
    assert draw(0, [10, 11]) != draw(1, [10, 11])
    # The nodes are left out of pickles, and made again.
    again = cloudpickle.loads(cloudpickle.dumps(domain))
    memo = {again.s_new_ids: [10], again.s_rng: make(0)}
    assert rec_eval(again.s_idxs_vals, memo=memo)[1]["k"] == vals["k"][:1]


def test_a_memo_without_a_needed_value():
    domain = Domain(None, {"x": hp.uniform("x", 0, 1)})
    memo = domain.memo_from_config({})
    for kind in (KeyError, AssertionError):  # the second is what Hyperopt raises
        with pytest.raises(kind, match="'x' is needed but has no value"):
            rec_eval(domain.expr, memo=memo, print_node_on_error=False)
