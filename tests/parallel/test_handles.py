"""The handle of a trial, and its folder, in worker processes."""

import functools
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from sparktune import JOB_STATE_DONE, JOB_STATE_ERROR, ProcessTrials, fmin, hp, rand, with_data
from sparktune.base import TrialHandle

pytestmark = pytest.mark.timeout(60)

SPACE = {"x": hp.uniform("x", 0, 1)}


def search(fn, trials, space=SPACE, **arguments):
    settings = {"algo": rand.suggest, "max_evals": 4, "rstate": 0, "verbose": False}
    return fmin(fn, space, trials=trials, **{**settings, **arguments})


def objectives():
    """Return one objective of each kind; made here, so that they are pickled by value."""

    def plain(params, trial):
        import os
        import sys
        from pathlib import Path

        Path(trial.checkpoint_dir, "model").write_text("weights")
        return {
            "loss": 1.0,
            "status": "ok",
            "seen": (trial.tid, trial.attempt, trial.checkpoint_dir, os.getpid()),
            "sparktune": "sparktune" in sys.modules,
        }

    def typed(params, *, trial: TrialHandle):
        return plain(params, trial)

    def with_more(params, trial, data=None):
        assert sum(data) == 6
        return plain(params, trial)

    def score(params, trial):
        return {**plain(params, trial), "score": 1.0}

    class Model:
        def __call__(self, params, trial):
            return plain(params, trial)

        def fit(self, params, trial):
            return plain(params, trial)

    def annotated(x: hp.uniform("x", 0, 1), trial):
        return plain({"x": x}, trial)

    return {
        "plain": plain,
        "typed": typed,
        "with_data": with_data(with_more, data=[1, 2, 3]),
        "partial": functools.partial(with_more, data=[1, 2, 3]),
        "callable": Model(),
        "method": Model().fit,
        "maximize": score,
        "annotated": annotated,
    }


@pytest.mark.parametrize("name", objectives())
@pytest.mark.parametrize("reuse", [False, True])
def test_objectives_of_each_kind_get_the_handle_of_their_trial(name, reuse):
    trials = ProcessTrials(2, reuse_objective=reuse)
    space = "annotated" if name == "annotated" else SPACE
    search(objectives()[name], trials, space, maximize=name == "maximize")
    docs = trials._dynamic_trials
    assert [doc["state"] for doc in docs] == [JOB_STATE_DONE] * 4
    seen = [doc["result"]["seen"] for doc in docs]
    assert [tid for tid, *_ in seen] == [0, 1, 2, 3]
    assert {attempt for _, attempt, *_ in seen} == {0}
    assert len({folder for *_, folder, _ in seen}) == 4
    assert os.getpid() not in {pid for *_, pid in seen}
    # Nothing of ours is imported there, and nothing is left here.
    assert name == "annotated" or not any(doc["result"]["sparktune"] for doc in docs)
    assert not any(Path(folder).parent.exists() for _, _, folder, _ in seen)


def test_a_handle_in_a_result_arrives_as_a_plain_record():
    trials = ProcessTrials(1)

    def objective(params, trial):
        return {"loss": 0.0, "status": "ok", "trial": trial}

    search(objective, trials, max_evals=2)
    records = [result["trial"] for result in trials.results]
    assert records == [SimpleNamespace(tid=tid, attempt=0, checkpoint_dir=None) for tid in (0, 1)]


def test_a_handle_that_outlives_its_trial_does_not_disturb_the_next():
    trials = ProcessTrials(1)

    def objective(params, trial):
        import sys

        kept = vars(sys).setdefault("kept_handles", [])
        kept.append(trial)
        return {"loss": 0.0, "status": "ok", "tids": [each.tid for each in kept],
                "folders": len({each.checkpoint_dir for each in kept})}  # fmt: skip

    search(objective, trials, max_evals=3)
    assert [(r["tids"], r["folders"]) for r in trials.results] == [
        ([0], 1), ([0, 1], 2), ([0, 1, 2], 3),
    ]  # fmt: skip


def test_workers_that_do_not_share_the_folder_say_so():
    """As on a cluster: the driver's folder is not there where the trial runs."""
    trials = ProcessTrials(1)

    def objective(params, trial):
        import shutil
        from pathlib import Path

        shutil.rmtree(trial._root)
        Path(trial._root).mkdir()
        return len(trial.checkpoint_dir)

    search(objective, trials, max_evals=1, return_argmin=False)
    (doc,) = trials._dynamic_trials
    assert doc["state"] == JOB_STATE_ERROR
    assert "needs a folder that the driver and all workers share" in doc["misc"]["error"][1]
    assert "set TMPDIR on the driver to a path that all hosts share" in doc["misc"]["error"][1]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX")
def test_the_temporary_folder_follows_tmpdir(tmp_path, monkeypatch):
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    trials = ProcessTrials(1)
    search(objectives()["plain"], trials, max_evals=1)
    ((_, _, folder, _),) = [result["seen"] for result in trials.results]
    assert Path(folder).is_relative_to(tmp_path)
    assert list(tmp_path.iterdir()) == []
