"""`SparkTrials` on Spark Connect, with a server started by Spark's own script."""

import sys
import threading
import time
import venv

import pyspark
import pytest
from modes import ConnectServer, Driver

from sparktune import JOB_STATE_CANCEL, JOB_STATE_DONE, JOB_STATE_ERROR, JOB_STATE_NEW
from sparktune._parallel.spark.connect import Interrupter

pytestmark = [
    pytest.mark.spark,
    pytest.mark.timeout(400),
    pytest.mark.skipif(pyspark.__version__.startswith("3."), reason="the wheel has no server"),
]


@pytest.fixture
def connect(drivers):
    driver = drivers("connect")
    assert driver.module == "pyspark.sql.connect.session"
    return driver


def check_basics(report, slots):
    assert report["error"] is None
    assert abs(report["best"]["x"] - 1) < 2
    assert report["states"] == [JOB_STATE_DONE] * 30
    assert report["default"] == slots
    assert 1 < report["at_once"] <= 3
    assert report["workers"] <= slots  # reused, so no more than the slots
    assert not report["sparktune"]
    assert report["session"] == 3


def test_a_search_on_a_server(connect):
    check_basics(connect("basics", seconds=120), slots=4)


def test_a_search_on_a_session_with_a_server_of_its_own(drivers):
    check_basics(drivers("remote local[4]")("basics", seconds=120), slots=4)


def test_a_nested_space_and_data(connect):
    report = connect("nested_space")
    assert report["error"] is None
    assert report["states"] == [JOB_STATE_DONE] * 10
    assert 499500 < report["loss"] < 499510
    assert report["point"] == ["c"]


@pytest.mark.parametrize("kind", ["bare", "without pyspark", "missing"])
def test_workers_whose_python_cannot_run_trials_end_the_search(connect, tmp_path, kind):
    python = tmp_path / "python"
    if kind == "bare":
        venv.create(tmp_path / "bare", with_pip=False)
        python = tmp_path / "bare" / "bin" / "python"
    elif kind == "without pyspark":
        python.write_text(f'#!/bin/sh\nexec {sys.executable} -SE "$@"\n')
        python.chmod(0o755)
    report = connect("workers_of_another_python", python=str(python))
    name, message = report["error"]
    assert name == "ObjectiveNotLoaded"
    assert {
        "bare": "No module named 'pyarrow'",
        "without pyspark": "No module named 'pyspark'",
        "missing": "Cannot run program",
    }[kind] in message
    assert f"The workers run {python}" in message
    assert f"the driver runs {sys.executable}" in message
    for setting in ("PYSPARK_PYTHON", "spark.pyspark.python", "spark.sql.execution.pyspark.python"):
        assert setting in message
    assert JOB_STATE_DONE not in report["states"]
    assert report["after"] == [JOB_STATE_DONE] * 2


def test_each_search_has_its_own_objective(connect):
    assert connect("two_objectives")["losses"] == [[100, 101], [200, 201], [100, 101]]


def test_what_the_objective_logs_lands_in_the_run_of_its_trial(connect, tmp_path):
    pytest.importorskip("mlflow.tracking")  # "mlflow" alone would be the folder tests/tracking
    report = connect("tracked", folder=str(tmp_path), seconds=120)
    assert report["error"] is None
    assert report["same"] == [True] * 6
    # Four trials, two more when the search was resumed, none of one with recording switched off.
    assert report["same_losses"]
    assert report["tids"] == [0, 1, 2, 3, 4, 5]
    assert report["best_run"]
    assert report["all_runs"] == 7


@pytest.mark.parametrize("stubborn", [False, True])
def test_the_time_out_cancels_what_runs(connect, stubborn):
    report = connect("time_out", stubborn=stubborn)
    assert report["took"] < 5 + 8
    assert report["best"] == {"x": 1.0}
    assert report["states"][0] == JOB_STATE_DONE
    assert report["states"].count(JOB_STATE_CANCEL) >= 2
    assert report["after"][1] == [JOB_STATE_DONE] * 8


@pytest.mark.parametrize("scenario", ["interrupt", "interrupt_twice"])
def test_ctrl_c_cancels_what_runs_and_the_session_stays_usable(connect, scenario):
    report = connect(scenario)
    assert report.get("presses") == (["second"] if scenario == "interrupt_twice" else None)
    assert report["error"][0] == "KeyboardInterrupt"
    assert report["took"] < 10
    assert report["states"][:2] == [JOB_STATE_CANCEL, JOB_STATE_DONE]
    assert report["reason"] == "fmin run cancelled by user"
    assert report["after"] == [JOB_STATE_DONE] * 4


