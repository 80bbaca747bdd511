"""Curves and pruned trials in MLflow."""

from sparktune import Trials, fmin, hp, rand


def train(x, trial):
    for epoch in range(20):
        trial.report(x * x + 1 / (epoch + 1), step=epoch)
    return x * x


def search(**more):
    trials = Trials()
    fmin(train, hp.uniform("x", -1, 1), rand.suggest, 14, verbose=False, rstate=0, trials=trials,
         mlflow=True, **more)  # fmt: skip
    return trials


def test_curves_are_metrics_by_step(runs, client):
    trials = search()
    _, children = runs()
    for run, trial in zip(children, trials.trials, strict=True):
        history = client.get_metric_history(run.info.run_id, "reported_loss")
        found = sorted((point.step, point.value) for point in history)
        curve = trial["result"]["curve"]
        assert found == list(zip(curve["steps"], curve["losses"], strict=True))


def test_pruned_trials_are_told_from_others(runs):
    trials = search(prune="median")
    parents, children = runs()
    count = [t["result"]["status"] for t in trials.trials].count("pruned")
    assert count
    metrics = parents[0].data.metrics
    assert (metrics["trials_ok"], metrics["trials_pruned"]) == (14 - count, count)
    assert f"{count} pruned" in parents[0].data.tags["mlflow.note.content"]
    for run, trial in zip(children, trials.trials, strict=True):
        result = trial["result"]
        pruned = result["status"] == "pruned"
        assert run.info.status == "FINISHED"
        assert run.data.tags["trial_status"] == result["status"]
        assert ("loss" in run.data.metrics) is not pruned
        name = "estimated_loss" if pruned else "loss"
        assert run.data.metrics[name] == result["loss"]
    assert parents[0].data.tags["best_run_id"] == trials.best_run_id


def test_a_search_read_back_prunes_on(runs):
    first = search(prune="median")
    parents, _ = runs()
    again = Trials.from_mlflow(parents[0].info.run_id)
    assert [t["result"] for t in again.trials] == [t["result"] for t in first.trials]
