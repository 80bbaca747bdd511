"""Unusual histories, and histories that change while a search runs."""

from __future__ import annotations

import copy
import math
from functools import partial

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sparktune import (
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    JOB_STATES,
    Trials,
    fmin,
    hp,
    rand,
    tpe,
    trials_from_docs,
)
from sparktune._core import History, Sampler, Space
from sparktune._search.domain import Domain
from sparktune._trials.history import HistoryFeeder
from sparktune._trials.ledger import LOSSES_AFTER_REFRESH, WINDOW_AFTER_REFRESH

SPACE = {
    "x": hp.uniform("x", -1, 1),
    "kind": hp.choice("kind", ["a", {"y": hp.lognormal("y", 0, 1)}]),
    "only": hp.choice("only", ["one"]),
    "q": hp.quniform("q", 0, 10, 1),
}
DOMAIN = Domain(None, SPACE)
HYPEROPT = Sampler("hyperopt", {"n_startup_jobs": 0})
DEFAULT = Sampler("tpe", {"n_startup_jobs": 0})
ANNEAL = Sampler("anneal", {})
N = 150  # enough for the tables that long histories use


def doc_of(tid, loss, x=0.5, q=3.0):
    """A finished trial in which `y` was inactive."""
    vals = {"x": [np.float64(x)], "kind": [np.int64(0)], "y": [], "only": [np.int64(0)],
            "q": [np.float64(q)]}  # fmt: skip
    misc = {"tid": tid, "cmd": None, "workdir": None, "vals": vals,
            "idxs": {label: [tid] * len(value) for label, value in vals.items()}}  # fmt: skip
    (doc,) = Trials().new_trial_docs([tid], [None], [{"status": "ok", "loss": loss}], [misc])
    doc["state"] = JOB_STATE_DONE
    return doc


def varied(tid, loss, rng):
    return doc_of(tid, loss, x=rng.uniform(-1, 1), q=float(rng.integers(0, 11)))


HISTORIES = {
    "all NaN": lambda rng: [varied(i, math.nan, rng) for i in range(N)],
    "all infinite": lambda rng: [varied(i, math.inf, rng) for i in range(N)],
    "all minus infinite": lambda rng: [varied(i, -math.inf, rng) for i in range(N)],
    "all equal": lambda rng: [varied(i, 1.0, rng) for i in range(N)],
    "no loss at all": lambda rng: [varied(i, None, rng) for i in range(N)],
    "one point": lambda rng: [doc_of(i, float(i % 7)) for i in range(N)],
    "on the bounds": lambda rng: [doc_of(i, i, x=(-1) ** i, q=10.0 * (i % 2)) for i in range(N)],
    "outside the space": lambda rng: [doc_of(i, i, x=1e6 * i, q=-50.0) for i in range(N)],
    "huge losses": lambda rng: [varied(i, (-1) ** i * 1e308, rng) for i in range(N)],
    "ids backwards": lambda rng: [varied(N - i, float(i), rng) for i in range(N)],
    "ids far apart": lambda rng: [varied(i * 2**54, float(i), rng) for i in range(N)],
    "negative ids": lambda rng: [varied(-i, float(i), rng) for i in range(N)],
}


@pytest.mark.parametrize("name", HISTORIES)
@pytest.mark.parametrize("multivariate", [False, True])
def test_odd_histories_give_valid_suggestions(name, multivariate):
    trials = trials_from_docs(HISTORIES[name](np.random.default_rng(0)))
    docs = tpe.suggest(
        range(10_000, 10_020), DOMAIN, trials, seed=1, verbose=False, multivariate=multivariate
    )
    for doc in docs:
        vals = doc["misc"]["vals"]
        assert -1 <= vals["x"][0] < 1
        assert vals["q"][0] in range(11)
        assert vals["only"] == [0]
        assert len(vals["y"]) == (vals["kind"] == [1])
        assert all(np.isfinite(v) for values in vals.values() for v in values)


def test_suggestions_do_not_depend_on_the_order_of_documents():
    rng = np.random.default_rng(3)
    docs = [varied(i, float(rng.normal()), rng) for i in range(N)]
    shuffled = [docs[i] for i in rng.permutation(N)]
    one, other = (
        tpe.suggest([999], DOMAIN, trials_from_docs(each), seed=5) for each in (docs, shuffled)
    )
    assert one == other


def test_the_same_point_a_million_times():
    space = Space([("x", "uniform", [0.0, 1.0], [[]]), ("c", "randint", [0.0, 3.0], [[]])])
    history = History(space)
    count = 1_000_000
    history.extend(range(count), np.arange(count) % 5 - 2.0, np.tile([0.25, 1.0], (count, 1)))
    before = history.suggest(DEFAULT, range(count, count + 30), 1)
    assert np.isfinite(before).all()
    # All known points are in one place, so most suggestions are there too.
    assert np.median(np.abs(before[:, 0] - 0.25)) < 0.1
    for tid in range(0, 70, 7):
        assert history.remove(tid)
    history.observe(3, -9.0, [0.75, 2.0])
    assert len(history) == count - 10
    assert np.isfinite(history.suggest(DEFAULT, [count], 1)).all()


