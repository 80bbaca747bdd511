"""Internals that frameworks use, besides those that `dependents` shows in use."""

import importlib
import inspect

import numpy as np
import pytest

import hyperopt
from sparktune import Ctrl, Domain, Trials, base, fmin, hp, rand, tpe, utils
from sparktune.pyll import as_apply, clone, rec_eval


def test_the_arguments_of_fmin_can_be_looked_up():
    """hyperopt-sklearn asks for the positional ones, hyperas tries a wrong keyword."""
    theirs = inspect.getfullargspec(hyperopt.fmin)
    ours = inspect.getfullargspec(fmin)
    assert ours.args == theirs.args
    assert ours.defaults == theirs.defaults
    assert ours.varkw is None
    assert inspect.getfullargspec(tpe.suggest).args[:4] == ["new_ids", "domain", "trials", "seed"]
    with pytest.raises(TypeError, match="rseed"):
        fmin(abs, hp.uniform("x", 0, 1), algo=rand.suggest, max_evals=1, rseed=3)


def test_documents_are_live_and_at_the_position_of_their_id():
    trials = Trials()
    fmin(abs, hp.uniform("x", -1, 1), algo=rand.suggest, max_evals=5, trials=trials, rstate=0,
         verbose=False)  # fmt: skip
    docs = trials._dynamic_trials
    assert [doc["tid"] for doc in docs] == [0, 1, 2, 3, 4]
    assert all(one is other for one, other in zip(docs, trials.trials, strict=True))
    docs[3]["misc"]["vals"]["x"][0] = np.float64(7.0)
    docs[3]["result"]["loss"] = -5.0
    assert trials.argmin == {"x": 7.0}
    assert trials.vals["x"][3] == 7.0


def test_a_choice_is_a_switch_whose_options_can_be_read():
    space = {"opt": hp.choice("opt", ["adam", "sgd"]), "nested": hp.choice("n", [{"a": 1}, None])}
    node = space["opt"]
    assert node.name == "switch"
    assert [a.obj for a in node.pos_args[1:] if a.name == "literal"] == ["adam", "sgd"]
    parameter = node.pos_args[0]
    assert parameter.name == "hyperopt_param"
    assert parameter.pos_args[0].obj == parameter.arg["label"].obj == "opt"
    assert parameter.arg["obj"].name == "randint"
    root = as_apply(space)
    assert root.name == "dict"
    assert dict(root.named_args)["opt"] is node
    assert root.inputs() == [dict(root.named_args)["nested"], node]
    copy = clone(root)
    assert copy is not root
    assert str(copy) == str(root)


def test_a_framework_evaluates_the_expression_itself():
    seen = []
    space = {
        "x": hp.uniform("x", 0, 1),
        "ctrl": Ctrl,
        "y": hp.choice("k", [0, hp.normal("z", 0, 1)]),
    }
    domain = Domain(seen.append, space)
    trials = Trials()
    (doc,) = rand.suggest(trials.new_trial_ids(1), domain, trials, 0)
    config = base.spec_from_misc(doc["misc"])
    ctrl = base.Ctrl(trials, current_trial=doc)
    memo = domain.memo_from_config(config)
    assert utils.use_obj_for_literal_in_memo(domain.expr, ctrl, base.Ctrl, memo) is memo
    point = rec_eval(
        domain.expr, memo=memo, print_node_on_error=domain.rec_eval_print_node_on_error
    )
    assert point["x"] == config["x"]
    assert point["ctrl"] is ctrl
    assert set(domain.params) == {"x", "k", "z"}
    assert domain.params["x"].name == "uniform"


def test_columns_and_documents_are_two_forms_of_one_thing():
    trials = Trials()
    space = {"x": hp.uniform("x", 0, 1), "k": hp.choice("k", [0, hp.uniform("y", 0, 1)])}
    docs = rand.suggest(trials.new_trial_ids(6), Domain(None, space), trials, 3)
    miscs = [doc["misc"] for doc in docs]
    idxs, vals = base.miscs_to_idxs_vals(miscs)
    empty = [{"tid": misc["tid"]} for misc in miscs]
    base.miscs_update_idxs_vals(empty, idxs, vals)
    assert [m["vals"] for m in empty] == [m["vals"] for m in miscs]
    assert hyperopt.base.miscs_to_idxs_vals(miscs) == (idxs, vals)


@pytest.mark.parametrize(
    "path",
    [
        "pyll.stochastic.scope",
        "pyll.stochastic.as_apply",
        "pyll.stochastic.recursive_set_rng_kwarg",
        "pyll_utils.scope",
        "base.pyll",
        "base.use_obj_for_literal_in_memo",
        "base.miscs_to_idxs_vals",
        "utils.coarse_utcnow",
        "pyll.base.Literal",
        "pyll.toposort",
        "fmin.generate_trials_to_calculate",
        "exceptions.AllTrialsFailed",
        "progress.default_callback",
        "criteria.EI_gaussian",
        "plotting.main_plot_vars",
        "early_stop.no_progress_loss",
    ],
)
def test_names_that_frameworks_import(path):
    module, _, name = path.rpartition(".")
    for package in ("hyperopt", "sparktune"):
        assert hasattr(importlib.import_module(f"{package}.{module}"), name)
