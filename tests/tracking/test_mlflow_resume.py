"""A search loaded from its parent run and resumed."""

import subprocess
import sys
import time

import mlflow
import numpy as np
import pytest

from sparktune import STATUS_OK, Domain, Trials, fmin, hp, rand, tpe
from sparktune._space.expr import scope
from sparktune._tracking.base import SearchInfo
from sparktune._tracking.switch import make_tracker
from sparktune._trials.documents import (
    JOB_STATE_CANCEL,
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    JOB_STATE_NEW,
)
from sparktune.exceptions import BadSearchSpace, InvalidArgument, InvalidArgumentType, TrialLost

SPACE = {
    "x": hp.uniform("x", -10, 10),
    "model": hp.choice("model", [{"C": hp.lognormal("C", 0, 1)}, {"n": hp.randint("n", 9)}]),
    "depth": scope.int(hp.quniform("depth", 1, 9, 1)),
}


def objective(point):
    if point["x"] > 8:
        raise ValueError("too big")
    if point["x"] < -8:
        return {"status": "fail"}
    return {"status": STATUS_OK, "loss": point["x"] ** 2, "extra": {"deep": [np.float32(0.1)]}}


def search(trials, max_evals, space=SPACE, seed=3, fn=objective, **more):
    more = {"algo": rand.suggest, "catch_eval_exceptions": True, "verbose": False, **more}
    return fmin(fn, space, max_evals=max_evals, trials=trials, rstate=seed, **more)


def without_ids(docs):
    return [
        {**doc, "misc": {k: v for k, v in doc["misc"].items() if k not in ("run_id", "traceback")}}
        for doc in docs
    ]


def typed(docs):
    return [
        {label: [(type(v), v) for v in values] for label, values in doc["misc"]["vals"].items()}
        for doc in docs
    ]


def test_all_trials_come_back_with_values_and_types(runs):
    trials = Trials()
    search(trials, 60, mlflow=True)
    states = [doc["state"] for doc in trials._dynamic_trials]
    assert JOB_STATE_ERROR in states
    assert "fail" in trials.statuses()
    (parent,), children = runs()
    back = Trials.from_mlflow(parent.info.run_id)
    assert without_ids(back._dynamic_trials) == without_ids(trials._dynamic_trials)
    assert typed(back._dynamic_trials) == typed(trials._dynamic_trials)
    by_tid = {int(child.data.tags["tid"]): child.info.run_id for child in children}
    assert {doc["tid"]: doc["misc"]["run_id"] for doc in back._dynamic_trials} == by_tid
    failed = next(doc for doc in back._dynamic_trials if doc["state"] == JOB_STATE_ERROR)
    assert "too big" in failed["misc"]["traceback"]
    assert back.argmin == trials.argmin
    assert back.best_run_id == trials.best_run_id == by_tid[trials.best_trial["tid"]]


def test_a_suggester_goes_on_as_if_nothing_had_happened(runs):
    whole = Trials()
    search(whole, 31, algo=tpe.suggest, mlflow=False)
    trials = Trials()

    def often_too_big(point):
        return objective({**point, "x": point["x"] + 6})

    search(trials, 30, fn=often_too_big, algo=tpe.suggest, mlflow=True)
    (parent,), _ = runs()
    back = Trials.from_mlflow(parent.info.run_id)
    # The suggestion depends on the history, the seed and the id alone.
    failed = [doc for doc in back._dynamic_trials if doc["state"] == JOB_STATE_ERROR]
    assert failed
    domain = Domain(objective, SPACE)
    known = back._history_for(domain.space).sync()
    assert all(doc["tid"] in known for doc in failed)
    (one,) = tpe.suggest([99], domain, back, 11)
    (other,) = tpe.suggest([99], domain, trials, 11)
    assert one["misc"]["vals"] == other["misc"]["vals"]


