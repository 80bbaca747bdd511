"""Trials that Hyperopt pickled are read, and ours go back to Hyperopt."""

import datetime
import io
import os
import pickle
import subprocess
import sys
import types
from collections import OrderedDict
from pathlib import Path

import cloudpickle
import numpy as np
import pytest
from hyperopt.fmin import generate_trials_to_calculate

import hyperopt
import sparktune
from sparktune import JOB_STATE_ERROR, Trials, fmin, hp, load_hyperopt_trials, tpe
from sparktune.exceptions import InvalidArgument, InvalidArgumentType

DATA = Path(__file__).parent / "data"
OLD = DATA / "trials-hyperopt-0.2.7.pkl"


@pytest.fixture(scope="module")
def new(tmp_path_factory):
    """The same search with the installed Hyperopt."""
    path = tmp_path_factory.mktemp("pickles") / "trials.pkl"
    command = [sys.executable, "-W", "ignore", str(DATA / "make_trials.py"), str(path)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return path


@pytest.fixture(params=["0.2.7", "0.3.0"])
def path(request):
    return OLD if request.param == "0.2.7" else request.getfixturevalue("new")


def space(hp):
    return {
        "model": hp.choice(
            "model",
            [
                {"kind": "svm", "C": hp.loguniform("C", -3, 3)},
                {"kind": "forest", "depth": hp.quniform("depth", 1, 9, 1)},
            ],
        ),
        "seed": hp.randint("seed", 5),
    }


def loss(point):
    model = point["model"]
    return abs(np.log(model["C"])) if "C" in model else model["depth"]


def test_all_of_it_is_there(path):
    trials = load_hyperopt_trials(path)
    assert type(trials) is Trials
    docs = trials._dynamic_trials
    assert [doc["tid"] for doc in docs] == list(range(len(docs)))
    failed = [doc for doc in docs if doc["state"] == JOB_STATE_ERROR]
    assert 0 < len(failed) < len(docs)
    assert len(docs) == 25 == len(trials) + len(failed)
    assert failed[0]["misc"]["error"] == (str(ValueError), "no seed of 4")
    assert set(trials.statuses()) == {"ok", "fail"}
    best = trials.best_trial
    assert best["result"]["loss"] == min(x for x in trials.losses() if x is not None)
    assert loss(sparktune.space_eval(space(hp), trials.argmin)) == pytest.approx(
        best["result"]["loss"]
    )
    np.testing.assert_array_equal(best["result"]["weights"], np.arange(3.0))
    assert trials.trial_attachments(best)["log"] == b"trained"
    assert isinstance(best["book_time"], datetime.datetime)
    # Hyperopt wrote NumPy scalars; the values are Python's now, as in our own searches.
    assert {type(v[0]) for v in best["misc"]["vals"].values() if v} <= {float, int}
    assert trials.new_trial_ids(1) == [len(docs)]


def test_a_search_goes_on_with_them(path):
    trials = load_hyperopt_trials(path)
    before = len(trials)
    best = fmin(loss, space(hp), algo=tpe.suggest, max_evals=60, trials=trials, rstate=0,
                verbose=False)  # fmt: skip
    assert len(trials) == 60
    assert trials.best_trial["result"]["loss"] < 0.5
    assert best["model"] == 0
    assert trials.best_params["model"]["kind"] == "svm"
    # Suggestions come from the history.
    assert np.mean([v == 0 for v in trials.vals["model"][before:]]) > 0.6


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("dumps", [pickle.dumps, cloudpickle.dumps])
def test_every_protocol_and_kind_of_source(protocol, dumps):
    theirs = generate_trials_to_calculate([{"x": np.float64(1.5), "k": np.int64(1)}])
    theirs.refresh()
    theirs._dynamic_trials[0]["result"] = {
        "status": "ok",
        "loss": np.float32(0.5),
        "extra": {
            "array": np.arange(4).reshape(2, 2),
            "objects": np.array([1, "a"], dtype=object),
            "set": {1, 2},
            "bytes": b"\xff\x00",
            "bool": np.bool_(True),
            "ordered": OrderedDict(a=1),
            "complex": 1 + 2j,
        },
    }
    data = dumps(theirs, protocol=protocol)
    for source in (data, io.BytesIO(data)):
        (doc,) = load_hyperopt_trials(source).trials
        assert doc["misc"]["vals"] == {"x": [1.5], "k": [1]}
        extra = doc["result"].pop("extra")
        assert doc["result"] == {"status": "ok", "loss": 0.5}
        assert extra["array"].tolist() == [[0, 1], [2, 3]]
        assert extra["objects"].tolist() == [1, "a"]
        assert extra["set"] == {1, 2}
        assert extra["bytes"] == b"\xff\x00"
        assert extra["bool"]
        assert extra["ordered"] == {"a": 1}
        assert extra["complex"] == 1 + 2j


# Hyperopt leaves the file open.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_trials_save_file(tmp_path):
    file = tmp_path / "save.pkl"
    hyperopt.fmin(
        lambda x: x**2,
        hyperopt.hp.uniform("x", -1, 1),
        algo=hyperopt.rand.suggest,
        max_evals=3,
        trials_save_file=str(file),
        rstate=np.random.default_rng(0),
        show_progressbar=False,
    )
    assert len(load_hyperopt_trials(str(file))) == 3


def test_documents_without_numpy_and_documents_of_mongodb(monkeypatch):
    """`SONify` makes plain numbers; PyMongo's documents have their own class."""

    class SON(dict):
        def __reduce__(self):
            return (SON, (), {"_SON__keys": list(self)}, None, iter(self.items()))

    SON.__module__, SON.__qualname__ = "bson.son", "SON"
    module = types.ModuleType("bson.son")
    module.SON = SON
    monkeypatch.setitem(sys.modules, "bson", types.ModuleType("bson"))
    monkeypatch.setitem(sys.modules, "bson.son", module)
    theirs = generate_trials_to_calculate([{"x": 1.5}])
    doc = theirs._dynamic_trials[0] = SON(theirs._dynamic_trials[0])
    doc["misc"] = SON(hyperopt.base.SONify(doc["misc"]))
    doc["misc"]["cmd"] = list(doc["misc"]["cmd"])
    (doc,) = load_hyperopt_trials(pickle.dumps(theirs))._dynamic_trials
    assert type(doc) is type(doc["misc"]) is dict
    assert doc["misc"]["vals"] == {"x": [1.5]}
    trials = load_hyperopt_trials(pickle.dumps(theirs))
    fmin(abs, hp.uniform("x", -2, 2), max_evals=30, trials=trials, rstate=0, verbose=False)
    assert trials.losses()[0] == 1.5


class Model:
    """An object that a user keeps in a result."""


class TestWhatIsNotLetIn:
    @pytest.mark.parametrize("call", [os.system, eval, __import__, np.load, getattr])
    def test_calls(self, call):
        class Evil:
            def __reduce__(self):
                return (call, ("raise SystemExit",))

        theirs = hyperopt.Trials()
        theirs.attachments["evil"] = Evil()
        with pytest.raises(InvalidArgument, match=f"it refers to .*{call.__name__}"):
            load_hyperopt_trials(pickle.dumps(theirs))

    def test_classes_of_the_user_unless_allowed(self):
        theirs = generate_trials_to_calculate([{"x": 1}])
        theirs._dynamic_trials[0]["result"]["model"] = Model()
        data = pickle.dumps(theirs)
        with pytest.raises(InvalidArgument, match=r"Model.*allow=\[Model\]"):
            load_hyperopt_trials(data)
        trials = load_hyperopt_trials(data, allow=[Model])
        assert type(trials._dynamic_trials[0]["result"]["model"]) is Model

    @pytest.mark.parametrize(
        ("source", "said"),
        [
            (b"no pickle", "whole pickle"),
            (b"", "whole pickle"),
            (OLD.read_bytes()[:500], "whole pickle"),
            (pickle.dumps({"a": 1}), "holds dict"),
        ],
    )
    def test_files_that_are_not_pickles_of_trials(self, source, said):
        with pytest.raises(InvalidArgument, match=said):
            load_hyperopt_trials(source)

    def test_invalid_sources(self, tmp_path):
        with pytest.raises(InvalidArgumentType, match="a path, bytes or a binary file"):
            load_hyperopt_trials(3)
        with pytest.raises(FileNotFoundError):
            load_hyperopt_trials(tmp_path / "no.pkl")


def test_under_hyperopts_name_pickle_itself_reads_them(path):
    code = (
        "import pickle, sys, sparktune; sparktune.install_as_hyperopt();"
        "trials = pickle.load(open(sys.argv[1], 'rb'));"
        "assert type(trials) is sparktune.Trials and len(trials._dynamic_trials) == 25, trials;"
        "trials.refresh(); trials.best_trial"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, str(path)], check=True, timeout=60)


def test_ours_go_back_to_hyperopt():
    ours = Trials()

    def objective(point):
        if point["seed"] == 4:
            raise ValueError("no seed of 4")
        return {"status": "fail"} if point["seed"] == 3 else loss(point)

    fmin(objective, space(hp), max_evals=25, trials=ours, rstate=0, verbose=False,
         catch_eval_exceptions=True)  # fmt: skip
    theirs = hyperopt.trials_from_docs(pickle.loads(pickle.dumps(ours._dynamic_trials)))
    assert len(theirs._dynamic_trials) == 25
    assert theirs.argmin == ours.argmin
    assert theirs.losses() == ours.losses()
    hyperopt.fmin(
        loss,
        space(hyperopt.hp),
        algo=hyperopt.tpe.suggest,
        max_evals=40,
        trials=theirs,
        rstate=np.random.default_rng(0),
        show_progressbar=False,
    )
    assert len(theirs) == 40
    # There and back again.
    again = load_hyperopt_trials(pickle.dumps(theirs))
    assert again.losses() == theirs.losses()
