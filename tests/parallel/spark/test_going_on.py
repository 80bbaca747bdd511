"""Searches on Spark that are run again."""

import pickle

import pytest

from sparktune import JOB_STATE_ERROR, JOB_STATE_RUNNING, SparkTrials, fmin, hp, rand

pytestmark = [
    pytest.mark.spark,
    pytest.mark.timeout(180),
    pytest.mark.usefixtures("nothing_left"),
]


def fails_above(limit):
    def objective(x):
        if x > limit:
            raise ValueError(x)
        return x

    return objective


def test_a_search_that_was_cut_off_goes_on_and_a_finished_one_does_nothing(spark, tmp_path):
    def search(trials):
        fmin(fails_above(0), hp.uniform("x", -5, 5), rand.suggest, 10, trials=trials, rstate=0,
             verbose=False, trials_save_file=path)  # fmt: skip
        return pickle.loads(path.read_bytes())

    path = tmp_path / "trials.pkl"
    trials = search(SparkTrials(parallelism=2))
    assert trials.count_by_state_unsynced(JOB_STATE_ERROR) > 0
    values = [doc["misc"]["vals"] for doc in trials._dynamic_trials]
    for doc in trials._dynamic_trials[8:]:
        doc["state"], doc["result"] = JOB_STATE_RUNNING, {"status": "new"}
    trials.refresh()
    path.write_bytes(pickle.dumps(trials))
    for _ in range(2):
        again = search(None)
        assert isinstance(again, SparkTrials)
        assert [doc["misc"]["vals"] for doc in again._dynamic_trials] == values
        assert again.count_total_trials() == 10
