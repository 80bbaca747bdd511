"""Trials, and the history that follows their documents."""

import copy
import math
import pickle

import numpy as np
import pytest

from sparktune import (
    JOB_STATE_CANCEL,
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    JOB_STATE_NEW,
    JOB_STATE_RUNNING,
    Domain,
    Trials,
    fmin,
    hp,
    rand,
    tpe,
    trials_from_docs,
)
from sparktune._core import Sampler
from sparktune._trials.history import HistoryFeeder
from sparktune._trials.ledger import WINDOW
from sparktune.exceptions import AllTrialsFailed, InvalidTrial, SparktuneError

SPACE = {"x": hp.uniform("x", -1, 1), "c": hp.choice("c", [0, hp.normal("y", 0, 1)])}
DOMAIN = Domain(lambda point: point["x"] ** 2, SPACE)

TPE = Sampler("tpe", {"n_startup_jobs": 0})


def doc_of(tid, loss=None, state=JOB_STATE_DONE, x=0.1, c=0, status="ok", y=None, **misc):
    vals = {"x": [np.float64(x)], "c": [np.int64(c)], "y": [] if y is None else [np.float64(y)]}
    return {
        "tid": tid,
        "state": state,
        "spec": None,
        "result": {"status": status} | ({} if loss is None else {"loss": loss}),
        "misc": {
            "tid": tid,
            "cmd": DOMAIN.cmd,
            "workdir": None,
            "idxs": {label: [tid] if value else [] for label, value in vals.items()},
            "vals": vals,
            **misc,
        },
        "exp_key": None,
        "owner": None,
        "version": 0,
        "book_time": None,
        "refresh_time": None,
    }


def some_docs(n, seed=0):
    rng = np.random.default_rng(seed)
    return [
        doc_of(tid, loss=float(rng.normal()), x=rng.uniform(-1, 1), c=tid % 2, y=tid % 2 or None)
        for tid in range(n)
    ]


class TestDocuments:
    def test_inserted_documents_show_after_refresh(self):
        trials = Trials()
        doc = doc_of(0, 1.0)
        assert trials.insert_trial_doc(doc) == 0
        assert len(trials) == 0
        trials.refresh()
        assert trials.trials == [doc]
        assert trials.trials[0] is doc
        assert list(trials) == [doc]
        assert trials.tids == [0]

    @pytest.mark.parametrize("key", ["tid", "spec", "result", "misc", "state", "exp_key"])
    def test_a_document_must_have_all_keys(self, key):
        doc = doc_of(0)
        del doc[key]
        with pytest.raises(InvalidTrial, match=key):
            Trials().insert_trial_doc(doc)

    def test_a_wrong_document_keeps_the_others_out(self):
        trials = Trials()
        with pytest.raises(InvalidTrial, match="dict"):
            trials.insert_trial_docs([doc_of(0), 3])
        assert trials._dynamic_trials == []

    def test_tid_must_agree_with_misc_and_exp_key_with_trials(self):
        doc = doc_of(0)
        doc["misc"]["tid"] = 1
        with pytest.raises(InvalidTrial, match="same `tid`"):
            Trials().insert_trial_doc(doc)
        with pytest.raises(InvalidTrial, match="exp_key"):
            Trials(exp_key="a").insert_trial_doc(doc_of(0))

    def test_ids_are_positions_and_never_given_twice(self):
        trials = Trials()
        assert trials.new_trial_ids(2) == [0, 1]
        assert trials.new_trial_ids(1) == [2]
        sparse = trials_from_docs([doc_of(5), doc_of(1)])
        new = sparse.new_trial_ids(3)
        assert not {5, 1} & set(new)
        assert len(set(new)) == 3

    def test_an_id_of_a_failed_trial_is_not_given_again(self):
        trials = trials_from_docs([doc_of(0, 1.0), doc_of(1, state=JOB_STATE_ERROR)])
        assert trials.new_trial_ids(1) == [2]

    def test_states_decide_what_shows(self):
        docs = [doc_of(state, state=state, loss=1.0) for state in range(5)]
        trials = trials_from_docs(docs)
        assert trials.tids == [JOB_STATE_NEW, JOB_STATE_RUNNING, JOB_STATE_DONE]
        assert trials.count_by_state_synced(JOB_STATE_ERROR) == 0
        assert trials.count_by_state_unsynced([JOB_STATE_ERROR, JOB_STATE_CANCEL]) == 2
        with pytest.raises(TypeError, match="must be one of"):
            trials.count_by_state_synced(9)

    def test_views_share_documents(self):
        trials = Trials()
        doc = doc_of(0, 1.0)
        doc["exp_key"] = "a"
        trials._insert_trial_docs([doc, doc_of(1, 2.0)])
        view = trials.view(exp_key="a")
        assert view.tids == [0]
        assert view.trials[0] is doc
        assert trials.view().tids == [0, 1]

    def test_attachments(self):
        trials = trials_from_docs([doc_of(0), doc_of(1)])
        mine = trials.trial_attachments(trials.trials[1])
        mine["model"] = b"m"
        assert mine["model"] == b"m"
        assert "model" in mine
        assert "model" not in trials.trial_attachments(trials.trials[0])
        assert trials.attachments == {"ATTACH::1::model": b"m"}
        del mine["model"]
        assert trials.attachments == {}

    def test_delete_all(self):
        trials = trials_from_docs(some_docs(3))
        trials.delete_all()
        assert len(trials) == 0
        assert trials.new_trial_ids(1) == [3]

    def test_indexing_says_what_to_use(self):
        with pytest.raises(NotImplementedError, match=r"trials\.trials"):
            Trials()[0]


