"""Which processes that an objective has started end with its trial in `ProcessTrials`."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sparktune import ProcessTrials, fmin, hp, rand
from sparktune._worker.guard import kill_tree

pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc"),
]

SPACE = hp.uniform("x", 0, 1)

# Prints the ids of a child and a grandchild, each in a session of its own.
FAMILY = """
import subprocess, sys
child = "import subprocess\\np = subprocess.Popen(['sleep', '600'], start_new_session=True)\\n"
child += "print(p.pid, flush=True)\\np.wait()"
child = subprocess.Popen([sys.executable, "-c", child], start_new_session=True,
                         stdout=subprocess.PIPE, text=True)
print([child.pid, int(child.stdout.readline())], flush=True)
child.wait()
"""

# Prints the id of a daemon: a process in a session of its own whose parent has ended.
DAEMON = """
import subprocess
print(subprocess.Popen(["sleep", "600"], start_new_session=True, stdout=subprocess.DEVNULL).pid)
"""


def starter(path, *, runs_on):
    """Return an objective that starts `FAMILY` in a session of its own and lists it in a file."""

    def objective(x):
        import json
        import os
        import subprocess
        import sys
        import time

        family = subprocess.Popen(
            [sys.executable, "-c", FAMILY],
            start_new_session=True, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        found = [os.getpid(), family.pid, *json.loads(family.stdout.readline())]
        with open(f"{path}.new", "w") as file:  # noqa: PTH123 - as users write it
            json.dump(found, file)
        os.replace(f"{path}.new", path)  # noqa: PTH105
        if runs_on:
            time.sleep(600)
        return x

    return objective


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def wait_until(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def assert_ended(pids):
    try:
        wait_until(lambda: not any(is_running(pid) for pid in pids))
    finally:
        kill(pids)


def kill(pids):
    for pid in pids:
        if is_running(pid):
            os.kill(pid, signal.SIGKILL)


def test_a_trial_that_takes_too_long_takes_its_sessions_along(tmp_path):
    file = tmp_path / "pids"
    trials = ProcessTrials(1, trial_timeout=5)
    fmin(starter(file, runs_on=True), SPACE, rand.suggest, 1, trials=trials, verbose=False,
         return_argmin=False)  # fmt: skip
    assert trials.count_failed_trials() == 1
    assert_ended(json.loads(file.read_text()))


def test_a_trial_that_is_cancelled_takes_its_sessions_along(tmp_path):
    file = tmp_path / "pids"
    run_on = starter(file, runs_on=True)

    def objective(x):
        import os
        import time

        if x == 1.0:
            return run_on(x)
        while not os.path.exists(file):  # noqa: PTH110
            time.sleep(0.02)
        return x

    trials = ProcessTrials(2)
    points = [{"x": 1.0}, {"x": 0.5}]
    fmin(objective, SPACE, rand.suggest, 2, trials=trials, points_to_evaluate=points,
         early_stop_fn=lambda *_: (True, []), verbose=False)  # fmt: skip
    assert trials.count_cancelled_trials() >= 1
    assert_ended(json.loads(file.read_text()))


DRIVER = """
import json, os, subprocess, sys, time
sys.path.insert(0, {folder!r})
from test_descendants import *
import cloudpickle, test_descendants
cloudpickle.register_pickle_by_value(test_descendants)
fmin(starter(sys.argv[1], runs_on=True), SPACE, rand.suggest, 1, trials=ProcessTrials(1),
     verbose=False)
"""


def test_a_driver_that_is_killed_takes_the_sessions_of_running_trials_along(tmp_path):
    file, script = tmp_path / "pids", tmp_path / "driver.py"
    script.write_text(DRIVER.format(folder=str(Path(__file__).parent)))
    driver = subprocess.Popen([sys.executable, str(script), str(file)])
    try:
        wait_until(file.exists)
        family = json.loads(file.read_text())
        assert all(is_running(pid) for pid in family)
    finally:
        driver.kill()
        driver.wait()
    assert_ended(family)


def test_what_a_finished_trial_has_left_in_a_session_of_its_own_lives_on(tmp_path):
    file = tmp_path / "pids"
    fn = starter(file, runs_on=False)
    fmin(fn, SPACE, rand.suggest, 1, trials=ProcessTrials(1), verbose=False)
    worker, *family = json.loads(file.read_text())
    try:
        wait_until(lambda: not is_running(worker))
        assert all(is_running(pid) for pid in family)
    finally:
        kill(family)


def test_a_daemon_lives_on_and_a_leader_that_is_gone_harms_nobody():
    leader = subprocess.Popen([sys.executable, "-c", DAEMON], start_new_session=True,
                              stdout=subprocess.PIPE, text=True)  # fmt: skip
    daemon = int(leader.communicate()[0])
    try:
        kill_tree(leader.pid)
        assert is_running(daemon)
    finally:
        kill([daemon])
