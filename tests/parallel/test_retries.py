"""`fmin(..., retries=...)` with worker processes that really die."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from sparktune import JOB_STATE_DONE, JOB_STATE_ERROR, ProcessTrials, fmin, hp, rand
from sparktune.exceptions import TrialLost, TrialTimeout

pytestmark = pytest.mark.timeout(60)

SPACE = {"x": hp.uniform("x", -5, 5)}


@pytest.fixture(autouse=True)
def _untracked(monkeypatch):
    monkeypatch.setenv("SPARKTUNE_MLFLOW", "0")


def search(fn, trials, space=SPACE, **arguments):
    settings = {"algo": rand.suggest, "max_evals": 4, "rstate": 0, "verbose": False}
    return fmin(fn, space, trials=trials, **{**settings, **arguments})


def facts(trials, key):
    return [doc["result"].get(key) for doc in trials._dynamic_trials]


def states(trials):
    return [doc["state"] for doc in trials._dynamic_trials]


def attempts(trials):
    return [len(doc["misc"].get("attempts", ())) for doc in trials._dynamic_trials]


@pytest.mark.parametrize("how", ["SIGKILL", "SIGSEGV", "exit"])
def test_a_trial_whose_process_dies_runs_again_with_the_same_values(how, tmp_path):
    def objective(params, trial):
        import os
        import random
        import signal
        from pathlib import Path

        path = Path(tmp_path, str(trial.tid))
        drawn = random.random()  # the same random state, too
        seen = [params["x"], drawn, trial.attempt]
        if trial.tid in (1, 2) and trial.attempt < trial.tid:
            path.with_suffix(f".{trial.attempt}").write_text(repr(seen))
            if how == "exit":
                os._exit(0)
            os.kill(os.getpid(), getattr(signal, how))
        return {"loss": 1.0, "status": "ok", "seen": seen}

    trials = ProcessTrials(2)
    search(objective, trials, retries=2)
    assert states(trials) == [JOB_STATE_DONE] * 4
    assert attempts(trials) == [0, 1, 2, 0]
    assert [attempt for *_, attempt in facts(trials, "seen")] == [0, 1, 2, 0]
    lost = sorted(tmp_path.iterdir())
    assert [path.name for path in lost] == ["1.0", "2.0", "2.1"]
    for path in lost:
        x, drawn, attempt = eval(path.read_text())
        assert attempt == int(path.suffix[1:])
        assert [x, drawn] == facts(trials, "seen")[int(path.stem)][:2]
    said = {"SIGKILL": "killed by SIGKILL", "SIGSEGV": "killed by SIGSEGV", "exit": "exit code 0"}
    (attempt,) = trials._dynamic_trials[1]["misc"]["attempts"]
    assert attempt["reason"] == "lost"
    assert said[how] in attempt["error"]


def test_a_trial_that_was_killed_goes_on_where_it_saved():
    def train(params, trial):
        import os
        import signal
        from pathlib import Path

        saved = Path(trial.checkpoint_dir, "epoch")
        first = int(saved.read_text()) if saved.exists() else 0
        for epoch in range(first, 100):
            if epoch == 80 and trial.tid == 1 and trial.attempt == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            saved.write_text(str(epoch + 1))
        return {"loss": params["x"], "status": "ok", "epochs": (first, int(saved.read_text())),
                "folder": trial.checkpoint_dir}  # fmt: skip

    trials = ProcessTrials(2)
    search(train, trials, max_evals=3, retries=1)
    assert facts(trials, "epochs") == [(0, 100), (80, 100), (0, 100)]
    assert not any(Path(folder).parent.exists() for folder in facts(trials, "folder"))


def test_a_worker_that_something_else_kills_costs_no_trial(tmp_path):
    def objective(params, trial):
        import os
        import time
        from pathlib import Path

        Path(tmp_path, f"{trial.tid}-{trial.attempt}").write_text(str(os.getpid()))
        if trial.tid == 0 and trial.attempt == 0:
            time.sleep(600)
        return params["x"]

    def strike():
        path = Path(tmp_path, "0-0")
        while not (path.exists() and path.read_text()):
            time.sleep(0.01)
        os.kill(int(path.read_text()), signal.SIGKILL)

    killer = threading.Thread(target=strike)
    killer.start()
    trials = ProcessTrials(1)
    search(objective, trials, max_evals=2, retries=1)
    killer.join()
    assert states(trials) == [JOB_STATE_DONE] * 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0-0", "0-1", "1-0"]


def test_a_trial_that_kills_its_worker_each_time_fails_alone(tmp_path):
    def objective(params, trial):
        import os
        import signal
        from pathlib import Path

        Path(tmp_path, f"{trial.tid}-{trial.attempt}").touch()
        if trial.tid == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return params["x"]

    trials = ProcessTrials(2)
    search(objective, trials, max_evals=6, retries=2)
    assert states(trials) == [JOB_STATE_DONE, JOB_STATE_ERROR] + [JOB_STATE_DONE] * 4
    assert attempts(trials) == [0, 2, 0, 0, 0, 0]
    assert "killed by SIGKILL" in trials._dynamic_trials[1]["misc"]["error"][1]
    assert len(list(tmp_path.iterdir())) == 5 + 3
    table = trials.to_pandas()
    assert list(table["attempts"]) == [1, 3, 1, 1, 1, 1]


@pytest.mark.parametrize("retries", [{"timeout": 1}, 1])
def test_a_trial_that_takes_too_long_runs_again_only_if_asked(retries):
    def objective(params, trial):
        import time

        if trial.attempt == 0 and trial.tid == 0:
            time.sleep(600)
        return params["x"]

    trials = ProcessTrials(2, trial_timeout=2)
    search(objective, trials, retries=retries)
    again = retries != 1
    assert states(trials) == [JOB_STATE_DONE if again else JOB_STATE_ERROR] + [JOB_STATE_DONE] * 3
    assert attempts(trials) == [int(again), 0, 0, 0]
    if again:
        (attempt,) = trials._dynamic_trials[0]["misc"]["attempts"]
        assert (attempt["reason"], attempt["error"][:13]) == ("timeout", "TrialTimeout:")


@pytest.mark.parametrize("kind", [ValueError, TrialLost, TrialTimeout])
def test_what_an_objective_raises_is_not_run_again(kind):
    def objective(params):
        raise kind("not today")

    trials = ProcessTrials(1)
    search(objective, trials, max_evals=2, retries={"lost": 2, "timeout": 2}, return_argmin=False)
    assert states(trials) == [JOB_STATE_ERROR] * 2
    assert attempts(trials) == [0, 0]


def test_a_result_that_cannot_be_read_here_is_not_made_again():
    def objective(params):
        class Odd:
            def __reduce__(self):
                return eval, ("1 / 0",)

        return {"loss": 0.0, "status": "ok", "odd": Odd()}

    trials = ProcessTrials(1)
    search(objective, trials, max_evals=1, retries=2, return_argmin=False)
    (doc,) = trials._dynamic_trials
    assert "cannot be read on the driver (ZeroDivisionError" in doc["misc"]["error"][1]
    assert attempts(trials) == [0]