class TestBest:
    def test_only_ok_trials_with_finite_losses_count(self):
        docs = [
            doc_of(0, math.nan),
            doc_of(1, -math.inf),
            doc_of(2, math.inf),
            doc_of(3, -5.0, status="fail"),
            doc_of(4, state=JOB_STATE_NEW, status="new"),
            doc_of(5, 2.0),
            doc_of(6, 1.0, c=1, y=0.5),
            doc_of(7, -9.0, state=JOB_STATE_ERROR),
        ]
        trials = trials_from_docs(docs)
        assert trials.best_trial is docs[6]
        assert trials.argmin == {"x": 0.1, "c": 1, "y": 0.5}
        assert trials.average_best_error() == 1.0

    def test_the_first_of_equals_wins(self):
        docs = [doc_of(0, 3.0), doc_of(1, 1.0), doc_of(2, 1.0)]
        assert trials_from_docs(docs).best_trial is docs[1]

    def test_no_best_shows_the_first_failure(self):
        docs = [doc_of(0, math.nan), doc_of(1, state=JOB_STATE_ERROR)]
        docs[1]["misc"]["error"] = ("<class 'ValueError'>", "boom")
        docs[1]["misc"]["traceback"] = "Traceback ...\nValueError: boom\n"
        with pytest.raises(AllTrialsFailed, match=r"1 failed, 1 done[\s\S]*ValueError: boom"):
            trials_from_docs(docs).best_trial
        with pytest.raises(AllTrialsFailed, match="no trials"):
            Trials().argmin

    def test_average_best_error_needs_a_loss(self):
        with pytest.raises(ValueError, match="No trial"):
            trials_from_docs([doc_of(0, status="fail")]).average_best_error()

    def test_best_params_are_what_the_objective_saw(self):
        seen = []

        def fn(point):
            seen.append((point["x"] ** 2, point))
            return seen[-1][0]

        trials = Trials()
        space = {"x": hp.uniform("x", -1, 1), "c": hp.choice("c", ["a", "b"])}
        fmin(fn, space, algo=rand.suggest, max_evals=10, trials=trials, rstate=0, verbose=False)
        assert trials.best_params == min(seen, key=lambda pair: pair[0])[1]

    def test_best_params_need_a_space(self):
        with pytest.raises(SparktuneError, match="space_eval"):
            trials_from_docs([doc_of(0, 1.0)]).best_params


