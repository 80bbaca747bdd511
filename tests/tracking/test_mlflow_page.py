"""What the page of a search shows of a real store: names, description, links, losses."""

import functools
import time

import mlflow
import pytest

from sparktune import Trials, fmin, hp, rand, with_data
from sparktune._tracking import tracker as mlflow_tracker
from sparktune._tracking.base import SearchInfo, SearchSummary
from sparktune._tracking.switch import make_tracker
from sparktune._views.report import report_html

NOTE = "mlflow.note.content"


def train(x, y=0):
    if x > 0.8:
        raise ValueError(f"{x} is <b>too large</b>\nsecond line")
    return x


def search(fn=train, max_evals=12, trials=None, **more):
    more = {"algo": rand.suggest, "catch_eval_exceptions": True, "rstate": 1, **more}
    trials = Trials() if trials is None else trials
    fmin(fn, hp.uniform("x", 0, 1), max_evals=max_evals, trials=trials, verbose=False,
         mlflow=True, **more)  # fmt: skip
    return trials


class Callable:
    def __call__(self, x):
        return x

    def method(self, x):
        return x


@pytest.mark.parametrize(
    ("fn", "name"),
    [
        (train, "train"),
        (functools.partial(functools.partial(train), y=1), "train"),
        (with_data(train, y=1), "train"),
        (functools.partial(with_data(train, y=1)), "train"),
        (Callable(), "Callable"),
        (Callable().method, "method"),
        (lambda x: x, "fmin"),
        (functools.partial(lambda x: x), "fmin"),
    ],
    ids=range(8),
)
@pytest.mark.parametrize("maximize", [False, True])
def test_runs_have_the_name_of_the_objective(fn, name, maximize, runs):
    search(fn, max_evals=1, maximize=maximize, catch_eval_exceptions=False, rstate=3)
    ((parent,), _) = runs()
    assert parent.info.run_name == f"{name}-{parent.data.tags['fmin_uuid'][:6]}"


def test_the_description_before_and_after_the_search(runs, client):
    seen = []

    def objective(x):
        seen.append(mlflow.get_run(mlflow.active_run().data.tags["mlflow.parentRunId"]))
        return train(x)

    trials = search(objective)
    ((parent,), children) = runs()
    before, after = seen[-1].data.tags[NOTE], parent.data.tags[NOTE]
    uuid = parent.data.tags["fmin_uuid"]
    assert before.startswith(f"**Search {uuid[:6]}** is running")
    assert f'Trials.from_mlflow("{parent.info.run_id}")' in before
    best = f"#/experiments/{parent.info.experiment_id}/runs/{trials.best_run_id}"
    assert f"best is [trial {trials.best_trial['tid']}]({best})" in after
    failed = sum(child.info.status == "FAILED" for child in children)
    assert failed > 1
    total = len(children)
    assert f"{total} trials: {total - failed} ok, {failed} failed." in after
    assert f"    {failed}  ValueError: " in after
    assert "second line" not in after
    assert "fmin(objective, space, trials=trials, max_evals=24, algo=rand.suggest)" in after
    errors = [c.data.tags["error"] for c in children if c.info.status == "FAILED"]
    assert all(error.endswith("is <b>too large</b>") for error in errors)
    # What the description says works.
    back = Trials.from_mlflow(parent.info.run_id)
    search(max_evals=24, trials=back)
    ((parent,), children) = runs()
    assert f"{len(children)} trials: " in parent.data.tags[NOTE]
    assert parent.data.tags[NOTE].count("**Search") == 1


def test_the_report_is_an_artifact_of_the_parent(runs, client, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "a-secret-token")

    def objective(x):
        if x > 0.5:
            raise ValueError("the answer to a-secret-token at https://me:pass@host/")
        return -x

    trials = search(objective, maximize=True)
    ((parent,), _) = runs()
    run_id = parent.info.run_id
    path = client.download_artifacts(run_id, "report.html", str(tmp_path))
    with open(path, encoding="utf-8") as file:  # noqa: PTH123
        text = file.read()
    assert text.startswith("<!doctype html>")
    assert f"score {-trials.best_loss!r}" in text
    assert f"Trials.from_mlflow(&quot;{run_id}&quot;)" in text
    assert "a-secret-token" not in text
    assert "me:pass" not in text
    assert "the answer to *** at https://***@host/" in text
    place = f"#/experiments/{parent.info.experiment_id}/runs/{run_id}/artifacts/report.html"
    assert f"The [report]({place}) has charts" in parent.data.tags[NOTE].splitlines()[0]
    assert trials._settings["mlflow_run"] == run_id
    assert run_id in report_html(trials)


