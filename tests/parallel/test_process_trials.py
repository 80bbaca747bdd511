"""`ProcessTrials`: searches whose trials run in worker processes of this machine."""

import json
import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from footprints import children

from sparktune import (
    JOB_STATE_CANCEL,
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    ProcessTrials,
    fmin,
    hp,
    no_progress_loss,
    rand,
    space_eval,
    with_data,
)
from sparktune._parallel.cargo import pack
from sparktune._parallel.processes.backend import ProcessBackend
from sparktune._parallel.processes.pool import Worker
from sparktune._trials.documents import spec_from_misc
from sparktune._worker.program import Program
from sparktune._worker.task import encode_payload
from sparktune.exceptions import (
    AllTrialsFailed,
    InvalidArgument,
    InvalidArgumentType,
    InvalidResult,
    SearchFailed,
    UnpicklableObjective,
)

pytestmark = pytest.mark.timeout(60)

# Longer than any test may take: a trial that sleeps this long has to be cancelled.
FOREVER = 600
SPACE = {"x": hp.uniform("x", -5, 5)}


@pytest.fixture(autouse=True)
def _nothing_left():
    threads, processes = set(threading.enumerate()), children()
    yield
    assert [t for t in threading.enumerate() if t not in threads] == []
    assert children() - processes == set()


def search(fn, trials, space=SPACE, **arguments):
    settings = {"algo": rand.suggest, "max_evals": 8, "rstate": 0, "verbose": False}
    return fmin(fn, space, trials=trials, **{**settings, **arguments})


def at(*values):
    """Return the arguments of a search over certain points."""
    points = [{"x": float(value)} for value in values]
    return {"points_to_evaluate": points, "max_evals": 0}  # points do not count towards it


def states(trials):
    return {t["misc"]["vals"]["x"][0]: t["state"] for t in trials._dynamic_trials}


def errors(trials):
    return {
        t["misc"]["vals"]["x"][0]: t["misc"]["error"]
        for t in trials._dynamic_trials
        if "error" in t["misc"]
    }


# -- searching -------------------------------------------------------------------------------------


def test_finds_a_minimum_in_two_processes_and_ends_with_counts(caplog):
    caplog.set_level(logging.INFO, "sparktune.dispatch")
    trials = ProcessTrials(parallelism=2)

    def objective(params):
        import os
        import time

        time.sleep(0.01)
        return {"loss": (params["x"] - 3) ** 2, "status": "ok", "pid": os.getpid()}

    best = search(objective, trials, max_evals=40)
    assert abs(best["x"] - 3) < 1.5
    assert len({result["pid"] for result in trials.results}) == 2
    assert os.getpid() not in {result["pid"] for result in trials.results}
    assert trials.count_successful_trials() == trials.count_total_trials() == 40
    assert "Total Trials: 40: 40 succeeded, 0 failed, 0 cancelled." in caplog.text


def test_what_a_notebook_defines_can_be_used_and_workers_do_not_import_sparktune():
    class Model:
        def __init__(self, x):
            self.x = x

    offset = np.float64(1.5)

    def objective(params):
        import sys

        loss = abs(Model(params["x"]).x) + offset
        return {"loss": loss, "status": "ok", "modules": "sparktune" in sys.modules}

    trials = ProcessTrials(2)
    search(objective, trials)
    assert [result["modules"] for result in trials.results] == [False] * 8


def test_a_conditional_space_is_evaluated_as_on_the_driver():
    trials = ProcessTrials(2)
    kinds = hp.choice("k", [{"a": 1}, {"b": hp.randint("b", 5)}])
    space = {"x": hp.uniform("x", -5, 5), "k": kinds}

    def objective(params):
        return params["x"] ** 2 + params["k"].get("b", 10)

    search(objective, trials, space, max_evals=30)
    points = [space_eval(space, spec_from_misc(misc)) for misc in trials.miscs]
    assert trials.losses() == [objective(point) for point in points]
    assert {"a", "b"} == {key for point in points for key in point["k"]}


