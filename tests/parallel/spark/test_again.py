"""The handles of trials on Spark, and trials that run again."""

import sys

import pytest

from sparktune import JOB_STATE_DONE, JOB_STATE_ERROR

pytestmark = [
    pytest.mark.spark,
    pytest.mark.timeout(400),
    pytest.mark.skipif(sys.platform == "win32", reason="kills processes with signals"),
]

CLUSTER = "local-cluster[2,1,1024]"
in_all_modes = pytest.mark.parametrize("mode", ["local[2,3]", CLUSTER, "connect"])


@in_all_modes
def test_objectives_get_the_handle_of_their_trial(drivers, mode):
    report = drivers(mode)("handles")
    assert report["error"] is None
    assert report["states"] == [JOB_STATE_DONE] * 4
    assert [result["facts"][:2] for result in report["results"]] == [[n, 0] for n in range(4)]
    assert len({result["facts"][2] for result in report["results"]}) == 4
    assert not any(result["sparktune"] for result in report["results"])
    assert report["left"] == [False] * 4


@in_all_modes
@pytest.mark.parametrize("prune", ["median", "function"])
def test_trials_without_prospects_end(drivers, mode, prune):
    report = drivers(mode)("pruned", prune=prune)
    assert report["states"] == [JOB_STATE_DONE] * 16
    assert not any(result["sparktune"] for result in report["results"])
    ended = [last for last, s in zip(report["last"], report["statuses"], strict=True)
             if s == "pruned"]  # fmt: skip
    if prune == "function":
        assert report["error"][0] == "AllTrialsFailed"
        assert ended == [2] * 16
    else:
        assert report["error"] is None
        assert 1 <= len(ended) <= 11
        assert max(ended) < 19


@pytest.mark.parametrize("mode", ["local[2,3]", CLUSTER])
def test_a_running_trial_learns_from_others_where_there_is_a_line(drivers, mode):
    report = drivers(mode)("ended_from_outside", steps=1000)
    assert report["states"] == [JOB_STATE_DONE] * 13
    assert report["status"] == "pruned"
    assert 0 < report["last"] < 999
    assert not any(result["sparktune"] for result in report["results"])
    assert {result["facts"][0] for result in report["results"]} == {True}
    assert not any("sparktune-line" in result["facts"][1] for result in report["results"])


def test_spark_connect_has_no_line(drivers):
    report = drivers("connect")("ended_from_outside", steps=100)
    assert report["states"] == [JOB_STATE_DONE] * 13
    assert (report["status"], report["last"]) == ("ok", 99)
    assert {result["facts"][0] for result in report["results"]} == {False}


@in_all_modes
def test_the_slot_of_a_pruned_trial_is_used_at_once(drivers, mode, tmp_path, record_property):
    report = drivers(mode)("freed_slots", folder=str(tmp_path))
    waits = report["waits"]
    record_property("seconds until the next trial begins", waits)
    assert len(waits) >= 25
    assert waits[-1] < 5


@in_all_modes
def test_models_without_prospects_end(drivers, mode):
    report = drivers(mode)("pruned_models")
    assert report["error"] is None
    assert report["statuses"] == ["ok", "pruned"] * 2
    assert report["last"] == [19, 2, 19, 2]
    assert [result["facts"] for result in report["results"]] == [[False]] * 2


@in_all_modes
def test_a_worker_that_does_not_share_the_folder_says_so(drivers, mode):
    report = drivers(mode)("unshared_folder")
    assert report["states"] == [JOB_STATE_ERROR]
    assert "needs a folder that the driver and all workers share; host " in report["errors"][0]


on_executors = pytest.mark.parametrize("mode", [CLUSTER, "connect"])


def check_second_attempt(report, reason):
    assert report["error"] is None
    assert report["states"] == [JOB_STATE_DONE] * 4
    first = next(result["facts"] for result in report["results"] if result["facts"][0] == 0)
    assert first[1] == 1
    ((said, error),) = report["attempts"][0]
    assert said == reason
    return first[2], error


@in_all_modes
def test_a_trial_whose_worker_dies_runs_again_after_sparks_own_attempts(drivers, mode):
    report = drivers(mode)("lost_at_first", how="worker")
    runs, error = check_second_attempt(report, "lost")
    assert runs == (3 if mode.startswith("local[") else 4)
    assert "Python worker exited unexpectedly" in error
    assert report["attempts"][1:] == [[], [], []]


@pytest.mark.slow
@on_executors
def test_a_trial_that_loses_its_executor_runs_again(drivers, mode):
    report = drivers(mode)("lost_at_first", 180, how="executor", retries=2)
    runs, error = check_second_attempt(report, "lost")
    assert runs >= 4
    assert error.startswith("TrialLost: The Spark job of the trial failed")


@in_all_modes
def test_a_trial_that_takes_too_long_runs_again_if_asked(drivers, mode):
    report = drivers(mode)("lost_at_first", how="timeout", retries={"timeout": 1})
    runs, error = check_second_attempt(report, "timeout")
    assert runs == 1
    assert error.startswith("TrialTimeout: ")
    report = drivers(mode)("lost_at_first", how="timeout", retries=1)
    assert report["states"] == [JOB_STATE_ERROR] + [JOB_STATE_DONE] * 3
    assert report["attempts"] == [[]] * 4


@in_all_modes
def test_a_trial_that_kills_its_worker_each_time_fails_alone(drivers, mode):
    report = drivers(mode)("lost_at_first", how="worker", always=True)
    assert report["error"] is None
    assert report["states"] == [JOB_STATE_ERROR] + [JOB_STATE_DONE] * 3
    assert [len(each) for each in report["attempts"]] == [1, 0, 0, 0]
    assert "Python worker exited unexpectedly" in report["errors"][0]
