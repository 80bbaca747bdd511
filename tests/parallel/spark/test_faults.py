"""Faults below a search: it continues or ends soon, and keeps finished trials."""

import sys

import pytest

from sparktune import JOB_STATE_CANCEL, JOB_STATE_DONE, JOB_STATE_ERROR

pytestmark = [
    pytest.mark.spark,
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(sys.platform == "win32", reason="kills processes with signals"),
]

RETRYING = "local[2,3]"
CLUSTER = "local-cluster[2,1,1024]"
CONNECT = "connect"
MODES = [RETRYING, CLUSTER, CONNECT]
# Modes whose executors are processes that can be lost.
EXECUTORS = [CLUSTER, CONNECT]


@pytest.fixture
def run(drivers, request):
    mode = request.param
    return lambda scenario, seconds=180, **arguments: drivers(mode)(scenario, seconds, **arguments)


in_all_modes = pytest.mark.parametrize("run", MODES, indirect=True)
on_executors = pytest.mark.parametrize("run", EXECUTORS, indirect=True)


@in_all_modes
@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("exception", "no model for -1.0"),
        ("unpicklable exception", "odd"),
        ("unpicklable result", "its key 'model' holds a lock"),
        ("sys.exit", "3"),
    ],
)
def test_a_trial_that_fails_in_python_runs_once(run, how, said):
    report = run("bad_trials", how=how)
    assert report["error"] is None
    assert report["states"] == [JOB_STATE_ERROR, JOB_STATE_DONE] * 2
    assert said in report["errors"][0]
    assert report["runs"] == 4
    assert (report["taught"], report["losses"]) == ([True] * 4, 2)


@in_all_modes
@pytest.mark.parametrize("how", ["os._exit", "killed worker"])
def test_a_trial_that_ends_its_process_is_tried_again_by_spark_and_then_fails(run, how):
    report = run("bad_trials", how=how)
    assert report["error"] is None
    assert report["states"] == [JOB_STATE_ERROR, JOB_STATE_DONE] * 2
    assert "The Spark job of the trial failed" in report["errors"][0]
    assert "Python worker exited unexpectedly" in report["errors"][0]
    assert (report["taught"], report["losses"]) == ([True] * 4, 2)
    assert report["good_runs"] == 2


@in_all_modes
def test_a_trial_sees_nothing_of_the_trials_before_it(run):
    report = run("footprints_of", kind="grower")
    assert report["error"] is None
    assert report["facts"] == report["expected"] * 5


@in_all_modes
def test_the_state_of_a_worker_is_put_back_after_a_trial(run):
    report = run("footprints_of", kind="litterer")
    assert report["error"] is None
    # By worker, as their folders and environments differ.
    assert len(report["facts"]) == 5
    by_worker = {str(facts["pid"]): facts for facts in report["facts"]}
    assert len(by_worker) < 5
    assert [by_worker[str(facts["pid"])] == facts for facts in report["facts"]] == [True] * 5


@in_all_modes
def test_random_numbers_depend_on_the_seed_and_the_trial_only(run):
    report = run("footprints_of", kind="gambler")
    assert report["error"] is None
    assert len({tuple(drawn) for drawn in report["facts"]}) == 5
    assert report["facts"] == run("footprints_of", kind="gambler")["facts"]


@in_all_modes
@pytest.mark.parametrize("how", ["threads", "thread that stays"])
def test_threads_that_an_objective_leaves_behind_do_no_harm(run, how):
    report = run("bad_trials", how=how)
    assert report["states"] == [JOB_STATE_DONE] * 4
    assert report["runs"] == 4


@in_all_modes
def test_a_result_that_is_too_large_fails_its_trial_and_says_what_to_do(run):
    report = run("large_result", megabytes=200)
    assert report["states"] == [JOB_STATE_ERROR, JOB_STATE_DONE]
    assert "got 200.0 MB, of which its key 'blob' has 200.0 MB" in report["errors"][0]
    assert "memory` is " in report["errors"][0]
    assert report["largest"] == [1]


@in_all_modes
def test_a_large_result_arrives_whole(run):
    """Above 64 MB; in a server's messages there is room for a part of it only."""
    report = run("large_result", megabytes=70)
    assert report["states"] == [JOB_STATE_DONE, JOB_STATE_DONE]
    assert report["largest"] == [70, 1]


