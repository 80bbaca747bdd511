"""Values have the types that Hyperopt gives them: Python's, where a document was inserted.

Hyperopt makes documents plain when it inserts them, if PyMongo is installed; we always do.
"""

import copy
import functools
import importlib
import json
import pickle
import types
import warnings

import numpy as np
import pytest

import sparktune
from sparktune import ProcessTrials, Trials

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import hyperopt.base

    import hyperopt

TIMES = ("book_time", "refresh_time")
ALGORITHMS = ["rand", "tpe", "anneal", "mix"]


@pytest.fixture(autouse=True)
def _pymongo(monkeypatch):
    """Let Hyperopt find PyMongo, from which it needs two names."""
    monkeypatch.setenv("SPARKTUNE_MLFLOW", "0")
    bson = types.SimpleNamespace(BSON=types.SimpleNamespace(encode=lambda doc: b""))
    monkeypatch.setattr(hyperopt.base, "have_bson", True)
    monkeypatch.setattr(hyperopt.base, "bson", bson, raising=False)
    monkeypatch.setattr(hyperopt.base, "ObjectId", type("ObjectId", (), {}), raising=False)


def space_of(lib):
    hp, scope = lib.hp, importlib.import_module(f"{lib.__name__}.pyll").scope
    return {
        "uniform": hp.uniform("uniform", -1, 1),
        "quniform": hp.quniform("quniform", 0, 9, 0.5),
        "loguniform": hp.loguniform("loguniform", -3, 0),
        "qloguniform": hp.qloguniform("qloguniform", 0, 3, 1),
        "normal": hp.normal("normal", 0, 1),
        "qnormal": hp.qnormal("qnormal", 0, 1, 1),
        "lognormal": hp.lognormal("lognormal", 0, 1),
        "qlognormal": hp.qlognormal("qlognormal", 0, 1, 1),
        "randint": hp.randint("randint", 5),
        "range": hp.randint("range", 2, 9),
        "uniformint": hp.uniformint("uniformint", 1, 4),
        "scope.int": scope.int(hp.quniform("scope.int", 1, 5, 1)),
        "sum": 1 + hp.randint("sum", 3),
        "raw": scope.hyperopt_param("raw", scope.uniform(0, 1)),
        "pchoice": hp.pchoice("pchoice", [(0.25, "a"), (0.75, 2)]),
        "choice": hp.choice("choice", ["a", 1, 2.5, None, True, (1, 2), [3], {"z": 1.5}]),
        "numpy": hp.choice("numpy", [np.float64(0.5), np.int64(3), np.float32(1), np.bool_(1)]),
        "nested": hp.choice(
            "nested",
            [{"y": hp.normal("y", 0, 1)}, {"z": hp.choice("z", [1, hp.randint("zz", 3)])}],
        ),
    }


def helpers():
    """Return `typed` and `objective`; made in here, they travel to workers by value."""

    def typed(value):
        """Return a value as text that shows the types of all that is in it."""
        if isinstance(value, dict):
            items = sorted((typed(key), typed(each)) for key, each in value.items())
            return f"{type(value).__name__}({items})"
        if isinstance(value, (list, tuple)):
            return f"{type(value).__name__}({[typed(each) for each in value]})"
        return f"{type(value).__name__}({value!r})"

    def objective(point, known=None):
        loss = abs(point["uniform"] * 1.0) if known is None or point["uniform"] in known else 9.0
        return {"loss": loss, "status": "ok", "seen": typed(point)}

    return typed, objective


typed, objective = helpers()


def algorithm(lib, name):
    if name == "mix":
        halves = [(0.5, lib.rand.suggest), (0.5, lib.anneal.suggest)]
        return functools.partial(lib.mix.suggest, p_suggest=halves)
    return getattr(lib, name).suggest


def search(lib, name="rand", max_evals=30, trials=None, fn=objective, **arguments):
    trials = lib.Trials() if trials is None else trials
    best = lib.fmin(
        fn, space_of(lib), algorithm(lib, name), max_evals, trials=trials, verbose=False,
        rstate=np.random.default_rng(3), **arguments,
    )  # fmt: skip
    return best, trials


def kinds(columns, found=None):
    found = {} if found is None else found
    for label, values in columns.items():
        found.setdefault(label, set()).update(map(type, values))
    return found


@functools.cache
def drawn():
    """Return what Hyperopt drew, with every option of every choice, as NumPy's scalars."""
    domain = hyperopt.Domain(None, space_of(hyperopt))
    docs = [hyperopt.rand.suggest([tid], domain, hyperopt.Trials(), tid)[0] for tid in range(60)]
    assert {doc["misc"]["vals"]["choice"][0] for doc in docs} == set(range(8))
    return docs


def evaluated(lib, trials):
    """Evaluate the points, and return what there is to compare."""
    trials.insert_trial_docs(copy.deepcopy(drawn()))
    known = {doc["misc"]["vals"]["uniform"][0] for doc in drawn()}
    # Hyperopt evaluates what was inserted only where it suggests a trial as well.
    best, trials = search(lib, "rand", 1, trials, lambda point, fn=objective: fn(point, known))
    docs = sorted(trials.trials, key=lambda doc: doc["tid"])[: len(drawn())]
    for doc in docs:
        for name in TIMES:
            doc.pop(name)
    return {
        "best": best,
        "argmin": trials.argmin,
        "best_trial": trials.best_trial,
        "trials": docs,
        "points": [
            lib.space_eval(space_of(lib), {k: v[0] for k, v in doc["misc"]["vals"].items() if v})
            for doc in docs
        ],
        "point": lib.space_eval(space_of(lib), best),
    }  # fmt: skip