class TestCopies:
    def search(self):
        trials = Trials()
        space = {"x": hp.uniform("x", -1, 1), "f": hp.choice("f", [lambda: 1, lambda: 2])}
        fmin(lambda point: point["x"] ** 2, space, max_evals=25, trials=trials, rstate=0,
             verbose=False)  # fmt: skip
        assert trials._feeder is not None
        return trials

    @pytest.mark.parametrize("copier", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
    def test_a_copy_goes_on_like_the_original(self, copier):
        trials = self.search()
        other = copier(trials)
        assert other.argmin == trials.argmin
        assert other.trials == trials.trials
        assert other.trials[0] is not trials.trials[0]
        domain = Domain(None, {"x": hp.uniform("x", -1, 1), "f": hp.choice("f", [1, 2])})
        made = [tpe.suggest([99], domain, each, seed=3) for each in (trials, other)]
        assert made[0] == made[1]


def rebuilt(trials, domain=DOMAIN):
    feeder = HistoryFeeder(trials.view(trials._exp_key)._ledger, domain.space)
    return feeder.sync(), len(feeder), feeder.best_loss


def assert_in_step(trials, domain=DOMAIN):
    """The incremental history suggests what a history made from scratch suggests."""
    feeder = trials._history_for(domain.space)
    history = feeder.sync()
    fresh, count, best = rebuilt(trials, domain)
    assert len(history) == len(fresh) == count == len(feeder)
    assert feeder.best_loss == best
    np.testing.assert_array_equal(
        history.suggest(TPE, [1000, 1001, 1002], 7), fresh.suggest(TPE, [1000, 1001, 1002], 7)
    )


class TestHistory:
    @pytest.fixture
    def trials(self):
        trials = trials_from_docs(some_docs(40))
        assert_in_step(trials)
        return trials

    def suggestion(self, trials):
        feeder = trials._history_for(DOMAIN.space)
        return feeder.sync().suggest(TPE, list(range(50)), 7)

    def test_a_changed_loss_is_seen(self, trials):
        before = self.suggestion(trials)
        for doc in trials.trials[:10]:
            doc["result"]["loss"] = -100.0
        trials.refresh()
        assert_in_step(trials)
        assert not np.array_equal(before, self.suggestion(trials), equal_nan=True)

    def test_changed_values_are_seen(self, trials):
        best = trials.best_trial
        before = self.suggestion(trials)
        best["misc"]["vals"]["x"][0] = np.float64(0.999)
        trials.refresh()
        assert_in_step(trials)
        assert not np.array_equal(before, self.suggestion(trials), equal_nan=True)

    def test_changes_of_an_unfinished_trial_are_seen_at_once(self, trials):
        doc = doc_of(40, state=JOB_STATE_NEW, status="new")
        trials.insert_trial_doc(doc)
        trials.refresh()
        assert_in_step(trials)
        doc["misc"]["vals"]["x"] = [np.float64(-0.9)]
        assert_in_step(trials)
        doc["result"]["loss"] = -50.0
        assert_in_step(trials)

    def test_a_changed_state_is_seen_after_refresh(self, trials):
        trials.trials[3]["state"], trials.trials[4]["state"] = JOB_STATE_CANCEL, JOB_STATE_ERROR
        trials.refresh()
        assert len(trials._history_for(DOMAIN.space)) == 40
        assert_in_step(trials)
        assert len(trials._history_for(DOMAIN.space)) == 39

    def test_a_deleted_document_is_seen_after_refresh(self, trials):
        del trials._dynamic_trials[5]
        trials.refresh()
        assert_in_step(trials)

    def test_a_replaced_list_is_seen(self, trials):
        trials._dynamic_trials = some_docs(30, seed=1)
        trials.refresh()
        assert_in_step(trials)
        trials.delete_all()
        assert_in_step(trials)

    def test_a_change_far_back_is_seen_in_time_and_a_result_at_once_after_refresh(self):
        trials = trials_from_docs(some_docs(1000))
        feeder = trials._history_for(DOMAIN.space)
        feeder.sync()
        trials.trials[900]["result"]["loss"] = -1e9
        for _ in range(1000 // WINDOW + 1):
            feeder.sync()
        assert feeder.best_loss == -1e9
        trials.trials[901]["result"] = {"loss": -2e9, "status": "ok"}
        trials.refresh()
        feeder.sync()
        assert feeder.best_loss == -2e9

    def test_a_search_keeps_it_in_step(self):
        trials = Trials()

        def fn(point):
            assert_in_step(trials)
            if len(trials._dynamic_trials) % 7 == 3:
                raise RuntimeError("now and then")
            return {0: math.nan, 1: math.inf}.get(len(trials._dynamic_trials) % 5, point["x"] ** 2)

        fmin(
            fn,
            SPACE,
            max_evals=60,
            trials=trials,
            rstate=0,
            verbose=False,
            catch_eval_exceptions=True,
            max_queue_len=3,
        )
        fmin(fn, SPACE, max_evals=70, trials=trials, rstate=0, verbose=False,
             catch_eval_exceptions=True)  # fmt: skip
        assert len([d for d in trials._dynamic_trials if d["state"] == JOB_STATE_ERROR]) > 3

    def test_losses_that_are_none_count_as_the_worst(self):
        docs = some_docs(30)
        for loss, doc in zip([None, math.nan, -math.inf, "bad"], docs, strict=False):
            doc["result"]["loss"] = loss
        trials = trials_from_docs(docs)
        worst = copy.deepcopy(docs)
        for doc in worst[:4]:
            doc["result"]["loss"] = math.inf
        np.testing.assert_array_equal(
            self.suggestion(trials), self.suggestion(trials_from_docs(worst))
        )

    def test_the_best_of_derived_trials_stands_for_their_source(self):
        docs = some_docs(30)
        docs += [doc_of(30, -50.0, x=0.77, from_tid=4), doc_of(31, 50.0, x=0.9, from_tid=5)]
        trials = trials_from_docs(docs)
        assert len(rebuilt(trials)[0]) == 30
        assert_in_step(trials)
        alone = some_docs(30)
        alone[4] = doc_of(4, -50.0, x=0.77)
        np.testing.assert_array_equal(
            self.suggestion(trials), self.suggestion(trials_from_docs(alone))
        )
        trials.trials[30]["result"]["loss"] = 1e6
        trials.refresh()
        assert_in_step(trials)
        np.testing.assert_array_equal(
            self.suggestion(trials), self.suggestion(trials_from_docs(some_docs(30)))
        )

    def test_missing_and_unknown_labels_do_no_harm(self):
        docs = some_docs(30)
        del docs[0]["misc"]["vals"]["x"]
        docs[1]["misc"]["vals"]["other"] = [1.0]
        docs[2]["misc"]["vals"]["x"] = ["text"]
        assert_in_step(trials_from_docs(docs))

    def test_another_space_gets_its_own_history(self, trials):
        other = Domain(None, hp.uniform("x", -2, 2))
        (doc,) = tpe.suggest([100], other, trials, seed=1)
        assert list(doc["misc"]["vals"]) == ["x"]
        assert_in_step(trials)


class TestSubclasses:
    def test_overridden_methods_are_called(self):
        class Files(Trials):
            refreshed = inserted = 0

            def refresh(self):
                type(self).refreshed += 1
                super().refresh()

            def _insert_trial_docs(self, docs):
                type(self).inserted += 1
                # such a class may keep copies
                return super()._insert_trial_docs([copy.deepcopy(doc) for doc in docs])

        trials = Files()
        fmin(lambda x: x**2, hp.uniform("x", -1, 1), max_evals=25, trials=trials, rstate=0,
             verbose=False)  # fmt: skip
        plain = Trials()
        fmin(lambda x: x**2, hp.uniform("x", -1, 1), max_evals=25, trials=plain, rstate=0,
             verbose=False)  # fmt: skip
        assert Files.inserted == 25
        assert Files.refreshed >= 25
        assert trials.vals == plain.vals
        assert trials.losses() == plain.losses()

    def test_hyperopts_own_trials_work(self):
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import hyperopt
        theirs = hyperopt.Trials()
        ours = Trials()
        for trials in (theirs, ours):
            best = fmin(lambda x: x**2, hp.uniform("x", -1, 1), max_evals=30, trials=trials,
                        rstate=0, verbose=False)  # fmt: skip
            assert best == trials.argmin
        assert theirs.vals == ours.vals
