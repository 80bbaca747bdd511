"""The parameter `trial` of an objective: which signatures have it, and what it gets."""

import functools
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from sparktune import Ctrl, Domain, FMinIter, Trials, fmin, hp, partial, rand, with_data
from sparktune._search.calls import takes_trial
from sparktune.base import TrialHandle
from sparktune.exceptions import InvalidAnnotatedParameter, InvalidArgumentType

SPACE = {"x": hp.uniform("x", 0, 1)}


def of(trial, **more):
    assert type(trial) is TrialHandle
    return {"loss": 1.0, "status": "ok", "tid": trial.tid, "attempt": trial.attempt, **more}


def plain(params, trial):
    return of(trial)


def by_keyword(params, *, trial):
    return of(trial)


def annotated_types(params: dict, trial: TrialHandle) -> dict:
    return of(trial)


def after_a_default(params, scale=1, *, trial):
    return of(trial, scale=scale)


def with_more(params, trial, data=None):
    assert data is not None
    return of(trial)


class Model:
    def fit(self, params, trial):
        return of(trial)

    def __call__(self, params, trial):
        return of(trial)

    @staticmethod
    def apart(params, trial):
        return of(trial)


def decorated(fn):
    @functools.wraps(fn)
    def passed_on(*args, **kwargs):
        return fn(*args, **kwargs)

    return passed_on


