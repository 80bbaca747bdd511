"""What the sampler learns from trials that failed, whatever the state of their documents."""

from __future__ import annotations

import copy
import pickle
from functools import partial
from math import isnan

import pytest

from sparktune import (
    JOB_STATE_CANCEL,
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    JOB_STATE_NEW,
    JOB_STATE_RUNNING,
    STATUS_FAIL,
    STATUS_OK,
    ProcessTrials,
    Trials,
    anneal,
    fmin,
    hp,
    rand,
    tpe,
    trials_from_docs,
)
from sparktune._search.domain import Domain
from sparktune._suggest.distinct import DistinctSuggester
from sparktune._suggest.suggestion import history_of
from sparktune.exceptions import (
    AllTrialsFailed,
    JobFailed,
    ObjectiveNotLoaded,
    TrialLost,
    TrialTimeout,
)

SPACE = hp.uniform("x", 0, 1)
DOMAIN = Domain(None, SPACE)
ALGORITHMS = {
    "tpe": tpe.suggest,
    "univariate": partial(tpe.suggest, multivariate=False),
    "hyperopt": tpe.hyperopt_suggest,
    "anneal": anneal.suggest,
}


def taught(trials):
    """Return what the sampler knows, by trial id: a loss, "failed" or "running"."""
    feeder = history_of(trials, DOMAIN.space)
    assert all(tid in feeder.history for tid in feeder._fed)
    assert len(feeder.history) == len(feeder._fed)

    def outcome(loss):
        return "failed" if isnan(loss) else "running" if loss == float("inf") else loss

    return {tid: outcome(loss) for tid, (loss, _) in feeder._fed.items()}


def doc_in(state, error=None, status=STATUS_OK, loss=None, tid=0):
    (doc,) = rand.suggest([tid], DOMAIN, Trials(), 0)
    doc["state"] = state
    doc["result"] = {"status": status} if loss is None else {"status": status, "loss": loss}
    if error is not None:
        doc["misc"]["error"] = (str(error), "why")
    return doc


STATES = [
    (doc_in(JOB_STATE_NEW, status="new"), "running", True),
    (doc_in(JOB_STATE_RUNNING, status="new"), "running", True),
    (doc_in(JOB_STATE_DONE, loss=2.0), 2.0, True),
    (doc_in(JOB_STATE_DONE, status=STATUS_FAIL), "failed", True),
    (doc_in(JOB_STATE_DONE, status=STATUS_FAIL, loss=2.0), "failed", True),
    (doc_in(JOB_STATE_ERROR), "failed", False),
    (doc_in(JOB_STATE_ERROR, ValueError), "failed", False),
    (doc_in(JOB_STATE_ERROR, ValueError, loss=2.0), "failed", False),
    (doc_in(JOB_STATE_ERROR, TrialTimeout), "failed", False),
    (doc_in(JOB_STATE_ERROR, JobFailed), "failed", False),
    (doc_in(JOB_STATE_ERROR, TrialLost), None, False),
    (doc_in(JOB_STATE_ERROR, ObjectiveNotLoaded), None, False),
    (doc_in(JOB_STATE_CANCEL), None, False),
    (doc_in(JOB_STATE_CANCEL, TrialTimeout, loss=2.0), None, False),
]


class NotOurs:
    """Trials as another package may keep them: what shows, and everything."""

    def __init__(self, docs):
        self._dynamic_trials = docs
        self.trials = [
            doc for doc in docs if doc["state"] not in (JOB_STATE_ERROR, JOB_STATE_CANCEL)
        ]


