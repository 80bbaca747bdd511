"""`Search`: points are asked for and losses told, without a loop of ours."""

import pickle

import numpy as np
import pytest

from sparktune import STATUS_FAIL, Search, Trials, fmin, hp, rand, tpe
from sparktune.exceptions import InvalidArgument, InvalidArgumentType, InvalidResult, InvalidTrial

SPACE = {
    "x": hp.uniform("x", -5, 5),
    "model": hp.choice("model", ["tree", {"depth": hp.uniformint("depth", 1, 9)}]),
}


def loss_of(point):
    return point["x"] ** 2 + (point["model"] == "tree")


def run(search, count):
    for _ in range(count):
        asked = search.ask()
        search.tell(asked, loss_of(asked.point))
    return search.trials


def test_it_suggests_what_fmin_evaluates():
    trials = run(Search(SPACE, rstate=3), 40)
    others = Trials()
    fmin(loss_of, SPACE, tpe.suggest, 40, trials=others, rstate=3, verbose=False)
    assert trials.vals == others.vals
    assert trials.losses() == others.losses()
    assert trials.argmin == others.argmin


def test_points_and_values():
    asked = Search(SPACE, rand.suggest, rstate=np.random.default_rng(1)).ask_many(30)
    assert [each.tid for each in asked] == list(range(30))
    for each in asked:
        assert each.point["x"] == each.values["x"]
        depth = each.values.get("depth")
        assert each.point["model"] == ("tree" if depth is None else {"depth": depth})
        assert each.values["model"] == (depth is not None)


def test_open_trials_are_taken_into_account():
    search = Search({"x": hp.choice("x", list(range(6)))}, rstate=0)
    run_one = [search.ask() for _ in range(30)]
    assert search.trials.trials[-1]["state"] == 1
    assert len({each.point["x"] for each in run_one}) == 6
    search.tell(run_one[7], 0.5)
    assert search.trials.best_trial["tid"] == run_one[7].tid


def test_results_of_all_kinds():
    search = Search(SPACE, rstate=0)
    first, second, third = search.ask_many(3)
    search.tell(first, {"loss": 1.0, "status": "ok", "epochs": 7, "attachments": {"a": b"1"}})
    search.tell(second.tid, {"status": STATUS_FAIL})
    search.tell(third, ValueError("x is too large"))
    docs = search.trials._dynamic_trials
    assert docs[0]["result"] == {"loss": 1.0, "status": "ok", "epochs": 7}
    assert search.trials.trial_attachments(docs[0])["a"] == b"1"
    assert [doc["state"] for doc in docs] == [2, 2, 3]
    assert docs[2]["misc"]["error"] == ("<class 'ValueError'>", "x is too large")
    assert len(search.trials) == 2


def test_fmin_goes_on_with_its_trials():
    trials = run(Search(SPACE, rstate=0), 10)
    fmin(loss_of, SPACE, max_evals=20, trials=trials, rstate=0, verbose=False)
    assert len(run(Search(SPACE, trials=trials), 5)) == 25


def test_it_can_be_pickled():
    search = Search(SPACE, rstate=0)
    run(search, 5)
    asked = search.ask()
    copy = pickle.loads(pickle.dumps(search))
    copy.tell(asked.tid, 0.0)
    assert copy.trials.best_trial["tid"] == asked.tid
    assert copy.trials.best_trial["state"] == 2


class TestBadInput:
    def test_a_trial_that_was_told(self):
        search = Search(SPACE, rstate=0)
        asked = search.ask()
        search.tell(asked, 1.0)
        for wrong in (asked, asked.tid, 17, "0", None):
            with pytest.raises(
                InvalidArgument, match=r"`asked` of Search.tell must .*; got .*\[\]"
            ):
                search.tell(wrong, 2.0)
        assert search.trials.losses() == [1.0]

    def test_a_result_that_is_none(self):
        search = Search(SPACE, rstate=0)
        asked = search.ask()
        with pytest.raises(InvalidResult, match="None"):
            search.tell(asked, None)
        search.tell(asked, 1.0)

    def test_no_more_points(self):
        search = Search(SPACE, lambda ids, domain, trials, seed: [])
        with pytest.raises(InvalidArgument, match="no more points"):
            search.ask()

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ({"algo": "tpe"}, "`algo` must be a suggest function; got 'tpe'"),
            ({"trials": []}, r"`trials` of Search must be .*; got \[\]"),
            ({"rstate": "1"}, "`rstate` must be"),
        ],
    )
    def test_arguments(self, arguments, said):
        with pytest.raises(InvalidArgumentType, match=said):
            Search(SPACE, **arguments)

    def test_trials_of_another_space(self):
        with pytest.raises(InvalidTrial, match="'x'"):
            Search(hp.uniform("y", 0, 1), trials=run(Search(SPACE), 3))

    def test_a_count_of_none(self):
        with pytest.raises(InvalidArgument, match="`count` must be at least 1; got 0"):
            Search(SPACE).ask_many(0)