OBJECTIVES = {
    "a parameter": plain,
    "by keyword": by_keyword,
    "annotated with types": annotated_types,
    "after a default": after_a_default,
    "partial": functools.partial(with_more, data=1),
    "partial by position": functools.partial(lambda data, params, trial: of(trial), 1),
    "our partial": partial(with_more, data=1),
    "with_data": with_data(with_more, data=1),
    "partial with_data": functools.partial(with_data(with_more, data=1)),
    "bound method": Model().fit,
    "static method": Model.apart,
    "callable object": Model(),
    "lambda": lambda params, trial: of(trial),
    "decorated": decorated(plain),
    "decorated twice": decorated(decorated(plain)),
    "decorated with_data": with_data(decorated(with_more), data=1),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_handle_is_given_where_it_is_asked_for(name):
    trials = Trials()
    fmin(OBJECTIVES[name], SPACE, rand.suggest, 3, trials=trials, verbose=False)
    assert [result["tid"] for result in trials.results] == [0, 1, 2]
    assert [result["attempt"] for result in trials.results] == [0, 0, 0]


def test_the_handle_with_maximize():
    trials = Trials()

    def score(params, trial):
        return {"score": params["x"], "seen": trial.tid}

    fmin(score, SPACE, rand.suggest, 2, trials=trials, maximize=True, verbose=False)
    assert [result["seen"] for result in trials.results] == [0, 1]
    assert trials.best_loss == -max(result["score"] for result in trials.results)


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("kind", ["bare", "typed", "by keyword", "first", "with data"])
def test_the_handle_beside_annotated_hyperparameters(kind, maximize):
    def bare(x: hp.uniform("x", 0, 1), trial):
        return {**of(trial), "x": x, "score": x}

    def typed(x: hp.uniform("x", 0, 1), trial: TrialHandle):
        return bare(x, trial)

    def by_keyword(x: hp.uniform("x", 0, 1), *, trial):
        return bare(x, trial)

    def first(trial, x: hp.uniform("x", 0, 1)):
        return bare(x, trial)

    def takes_data(x: hp.uniform("x", 0, 1), trial, data=None):
        assert data == 1
        return bare(x, trial)

    fns = {"bare": bare, "typed": typed, "by keyword": by_keyword, "first": first,
           "with data": with_data(takes_data, data=1)}  # fmt: skip
    trials = Trials()
    best = fmin(fns[kind], "annotated", rand.suggest, 3, trials=trials, maximize=maximize,
                verbose=False)  # fmt: skip
    assert list(best) == ["x"]
    assert [result["tid"] for result in trials.results] == [0, 1, 2]


def test_a_hyperparameter_may_be_called_trial():
    trials = Trials()

    def fn(trial: hp.uniform("trial", 0, 1)):
        return trial

    assert list(fmin(fn, "annotated", rand.suggest, 2, trials=trials, verbose=False)) == ["trial"]

    def other(x: hp.uniform("x", 0, 1), trial: hp.uniform("trial", 0, 1)):
        assert isinstance(trial, float)
        return x

    fmin(other, "annotated", rand.suggest, 2, verbose=False)
    with pytest.raises(InvalidAnnotatedParameter):
        fmin(lambda trial: 0.0, "annotated", rand.suggest, 2, verbose=False)


def test_what_worked_without_a_handle_gets_none():
    seen = []

    def point(trial):
        seen.append(trial)
        return trial["x"]

    def default(params, trial=None):
        seen.append(trial)
        return params["x"]

    def starred(params, *trial):
        seen.append(trial)
        return params["x"]

    def anything(*args, **kwargs):
        seen.append((len(args), kwargs))
        return args[0]["x"]

    @functools.wraps(plain)
    def supplied(params):
        return plain(params, TrialHandle())

    bound = functools.partial(plain, trial=TrialHandle(7))
    for fn in (point, default, starred, anything, supplied, bound):
        assert not takes_trial(fn)
        fmin(fn, SPACE, rand.suggest, 1, verbose=False)
    (first, *others) = seen
    assert list(first) == ["x"]
    assert others == [None, (), (1, {})]


def two(params, handle):
    return 0.0


def three(params, trial, data):
    return 0.0


def swapped(trial, params):
    return 0.0


@pytest.mark.parametrize(
    ("fn", "got", "hint"),
    [
        (two, "two(params, handle)", "def two(point), or def two(point, trial) for the trial's ha"),
        (swapped, "swapped(trial, params)", "or def swapped(point, trial) for the trial's handle."),
        (three, "three(params, trial, data)", "def three(point)."),
    ],
)
def test_other_second_parameters_are_refused_with_a_hint(fn, got, hint):
    with pytest.raises(InvalidArgumentType) as caught:
        fmin(fn, SPACE, rand.suggest, 1, verbose=False)
    message = str(caught.value)
    assert message.startswith("The objective must take one argument, the point")
    assert f"got {got}" in message
    assert hint in message


# -- by hand ---------------------------------------------------------------------------------------


def test_an_objective_that_is_evaluated_by_hand():
    domain = Domain(lambda params, trial: of(trial, dir=trial.checkpoint_dir), SPACE)
    trials = Trials()
    (doc,) = rand.suggest([5], domain, trials, 1)
    doc["misc"]["attempts"] = [{"reason": "lost"}]
    result = domain.evaluate({"x": 0.5}, Ctrl(trials, doc))
    assert (result["tid"], result["attempt"]) == (5, 1)
    for ctrl in (None, Ctrl(None), SimpleNamespace()):
        assert domain.evaluate({"x": 0.5}, ctrl)["tid"] is None
    domain.rec_eval_print_node_on_error = True
    assert domain.evaluate({"x": 0.5}, Ctrl(trials, doc))["tid"] == 5


def test_objectives_that_get_the_ctrl_get_no_handle():
    def fn(expr, memo, ctrl, trial=None):
        assert trial is None
        return float(ctrl.current_trial["tid"])

    trials = Trials()
    fmin(fn, SPACE, rand.suggest, 2, trials=trials, pass_expr_memo_ctrl=True, verbose=False)
    assert trials.losses() == [0.0, 1.0]


def test_a_search_that_is_run_by_hand():
    domain = Domain(lambda params, trial: of(trial, dir=trial.checkpoint_dir), SPACE)
    trials = Trials()
    search = FMinIter(rand.suggest, domain, trials, np.random.default_rng(0), max_evals=3)
    next(search)
    search.exhaust()
    trials.insert_trial_docs(rand.suggest(trials.new_trial_ids(1), domain, trials, 1))
    trials.refresh()
    search.serial_evaluate()
    assert [result["tid"] for result in trials.results] == [0, 1, 2, 3]
    assert not any(Path(result["dir"]).exists() for result in trials.results)


# -- the folder ------------------------------------------------------------------------------------


def test_the_folder_is_removed_however_the_search_ends():
    folders = []

    def fn(params, trial):
        folders.append(trial.checkpoint_dir)
        assert list(Path(folders[-1]).iterdir()) == []
        Path(folders[-1], "model").write_text("weights")
        if trial.tid == 2:
            raise KeyboardInterrupt
        return params["x"]

    with pytest.raises(KeyboardInterrupt):
        fmin(fn, SPACE, rand.suggest, 5, trials=Trials(), verbose=False)
    assert len(set(folders)) == 3
    assert not any(Path(folder).parent.exists() for folder in folders)


def test_handles_that_are_kept_in_results_do_no_harm(tmp_path):
    trials, kept = Trials(), []

    def fn(params, trial):
        kept.append(trial)
        return of(trial, handle=trial)

    file = tmp_path / "search.pkl"
    for evals in (2, 4):
        fmin(fn, SPACE, rand.suggest, evals, trials=trials, trials_save_file=file, verbose=False)
    loaded = fmin(fn, SPACE, rand.suggest, 4, trials_save_file=file, verbose=False)
    assert list(loaded) == ["x"]
    assert [handle.tid for handle in kept] == [0, 1, 2, 3]
    with pytest.raises(RuntimeError, match="does not see the search's folder"):
        kept[0].checkpoint_dir