def test_a_report_that_fails_does_not_fail_the_search(runs, client, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError

    monkeypatch.setattr("sparktune._tracking.plot.report_html", broken)
    search(max_evals=3)
    ((parent,), _) = runs()
    assert parent.info.status == "FINISHED"
    assert "report.html" not in parent.data.tags[NOTE]
    files = {file.path for file in client.list_artifacts(parent.info.run_id)}
    assert files == {"space.json", "history.svg"}


def test_a_huge_search_has_no_report(runs, client, monkeypatch):
    monkeypatch.setattr("sparktune._tracking.plot._MOST_VALUES", 10)
    search(max_evals=3)
    ((parent,), _) = runs()
    files = {file.path for file in client.list_artifacts(parent.info.run_id)}
    assert files == {"space.json", "history.svg"}


def test_a_description_of_the_users_is_kept(runs, client):
    with mlflow.start_run(description="My *own* words.") as run:
        search(max_evals=2)

        def objective(x):
            while "is running" not in (text := client.get_run(run.info.run_id).data.tags[NOTE]):
                time.sleep(0.05)
            client.set_tag(run.info.run_id, NOTE, text + "\n\nAdded meanwhile.")
            return x

        search(objective, max_evals=1)
    ((parent,), _) = runs()
    text = parent.data.tags[NOTE]
    first, second = (v for k, v in parent.data.tags.items() if k.startswith("fmin_uuid"))
    assert text.startswith("My *own* words.\n\n**Search ")
    assert "is running" not in text
    assert text.endswith("\n\nAdded meanwhile.")
    assert f'fmin_uuid="{first}"' in text
    assert f'fmin_uuid="{second}"' in text


def test_losses_and_scores_by_trial(runs, client):
    def objective(x):
        if x > 0.8:
            raise ValueError
        return {"score": x, "status": "ok"} if x > 0.2 else {"status": "fail"}

    trials = search(objective, maximize=True, max_evals=20)
    ((parent,), _) = runs()
    done = {d["tid"]: d["result"]["loss"] for d in trials.trials if "loss" in d["result"]}
    for name, sign in (("loss", 1), ("score", -1)):
        history = client.get_metric_history(parent.info.run_id, name)
        assert {point.step: sign * point.value for point in history} == done
        assert len(history) == len(done)
    assert parent.data.metrics["best_score"] == -parent.data.metrics["best_loss"] > 0
    assert f"score {parent.data.metrics['best_score']:.6g}." in parent.data.tags[NOTE]


def test_losses_are_written_during_the_search(documents, client, experiment, monkeypatch):
    monkeypatch.setattr(mlflow_tracker, "_LOSSES_SECONDS", -1.0)
    tracker = make_tracker(enabled=True)
    tracker.begin(SearchInfo({}))
    parent = mlflow.active_run().info.run_id
    for tid in range(4):
        trial = documents.running(tid, x=1.0)
        tracker.trial_started(trial).payload()
        tracker.trial_finished(documents.done(trial, float(tid)))
    end = documents.running(9, x=1.0)
    tracker.trial_started(end)
    tracker.trial_finished(documents.cancelled(end))
    tracker._outbox.put(lambda: None)
    tracker._outbox._changed.acquire()
    tracker._outbox._changed.wait_for(
        lambda: not tracker._outbox._jobs and tracker._outbox._running is None, 60
    )
    tracker._outbox._changed.release()
    written = {p.step: p.value for p in client.get_metric_history(parent, "loss")}
    assert written == {0: 0.0, 1: 1.0, 2: 2.0, 3: 3.0}
    tags = client.get_run(parent).data.tags
    assert tags["best_tid"] == "0"
    assert client.get_run(tags["best_run_id"]).data.tags["tid"] == "0"
    tracker.end(SearchSummary("FINISHED"))


def test_a_search_with_the_same_trials_links_to_the_earlier_one(runs, client):
    trials = search(max_evals=8)
    ((first,), _) = runs()
    earlier_best = trials.best_run_id
    search(lambda x: x + 5, max_evals=10, trials=trials)
    parents, _ = runs()
    (second,) = (run for run in parents if run.info.run_id != first.info.run_id)
    assert second.data.tags["continues_run_id"] == first.info.run_id
    assert second.data.tags["best_run_id"] == trials.best_run_id == earlier_best
    text = second.data.tags[NOTE]
    place = f"#/experiments/{first.info.experiment_id}/runs"
    assert f"It continues [an earlier search]({place}/{first.info.run_id})" in text
    assert f"({place}/{earlier_best})" in text
    assert "continues_run_id" not in first.data.tags
    # It keeps its link when it is resumed itself.
    search(max_evals=6, trials=Trials.from_mlflow(second.info.run_id))
    resumed = client.get_run(second.info.run_id)
    assert "It continues [an earlier search]" in resumed.data.tags[NOTE]


def test_a_resumed_search_in_another_run_links_to_the_earlier_one(runs):
    search(max_evals=4)
    ((first,), _) = runs()
    with mlflow.start_run() as run:
        search(max_evals=6, trials=Trials.from_mlflow(first.info.run_id))
    second = mlflow.get_run(run.info.run_id)
    assert second.data.tags["continues_run_id"] == first.info.run_id
    assert f"/runs/{first.info.run_id})" in second.data.tags[NOTE]


def test_an_earlier_search_in_another_store_is_left_out(runs):
    trials = search(max_evals=2)
    for doc in trials._dynamic_trials:
        doc["misc"]["run_id"] = "0" * 32
    search(max_evals=3, trials=trials)
    parents, _ = runs()
    assert len(parents) == 2
    assert all("continues_run_id" not in run.data.tags for run in parents)


def test_only_tags_for_people_are_shown(runs):
    """MLflow's page leaves out tags with the prefix ``mlflow.``."""
    search(max_evals=3)
    _, children = runs()
    for child in children:
        shown = {key for key in child.data.tags if not key.startswith("mlflow.")}
        assert shown <= {"fmin_uuid", "tid", "trial_status", "error"}
