"""`resource_profile`: trials that need more than one core, where Spark can do that."""

import pytest

from sparktune import JOB_STATE_DONE

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.mark.parametrize(
    ("mode", "cpus", "parallelism"), [("local-cluster[2,1,1024]", 1, 2), ("connect", 2, 2)]
)
def test_trials_get_what_they_need(drivers, mode, cpus, parallelism):
    report = drivers(mode)("resources", 120, cpus=cpus)
    assert report["error"] is None
    assert report["parallelism"] == parallelism
    assert report["states"] == [JOB_STATE_DONE] * 4
    assert [result["facts"] for result in report["results"]] == [cpus] * 4


def test_a_profile_that_the_cluster_cannot_give_is_refused(drivers):
    report = drivers("local-cluster[2,1,1024]")("resources", 120, cpus=1, memory="700m")
    assert "`resource_profile` of SparkTrials cannot be used on this cluster" in report["refused"]
