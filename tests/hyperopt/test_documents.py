"""Trial documents and the answers of `Trials` match Hyperopt's, key for key."""

import datetime
import sys
import warnings

import numpy as np
import pytest

import sparktune
from sparktune import JOB_STATE_ERROR, STATUS_FAIL, STATUS_OK

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import hyperopt.fmin

    import hyperopt

BOTH = [hyperopt, sparktune]
# Keys that Hyperopt does not write.
OUR_EXTRAS = {("misc", "traceback")}


def space_of(lib):
    hp = lib.hp
    return {
        "x": hp.uniform("x", -1, 1),
        "q": hp.quniform("q", 0, 10, 1),
        "n": hp.randint("n", 5),
        "u": hp.uniformint("u", 1, 4),
        "p": hp.pchoice("p", [(0.2, "a"), (0.8, "b")]),
        "c": hp.choice("c", [{"y": hp.normal("y", 0, 1)}, {"z": hp.lognormal("z", 0, 1)}]),
    }


def objective(lib):
    calls = []

    def fn(point):
        calls.append(point)
        number = len(calls)
        if number == 3:
            raise RuntimeError("third")
        if number == 4:
            return {"status": STATUS_FAIL, "why": "fourth"}
        if number == 5:
            return float("nan")
        if number == 6:
            return {"status": STATUS_OK, "loss": 1, "extra": [1], "attachments": {"a": b"1"}}
        return np.float32(point["x"] ** 2)

    return fn


def search(lib, algo, max_evals=30):
    trials = lib.Trials()
    lib.fmin(
        objective(lib),
        space_of(lib),
        algo=getattr(lib, algo).suggest,
        max_evals=max_evals,
        trials=trials,
        rstate=np.random.default_rng(0),
        catch_eval_exceptions=True,
        verbose=False,
    )
    return trials


def shape(value, path=()):
    """Return the keys and leaf types of a document, without random values."""
    if isinstance(value, dict):
        return {
            key: shape(each, (*path, key))
            for key, each in value.items()
            if (*path, key) not in OUR_EXTRAS
        }
    if path[:2] in (("misc", "vals"), ("misc", "idxs")):
        return type(value)
    if isinstance(value, (list, tuple)):
        return type(value), [shape(each, path) for each in value]
    return type(value)


@pytest.mark.parametrize("algo", ["rand", "tpe"])
def test_documents_of_every_state_have_the_same_keys_and_types(algo):
    theirs, ours = (search(lib, algo)._dynamic_trials for lib in BOTH)
    assert len(theirs) == len(ours)
    assert [doc["state"] for doc in theirs] == [doc["state"] for doc in ours]
    for one, other in zip(theirs, ours, strict=True):
        assert shape(one) == shape(other)
    assert {doc["state"] for doc in ours} == {2, JOB_STATE_ERROR}
    assert ours[2]["misc"]["error"] == theirs[2]["misc"]["error"]
    assert "RuntimeError: third" in ours[2]["misc"]["traceback"]
    assert isinstance(ours[0]["book_time"], datetime.datetime)
    assert ours[0]["book_time"].tzinfo is None


def test_new_documents_are_equal():
    docs = []
    for lib in BOTH:
        trials = lib.Trials(exp_key="e")
        docs.append(trials.new_trial_docs([7], [None], [{"status": "new"}], [{"tid": 7}]))
    assert docs[0] == docs[1]


def test_derived_documents_are_equal():
    docs = []
    for lib in BOTH:
        trials = lib.Trials()
        source = trials.new_trial_docs([0], [None], [{}], [{"tid": 0}])[0]
        source["state"] = 2
        docs.append(trials.source_trial_docs([5], [None], [{"loss": 1}], [{"tid": 5}], [source]))
    assert docs[0] == docs[1]


def test_points_to_calculate_are_equal():
    points = [{"x": 0.5, "c": 1}, {"x": -0.5}]
    theirs = sys.modules["hyperopt.fmin"].generate_trials_to_calculate(points)
    ours = sparktune.generate_trials_to_calculate(points)
    assert theirs._dynamic_trials == ours._dynamic_trials
    assert len(theirs) == len(ours) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        {"max_evals": 5, "points_to_evaluate": [{"x": 0.1}, {"x": 0.2}]},
        {"max_evals": 5},
        {"max_evals": 5, "max_queue_len": 3},
        {"max_evals": 0, "return_argmin": False},
    ],
)
def test_equally_many_evaluations(arguments):
    counts = []
    for lib in BOTH:
        seen = []
        lib.fmin(
            lambda x, seen=seen: seen.append(x) or x**2,
            lib.hp.uniform("x", 0, 1),
            algo=lib.rand.suggest,
            verbose=False,
            **arguments,
        )
        counts.append(len(seen))
    assert counts[0] == counts[1]


