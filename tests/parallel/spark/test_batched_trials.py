"""Several trials per task, on every kind of Spark session."""

import sys
from collections import Counter

import pytest

from sparktune import JOB_STATE_CANCEL, JOB_STATE_DONE, JOB_STATE_ERROR

pytestmark = [
    pytest.mark.spark,
    pytest.mark.timeout(400),
    pytest.mark.skipif(sys.platform == "win32", reason="kills processes with signals"),
]

CLUSTER = "local-cluster[2,1,1024]"
in_all_modes = pytest.mark.parametrize("mode", ["local[2,3]", CLUSTER, "connect"])


@in_all_modes
@pytest.mark.parametrize("per_task", [7, "auto"])
def test_all_results_are_there_and_right(drivers, mode, per_task):
    report = drivers(mode)("batched", per_task=per_task)
    assert report["error"] is None
    assert report["states"] == [JOB_STATE_DONE] * 60
    assert report["right"] == [True] * 60
    assert not any(sparktune for _, sparktune in (r["facts"] for r in report["results"]))
    # At the end of a search, a worker that has just become idle may not be found in time.
    assert len({pid for pid, _ in (r["facts"] for r in report["results"])}) <= 4


@in_all_modes
@pytest.mark.parametrize("kind", ["grower", "litterer"])
def test_trials_see_nothing_of_those_before_them_in_their_task(drivers, mode, kind):
    report = drivers(mode)("batched_footprints", kind=kind)
    assert report["error"] is None
    assert report["facts"] == [(report["expected"] or report["facts"])[0]] * 6


@in_all_modes
def test_a_trial_that_raises_costs_itself(drivers, mode):
    report = drivers(mode)("batched_faults", how="exception")
    assert [n for n, state in enumerate(report["states"]) if state == JOB_STATE_ERROR] == [3]
    assert set(report["runs"].values()) == {1}


@in_all_modes
def test_a_trial_that_kills_its_worker_costs_itself_and_its_task_runs_once_more(drivers, mode):
    report = drivers(mode)("batched_faults", how="always")
    assert report["error"] is None
    assert [n for n, state in enumerate(report["states"]) if state == JOB_STATE_ERROR] == [3]
    assert "Python worker exited unexpectedly" in report["errors"][3]
    assert report["attempts"] == [0] * 12
    spark = 3 if mode.startswith("local[") else 4
    runs = {int(tid): count for tid, count in report["runs"].items()}
    assert runs == {0: 2, 1: 2, 2: 2, 3: 1 + spark, **dict.fromkeys(range(4, 12), 1)}


@in_all_modes
def test_a_trial_that_kills_its_worker_once_needs_no_retries(drivers, mode):
    report = drivers(mode)("batched_faults", how="exit", retries=1)
    assert report["error"] is None
    assert report["states"] == [JOB_STATE_DONE] * 12
    # In its task and alone, and then with the next attempt.
    assert report["attempts"] == [0] * 3 + [1] + [0] * 8


@pytest.mark.slow
@pytest.mark.parametrize("mode", [CLUSTER, "connect"])
def test_a_trial_that_kills_its_executor_costs_itself(drivers, mode):
    report = drivers(mode)("batched_faults", 200, how="executor")
    assert report["error"] is None
    assert [n for n, state in enumerate(report["states"]) if state == JOB_STATE_ERROR] == [3]
    runs = {int(tid): count for tid, count in report["runs"].items()}
    assert all(runs[n] <= 2 for n in (0, 1, 2, *range(4, 12)))


@in_all_modes
def test_a_trial_that_takes_too_long_costs_itself(drivers, mode):
    report = drivers(mode)("batched_faults", how="timeout")
    assert report["error"] is None
    assert [n for n, state in enumerate(report["states"]) if state == JOB_STATE_ERROR] == [3]
    assert "longer than its `trial_timeout` of 8 s" in report["errors"][3]
    assert all(count <= 2 for count in report["runs"].values())


@in_all_modes
@pytest.mark.parametrize("how", ["timeout", "early stop"])
def test_a_search_ends_while_a_task_runs(drivers, mode, how):
    report = drivers(mode)("batched_ends", how=how)
    counts = Counter(report["states"])
    assert set(counts) == {JOB_STATE_DONE, JOB_STATE_CANCEL}
    assert report["took"] < 60
    if how == "early stop":
        assert counts[JOB_STATE_DONE] == 6
        assert report["reason"] == "early stopping condition"
    assert report["after"] == [JOB_STATE_DONE] * 4


@in_all_modes
def test_trials_of_a_task_are_pruned(drivers, mode):
    report = drivers(mode)("batched_pruned")
    assert report["error"] is None
    assert report["states"] == [JOB_STATE_DONE] * 40
    assert 3 <= Counter(report["statuses"])["pruned"] <= 35


@in_all_modes
def test_results_that_are_large_together_come_in_several_tasks(drivers, mode):
    report = drivers(mode)("batched_large")
    assert report["states"] == [JOB_STATE_DONE] * 6
    assert report["sizes"] == [3 << 20] * 6


@pytest.mark.mlflow
@in_all_modes
def test_each_trial_of_a_task_has_its_own_run(drivers, mode, tmp_path):
    pytest.importorskip("mlflow")
    report = drivers(mode)("batched_tracked", 240, folder=str(tmp_path))
    assert report["error"] is None
    assert report["same"] == [True] * 12
    assert report["tids"] == list(range(12))