@pytest.mark.parametrize("run", [RETRYING, CLUSTER], indirect=True)
def test_an_objective_that_ignores_signals_is_stopped(run):
    report = run("time_out", stubborn=True)
    assert report["took"] < 5 + 8
    assert report["states"][0] == JOB_STATE_DONE
    assert report["states"].count(JOB_STATE_CANCEL) >= 2
    assert report["after"][1] == [JOB_STATE_DONE] * 8


@in_all_modes
def test_a_trial_that_takes_too_long_fails_alone(run):
    report = run("trial_time_out")
    assert report["error"] is None
    assert report["states"] == [JOB_STATE_ERROR, JOB_STATE_DONE] * 2
    assert "trial_timeout" in report["errors"][0]
    assert (report["taught"], report["losses"]) == ([True] * 4, 2)
    assert report["took"] < 40


@in_all_modes
def test_the_time_of_a_trial_begins_when_it_runs_not_when_it_waits(run):
    report = run("trial_time_out_behind_others")
    assert report["error"] is None
    assert report["states"] == [JOB_STATE_DONE, JOB_STATE_ERROR, JOB_STATE_DONE]
    assert "trial_timeout" in report["errors"][1]
    assert report["results"][0]["facts"] > 8
    assert report["took"] < 12 + 8 + 12


@on_executors
@pytest.mark.parametrize("how", ["SIGKILL", "SIGSTOP"])
def test_a_lost_executor_costs_no_trial(run, how):
    report = run("executor_dies", how=how)
    assert report["error"] is None
    assert report["states"] == [JOB_STATE_DONE] * 6
    assert report["runs"] >= 7


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_an_executor_that_is_cut_off_costs_no_trial(drivers):
    driver = drivers(f"relayed {CLUSTER}")
    report = driver("executor_dies", 180, how="cut off")
    driver.close()
    assert report["error"] is None
    assert report["states"] == [JOB_STATE_DONE] * 6
    assert report["runs"] >= 7


@on_executors
def test_a_trial_that_always_takes_its_executor_with_it_fails_alone(run):
    report = run("executor_always_dies")
    assert report["error"] is None
    assert report["states"][0] == JOB_STATE_ERROR
    assert "The Spark job of the trial failed" in report["errors"][0]
    assert report["states"][1:] == [JOB_STATE_DONE] * 3, report["errors"]
    assert report["taught"] == [False, True, True, True]


@on_executors
def test_without_any_executor_the_time_out_still_ends_the_search(run):
    report = run("no_executor_left")
    assert report["took"] < 8 + 12
    assert report["states"].count(JOB_STATE_DONE) >= 2
    assert report["states"][-1] == JOB_STATE_CANCEL
    assert report["taught"] == [state == JOB_STATE_DONE for state in report["states"]]
    assert report["reason"] == "fmin run timeout"


@in_all_modes
def test_ctrl_c(run):
    report = run("interrupt")
    assert report["error"][0] == "KeyboardInterrupt"
    assert report["took"] < 10
    assert report["after"] == [JOB_STATE_DONE] * 4


def test_the_session_is_stopped(drivers):
    driver = drivers(CLUSTER)
    try:
        report = driver("stop_session")
    finally:
        driver.close()  # so that the next test gets one with a session
    assert report["error"][0] == "BackendLost"
    assert report["took"] < 20
    assert report["states"][:2] == [JOB_STATE_CANCEL, JOB_STATE_DONE]
    assert "must not be stopped" in report["again"][1]


def test_the_session_is_stopped_while_trials_start(drivers):
    """Spark never ends a job that is submitted just when its context stops."""
    driver = drivers("local[8]")  # the more trials at once, the likelier
    try:
        report = driver("stop_while_trials_start", times=5)
    finally:
        driver.close()
    assert report["error"][0] == "BackendLost"
    assert report["longest"] < 8


def test_a_second_ctrl_c_skips_the_waiting_but_not_the_cleaning(drivers):
    report = drivers("local[4]")("interrupt_twice")
    assert report["presses"] == ["second"]
    assert report["error"][0] == "KeyboardInterrupt"
    assert report["states"][:2] == [JOB_STATE_CANCEL, JOB_STATE_DONE]
    assert report["after"] == [JOB_STATE_DONE] * 4
