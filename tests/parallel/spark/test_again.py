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
def test_a_worker_that_does_not_share_the_folder_says_so(drivers, mode):
    report = drivers(mode)("unshared_folder")
    assert report["states"] == [JOB_STATE_ERROR]
    assert "needs a folder that the driver and all workers share; host " in report["errors"][0]