def test_the_objective_and_its_data_reach_a_worker_once_and_pages_are_shared():
    X = np.arange(500_000, dtype=float)

    def objective(params, X):
        import sys

        seen = sys.modules.setdefault("_seen", {})
        seen.setdefault(X.__array_interface__["data"][0], X)
        base = X
        while isinstance(base, type(X)):
            base = base.base
        return {
            "loss": float(X[-1]) + params["x"],
            "status": "ok",
            "copies": len(seen),
            "base": type(base.obj if isinstance(base, memoryview) else base).__name__,
            "writeable": bool(X.flags.writeable),
        }

    trials = ProcessTrials(2)
    search(with_data(objective, X=X), trials, max_evals=20)
    assert {result["copies"] for result in trials.results} == {1}
    assert {result["base"] for result in trials.results} == {"mmap"}
    assert {result["writeable"] for result in trials.results} == {False}
    assert min(trials.losses()) > 499_990


def test_numerical_libraries_share_the_processors(monkeypatch):
    monkeypatch.setenv("MKL_NUM_THREADS", "7")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)

    def objective(params):
        import os

        threads = {n: os.environ[n] for n in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
        return {"loss": 0.0, "status": "ok", **threads}

    trials = ProcessTrials(100)
    search(objective, trials, max_evals=1)
    assert trials.results[0]["OMP_NUM_THREADS"] == "1"
    assert trials.results[0]["MKL_NUM_THREADS"] == "7"
    assert "OMP_NUM_THREADS" not in os.environ


def test_early_stopping_cancels_what_runs():
    trials = ProcessTrials(2)

    def objective(params):
        import time

        if params["x"] > 4:
            time.sleep(600)
        return 1.0

    search(objective, trials, early_stop_fn=no_progress_loss(5), **at(4.5, *[1] * 30))
    assert states(trials)[4.5] == JOB_STATE_CANCEL
    assert trials.fmin_cancelled_reason == "early stopping condition"


def test_the_time_out_and_a_progress_callback():
    import contextlib

    ended = []

    class Bar:
        postfix = ""

        def update(self, n):
            ended.append(n)

    @contextlib.contextmanager
    def callback(initial, total):
        yield Bar()

    def objective(params):
        import time

        time.sleep(600 if params["x"] < 0 else 0)
        return 0.0

    trials = ProcessTrials(2, timeout=2)
    search(objective, trials, show_progressbar=callback, **at(1, -1, -2))
    assert states(trials) == {1: JOB_STATE_DONE, -1: JOB_STATE_CANCEL, -2: JOB_STATE_CANCEL}
    assert ended == [1]
    assert trials.count_cancelled_trials() == 2


def test_it_can_be_pickled_and_go_on():
    trials = ProcessTrials(2, trial_timeout=50)
    search(lambda p: p["x"], trials, max_evals=4)
    again = pickle.loads(pickle.dumps(trials))
    assert (again.parallelism, again.trial_timeout) == (2, 50)
    search(lambda p: p["x"], again, max_evals=7)
    assert len(again) == 7
    assert len(trials) == 4


# -- what an objective may do to its process -------------------------------------------------------


def bad_ends():
    def objective(params):
        import os
        import signal
        import sys
        import threading
        import time

        kind = int(params["x"])
        if kind == 1:
            sys.exit("the objective leaves")
        if kind == 2:
            os._exit(3)
        if kind == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == 4:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            time.sleep(600)
        if kind == 5:
            threading.Thread(target=time.sleep, args=(600,)).start()
        if kind == 6:
            return {"loss": 0.0, "status": "ok", "lock": threading.Lock()}
        if kind == 7:
            return {"loss": 0.0, "status": "ok", "model": bytes(70 * 2**20)}
        if kind == 8:

            class Strange(Exception):
                def __reduce__(self):
                    raise TypeError("not me")

            raise Strange("what happened")
        if kind == 9:
            raise KeyboardInterrupt
        if kind == 10 and os.fork() == 0:
            time.sleep(600)
        if kind == 11 and os.fork() > 0:
            os._exit(4)  # and the child has copies of all that was open
        if kind == 11:
            time.sleep(600)
        return float(kind)

    return objective


@pytest.mark.parametrize("system", ["Linux", "without pidfd"])
def test_a_bad_end_costs_its_trial_only(system, monkeypatch):
    if system != "Linux":  # macOS, and Linux before 5.3
        monkeypatch.delattr(os, "pidfd_open")
    trials = ProcessTrials(3, trial_timeout=5)
    search(bad_ends(), trials, {"x": hp.uniform("x", 0, 11)}, **at(*range(12)))
    good = {x for x, state in states(trials).items() if state == JOB_STATE_DONE}
    assert good == {0, 5, 7, 10}
    found = errors(trials)
    for x, kind, text in [
        (1, "SystemExit", "the objective leaves"),
        (2, "JobFailed", "ended with exit code 3"),
        (3, "JobFailed", "was killed by SIGKILL"),
        (4, "TrialTimeout", "longer than its `trial_timeout` of 5 s"),
        (6, "TypeError", "its key 'lock' holds a lock"),
        (8, "Strange", "what happened"),
        (9, "KeyboardInterrupt", "raise KeyboardInterrupt"),
        (11, "JobFailed", "ended with exit code 4"),
    ]:
        assert kind in found[x][0], found[x]
        assert text in found[x][1], found[x]
    assert trials.count_failed_trials() == 8
    assert trials.count_cancelled_trials() == 0
    known = trials._history_for(trials._space).sync()
    assert (len(known), known.finished) == (12, 4)  # the sampler learns from all of them


def test_a_worker_killed_from_outside_while_idle_costs_no_trial():
    trials = ProcessTrials(1)
    killed = []

    def stop(trials, *_):
        pid = trials.trials[-1]["result"]["pid"]
        if not killed:
            killed.append(pid)
            os.kill(pid, signal.SIGKILL)
            wait_until_gone([pid])
        return False, []

    def objective(params):
        import os

        return {"loss": 0.0, "status": "ok", "pid": os.getpid()}

    search(objective, trials, max_evals=4, early_stop_fn=stop)
    assert trials.count_successful_trials() == 4
    assert len({result["pid"] for result in trials.results}) == 2


def test_the_processes_that_an_objective_started_end_with_the_search(tmp_path):
    def objective(params):
        import os
        import subprocess

        pid = subprocess.Popen(["sleep", "600"]).pid
        return {"loss": 0.0, "status": "ok", "pids": [pid, os.getpid()]}

    trials = ProcessTrials(2)
    search(objective, trials, max_evals=3)
    wait_until_gone([pid for result in trials.results for pid in result["pids"]])


def is_running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
    except FileNotFoundError:
        return False
    return state not in "ZX" or threads > 1  # the first thread may end before the others


def test_an_objective_that_breaks_its_contract_ends_the_search():
    with pytest.raises(InvalidResult, match="got None"):
        search(lambda params: None, ProcessTrials(2))


def test_max_failures_and_the_first_traceback_of_a_worker():
    def objective(params):
        def deep():
            raise ValueError(f"bad x {params['x']:.3f}")

        return deep()

    trials = ProcessTrials(2)
    with pytest.raises(SearchFailed, match=r"(?s)3 of 3 trials failed.*in deep.*bad x"):
        search(objective, trials, max_failures=2, max_evals=50)
    with pytest.raises(AllTrialsFailed, match=r"(?s)in deep.*bad x"):
        search(objective, ProcessTrials(2), max_evals=4)


def test_catch_eval_exceptions_goes_on_where_no_result_is_returned():
    trials = ProcessTrials(2)
    search(lambda p: None if p["x"] < 0 else 1.0, trials, catch_eval_exceptions=True, **at(-1, 1))
    assert states(trials) == {-1: JOB_STATE_ERROR, 1: JOB_STATE_DONE}


def test_objectives_that_cannot_travel_are_refused():
    lock = threading.Lock()
    with pytest.raises(UnpicklableObjective, match="it uses `lock`"):
        search(lambda params: lock and 0.0, ProcessTrials(1))
    with pytest.raises(InvalidArgument, match="`pass_expr_memo_ctrl` needs the driver"):
        search(lambda expr, memo, ctrl: 0.0, ProcessTrials(1), pass_expr_memo_ctrl=True)


def test_arguments(caplog):
    with pytest.raises(InvalidArgumentType, match="`parallelism` of ProcessTrials"):
        ProcessTrials("2")
    with pytest.raises(InvalidArgument, match="`trial_timeout` must be a positive number"):
        ProcessTrials(trial_timeout=0)
    with pytest.raises(InvalidArgumentType, match="`trial_timeout`"):
        ProcessTrials(trial_timeout="1")
    with pytest.raises(InvalidArgumentType, match="timeout"):
        ProcessTrials(timeout="1")
    assert ProcessTrials().parallelism == min(128, len(os.sched_getaffinity(0)))
    assert caplog.text == ""
    assert ProcessTrials(0).parallelism == ProcessTrials().parallelism
    assert "must be greater than 0; got 0" in caplog.text
    assert ProcessTrials(1000).parallelism == 128
    assert "must be at most 128; got 1000" in caplog.text
    assert "there are" in caplog.text
    caplog.clear()
    search(lambda p: 0.0, ProcessTrials(50), max_evals=2)
    assert "`parallelism` is 50, but the search has at most 2 trials" in caplog.text


# -- the driver's own end --------------------------------------------------------------------------

# The main module has no guard, and defines the objective.
DRIVER = """
import json, os, signal, subprocess, sys, threading, time
from sparktune import ProcessTrials, fmin, hp, rand

class Config:
    offset = 2.0

def objective(params):
    with open(sys.argv[1] + "/" + str(os.getpid()), "w") as file:
        file.write(str(subprocess.Popen(["sleep", "600"]).pid))
    if {busy}:
        x = 10 ** 400_000_000  # inside C, with the GIL
    time.sleep({seconds})
    return params["x"] ** 2 + Config.offset

def search(trials, max_evals=4):
    return fmin(objective, {{"x": hp.uniform("x", 0, 1)}}, algo=rand.suggest, max_evals=max_evals,
                trials=trials, verbose=False)
"""


def start(tmp_path, script, seconds=0, busy=False):
    path = tmp_path / "driver.py"
    path.write_text(DRIVER.format(seconds=seconds, busy=busy) + script)
    pids = tmp_path / "pids"
    pids.mkdir()
    return subprocess.Popen(
        [sys.executable, str(path), str(pids)], stdout=subprocess.PIPE, text=True
    ), pids


def wait_for_workers(pids, count):
    end = time.monotonic() + 30
    while True:
        files = [file for file in pids.iterdir() if file.read_text()]
        if len(files) >= count:
            return [int(pid) for file in files for pid in (file.name, file.read_text())]
        assert time.monotonic() < end, "no workers"
        time.sleep(0.02)


def wait_until_gone(pids):
    end = time.monotonic() + 20
    while any(is_running(pid) for pid in pids):
        assert time.monotonic() < end, f"{[pid for pid in pids if is_running(pid)]} still run"
        time.sleep(0.02)


def test_a_script_without_a_guard(tmp_path):
    driver, _ = start(tmp_path, 'print(json.dumps(search(ProcessTrials(2))["x"]))')
    out, _ = driver.communicate(timeout=50)
    assert driver.returncode == 0
    assert 0 <= json.loads(out) <= 1


@pytest.mark.parametrize("busy", [False, True], ids=["sleeping", "holding the GIL"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
def test_no_process_outlives_a_driver_that_is_killed(tmp_path, number, busy):
    driver, pids = start(tmp_path, "search(ProcessTrials(2))", seconds=FOREVER, busy=busy)
    try:
        running = wait_for_workers(pids, 2)
        assert all(is_running(pid) for pid in running)
    finally:
        driver.send_signal(number)
        driver.communicate(timeout=30)
    wait_until_gone(running)


def test_no_process_outlives_a_killed_driver_that_has_forked(tmp_path):
    # The fork holds copies of all pipes, so no pipe reports that the driver is gone.
    script = """
def fork():
    while len(os.listdir(sys.argv[1])) < 2:
        time.sleep(0.02)
    pid = os.fork()
    if pid == 0:
        time.sleep(100)
        os._exit(0)
    print(pid, flush=True)
threading.Thread(target=fork, daemon=True).start()
search(ProcessTrials(2))
"""
    driver, pids = start(tmp_path, script, seconds=FOREVER)
    try:
        running = wait_for_workers(pids, 2)
        fork = int(driver.stdout.readline())
    finally:
        driver.kill()
        driver.wait(timeout=30)
    try:
        wait_until_gone(running)
    finally:
        os.kill(fork, signal.SIGKILL)
        driver.communicate(timeout=30)


def test_ctrl_c_cancels_and_finished_trials_are_kept(tmp_path):
    script = """
trials = ProcessTrials(2)
def interrupt():
    while sum(os.path.getsize(file) > 0 for file in os.scandir(sys.argv[1])) < 2:
        time.sleep(0.02)
    os.kill(os.getpid(), signal.SIGINT)
thread = threading.Thread(target=interrupt)
thread.start()
try:
    search(trials)
except KeyboardInterrupt:
    thread.join()
    print(json.dumps([trials.fmin_cancelled_reason, trials.count_cancelled_trials(),
                      threading.active_count()]))
"""
    driver, pids = start(tmp_path, script, seconds=FOREVER)
    running = wait_for_workers(pids, 2)
    out, _ = driver.communicate(timeout=50)
    reason, cancelled, threads = json.loads(out)
    assert reason == "fmin run cancelled by user"
    assert cancelled >= 2
    assert threads == 1
    wait_until_gone(running)


def test_a_second_close_ends_the_worker_that_an_interrupted_one_left(monkeypatch):
    before = children()
    value = Program(steps=((0, "x", None),), constants={}, blocks={0: (0,)}, root=0, labels=("x",))
    backend = ProcessBackend(pack(abs, value), 1)
    list(backend.submit("trial", [encode_payload({"x": 1.0}, None)], ""))
    assert len(children() - before) == 2  # the worker and the guard

    def interrupted(worker, patience=0.0):
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(Worker, "end", interrupted)
    with pytest.raises(KeyboardInterrupt):
        backend.close()
    backend.close()
    assert children() == before


def test_a_second_ctrl_c_skips_the_waiting_and_leaves_no_process(tmp_path):
    script = """
from sparktune._parallel.processes.backend import ProcessBackend

signal.signal(signal.SIGINT, signal.default_int_handler)
submit = ProcessBackend.submit

def stuck(self, *given):
    try:
        return list(submit(self, *given))
    except Exception:
        print("stuck", flush=True)  # the job is cancelled, but its thread does not end
        threading.Event().wait()

ProcessBackend.submit = stuck

def interrupted_objective(params):
    if params["x"] > 0:
        objective(params)
    return os.getpid()

def running(view):
    print("running", flush=True)  # one worker is idle now, ...
    return False, []

points = [{"x": 1.0}, {"x": -1.0}]
trials = ProcessTrials(2)
try:
    fmin(interrupted_objective, {"x": hp.uniform("x", -2, 2)}, algo=rand.suggest, max_evals=0,
         trials=trials, verbose=False, points_to_evaluate=points, early_stop_fn=running)
except KeyboardInterrupt:
    tasks = "/proc/self/task"
    children = [open(f"{tasks}/{task}/children").read().split() for task in os.listdir(tasks)]
    print(json.dumps([trials.fmin_cancelled_reason, trials.results, sum(children, [])]), flush=True)
    sys.stdin.read()
"""
    children()  # skips the test where there is no /proc
    path = tmp_path / "driver.py"
    path.write_text(DRIVER.format(seconds=FOREVER, busy=False) + script)
    (tmp_path / "pids").mkdir()
    driver = subprocess.Popen(
        [sys.executable, str(path), str(tmp_path / "pids")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        assert driver.stdout.readline() == "running\n"
        busy = wait_for_workers(tmp_path / "pids", 1)  # ... and the other is busy
        for said in ("stuck\n", ""):
            os.killpg(driver.pid, signal.SIGINT)
            assert not said or driver.stdout.readline() == said
        reason, results, left = json.loads(driver.stdout.readline())
        wait_until_gone([*busy, int(results[0]["loss"])])  # while the driver lives
    finally:
        driver.kill()
        driver.communicate(timeout=30)
    assert reason == "fmin run cancelled by user"
    assert left == []
