"""The ledger: what it writes down of changes, its own and others'."""

import copy
import gc
import weakref
from math import inf

import numpy as np
import pytest

from sparktune import (
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    JOB_STATE_NEW,
    JOB_STATE_RUNNING,
    Ctrl,
    Domain,
    Trials,
    fmin,
    hp,
    rand,
    tpe,
    trials_from_docs,
)
from sparktune._search.board import Board
from sparktune._trials.following import FollowingLedger, ledger_of
from sparktune._trials.history import HistoryFeeder
from sparktune._trials.ledger import LOSSES_AFTER_REFRESH, WINDOW_AFTER_REFRESH, Ledger
from sparktune.exceptions import InvalidTrial, SparktuneError

SPACE = {"x": hp.uniform("x", -1, 1), "n": hp.randint("n", 5)}
DOMAIN = Domain(None, SPACE)


def docs_of(count, first=0, state=JOB_STATE_DONE):
    docs = rand.suggest(range(first, first + count), DOMAIN, Trials(), 0)
    for doc in docs:
        doc["state"] = state
        if state == JOB_STATE_DONE:
            doc["result"] = {"status": "ok", "loss": float(doc["tid"])}
    return docs


def followed(docs):
    """A ledger of documents whose news have been read."""
    ledger = Ledger(docs)
    ledger.refresh()
    subscription = ledger.subscribe()
    ledger.check()
    subscription.news()
    return ledger, subscription


def news(ledger, subscription):
    ledger.check()
    return [entry.doc["tid"] for entry in subscription.news()[0]]


class TestNews:
    def test_each_is_told_once_to_each(self):
        ledger, first = followed(docs_of(3))
        second = ledger.subscribe()
        ledger.docs += docs_of(2, first=3)
        ledger.take_in()
        assert news(ledger, first) == [3, 4]
        assert news(ledger, first) == []
        entries, anew = second.news()
        assert anew
        assert [entry.doc["tid"] for entry in entries] == [0, 1, 2, 3, 4]
        assert second.news() == ([], False)

    def test_appended_documents_are_told_after_take_in_or_refresh(self):
        ledger, subscription = followed(docs_of(3))
        ledger.docs += docs_of(1, first=3)
        assert news(ledger, subscription) == []
        assert len(ledger.trials) == 3
        ledger.refresh()
        assert news(ledger, subscription) == [3]
        assert len(ledger.trials) == 4

    def test_a_change_that_the_search_makes_is_told(self):
        ledger, subscription = followed(docs_of(3, state=JOB_STATE_RUNNING))
        doc = ledger.docs[1]
        doc["state"] = JOB_STATE_ERROR
        ledger.changed(doc)
        ((entry,), _) = subscription.news()
        assert entry.doc is doc
        assert (entry.shows, entry.teaches) == (False, True)
        assert [each["tid"] for each in ledger.trials] == [0, 2]

    def test_a_document_that_went(self):
        ledger, subscription = followed(docs_of(5))
        del ledger.docs[2]
        ledger.refresh()
        ledger.check()
        ((entry,), _) = subscription.news()
        assert (entry.doc["tid"], entry.state) == (2, None)
        assert not entry.shows
        assert not entry.teaches

    def test_a_document_that_took_the_place_of_another(self):
        ledger, subscription = followed(docs_of(5))
        ledger.docs[2] = copy.deepcopy(ledger.docs[2])
        ledger.refresh()
        assert news(ledger, subscription) == [2, 2]  # the one went, the other came

    def test_a_long_journal_begins_anew(self):
        ledger, subscription = followed(docs_of(3))
        for _ in range(2000):
            ledger.changed(ledger.docs[0])
        entries, anew = subscription.news()
        assert anew
        assert len(entries) == 3
        ledger.changed(ledger.docs[1])
        assert news(ledger, subscription) == [1]

    def test_documents_that_went_are_let_go(self):
        class Copies(Trials):
            def refresh(self):
                self._dynamic_trials = copy.deepcopy(self._dynamic_trials)
                super().refresh()

        class Traced(dict):
            pass

        trials = Copies()
        trials._dynamic_trials = [Traced(doc) for doc in docs_of(20)]
        first = weakref.ref(trials._dynamic_trials[0])
        for _ in range(200):
            trials.refresh()
            tpe.suggest([900], DOMAIN, trials, seed=1)
        gc.collect()
        assert first() is None