def test_documents_changed_while_a_search_runs_are_noticed():
    """A finished trial's loss is changed, another's values, and a third is deleted."""
    trials = Trials()

    def objective(point):
        done = len(trials.trials)
        if done == 60:
            trials.trials[10]["result"]["loss"] = -1e3
            trials.trials[11]["misc"]["vals"]["x"][0] = np.float64(0.123)
            del trials._dynamic_trials[12]
            trials.refresh()
        return point["x"] ** 2

    fmin(objective, SPACE, max_evals=90, trials=trials, rstate=0, verbose=False)
    assert trials.best_trial["result"]["loss"] == -1e3
    ours = tpe.suggest([500, 501], DOMAIN, trials, seed=4)
    fresh = tpe.suggest([500, 501], DOMAIN, trials_from_docs(trials.trials), seed=4)
    assert [doc["misc"] for doc in ours] == [doc["misc"] for doc in fresh]


@pytest.mark.parametrize("what", ["loss", "value"])
def test_a_long_search_by_hand_notices_old_changes(what):
    """Each refresh checks only a part of the losses and of the values."""
    trials = Trials()
    fmin(lambda point: point["x"] ** 2, SPACE, max_evals=600, trials=trials, rstate=0,
         algo=rand.suggest, verbose=False)  # fmt: skip
    tpe.suggest([900], DOMAIN, trials, seed=4)
    for position in (3, 300, 599):
        doc = trials.trials[position]
        if what == "loss":
            doc["result"]["loss"] = -1e3 - position
        else:
            doc["misc"]["vals"]["x"] = [np.float64(position / 600)]
    part = LOSSES_AFTER_REFRESH if what == "loss" else WINDOW_AFTER_REFRESH
    for _ in range(600 // part + 1):
        trials.refresh()
        tpe.suggest([900], DOMAIN, trials, seed=4)
    assert all(entry.is_current() for entry in trials._ledger._order)
    ours = tpe.suggest([900], DOMAIN, trials, seed=4)
    fresh = tpe.suggest([900], DOMAIN, trials_from_docs(trials.trials), seed=4)
    assert ours[0]["misc"] == fresh[0]["misc"]


def test_a_trial_that_failed_is_no_longer_believed_to_run():
    rng = np.random.default_rng(3)
    trials = trials_from_docs([varied(i, float(rng.normal()), rng) for i in range(30)])
    (doc,) = tpe.suggest(trials.new_trial_ids(1), DOMAIN, trials, seed=4)
    trials.insert_trial_docs([doc])
    trials.refresh()
    stored = trials._dynamic_trials[-1]
    suggest = partial(tpe.suggest, range(900, 930), DOMAIN, seed=4, gp_share=1)
    running = suggest(trials=trials)
    stored["state"] = JOB_STATE_DONE
    stored["result"] = {"status": "fail"}
    for refreshed in (False, True):
        failed = suggest(trials=trials)
        fresh = suggest(trials=trials_from_docs(trials._dynamic_trials))
        assert [doc["misc"] for doc in failed] == [doc["misc"] for doc in fresh], refreshed
        assert [doc["misc"] for doc in failed] != [doc["misc"] for doc in running]
        trials.refresh()


def test_a_refresh_that_drops_and_adds_documents_anywhere():
    trials = Trials()
    fmin(lambda point: point["x"] ** 2, SPACE, max_evals=40, trials=trials, rstate=0, verbose=False)
    hidden = trials._dynamic_trials[5]
    hidden["state"] = JOB_STATE_ERROR
    trials.refresh()
    tpe.suggest([900], DOMAIN, trials, seed=4)
    hidden["state"] = JOB_STATE_DONE  # comes back in the middle of the list
    del trials._dynamic_trials[7:9]
    trials.refresh()
    ours = tpe.suggest([900], DOMAIN, trials, seed=4)
    fresh = tpe.suggest([900], DOMAIN, trials_from_docs(trials.trials), seed=4)
    assert ours[0]["misc"] == fresh[0]["misc"]
    trials.delete_all()
    assert tpe.suggest([901], DOMAIN, trials, seed=4)


def in_step(trials):
    """Return whether the incremental feeder equals one made from scratch."""
    feeder = trials._history_for(DOMAIN.space)
    history = feeder.sync()
    fresh = HistoryFeeder(trials.view(trials._exp_key)._ledger, DOMAIN.space)
    made = fresh.sync()
    assert (len(history), history.finished) == (len(made), made.finished)
    assert feeder.best_loss == fresh.best_loss
    for doc in trials.trials:
        key = doc["misc"].get("from_tid", doc["tid"])
        assert key in history
        if len(fresh._standing[key]) == 1:
            assert history.holds(key, fresh._row(doc))
    np.testing.assert_array_equal(
        history.suggest(HYPEROPT, [500, 501], 3), made.suggest(HYPEROPT, [500, 501], 3)
    )


positions = st.integers(0, 10**6)
losses = st.one_of(st.none(), st.sampled_from([math.nan, -math.inf, -1.0, -2.0]), st.floats(-9, 9))
changes = st.lists(
    st.one_of(
        st.tuples(st.just("add"), losses, st.sampled_from(JOB_STATES), st.none() | positions),
        st.tuples(st.just("loss"), positions, losses),
        st.tuples(st.just("value"), positions, st.floats(-1, 1)),
        st.tuples(st.just("state"), positions, st.sampled_from(JOB_STATES)),
        st.tuples(st.just("end"), positions, losses, st.sampled_from(JOB_STATES[2:])),
        st.tuples(st.just("delete"), positions),
        st.tuples(st.just("move"), positions, positions),
        st.tuples(st.just("copy"), positions),
        st.tuples(st.just("derive"), positions, positions),
        st.just(("clear",)),
    ),
    max_size=30,
)


@example(2, [("derive", 0, 1), ("value", 1, 0.0)])  # of two documents of one trial, one changes
@given(st.integers(0, 40), changes)
def test_no_sequence_of_changes_of_documents_is_missed(count, sequence):
    rng = np.random.default_rng(1)
    trials = trials_from_docs([varied(i, float(rng.normal()), rng) for i in range(count)])
    in_step(trials)
    for what, *args in sequence:
        docs = trials._dynamic_trials
        if what == "add":
            loss, state, source = args
            doc = varied(trials.new_trial_ids(1)[0], loss, rng)
            doc["state"] = state
            if source is not None and docs:
                doc["misc"]["from_tid"] = docs[source % len(docs)]["tid"]
            trials.insert_trial_docs([doc])
            trials._ledger.take_in()  # as a search does, without a refresh
        elif what == "clear":
            trials.delete_all()
        elif docs:
            at = args[0] % len(docs)
            doc = docs[at]
            if what == "loss":
                doc["result"]["loss"] = args[1]
            elif what == "value":
                doc["misc"]["vals"]["x"][0] = np.float64(args[1])
            elif what == "state":
                doc["state"] = args[1]
            elif what == "end":
                doc["result"] = {"status": "ok", "loss": args[1]}
                doc["state"] = args[2]
                trials._ledger.changed(doc)
                if doc in trials._trials:
                    in_step(trials)
            elif what == "delete":
                del docs[at]
            elif what == "move":
                docs.insert(args[1] % len(docs), docs.pop(at))
            elif what == "copy":
                docs[at] = copy.deepcopy(doc)
            else:
                doc["misc"]["from_tid"] = docs[args[1] % len(docs)]["tid"]
            trials.refresh()
        in_step(trials)


CORE = Space(
    [
        ("u", "uniform", [0.0, 1.0], [[]]),
        ("c", "categorical", [0.5, 0.5], [[]]),
        ("l", "qloguniform", [0.0, 5.0, 1.0], [[(1, 1)]]),
        ("r", "randint", [-3.0, 1e12], [[]]),
    ]
)
anything = st.floats(allow_nan=True, allow_infinity=True)
rows = st.one_of(
    st.tuples(st.floats(0, 1), st.sampled_from([0.0, 1.0]), st.floats(1, 148).map(round),
              st.integers(-3, 10**6)).map(list),
    st.lists(anything, min_size=0, max_size=6),
)  # fmt: skip
operations = st.lists(
    st.one_of(
        st.tuples(st.just("observe"), st.integers(-3, 200), anything, rows),
        st.tuples(st.just("remove"), st.integers(-3, 200)),
        st.tuples(st.just("suggest"), st.integers(0, 30), st.booleans()),
        st.tuples(st.just("many"), st.integers(0, 120), st.floats(0, 1)),
    ),
    max_size=40,
)


@given(operations)
def test_no_sequence_of_calls_breaks_the_core(sequence):
    """An invalid row raises ValueError; anything else from Rust would be a panic."""
    history = History(CORE)
    known = set()
    for what, *args in sequence:
        if what == "observe":
            tid, loss, row = args
            try:
                history.observe(tid, loss, row)
            except ValueError:
                continue
            known.add(tid)
        elif what == "remove":
            assert history.remove(*args) == (args[0] in known)
            known.discard(*args)
        elif what == "many":
            for tid in range(1000, 1000 + args[0]):
                history.observe(tid, float(tid % 9), [args[1], 0.0, math.nan, 5.0])
                known.add(tid)
        else:
            count, multivariate = args
            ids = range(5000, 5000 + count)
            for new in (
                history.suggest(DEFAULT if multivariate else HYPEROPT, ids, 1),
                history.suggest(ANNEAL, ids, 1),
            ):
                assert new.shape == (count, 4)
                assert np.isfinite(new[:, :2]).all()
        assert len(history) == len(known)
