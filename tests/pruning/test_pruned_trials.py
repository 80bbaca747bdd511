"""Trials that report, and end when they have no prospects: here, in processes, from a journal."""

import contextlib
import math
import pickle
import threading

import numpy as np
import pytest

from sparktune import (
    Journal,
    ProcessTrials,
    Trials,
    fmin,
    hp,
    no_progress_loss,
    rand,
    tpe,
    with_data,
)
from sparktune._worker.handle import TrialHandle, TrialPruned
from sparktune.exceptions import InvalidArgument
from sparktune.pruning import Median, Patience

SPACE = {"x": hp.uniform("x", -5, 5), "rate": hp.uniform("rate", 0.1, 0.5)}
MODES = {"here": Trials, "processes": lambda: ProcessTrials(2)}
each_mode = pytest.mark.parametrize("mode", MODES)


def train(point, trial):
    for epoch in range(30):
        loss = (point["x"] - 1) ** 2 + 5 * math.exp(-epoch * point["rate"])
        trial.report(loss, step=epoch)
    return loss


def search(fn=train, max_evals=40, mode="here", **arguments):
    trials = arguments.pop("trials", None) or MODES[mode]()
    arguments = {"rstate": 1, "algo": tpe.suggest, "verbose": False, **arguments}
    fmin(fn, arguments.pop("space", SPACE), max_evals=max_evals, trials=trials, **arguments)
    return trials


def statuses(trials):
    return [trial["result"]["status"] for trial in trials.trials]


@each_mode
@pytest.mark.parametrize("prune", ["median", "asha", "hyperband", "percentile", True])
def test_trials_without_prospects_end(mode, prune):
    trials = search(mode=mode, prune=prune)
    assert len(trials) == 40
    pruned = [t for t in trials.trials if t["result"]["status"] == "pruned"]
    assert 5 <= len(pruned) <= 35
    for trial in pruned:
        curve = trial["result"]["curve"]
        assert curve["steps"] == list(range(len(curve["steps"])))
        assert len(curve["steps"]) < 30
        assert math.isfinite(trial["result"]["loss"])
    assert trials.best_trial["result"]["status"] == "ok"
    assert trials.best_loss == min(
        t["result"]["loss"] for t in trials.trials if t["result"]["status"] == "ok"
    )


@each_mode
def test_reports_are_kept_without_a_policy(mode):
    trials = search(max_evals=4, mode=mode)
    assert statuses(trials) == ["ok"] * 4
    table = trials.curves()
    assert list(table.columns) == ["tid", "status", "step", "loss"]
    assert table.groupby("tid")["step"].count().tolist() == [30] * 4
    assert trials.to_pandas()["last_step"].tolist() == [29] * 4


def test_other_results_are_as_before():
    def quiet(point, trial):
        return {"status": "ok", "loss": point["x"], "curve": "of the user's"}

    trials = search(quiet, 2)
    assert [trial["result"]["curve"] for trial in trials.trials] == ["of the user's"] * 2
    assert "curve" not in search(lambda p, trial: p["x"], 1).trials[0]["result"]


def test_scores_are_reported_as_scores():
    def score(point, trial):
        for epoch in range(30):
            value = -((point["x"] - 1) ** 2) - 5 * math.exp(-epoch * point["rate"])
            trial.report(value, step=epoch)
        return value

    best = search(score, maximize=True, prune="median")
    same = search(prune="median")
    assert [t["result"]["curve"] for t in best.trials] == [
        t["result"]["curve"] for t in same.trials
    ]
    assert statuses(best) == statuses(same)


def test_the_suggester_learns_from_pruned_trials():
    """Without them the search would go on where trials were pruned."""
    trials = search(max_evals=60, prune="asha", space={"x": hp.uniform("x", -5, 5), "rate": 0.3})
    late = [abs(t["misc"]["vals"]["x"][0] - 1) for t in trials.trials[30:]]
    assert np.median(late) < 0.6


def test_pruned_trials_count_and_are_shown(capsys):
    trials = search(prune="asha", verbose=True)
    count = statuses(trials).count("pruned")
    assert f"{count} pruned" in capsys.readouterr().err
    assert f"{count} pruned" in repr(trials)
    assert trials.to_pandas()["status"].tolist() == statuses(trials)


def test_early_stopping_counts_complete_trials_only():
    trials = search(max_evals=200, prune="asha", early_stop_fn=no_progress_loss(5))
    done = [t["result"]["loss"] for t in trials.trials if t["result"]["status"] == "ok"]
    assert len(done) >= 6
    assert min(done[-5:]) >= min(done[:-5])


def test_a_function_of_the_users_own():
    def stop(curves, curve):
        steps, _ = curve
        return steps[-1] >= 3 and len(curves) >= 2

    for mode in MODES:
        trials = search(max_evals=8, mode=mode, prune=stop)
        assert {3, 29} == set(trials.to_pandas()["last_step"])


@each_mode
def test_a_policy_that_raises_prunes_nothing(mode, caplog):
    def stop(curves, curve):
        raise RuntimeError("broken")

    trials = search(max_evals=5, mode=mode, prune=stop)
    assert statuses(trials) == ["ok"] * 5
    told = [r.message for r in caplog.records if "policy of `prune` raised" in r.message]
    assert told == [
        "The policy of `prune` raised RuntimeError: broken; such a trial runs to its end."
    ]