def test_a_lost_trial_still_says_nothing(runs):
    trials = Trials()

    def lose_some(point):
        if point["x"] > 0:
            raise TrialLost("its executor died")
        return objective(point)

    search(trials, 20, fn=lose_some, mlflow=True)
    (parent,), _ = runs()
    back = Trials.from_mlflow(parent.info.run_id)
    lost = {doc["tid"] for doc in back._dynamic_trials if doc["misc"]["vals"]["x"][0] > 0}
    known = back._history_for(Domain(None, SPACE).space).sync()
    assert lost
    assert [doc["tid"] in known for doc in back._dynamic_trials] == [
        doc["tid"] not in lost for doc in back._dynamic_trials
    ]


def test_fmin_goes_on_to_max_evals_in_the_same_run(runs, client):
    search(Trials(), 10, mlflow=True)
    (parent,), before = runs()
    trials = Trials.from_mlflow(parent.info.run_id)
    missing = 15 - len(trials)  # as always, trials that raised do not count
    calls = []
    search(trials, 15, fn=lambda point: calls.append(1) or objective(point), seed=4)
    assert len(calls) == len(trials._dynamic_trials) - len(before) == missing > 0
    (parent,), after = runs()
    assert parent.info.status == "FINISHED"
    assert [run.info.run_id for run in after[: len(before)]] == [r.info.run_id for r in before]
    assert [int(run.data.tags["tid"]) for run in after] == list(range(len(after)))
    assert {run.data.tags["fmin_uuid"] for run in after} == {parent.data.tags["fmin_uuid"]}
    assert parent.data.metrics["trials_ok"] == sum(run.info.status == "FINISHED" for run in after)
    assert parent.data.metrics["best_loss"] == trials.best_trial["result"]["loss"]
    assert parent.data.tags["best_tid"] == str(trials.best_trial["tid"])
    # Params cannot change in MLflow: the plain name keeps the first value.
    assert parent.data.params["max_evals"] == "10"
    renamed = [k for k, v in parent.data.params.items() if k.startswith("max_evals_") and v == "15"]
    assert len(renamed) == 1
    # And once more, from the search that was resumed.
    again = Trials.from_mlflow(parent.info.run_id)
    assert without_ids(again._dynamic_trials) == without_ids(trials._dynamic_trials)


def test_a_search_goes_on_in_an_active_run_of_the_users(runs, client):
    search(Trials(), 4, mlflow=True)
    (first,), _ = runs()
    trials = Trials.from_mlflow(first.info.run_id)
    with mlflow.start_run(run_id=first.info.run_id):
        search(trials, 6)
    (parent,), children = runs()
    assert len(children) == 6
    # In another run it is a new search that starts from the known trials.
    trials = Trials.from_mlflow(first.info.run_id)
    with mlflow.start_run() as other:
        search(trials, 8)
    found = [
        run
        for run in client.search_runs([other.info.experiment_id])
        if run.data.tags.get("mlflow.parentRunId") == other.info.run_id
    ]
    assert sorted(int(run.data.tags["tid"]) for run in found) == [6, 7]
    assert {run.data.tags["fmin_uuid"] for run in found} != {parent.data.tags["fmin_uuid"]}


def test_trials_that_had_not_ended_run_again_into_their_runs(documents, runs):
    tracker = make_tracker(enabled=True)
    tracker.begin(SearchInfo({}))
    trials = [documents.running(tid, x=0.1 * tid) for tid in range(4)]
    tracked = [tracker.trial_started(trial) for trial in trials]
    ids = [each.payload()["run_id"] for each in tracked]
    tracker.trial_finished(documents.done(trials[0], 5.0))
    tracker.trial_finished(documents.cancelled(trials[1]))
    tracker._outbox.close(10, 10)  # here the driver dies
    mlflow.end_run()
    (parent,), _ = runs()
    back = Trials.from_mlflow(parent.info.run_id)
    states = [doc["state"] for doc in back._dynamic_trials]
    assert states == [JOB_STATE_DONE, JOB_STATE_CANCEL, JOB_STATE_NEW, JOB_STATE_NEW]
    seen = []
    search(back, 3, space=hp.uniform("x", -1, 1), fn=lambda x: seen.append(x) or x)
    assert seen == [0.1 * 2, 0.1 * 3]
    _, children = runs()
    assert [child.info.run_id for child in children] == ids
    ended = ["FINISHED", "KILLED", "FINISHED", "FINISHED"]
    assert [child.info.status for child in children] == ended