class TestTheRule:
    """What changes behind our back, and when it is seen."""

    @pytest.mark.parametrize("what", ["state", "result"])
    def test_states_and_results_after_refresh(self, what):
        ledger, subscription = followed(docs_of(500))
        if what == "state":
            ledger.docs[400]["state"] = JOB_STATE_ERROR
        else:
            ledger.docs[400]["result"] = {"loss": -7.0, "status": "ok"}
        assert news(ledger, subscription) == []
        ledger.refresh()
        assert news(ledger, subscription) == [400]

    @pytest.mark.parametrize("key", ["loss", "status"])
    def test_losses_written_into_some_results_after_each_refresh(self, key):
        ledger, subscription = followed(docs_of(500))
        ledger.docs[400]["result"][key] = -7.0 if key == "loss" else "fail"
        seen = []
        for _ in range(500 // LOSSES_AFTER_REFRESH + 1):
            assert seen == []
            ledger.refresh()
            seen += news(ledger, subscription)
        assert seen == [400]

    def test_values_of_some_after_each_refresh(self):
        ledger, subscription = followed(docs_of(300))
        for entry in ledger._order:
            entry.values()
        ledger.docs[200]["misc"]["vals"]["x"][0] = np.float64(0.5)
        seen = []
        for _ in range(300 // WINDOW_AFTER_REFRESH + 1):
            ledger.refresh()
            seen += news(ledger, subscription)
        assert seen == [200]

    def test_one_at_each_check(self):
        ledger, subscription = followed(docs_of(300))
        ledger.docs[200]["result"]["loss"] = -7.0
        seen = []
        for _ in range(300):
            seen += news(ledger, subscription)
        assert seen == [200]
        assert ledger.best_loss == -7.0

    def test_unfinished_ones_at_each_check(self):
        ledger, subscription = followed(docs_of(300) + docs_of(2, 300, JOB_STATE_NEW))
        for entry in ledger._order:
            entry.values()
        ledger.docs[300]["misc"]["vals"]["x"] = [np.float64(0.5)]
        assert news(ledger, subscription) == [300]
        ledger.docs[301]["state"] = JOB_STATE_RUNNING
        assert news(ledger, subscription) == [301]

    def test_everything_when_a_search_begins(self):
        trials = trials_from_docs(docs_of(300))
        tpe.suggest([900], DOMAIN, trials, seed=4)
        for doc in trials.trials:
            doc["misc"]["vals"]["x"][0] = np.float64(0.25)
        Board(trials)
        ours = tpe.suggest([900], DOMAIN, trials, seed=4)
        fresh = tpe.suggest([900], DOMAIN, trials_from_docs(trials.trials), seed=4)
        assert ours[0]["misc"] == fresh[0]["misc"]

    def test_another_experiment(self):
        docs = docs_of(30)
        for doc in docs[20:]:
            doc["exp_key"] = "other"
        trials = Trials()
        trials._insert_trial_docs(docs)
        trials.refresh()
        feeder = trials._history_for(DOMAIN.space)
        assert len(feeder.sync()) == 30
        trials._exp_key = "other"
        trials.refresh()
        assert len(feeder.sync()) == 10


class TestBestLoss:
    def test_it_follows_changes_both_ways(self):
        ledger, _ = followed(docs_of(4))
        assert ledger.best_loss == 0.0
        ledger.docs[0]["result"]["loss"] = 9.0
        ledger.changed(ledger.docs[0])
        assert ledger.best_loss == 1.0
        del ledger.docs[1]
        ledger.refresh()
        ledger.check()
        assert ledger.best_loss == 2.0

    def test_only_finished_trials_have_one(self):
        docs = docs_of(2, state=JOB_STATE_RUNNING)
        docs[0]["result"] = {"status": "ok", "loss": -1.0}  # of a checkpoint
        assert followed(docs)[0].best_loss == inf


class TestWhoseItIs:
    def test_trials_have_one_and_other_classes_are_followed(self):
        class Files(Trials):
            def refresh(self):
                super().refresh()

        trials = Trials()
        assert ledger_of(trials) is trials._ledger
        for other in (ledger_of(trials, polled=True), ledger_of(Files())):
            assert isinstance(other, FollowingLedger)

    def test_attributes_that_others_write(self):
        trials = Trials()
        trials._dynamic_trials = docs_of(5)
        trials._ids = {0, 1, 2, 3, 4}
        trials._trials = trials._dynamic_trials[:3]
        assert trials.tids == [0, 1, 2]
        assert len(trials._history_for(DOMAIN.space).sync()) == 3
        trials._trials.append(trials._dynamic_trials[3])
        assert len(trials._history_for(DOMAIN.space).sync()) == 4
        trials.refresh()
        assert trials.tids == [0, 1, 2, 3, 4]
        assert len(trials._history_for(DOMAIN.space).sync()) == 5
        assert trials.new_trial_ids(1) == [5]

    def test_a_subclass_without_our_init(self):
        class Own(Trials):
            def __init__(self):
                self.attachments = {}

        trials = Own()
        fmin(lambda x: x**2, hp.uniform("x", -1, 1), max_evals=12, trials=trials, rstate=0,
             verbose=False)  # fmt: skip
        assert len(trials) == 12

    def test_pickles_from_before_there_was_a_ledger(self):
        docs = docs_of(3)
        state = {
            "_ids": {0, 1, 2},
            "_dynamic_trials": docs,
            "_trials": docs[:2],
            "_exp_key": None,
            "attachments": {"a": 1},
            "_listed": 3,
            "_listed_of": docs,
        }
        trials = Trials.__new__(Trials)
        trials.__setstate__(state)
        assert trials.tids == [0, 1]
        trials.refresh()
        assert trials.tids == [0, 1, 2]
        assert trials.new_trial_ids(1) == [3]
        assert trials.__getstate__().keys() == state.keys() - {"_listed", "_listed_of"}

    def test_ctrl_without_trials_makes_ours(self):
        trials = Ctrl(None).trials
        assert type(trials) is Trials
        assert len(trials) == 0


class TestValuesThatTheSpaceCannotHave:
    @pytest.mark.parametrize("known", [0, 20])
    def test_the_error_names_the_trial_and_nothing_is_lost(self, known):
        """Fed at once with the others (0 are known before), or alone."""
        docs = docs_of(30)
        trials = trials_from_docs(docs[:known])
        tpe.suggest([900], DOMAIN, trials, seed=1)
        docs[25]["misc"]["vals"]["n"] = [np.float64(2.5)]
        trials.insert_trial_docs(docs[known:])
        trials.refresh()
        for _ in range(2):
            with pytest.raises(InvalidTrial, match=r'Trial 25 .*"n".*2\.5') as error:
                tpe.suggest([900], DOMAIN, trials, seed=1)
            assert isinstance(error.value, SparktuneError)
        docs[25]["misc"]["vals"]["n"] = [np.int64(2)]
        docs[3]["result"]["loss"] = -5.0
        trials.refresh()
        ours = tpe.suggest([900], DOMAIN, trials, seed=1)
        fresh = tpe.suggest([900], DOMAIN, trials_from_docs(docs), seed=1)
        assert ours[0]["misc"] == fresh[0]["misc"]

    def test_a_known_trial_that_is_changed_to_one(self):
        trials = trials_from_docs(docs_of(30))
        tpe.suggest([900], DOMAIN, trials, seed=1)
        doc = trials.trials[7]
        doc["misc"]["vals"]["n"][0] = 0.5
        trials.refresh()
        with pytest.raises(InvalidTrial, match="Trial 7 "):
            tpe.suggest([900], DOMAIN, trials, seed=1)
        doc["state"] = JOB_STATE_ERROR
        trials.refresh()
        ours = tpe.suggest([900], DOMAIN, trials, seed=1)
        fresh = tpe.suggest([900], DOMAIN, trials_from_docs(trials.trials), seed=1)
        assert ours[0]["misc"] == fresh[0]["misc"]


class TestRowsThatTheCoreMade:
    def calls(self, monkeypatch):
        """How often rows are written out and taken back, in a feeder made from here on."""
        from sparktune._trials import history

        counts = {"observe": 0, "accept": 0, "tell": 0}
        observe = HistoryFeeder._observe

        def counted(self, *args):
            counts["observe"] += 1
            observe(self, *args)

        monkeypatch.setattr(history.HistoryFeeder, "_observe", counted)
        return counts

    def test_they_are_not_read_from_documents_again(self, monkeypatch):
        counts = self.calls(monkeypatch)
        fmin(lambda point: point["x"] ** 2, SPACE, max_evals=60, rstate=0, verbose=False)
        assert counts["observe"] < 10  # the random ones at the start

    @pytest.mark.parametrize("change", ["value", "other"])
    def test_a_document_that_contradicts_is_read(self, change):
        trials = trials_from_docs(docs_of(30))
        (doc,) = tpe.suggest([30], DOMAIN, trials, seed=3)
        if change == "value":
            doc["misc"]["vals"]["x"][0] = np.float64(0.75)
        else:
            (doc,) = rand.suggest([30], DOMAIN, trials, 5)
        trials.insert_trial_docs([doc])
        trials.refresh()
        doc["state"], doc["result"] = JOB_STATE_DONE, {"status": "ok", "loss": -1.0}
        ours = tpe.suggest([31], DOMAIN, trials, seed=3)
        fresh = tpe.suggest([31], DOMAIN, trials_from_docs(trials.trials), seed=3)
        assert ours[0]["misc"] == fresh[0]["misc"]