@pytest.mark.parametrize(
    "trials", [Trials, functools.partial(ProcessTrials, 2)], ids=["serial", "processes"]
)
def test_all_documents_of_the_same_points(trials):
    theirs, ours = evaluated(hyperopt, hyperopt.Trials()), evaluated(sparktune, trials())
    for name, value in theirs.items():
        assert typed(ours[name]) == typed(value), name


@pytest.mark.spark
def test_all_documents_of_the_same_points_on_spark(spark):
    theirs = evaluated(hyperopt, hyperopt.Trials())
    ours = evaluated(sparktune, sparktune.SparkTrials(2, spark_session=spark))
    for name, value in theirs.items():
        assert typed(ours[name]) == typed(value), name


@pytest.mark.parametrize("name", ALGORITHMS)
def test_searches(name):
    found = []
    for lib in (hyperopt, sparktune):
        best, trials = search(lib, name, max_evals=80)
        # Hyperopt's tpe.suggest writes int64 ids; they are made plain as well.
        found.append([kinds(trials.vals), kinds(trials.idxs), {type(doc["tid"]) for doc in trials}])
        assert kinds({label: [value] for label, value in best.items()}).items() <= (
            kinds(trials.vals).items()
        )
        assert json.loads(json.dumps(best)) == best
        assert "np." not in str(best) + str(trials.argmin) + str(trials.vals)
    assert found[0] == found[1]
    assert set().union(*found[1][0].values()) == {int, float}


@pytest.mark.parametrize("name", ALGORITHMS)
def test_what_a_suggester_returns(name):
    """Tools that ask a suggester themselves, such as NNI, call ``.item()`` on the values."""
    found = []
    for lib in (hyperopt, sparktune):
        trials = search(lib, max_evals=25)[1]
        domain = lib.Domain(objective, space_of(lib))
        docs = algorithm(lib, name)(trials.new_trial_ids(1), domain, trials, 7)
        vals = kinds(docs[0]["misc"]["vals"])
        found.append({label: kind for label, kind in vals.items() if kind})
    shared = found[0].keys() & found[1].keys()
    assert {label: found[0][label] for label in shared} == {
        label: found[1][label] for label in shared
    }


def test_a_resumed_search_with_values_of_numpy_in_its_history():
    best, trials = search(sparktune, "tpe", 15)
    for doc in trials._dynamic_trials:  # as earlier versions, and Hyperopt without PyMongo, wrote
        for label, values in doc["misc"]["vals"].items():
            doc["misc"]["vals"][label] = [np.array(value)[()] for value in values]
    old = pickle.loads(pickle.dumps(trials))
    assert {np.float64, np.int64} == set().union(*kinds(old.vals).values())
    assert typed(old.argmin) == typed(best)
    best, old = search(sparktune, "tpe", 30, old)
    assert json.loads(json.dumps(best)) == best
    new = {label: old.vals[label][15:] for label in ("uniform", "randint", "choice")}
    assert kinds(new) == {"uniform": {float}, "randint": {int}, "choice": {int}}


@pytest.mark.parametrize("number", [float, np.float64, np.float32])
def test_points_to_evaluate(number):
    found = []
    for lib in (hyperopt, sparktune):
        best = lib.fmin(
            abs, lib.hp.uniform("x", 0, 1), lib.rand.suggest, 1, verbose=False,
            points_to_evaluate=[{"x": number(0)}],
        )  # fmt: skip
        found.append(typed(best))
    assert found == ["dict([(\"str('x')\", 'float(0.0)')])"] * 2


def test_documents_that_a_suggester_of_the_user_returns():
    def suggest(new_ids, domain, trials, seed):
        (doc,) = sparktune.rand.suggest(new_ids, domain, trials, seed)
        doc["tid"] = doc["misc"]["tid"] = np.int64(doc["tid"])
        doc["misc"]["idxs"] = {k: [np.int64(i) for i in v] for k, v in doc["misc"]["idxs"].items()}
        return [doc]

    trials = Trials()
    sparktune.fmin(objective, space_of(sparktune), suggest, 5, trials=trials, verbose=False)
    assert {int} == set().union(*kinds(trials.idxs).values())
    assert {int, float} == set().union(*kinds(trials.vals).values())
    assert {type(doc["tid"]) for doc in trials} == {type(doc["misc"]["tid"]) for doc in trials}
    assert {type(doc["tid"]) for doc in trials} == {int}


def test_documents_made_by_hand_keep_what_is_not_a_number_of_numpy():
    misc = {"tid": 0, "cmd": None, "idxs": {}, "vals": {"a": [], "b": 3, "c": ("x",), "d": ["y"]}}
    (doc,) = Trials().new_trial_docs([0], [None], [{}], [misc])
    Trials().insert_trial_doc(doc)
    assert doc["misc"]["vals"] == {"a": [], "b": 3, "c": ("x",), "d": ["y"]}