def test_a_run_whose_end_was_not_written_is_ended(runs):
    """The driver may die between the result of a trial and the end of its run."""
    search(Trials(), 4, mlflow=True)
    (parent,), children = runs()
    left = children[1].info
    mlflow.MlflowClient().update_run(left.run_id, "RUNNING")
    back = Trials.from_mlflow(parent.info.run_id)
    assert back._resumed.open_runs == {left.run_id}
    search(back, 5)
    _, children = runs()
    assert len(children) == 5
    assert children[1].info.run_id == left.run_id
    assert [child.info.status for child in children].count("RUNNING") == 0
    # When the trial ended, not when its run was closed.
    assert abs(children[1].info.end_time - left.end_time) < 1_000


def test_another_space_is_refused_and_the_difference_shown(runs):
    search(Trials(), 3, mlflow=True)
    (parent,), _ = runs()
    trials = Trials.from_mlflow(parent.info.run_id)
    other = {**SPACE, "x": hp.uniform("x", -10, 20), "new": hp.normal("new", 0, 1)}
    with pytest.raises(BadSearchSpace) as raised:
        search(trials, 5, space=other)
    message = str(raised.value)
    assert "$.x.args[1]: 10 -> 20" in message
    assert "$.new: nothing -> new = normal(0, 1)" in message
    assert "depth" not in message
    assert len(trials) == 3
    search(trials, 5)  # the right one still works


def test_pages_of_children(runs, monkeypatch):
    from sparktune._tracking import store

    search(Trials(), 25, mlflow=True)
    (parent,), children = runs()
    monkeypatch.setattr(store, "_PAGE", 7)
    back = Trials.from_mlflow(parent.info.run_id)
    assert len(back._dynamic_trials) == len(children) >= 25


def test_several_searches_in_one_run(runs):
    with mlflow.start_run() as parent:
        search(Trials(), 3)
        search(Trials(), 2, space=hp.uniform("x", 0, 1), fn=lambda x: x)
    (found,), _ = runs()
    with pytest.raises(InvalidArgument, match="holds 2 searches"):
        Trials.from_mlflow(parent.info.run_id)
    second = next(v for k, v in found.data.tags.items() if k.startswith("fmin_uuid_"))
    trials = Trials.from_mlflow(parent.info.run_id, fmin_uuid=second)
    assert len(trials) == 2
    search(trials, 4, space=hp.uniform("x", 0, 1), fn=lambda x: x)
    (found,), _ = runs()
    assert found.data.metrics[f"trials_ok_{second}"] == 4
    assert found.data.metrics["trials_ok"] == 3
    first = Trials.from_mlflow(parent.info.run_id, fmin_uuid=found.data.tags["fmin_uuid"])
    assert len(first) == 3


def test_runs_that_are_no_search(experiment):
    with pytest.raises(InvalidArgument, match="must be a run of the store"):
        Trials.from_mlflow("0" * 32)
    with mlflow.start_run() as run:
        pass
    with pytest.raises(InvalidArgument, match="no tag `fmin_uuid`"):
        Trials.from_mlflow(run.info.run_id)
    with pytest.raises(InvalidArgumentType, match="`run_id` must be a str"):
        Trials.from_mlflow(7)


DRIVER = """
import sys, time, mlflow
from sparktune import Trials, fmin, hp, rand

mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment(experiment_id=sys.argv[2])

trials = Trials()

def objective(x):
    print("started", repr(float(x)), flush=True)
    time.sleep(60 if len(trials) > 25 else 0.05)
    print("finished", repr(float(x)), flush=True)
    return x ** 2

fmin(objective, hp.uniform("x", -10, 10), algo=rand.suggest, max_evals=10_000, rstate=1,
     trials=trials, mlflow=True, verbose=False)
"""