def test_a_session_that_is_stopped(drivers):
    # Stops its own server too.
    report = drivers("remote local[4]")("stop_session")
    assert report["error"][0] == "BackendLost"
    assert "trials that had finished are kept" in report["error"][1]
    assert report["took"] < 20
    assert report["states"][:2] == [JOB_STATE_CANCEL, JOB_STATE_DONE]
    assert "must not be stopped" in report["again"][1]
    drivers("remote local[4]").close()


def test_a_session_that_is_stopped_and_leaves_its_server_to_others(connect):
    report = connect("stop_session")
    connect.close()
    assert report["error"][0] == "BackendLost"
    assert report["took"] < 20
    assert report["states"][:2] == [JOB_STATE_CANCEL, JOB_STATE_DONE]
    assert "must not be stopped" in report["again"][1]


@pytest.fixture(scope="module")
def other_server(tmp_path_factory):
    """A server that a test may kill, and a driver for it."""
    folder = tmp_path_factory.mktemp("other")
    server = ConnectServer(folder, "local[2]")
    driver = Driver(server.address, folder)
    yield server, driver
    driver.close()
    server.close()


@pytest.mark.slow
@pytest.mark.parametrize("end", ["timeout", "trial_timeout", "ctrl-c"])
def test_a_server_that_does_not_answer_holds_nothing_up(other_server, end):
    server, driver = other_server
    report = driver("server_fails", 120, pid=server.process.pid, how="SIGSTOP", end=end)
    check_end(report, end)
    assert report["after"] == [JOB_STATE_DONE] * 4  # once it answers again


def test_an_interruption_that_comes_before_its_job_is_made_again_after_the_search():
    """As on a server that first handles the interruption of a trial once it answers again."""
    running = {"late", "later"}
    asked = []

    class Session:
        is_stopped = False

        def interruptTag(self, tag):
            asked.append(tag)
            if len(asked) == 2:
                raise OSError("no answer")
            if asked.count(tag) == 3:
                running.discard(tag)

    interrupter = Interrupter(Session(), lambda: set(running))
    interrupter.interrupt("late")
    interrupter.close()
    end = time.monotonic() + 30
    while any(thread.name == "sparktune-interrupter" for thread in threading.enumerate()):
        assert time.monotonic() < end, running
        time.sleep(0.05)
    assert running == set()


@pytest.mark.slow
def test_ctrl_c_when_the_server_has_died(tmp_path):
    server = ConnectServer(tmp_path, "local[2]")
    driver = Driver(server.address, tmp_path)
    try:
        arguments = {"pid": server.process.pid, "how": "SIGKILL", "end": "ctrl-c"}
        report = driver("server_fails", leaves_threads=True, **arguments)
    finally:
        driver.close()
        server.close()
    check_end(report, "ctrl-c")


def check_end(report, end):
    assert report["states"][1] == JOB_STATE_DONE
    if end == "trial_timeout":
        # Trials that do not end fill all slots; then the search cannot continue.
        assert report["error"][0] == "BackendLost"
        assert report["states"].count(JOB_STATE_ERROR) == 4
        assert "trial_timeout" in report["errors"][0]
        assert report["took"] < 10 + 10 + 5 + 20
    else:
        assert report["error"] == (["KeyboardInterrupt", ""] if end == "ctrl-c" else None)
        # The next one in the queue stays new.
        assert set(report["states"]) - {JOB_STATE_NEW} == {JOB_STATE_CANCEL, JOB_STATE_DONE}
        assert report["states"].count(JOB_STATE_DONE) == 1
        assert report["took"] < 10 + 20


@pytest.mark.slow
def test_a_server_that_dies(tmp_path):
    server = ConnectServer(tmp_path, "local[2]")
    driver = Driver(server.address, tmp_path)
    try:
        report = driver("client_gives_up", pid=server.process.pid)
    finally:
        driver.close()
        server.close()
    assert report["error"][0] == "BackendLost"
    assert "its server cannot be reached" in report["error"][1]
    assert report["took"] < 30
    assert report["states"][:2] == [JOB_STATE_CANCEL, JOB_STATE_DONE]
