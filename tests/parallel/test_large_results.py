"""Results with models in them: whole on access, not all in memory."""

import copy
import gc
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sparktune import ProcessTrials, Trials, fmin, hp, rand

SPACE = hp.uniform("x", 0, 100)


def objective(x):
    import numpy as np

    return {
        "loss": x,
        "status": "ok",
        "model": np.full(200_000, x),
        "attachments": {"model": pickle.dumps(np.full(300_000, -x)), "note": b"small"},
    }


def search(trials, *values, **more):
    """Evaluate points in a new search, or one more trial in an old one."""
    more = {"points_to_evaluate": [{"x": float(value)} for value in values] or None, **more}
    more = {"max_evals": len(trials or ()) + (not values), **more}
    return fmin(objective, SPACE, algo=rand.suggest, trials=trials, verbose=False, **more)


def check(trials, *values):
    assert [doc["result"]["loss"] for doc in trials.trials][: len(values)] == list(values)
    assert len(trials) > 0
    for doc in trials.trials:
        x = doc["result"]["loss"]
        assert list(doc["result"]) == ["loss", "status", "model"]
        assert isinstance(doc["result"], dict)
        np.testing.assert_array_equal(doc["result"]["model"], np.full(200_000, x))
        attached = trials.trial_attachments(doc)
        assert attached["note"] == b"small"
        np.testing.assert_array_equal(pickle.loads(attached["model"]), np.full(300_000, -x))
        np.testing.assert_array_equal(
            pickle.loads(trials.attachments[f"ATTACH::{doc['tid']}::model"])[:1], [-x]
        )


VALUES = (50, 3, 40, 2, 30, 1, 20)


@pytest.fixture(scope="module")
def searched():
    trials = ProcessTrials(1)
    search(trials, *VALUES)
    return trials


def test_the_idioms(searched):
    trials = searched
    check(trials, *VALUES)
    assert trials.best_trial["result"]["model"][0] == 1
    assert trials.best_trial["result"]["model"] is trials.best_trial["result"]["model"]
    best = min(trials.results, key=lambda result: result["loss"])
    assert best["model"][0] == 1
    assert [result["model"][0] for result in trials.results] == list(VALUES)
    assert trials.losses() == list(VALUES)
    assert len(str(trials)) < 10_000


def test_copies_and_pickles(searched):
    docs = copy.deepcopy(searched.trials)
    check(pickle.loads(pickle.dumps(searched)), *VALUES)
    check(copy.deepcopy(searched), *VALUES)
    assert docs[0]["result"]["model"][0] == 50
    again = pickle.loads(pickle.dumps(searched))
    assert {type(doc["result"]) for doc in again.trials} == {dict}
    search(again)
    check(again, *VALUES)
    assert len(again) == len(VALUES) + 1


def test_views_and_early_stopping_see_them():
    seen = []

    def stop(trials, *_):
        seen.append(trials.best_trial["result"]["model"][0])
        return False, []

    trials = ProcessTrials(1)
    search(trials, 5, 4, early_stop_fn=stop)
    assert seen == [5, 4]
    check(trials.view(), 5, 4)


def test_a_save_file_and_a_resumed_search(tmp_path):
    file = tmp_path / "trials.pkl"
    trials = ProcessTrials(1)
    search(trials, *VALUES, trials_save_file=file)
    del trials
    gc.collect()
    assert len(list((tmp_path / "trials.pkl.values").iterdir())) == 2 * len(VALUES)
    assert file.stat().st_size < 100_000
    with file.open("rb") as opened:
        check(pickle.load(opened), *VALUES)
    search(None, trials_save_file=file, max_evals=len(VALUES) + 1)
    with file.open("rb") as opened:
        again = pickle.load(opened)
    assert type(again) is ProcessTrials
    assert len(again) == len(VALUES) + 1
    check(again, *VALUES)


def test_what_was_in_a_temporary_folder_goes_beside_a_save_file(tmp_path):
    trials = ProcessTrials(1)
    search(trials, 5)
    data = pickle.dumps(trials)
    search(trials, trials_save_file=tmp_path / "trials.pkl")
    check(trials, 5)
    assert len(list((tmp_path / "trials.pkl.values").iterdir())) == 4
    del trials
    gc.collect()
    with (tmp_path / "trials.pkl").open("rb") as opened:
        check(pickle.load(opened), 5)
    check(pickle.loads(data), 5)


def test_other_trials_objects_get_the_values():
    class Kept(ProcessTrials):
        def trial_attachments(self, trial):
            return self.__dict__.setdefault("elsewhere", {})

    trials = Kept(1)
    search(trials, 5)
    assert {type(value) for value in dict.values(trials.elsewhere)} == {bytes}


def test_a_serial_search_keeps_objects_as_they_are():
    trials = Trials()
    search(trials, 5)
    assert type(trials.results[0]) is dict
    check(trials, 5)


def test_nothing_is_left_when_the_interpreter_ends(tmp_path):
    code = (
        "from test_large_results import *\n"
        "trials = ProcessTrials(1)\n"
        "search(trials, 5, 4)\n"
        "print(os.listdir())\n"
    )
    done = run_python(code, tmp_path)
    assert done.stdout.count("sparktune-values-") == 1
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("sparktune-values-")]


def run_python(code, folder):
    environment = {"PYTHONPATH": f"{Path(__file__).parent}:{Path(__file__).parents[2] / 'python'}"}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={**os.environ, **environment, "TMPDIR": str(folder), "SPARKTUNE_MLFLOW": "0"},
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip


@pytest.mark.slow
def test_the_memory_of_the_driver_is_bounded(tmp_path):
    """40 results of 20 MB: three stay in memory, two are on their way."""
    code = (
        "import resource\n"
        "from sparktune import ProcessTrials, fmin, hp, rand\n"
        "def objective(x):\n"
        "    import os\n"
        "    return {'loss': x, 'status': 'ok', 'model': os.urandom(20 << 20)}\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024\n"
        "def search(trials, n):\n"
        "    fmin(objective, hp.uniform('x', 0, 1), algo=rand.suggest, max_evals=n,\n"
        "         trials=trials, verbose=False, trials_save_file='trials.pkl')\n"
        "before = peak()\n"
        "trials = ProcessTrials(2)\n"
        "search(trials, 40)\n"
        "assert sum(len(result['model']) for result in trials.results) == 40 * (20 << 20)\n"
        "print(peak() - before)\n"
    )
    assert int(run_python(code, tmp_path).stdout) < 400
