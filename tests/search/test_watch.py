"""What a progress callback is told, and when: the facts of a search as data."""

import contextlib
import functools
import math
import time

import pytest

from sparktune import STATUS_FAIL, ProcessTrials, Trials, fmin, hp, rand
from sparktune._search import watch
from sparktune.progress import Facts

X = hp.uniform("x", -1, 1)


class View:
    """A progress callback that keeps the facts it is told."""

    def __init__(self, on_show=lambda facts: None):
        self.facts = []
        self.postfixes = []
        self.updates = 0
        self._on_show = on_show

    @contextlib.contextmanager
    def __call__(self, initial, total):
        self.initial, self.total = initial, total
        yield self

    def update(self, n):
        self.updates += n

    def show_facts(self, facts):
        self.facts.append(facts)
        self._on_show(facts)

    postfix = property(lambda self: self.postfixes[-1])

    @postfix.setter
    def postfix(self, text):
        self.postfixes.append(text)


class Clock:
    """A clock that goes on only when it is told to."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now

    def forward(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(watch, "time", clock)
    return clock


def quiet(fn, view, **arguments):
    given = {"space": X, "algo": rand.suggest, "max_evals": 30, "rstate": 0, "verbose": False}
    return fmin(fn, show_progressbar=view, **{**given, **arguments})


class TestWhen:
    @pytest.mark.parametrize(("count", "seconds"), [(2_000, 0.001), (100, 0.1), (12, 60.0)])
    def test_by_time_and_not_by_trial(self, clock, count, seconds):
        view = View()
        quiet(lambda x: clock.forward(seconds) or x, view, max_evals=count)
        in_between = min(count * seconds / 0.5, count)
        assert 0.7 * in_between < len(view.facts) <= 2 + in_between
        assert [view.facts[0].done, view.facts[-1].done, view.updates] == [0, count, count]

    def test_a_slow_view_is_told_less_often(self, clock):
        view = View(lambda facts: clock.forward(0.02))
        quiet(lambda x: clock.forward(0.1) or x, view, max_evals=400)  # 40 seconds
        assert 2 + 40 / 4 - 2 <= len(view.facts) <= 2 + 40 / 4
        slow = View(lambda facts: clock.forward(5))
        quiet(lambda x: clock.forward(0.1) or x, slow, max_evals=400)
        assert len(slow.facts) > 4  # one slow answer does not end the updates

    def test_while_trials_run_side_by_side(self, tmp_path):
        """The trial ends only after the view was told something while it ran."""
        done = tmp_path / "done"
        view = View(lambda facts: facts.running and done.touch())

        def objective(x):
            while not done.exists():
                time.sleep(0.01)
            return x

        quiet(objective, view, max_evals=1, trials=ProcessTrials(1))
        assert view.facts[-1].done == 1

    def test_a_callback_without_the_method_is_not_asked(self):
        class Bar(View):
            show_facts = None

        bar = Bar()
        quiet(abs, bar)
        assert bar.updates == 30


class TestWhat:
    def test_the_best_trial_has_its_values_with_names_of_options(self):
        space = {
            "kind": hp.choice("kind", [{"name": "tree", "depth": hp.int("depth", 1, 9)},
                                       {"name": "line"}]),
            "x": X,
        }  # fmt: skip
        view, trials = View(), Trials()
        quiet(lambda p: p["x"], view, space=space, trials=trials)
        last, best = view.facts[-1], trials.best_trial
        assert (last.best, last.best_tid) == (best["result"]["loss"], best["tid"])
        assert last.best_params["x"] == best["misc"]["vals"]["x"][0]
        assert last.best_params["kind"] == trials.best_params["kind"]["name"]
        assert ("depth" in last.best_params) is (last.best_params["kind"] == "tree")
        first = view.facts[0]
        assert first == Facts(total=30, seconds=first.seconds, ended=first.ended)

    def test_scores(self):
        view = View()
        quiet(lambda x: x, view, maximize=True)
        last = view.facts[-1]
        assert last.what == "score"
        assert last.best == last.best_params["x"] > 0

    def test_failures(self):
        def objective(x):
            if x < -0.5:
                raise ValueError(f"x is {x}\nand more")
            return {"status": STATUS_FAIL} if x < 0 else x

        view, trials = View(), Trials()
        quiet(objective, view, trials=trials, catch_eval_exceptions=True)
        last = view.facts[-1]
        raised = [doc for doc in trials._dynamic_trials if doc["state"] == 3]
        assert last.failed == len(raised) + trials.statuses().count("fail")
        assert [tid for tid, _ in last.failures] == [doc["tid"] for doc in raised[-3:]]
        assert last.failures[-1][1] == f"ValueError: x is {raised[-1]['misc']['error'][1][5:-9]}"
        assert [doc["tid"] for doc in last.ended] == list(range(30))

    def test_pruned_trials(self):
        def objective(x, trial):
            for step in range(5):
                trial.report(x, step)
            return x

        view, trials = View(), Trials()
        quiet(objective, view, trials=trials, prune="median", max_evals=40)
        assert view.facts[-1].pruned == trials.statuses().count("pruned") > 0

    def test_no_finite_loss(self):
        view = View()
        with pytest.raises(Exception, match="no best"):
            quiet(lambda x: math.nan, view)
        assert (view.facts[-1].best, view.facts[-1].best_params) == (None, {})

    def test_slots(self):
        view = View()
        quiet(abs, view, trials=ProcessTrials(2), max_evals=20)
        assert {facts.slots for facts in view.facts} <= {None, 2}
        assert any("2/2 busy" in text for text in view.postfixes)
        assert view.facts[-1].running == 0

    def test_rate_and_time_left(self, clock):
        view = View()
        quiet(lambda x: clock.forward(2) or x, view, max_evals=60)
        middle = view.facts[30]
        assert middle.per_minute == pytest.approx(30)
        assert middle.seconds_left == pytest.approx(2 * (60 - middle.done))
        assert view.facts[-1].seconds == pytest.approx(120)
        assert view.facts[-1].seconds_left is None

    def test_the_rate_is_that_of_the_last_trials(self, clock):
        view = View()
        count = iter(range(400))
        quiet(lambda x: clock.forward(0.1 if next(count) < 200 else 6) or x, view, max_evals=400)
        assert view.facts[-1].per_minute == pytest.approx(10)

    def test_the_time_out_bounds_the_time_left(self, clock):
        view = View()
        quiet(lambda x: clock.forward(2) or x, view, max_evals=None, timeout=0.5)
        assert view.facts[0].total is None
        assert all(facts.seconds_left <= 0.5 for facts in view.facts[1:-1])
        assert len(view.facts) > 3

    def test_a_search_that_goes_on(self):
        trials, view = Trials(), View()
        for count in (10, 20):
            quiet(abs, view, trials=trials, max_evals=count)
        first = next(facts for facts in view.facts[2:] if facts.ending is None)
        assert (view.initial, first.done) == (10, 10)
        assert first.best == min(trials.losses()[:10])
        assert len(view.facts[-1].ended) == 20


class TestTheEnd:
    def test_of_a_whole_search(self):
        view = View()
        quiet(abs, view)
        assert [facts.ending for facts in view.facts[-2:]] == [None, ""]

    @pytest.mark.parametrize("make", [Trials, functools.partial(ProcessTrials, 2)])
    def test_by_an_error_of_the_objective(self, make):
        def objective(x):
            raise ValueError("no")

        view = View()
        with pytest.raises(Exception, match=r"ValueError: no|^no$") as caught:
            quiet(objective, view, trials=make(), max_failures=0)
        assert view.facts[-1].ending == f"{type(caught.value).__name__} was raised"
        assert view.facts[-1].failures[-1][1] == "ValueError: no"

    def test_by_ctrl_c(self):
        def objective(x):
            raise KeyboardInterrupt

        view = View()
        with pytest.raises(KeyboardInterrupt):
            quiet(objective, view)
        assert view.facts[-1].ending == "it was interrupted"

    def test_by_a_limit(self):
        view = View()
        quiet(abs, view, loss_threshold=10)
        assert "is below the threshold 10" in view.facts[-1].ending