@pytest.mark.slow
def test_a_driver_that_is_killed_loses_no_finished_trial(store, experiment, runs, tmp_path):
    with (tmp_path / "err").open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", DRIVER, store, experiment],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=tmp_path,
        )
    lines = []
    with process.stdout:
        for line in process.stdout:
            lines.append(line.split())
            if len(lines) == 51:  # in the middle of the 26th trial
                break
        # A trial is kept once its record is written, moments after it ended.
        deadline = time.monotonic() + 45
        while time.monotonic() < deadline:
            _, children = runs()
            if sum(child.info.status == "FINISHED" for child in children) >= 25:
                break
            time.sleep(0.2)
        process.kill()
        process.wait(60)
        lines += [line.split() for line in process.stdout]
    finished = [float(x) for kind, x in lines if kind == "finished"]

    (parent,), _ = runs()
    trials = Trials.from_mlflow(parent.info.run_id)
    done = {
        float(doc["misc"]["vals"]["x"][0])
        for doc in trials._dynamic_trials
        if doc["state"] == JOB_STATE_DONE
    }
    assert len(finished) == 25
    assert done == set(finished)
    again = []
    fmin(
        lambda x: again.append(float(x)) or x**2,
        hp.uniform("x", -10, 10),
        algo=rand.suggest,
        max_evals=40,
        rstate=2,
        trials=trials,
        verbose=False,
    )
    assert len(trials) == 40
    assert not done & set(again)
    (parent,), children = runs()
    assert len(children) == 40
    assert sorted(int(child.data.tags["tid"]) for child in children) == list(range(40))
    assert {child.info.status for child in children} == {"FINISHED"}
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics["trials_ok"] == 40


def test_a_table_of_the_trials(runs):
    pd = pytest.importorskip("pandas")
    trials = Trials()
    search(trials, 40, mlflow=True)
    table = trials.to_pandas()
    assert list(table["tid"]) == [doc["tid"] for doc in trials._dynamic_trials]
    assert set(table["state"]) == {"done", "error"}
    _, children = runs()
    assert list(table["run_id"]) == [child.info.run_id for child in children]
    best = table.loc[table["loss"].idxmin()]
    assert best["run_id"] == trials.best_run_id
    assert best["loss"] == trials.best_trial["result"]["loss"]
    assert best["params.x"] == trials.argmin["x"]
    assert table["params.C"].isna().any()
    assert (table["params.C"].isna() != table["params.n"].isna()).all()
    assert (table["end_time"] >= table["start_time"]).all()
    assert pd.api.types.is_datetime64_any_dtype(table["start_time"])


WRITTEN = (
    '{"state":"done","vals":{%s},"types":{%s},"version":0,"misc":{%s},"result":{%s},'
    '"book_time":null,"refresh_time":null,"owner":null}'
)


@pytest.mark.parametrize(
    "bad",
    [
        "1000000000|{",
        "\u00b2|{",
        "[]",
        '{"state":"done"}',
        "[" * 2000,
        WRITTEN % ('"x":1' + "0" * 400, "", "", '"status":"ok"'),
        WRITTEN % ('"x":1', '"x":"S2000000000"', "", '"status":"ok"'),
        WRITTEN % ("", "", '"tid":5', '"status":"ok"'),
    ],
    ids=range(8),
)
def test_a_tag_that_cannot_be_read_costs_its_trial_only(bad, runs, client, caplog):
    trials = Trials()
    search(trials, 6, mlflow=True)
    (parent,), children = runs()
    client.set_tag(children[2].info.run_id, "mlflow.sparktune.trial", bad)
    client.set_tag(children[3].info.run_id, "tid", "\u00b2")
    found = Trials.from_mlflow(parent.info.run_id)
    assert sorted(doc["tid"] for doc in found._dynamic_trials) == [0, 1, 4, 5]
    assert "2 runs under run" in caplog.text
    search(found, 8)
    assert len(found._dynamic_trials) >= 8