KINDS = {
    "ours": trials_from_docs,
    "unpickled": lambda docs: pickle.loads(pickle.dumps(trials_from_docs(docs))),
    "a view": lambda docs: trials_from_docs(docs).view(),
    "not ours": NotOurs,
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
@pytest.mark.parametrize(("doc", "outcome", "shows"), STATES)
def test_each_state_teaches_and_shows_what_it_should(doc, outcome, shows, kind):
    trials = kind([copy.deepcopy(doc)])
    assert taught(trials) == ({} if outcome is None else {0: outcome})
    assert (len(trials.trials) == 1) is shows


def test_failures_of_another_experiment_say_nothing():
    docs = [doc_in(JOB_STATE_ERROR, ValueError, tid=tid) for tid in range(2)]
    docs[0]["exp_key"], docs[1]["exp_key"] = "one", "other"
    trials = Trials()
    trials._dynamic_trials = docs
    assert taught(trials.view(exp_key="one")) == {0: "failed"}


def test_a_change_of_status_or_state_is_seen_after_refresh():
    docs = [doc_in(JOB_STATE_DONE, loss=float(tid), tid=tid) for tid in range(200)]
    trials = trials_from_docs(docs)
    assert taught(trials)[150] == 150.0
    docs[150]["result"]["status"] = STATUS_FAIL
    docs[151]["state"] = JOB_STATE_ERROR
    docs[152]["state"] = JOB_STATE_CANCEL
    trials.refresh()
    known = taught(trials)
    assert (known[150], known[151], known.get(152)) == ("failed", "failed", None)


def test_a_failed_trial_that_was_derived_does_not_stand_for_its_source():
    for good, bad in [(0, 1), (1, 0)]:
        docs = [
            doc_in(JOB_STATE_DONE, loss=2.0, tid=good),
            doc_in(JOB_STATE_ERROR, ValueError, tid=bad),
        ]
        docs[bad]["misc"]["from_tid"] = docs[good]["misc"]["from_tid"] = 0
        assert taught(trials_from_docs(docs)) == {0: 2.0}


def test_a_failed_trial_with_values_that_the_space_cannot_have_says_nothing():
    docs = [doc_in(JOB_STATE_ERROR, ValueError, tid=tid) for tid in range(3)]
    docs[1]["misc"]["vals"]["x"] = [float("inf")]
    trials = trials_from_docs(docs)
    assert taught(trials) == {0: "failed", 2: "failed"}
    docs[2]["misc"]["vals"]["x"] = [float("inf")]
    trials.refresh()
    assert taught(trials) == {0: "failed"}


# -- searches --------------------------------------------------------------------------------------


def half_fails(x):
    """Fail where the losses would be lowest."""
    if x > 0.5:
        raise ValueError("too large")
    return 1 - x


def half_says_so(x):
    return {"status": STATUS_FAIL} if x > 0.5 else 1 - x


def search(fn, trials, **arguments):
    settings = {"max_evals": 60, "rstate": 3, "verbose": False, "catch_eval_exceptions": True}
    fmin(fn, SPACE, trials=trials, **{**settings, **arguments})
    return trials


@pytest.mark.parametrize("algo", ALGORITHMS.values(), ids=list(ALGORITHMS))
def test_raising_is_as_bad_as_status_fail(algo):
    """The suggesters propose the same points, one after the other."""
    points = []

    def noted(fn, x):
        points[-1].append(x)
        return fn(x)

    for fn in (half_fails, half_says_so):
        points.append([])
        # ERROR documents do not count as trials of a search: enough for both.
        search(partial(noted, fn), Trials(), algo=algo, max_evals=40)
    raised, said = points
    assert raised[: len(said)] == said


def test_what_hyperopt_shows_stays():
    trials = search(half_fails, Trials())
    failed = [doc for doc in trials._dynamic_trials if doc["state"] == JOB_STATE_ERROR]
    assert failed
    assert len(trials) == len(trials.losses()) == len(trials.statuses()) == 60 - len(failed)
    assert set(trials.statuses()) == {STATUS_OK}
    assert not {doc["tid"] for doc in failed} & set(trials.tids)
    assert trials.count_by_state_synced(JOB_STATE_ERROR) == 0
    assert trials.count_by_state_unsynced(JOB_STATE_ERROR) == len(failed)
    assert set(taught(trials)) == set(trials.tids) | {doc["tid"] for doc in failed}


def test_a_resumed_search_knows_what_failed(tmp_path):
    file = tmp_path / "trials.pkl"
    whole = search(half_fails, Trials(), trials_save_file=file)
    known = taught(whole)
    assert "failed" in known.values()
    search(half_fails, None, trials_save_file=file, max_evals=61, rstate=4)
    with file.open("rb") as saved:
        again = taught(pickle.load(saved))
    assert {tid: again[tid] for tid in known} == known


def test_a_search_in_which_all_fails_suggests_to_the_end():
    for algo in ALGORITHMS.values():
        trials = ProcessTrials(1)
        with pytest.raises(AllTrialsFailed):
            fmin(lambda x: 1 / 0, SPACE, algo, max_evals=30, trials=trials, verbose=False)
        assert list(taught(trials).values()) == ["failed"] * 30


def test_points_that_failed_are_not_tried_again_but_lost_ones_are():
    space = hp.randint("n", 6)
    domain = Domain(None, space)
    docs = [doc_in(JOB_STATE_ERROR, ValueError, tid=tid) for tid in range(5)]
    for n, doc in enumerate(docs):
        doc["misc"]["vals"], doc["misc"]["idxs"] = {"n": [n]}, {"n": [doc["tid"]]}
    docs[2]["misc"]["error"] = (str(TrialLost), "the executor")
    docs[3]["state"] = JOB_STATE_CANCEL
    suggest = DistinctSuggester(rand.suggest)
    new = suggest(range(10, 16), domain, trials_from_docs(docs), 1)
    assert sorted(int(doc["misc"]["vals"]["n"][0]) for doc in new) == [2, 3, 5]


def test_a_trial_whose_worker_cannot_start_says_nothing(monkeypatch):
    def refuse(*_):
        raise OSError("no more processes")

    trials = ProcessTrials(1)
    monkeypatch.setattr("sparktune._parallel.processes.backend.Worker", refuse)
    with pytest.raises(AllTrialsFailed, match="no more processes"):
        search(half_fails, trials, max_evals=3)
    assert trials.count_failed_trials() == 3
    assert taught(trials) == {}