def test_what_trials_say_of_equal_documents_is_equal():
    docs = search(hyperopt, "rand")._dynamic_trials
    for number, doc in enumerate(docs):
        if doc["result"].get("status") == "ok":
            doc["result"]["loss_variance"] = 0.01 * number
    finite = [doc for doc in docs if doc["result"].get("loss") == doc["result"].get("loss")]
    theirs, ours = (lib.trials_from_docs(finite) for lib in BOTH)
    for name in ("tids", "specs", "results", "miscs", "idxs", "vals", "idxs_vals", "argmin"):
        assert getattr(theirs, name) == getattr(ours, name), name
    assert theirs.losses() == ours.losses()
    assert theirs.statuses() == ours.statuses()
    assert theirs.best_trial is ours.best_trial
    errors = [trials.average_best_error() for trials in (theirs, ours)]
    assert errors[0] == errors[1]
    assert type(errors[0]) is type(errors[1])
    for doc in finite:
        doc["result"].pop("loss_variance", None)
    assert type(theirs.average_best_error()) is type(ours.average_best_error())
    for state in (0, 1, 2, 3, 4, [0, 1], [2, 3]):
        assert theirs.count_by_state_synced(state) == ours.count_by_state_synced(state)
        assert theirs.count_by_state_unsynced(state) == ours.count_by_state_unsynced(state)


def test_an_exception_of_the_objective_leaves_the_same_documents():
    left = []
    for lib in BOTH:
        trials = lib.Trials()
        fn = objective(lib)
        with pytest.raises(RuntimeError, match="third"):
            lib.fmin(
                fn,
                space_of(lib),
                algo=lib.rand.suggest,
                max_evals=9,
                trials=trials,
                verbose=False,
            )
        left.append([(doc["state"], doc["result"]["status"]) for doc in trials._dynamic_trials])
        assert len(trials) == 2
    assert left[0] == left[1]


def test_helpers_on_miscs_are_equal():
    idxs, vals = {"a": [1, 2], "b": [2]}, {"a": [0.1, 0.2], "b": [5]}
    made = []
    for lib in (hyperopt.base, sparktune.base):
        miscs = [{"tid": tid} for tid in (1, 2, 3)]
        lib.miscs_update_idxs_vals(miscs, idxs, vals)
        made.append((miscs, lib.miscs_to_idxs_vals(miscs), lib.spec_from_misc(miscs[1])))
    assert made[0] == made[1]


def test_fmin_has_hyperopts_parameters_first():
    import inspect

    theirs, ours = (inspect.signature(lib.fmin).parameters for lib in BOTH)
    assert list(ours)[: len(theirs)] == list(theirs)
    for name, parameter in theirs.items():
        assert ours[name].default == parameter.default, name
        assert ours[name].kind == parameter.kind, name
    extras = list(ours.values())[len(theirs) :]
    assert all(parameter.kind == parameter.KEYWORD_ONLY for parameter in extras)


def test_trials_fmin_and_fminiter_have_hyperopts_parameters_first():
    import inspect

    for get in (
        lambda lib: lib.Trials.fmin,
        lambda lib: lib.FMinIter,
        lambda lib: lib.Domain,
        lambda lib: lib.Ctrl,
        lambda lib: lib.Trials,
        # The defaults of `tpe.suggest` itself differ; the tests of suggesters list them.
        lambda lib: getattr(lib.tpe, "hyperopt_suggest", lib.tpe.suggest),
        lambda lib: lib.rand.suggest,
        lambda lib: lib.rand.suggest_batch,
    ):
        theirs, ours = (inspect.signature(get(lib)).parameters for lib in BOTH)
        assert list(ours)[: len(theirs)] == list(theirs), get(hyperopt)
        defaults = {n: p.default for n, p in theirs.items()}
        assert {n: ours[n].default for n in theirs} == defaults


def test_trials_and_domain_have_every_public_name():
    for kind in ("Trials", "Ctrl", "FMinIter"):
        theirs, ours = (getattr(lib, kind) for lib in BOTH)
        missing = {name for name in dir(theirs) if not name.startswith("_")} - set(dir(ours))
        assert not missing, (kind, missing)
    made = [lib.Domain(lambda x: x, lib.hp.uniform("x", 0, 1)) for lib in BOTH]
    missing = {name for name in dir(made[0]) if not name.startswith("_")} - set(dir(made[1]))
    # Pieces of Hyperopt's vectorised graph, and of its IPython and Mongo workers.
    assert missing <= {
        "s_idxs_vals",
        "s_new_ids",
        "s_rng",
        "vh",
        "evaluate_async",
        "evaluate_async2",
    }
    assert made[0].params.keys() == made[1].params.keys()
    assert made[0].cmd == made[1].cmd
    assert made[0].new_result() == made[1].new_result()