def test_prune_without_a_report_is_told_once(caplog):
    search(lambda point, trial: point["x"], 5, prune=True)
    (told,) = [r.message for r in caplog.records if "no effect" in r.message]
    assert told.endswith("Hint: trial.report(loss, step=epoch) in the objective.")


def test_prune_needs_an_objective_that_can_report():
    with pytest.raises(InvalidArgument, match=r"has no parameter `trial`. Hint: def objective"):
        search(lambda point: point["x"], 5, prune=True)


def test_data_and_prune_together():
    def fn(point, X, trial):
        for epoch in range(5):
            trial.report(float(X[epoch] + point["x"] ** 2), epoch)
        return point["x"] ** 2

    for mode in MODES:
        trials = search(with_data(fn, X=np.arange(5)[::-1]), 20, mode=mode, prune=Median(grace=1))
        assert "pruned" in statuses(trials)


# -- journals --------------------------------------------------------------------------------------


def test_a_search_that_is_cut_prunes_as_if_it_ran_through(tmp_path):
    whole = search(prune="asha", journal=tmp_path / "a")
    for count in (7, 19, 40):
        parts = search(max_evals=count, prune="asha", journal=Journal(tmp_path / "b", fsync=False))
    assert [t["result"] for t in parts.trials] == [t["result"] for t in whole.trials]
    read = Trials.from_journal(tmp_path / "b")
    assert [t["result"] for t in read.trials] == [t["result"] for t in whole.trials]
    assert '"kind":"pruned"' in (tmp_path / "b" / "journal.log").read_text()


def test_pickled_trials_keep_their_curves():
    trials = pickle.loads(pickle.dumps(search(max_evals=15, prune="asha")))
    more = search(trials=trials, max_evals=30, prune="asha")
    assert len(more) == 30


# -- reports ---------------------------------------------------------------------------------------


def reported(*reports, rule=None):
    trial = TrialHandle(tid=1, rule=rule)
    for value, step in reports:
        trial.report(value, step)
    return trial._close()


def test_steps_that_repeat_or_go_back_do_not_count():
    curve = reported((3.0, 1), (2.0, 1), (1.0, 0), (0.5, 2), (0.4, None))
    assert curve == {"steps": [1, 2, 3], "losses": [3.0, 0.5, 0.4]}


def test_values_of_all_kinds():
    curve = reported((np.float32(0.5), 0), (np.array([2]), 1), (math.nan, 2), (True, 3), (7, 3.5))
    assert curve == {"steps": [0, 1, 2, 3, 3.5], "losses": [0.5, 2.0, math.inf, 1.0, 7.0]}


@pytest.mark.parametrize("value", [None, "0.5", [1, 2], np.ones(2)], ids=repr)
def test_what_is_no_number(value):
    with pytest.raises((TypeError, ValueError)):
        reported((value, 0))


def test_a_trial_that_only_got_worse_numbers_is_pruned():
    rule = ("cutoffs", {"table": [(0, 1.0)], "once": False, "end": 9})
    with pytest.raises(TrialPruned):
        reported((math.nan, 0), rule=rule)


def test_the_end_cannot_be_caught_by_accident():
    def stubborn(point, trial):
        for epoch in range(30):
            with contextlib.suppress(Exception):
                trial.report(point["x"] ** 2 - epoch / 1000, epoch)
        return 0.0

    assert "pruned" in statuses(search(stubborn, 20, prune="median"))


def test_millions_of_reports_are_thinned():
    def fine(point, trial):
        for step in range(200_000):
            trial.report(1.0, step)
        return 1.0

    (trial,) = search(fine, 1).trials
    assert len(trial["result"]["curve"]["steps"]) <= 1025
    assert trial["result"]["curve"]["steps"][-1] == 199_999


def test_reports_from_several_threads():
    def fn(point, trial):
        threads = [
            threading.Thread(target=lambda k=k: [trial.report(1.0, 10 * i + k) for i in range(50)])
            for k in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return 1.0

    steps = search(fn, 1).trials[0]["result"]["curve"]["steps"]
    assert steps == sorted(set(steps))


def test_a_report_of_a_thread_ends_the_trial_at_the_next_one_of_the_objective():
    def fn(point, trial):
        def report():
            with pytest.raises(TrialPruned):
                trial.report(99.0, 1)

        if trial.tid:
            thread = threading.Thread(target=report)
            thread.start()
            thread.join()
            trial.report(0.0, 2)
        return 1.0

    trials = search(fn, 4, prune=lambda curves, curve: True)
    assert statuses(trials) == ["ok", *["pruned"] * 3]


def test_reports_after_the_end_are_nothing():
    kept = []

    def fn(point, trial):
        kept.append(trial)
        trial.report(1.0, 0)
        return 1.0

    trials = search(fn, 1)
    kept[0].report(0.0, 1)
    assert trials.trials[0]["result"]["curve"]["steps"] == [0]


def test_patience_ends_a_trial_by_itself():
    def flat(point, trial):
        for epoch in range(30):
            trial.report(point["x"] ** 2, epoch)
        return 0.0

    with pytest.raises(Exception, match=r"no best trial \(3 pruned\). Hint: a policy that lets"):
        search(flat, 3, prune=Patience(4))


def test_random_search_with_pruning_does_not_lose_the_best():
    whole = search(algo=rand.suggest, max_evals=80)
    cut = search(algo=rand.suggest, max_evals=80, prune="median")
    steps = cut.curves().shape[0]
    assert steps < 0.8 * whole.curves().shape[0]
    assert cut.best_loss == whole.best_loss
