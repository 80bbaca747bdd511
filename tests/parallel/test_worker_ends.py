"""How worker processes end, what is said of it, and what `ProcessTrials` may run in."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from footprints import children

from sparktune import ProcessTrials, fmin, hp, rand
from sparktune._parallel.processes.pool import Guard, Worker

pytestmark = pytest.mark.timeout(60)

SPACE = hp.uniform("x", -5, 5)


def guards():
    """Return the guards among the children of this process."""
    found = set()
    for child in children():
        with contextlib.suppress(OSError):  # a child that has just ended
            if b"guard.py" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.add(child)
    return found


def error_of(objective):
    """Return the error of the one trial of a search."""
    trials = ProcessTrials(1)
    fmin(
        objective, SPACE, rand.suggest, 2, trials=trials, rstate=0, verbose=False,
        points_to_evaluate=[{"x": 1.0}],
    )  # fmt: skip
    (error,) = [t["misc"]["error"] for t in trials._dynamic_trials if "error" in t["misc"]]
    return error


def ends(how):
    def objective(x):
        import os
        import signal
        import time

        if x != 1.0:
            return x
        if how == "interrupted":
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # as in the worker's own code
            os.kill(os.getpid(), signal.SIGINT)
        if how == "terminated":
            os.kill(os.getpid(), signal.SIGTERM)
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if how.startswith("descriptors"):
            os.closerange(3, 256)
        if how == "descriptors, and runs on":
            time.sleep(600)
        return x

    return objective


@pytest.mark.parametrize(
    ("how", "said", "unsaid"),
    [
        ("interrupted", "was killed by SIGINT", "memory"),
        ("terminated", "was killed by SIGTERM", "memory"),
        ("killed", "was killed by SIGKILL before the trial was done. The search has not", "none"),
        ("descriptors", "closed its connection to the driver", "memory"),
        ("descriptors, and runs on", "closed its connection to the driver", "memory"),
    ],
)
def test_how_a_worker_ended_is_told_apart(how, said, unsaid):
    kind, message = error_of(ends(how))
    assert "JobFailed" in kind
    assert said in message
    assert unsaid not in message


def test_a_worker_that_is_interrupted_while_it_answers_was_interrupted():
    # The connection closes before the process ends, and the driver notices that first.
    guard = Guard()
    worker = Worker(guard, *_task(), [], os.environ)
    try:
        list(worker.run([b"first"]))  # a process that has not begun yet ends in its own way
        os.kill(worker._process.pid, signal.SIGINT)
        with pytest.raises(Exception, match=r"was killed by SIGINT .*has interrupted it"):
            list(worker.run([b"never read"]))
    finally:
        worker.end()
        guard.close()


def _task():
    import cloudpickle

    def run(payloads):
        return list(payloads)

    return (cloudpickle.dumps(run),)


def test_a_guard_that_was_stopped_does_not_hold_the_search_up():
    before = guards()
    stopped = []

    def stop(trials, *_):
        if not stopped:
            stopped.extend(guards() - before)
            for guard in stopped:
                os.kill(guard, signal.SIGSTOP)
        return False, []

    done, freed = threading.Event(), threading.Event()

    def let_go():  # or a search that waits for the guard would never end
        if not done.wait(30):
            freed.set()
            for guard in stopped:
                os.kill(guard, signal.SIGCONT)

    watch = threading.Thread(target=let_go)
    watch.start()
    fmin(
        lambda x: x, SPACE, rand.suggest, 4, trials=ProcessTrials(2), rstate=0, verbose=False,
        early_stop_fn=stop,
    )  # fmt: skip
    done.set()
    watch.join()
    assert len(stopped) == 1
    assert not freed.is_set()
    assert guards() == before


def test_a_guard_that_was_stopped_cannot_hold_up_what_writes_to_it():
    guard = Guard()
    worker = Worker(guard, *_task(), [], os.environ)
    os.kill(guard._process.pid, signal.SIGSTOP)
    for _ in range(20_000):  # more than a pipe holds
        guard.remove(0)
    worker.end()
    guard.close()
    assert guard._process.returncode == -signal.SIGKILL


SCRIPT = """
import multiprocessing
import sys

from sparktune import ProcessTrials, fmin, hp, rand

class Model:
    def __init__(self, x):
        self.x = x

def loss(model):
    return model.x ** 2

def objective(x):
    model = Model(x)
    return {"loss": loss(model), "status": "ok", "model": model}

def search(queue):
    trials = ProcessTrials(2)
    fmin(objective, hp.uniform("x", -5, 5), rand.suggest, 4, trials=trials, verbose=False)
    queue.put([type(result["model"]) is Model for result in trials.results])

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    queue = context.Queue()
    process = context.Process(target=search, args=(queue,))
    process.start()
    process.join()
    print(process.exitcode, queue.get(timeout=10) if process.exitcode == 0 else "failed")
"""


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_a_search_in_a_process_that_multiprocessing_has_started(tmp_path, method):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(script), method],
        capture_output=True, text=True, timeout=55, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.stdout.strip() == "0 [True, True, True, True]", done.stderr[-3000:]


# -- what docs/parallel.md says of security --------------------------------------------------------


def test_workers_have_the_environment_of_the_driver(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret")

    def objective(x):
        import os

        return {"loss": x, "status": "ok", "token": os.environ.get("MLFLOW_TRACKING_TOKEN")}

    trials = ProcessTrials(1)
    fmin(objective, SPACE, rand.suggest, 2, trials=trials, verbose=False)
    assert [result["token"] for result in trials.results] == ["secret"] * 2


def test_a_result_is_unpickled_on_the_driver_and_what_fails_there_costs_its_trial():
    class Failing:
        def __reduce__(self):
            return int, ("no number",)

    class Harmless:
        def __reduce__(self):
            import os

            return os.getpid, ()

    def objective(x):
        return {"loss": x, "status": "ok", "extra": Failing() if x == 1.0 else Harmless()}

    trials = ProcessTrials(1)
    points = [{"x": 1.0}, {"x": 2.0}]
    fmin(
        objective, SPACE, rand.suggest, 0, trials=trials, points_to_evaluate=points, verbose=False
    )  # fmt: skip
    first, second = trials._dynamic_trials
    assert "cannot be read on the driver" in first["misc"]["error"][1]
    assert second["result"]["extra"] == os.getpid()
