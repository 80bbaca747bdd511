"""The search loop with trials that run concurrently, outside the search, or one at a time."""

import contextlib
import copy
import functools
import itertools
import queue
import threading

import numpy as np
import pytest

from sparktune import (
    JOB_STATE_CANCEL,
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    JOB_STATE_NEW,
    JOB_STATE_RUNNING,
    STATUS_OK,
    Ctrl,
    Domain,
    FMinIter,
    Trials,
    fmin,
    hp,
    rand,
    tpe,
)
from sparktune._search import loop
from sparktune._search.runner import Finished, TrialError
from sparktune._trials.documents import spec_from_misc
from sparktune.exceptions import InvalidResult, SearchFailed

X = hp.uniform("x", -1, 1)
quiet = functools.partial(fmin, verbose=False, rstate=0)
pytestmark = pytest.mark.timeout(60)


@pytest.fixture(autouse=True)
def _no_mlflow(monkeypatch):
    monkeypatch.setenv("SPARKTUNE_MLFLOW", "0")


class ThreadRunner:
    """Runs trials in threads; a cancelled one never answers."""

    def __init__(self, domain, trials):
        self.domain, self.trials = domain, trials
        self.results = queue.SimpleQueue()
        self.running = {}
        self.most = 0
        self.closed = 0

    def capacity(self):
        return self.trials.slots - len(self.running)

    def start(self, trial, tracked=None):
        assert trial["state"] == JOB_STATE_RUNNING
        assert self.capacity() > 0
        self.running[trial["tid"]] = trial
        self.most = max(self.most, len(self.running))
        threading.Thread(target=self.evaluate, args=(trial,), daemon=True).start()

    def evaluate(self, trial):
        try:
            result = self.domain.evaluate(
                spec_from_misc(trial["misc"]), Ctrl(self.trials, trial), attach_attachments=False
            )
        except Exception as error:
            self.results.put(Finished(trial, error=TrialError.from_exception(error)))
        else:
            self.results.put(Finished(trial, result=result))

    def flush(self):
        pass

    def wait(self, timeout):
        finished = []
        with contextlib.suppress(queue.Empty):
            finished.append(self.results.get(timeout=timeout))
            while True:
                finished.append(self.results.get_nowait())
        for each in finished:
            self.running.pop(each.trial["tid"], None)
        return finished

    def cancel(self):
        cancelled, self.running = list(self.running.values()), {}
        return cancelled

    def close(self):
        self.closed += 1


class ThreadTrials(Trials):
    asynchronous = True

    def __init__(self, slots=4):
        super().__init__()
        self.slots = slots
        self.runners = []

    def make_runner(self, domain, options):
        self.options = options
        self.runners.append(ThreadRunner(domain, self))
        return self.runners[-1]


def states(trials):
    return [doc["state"] for doc in trials._dynamic_trials]


class TestParallel:
    def test_runs_all_trials_on_all_slots(self):
        together = threading.Barrier(4, timeout=30)

        def fn(x):
            together.wait()
            return x**2

        trials = ThreadTrials(4)
        best = quiet(fn, X, algo=tpe.suggest, max_evals=24, trials=trials)
        assert states(trials) == [JOB_STATE_DONE] * 24
        assert best["x"] ** 2 == min(trials.losses())
        (runner,) = trials.runners
        assert runner.most == 4
        assert runner.closed >= 1
        assert trials.options.max_evals == 24
        assert trials.options.asynchronous is True

    def test_suggestions_are_ready_and_asked_for_together(self):
        asked = []

        def algo(ids, domain, trials, seed):
            asked.append(len(ids))
            return rand.suggest(ids, domain, trials, seed)

        quiet(lambda x: x, X, algo=algo, max_evals=20, trials=ThreadTrials(4), max_queue_len=2)
        assert asked[0] == 6  # four to start and two in reserve
        assert sum(asked) == 20

    def test_a_failing_trial_does_not_end_the_search(self):
        def fn(x):
            if x < 0:
                raise ValueError("negative")
            return x

        trials = ThreadTrials()
        quiet(fn, X, algo=rand.suggest, max_evals=20, trials=trials)
        failed = [doc for doc in trials._dynamic_trials if doc["state"] == JOB_STATE_ERROR]
        assert 0 < len(failed) < 20
        assert len(trials) == 20 - len(failed)
        kind, text = failed[0]["misc"]["error"]
        assert kind == str(ValueError)
        assert text.startswith("Traceback")
        assert text.endswith("ValueError: negative\n")
        assert "in fn" in failed[0]["misc"]["traceback"]

    def test_max_failures_ends_it_with_the_first_traceback(self):
        def fn(x):
            raise ValueError("always")

        trials = ThreadTrials()
        with pytest.raises(SearchFailed, match=r"max_failures` is 3[\s\S]*ValueError: always"):
            quiet(fn, X, algo=rand.suggest, max_evals=100, trials=trials, max_failures=3)
        assert states(trials).count(JOB_STATE_ERROR) < 20
        assert not set(states(trials)) & {JOB_STATE_NEW, JOB_STATE_RUNNING}
        assert trials.runners[0].closed

    def test_a_share_of_failures(self):
        def fn(x):
            if x < 0:
                raise ValueError("half")
            return x

        quiet(fn, X, algo=rand.suggest, max_evals=40, trials=ThreadTrials(), max_failures=0.9)
        with pytest.raises(SearchFailed, match="half"):
            quiet(fn, X, algo=rand.suggest, max_evals=40, trials=ThreadTrials(), max_failures=0.1)

    def test_a_broken_contract_ends_it(self):
        trials = ThreadTrials()
        with pytest.raises(InvalidResult, match="None"):
            quiet(lambda x: None, X, algo=rand.suggest, max_evals=50, trials=trials)
        assert JOB_STATE_ERROR in states(trials)
        assert len(trials._dynamic_trials) < 50
        assert not set(states(trials)) & {JOB_STATE_NEW, JOB_STATE_RUNNING}

    def test_a_broken_contract_is_caught_on_request(self):
        trials = ThreadTrials()
        with pytest.raises(Exception, match=r"6 failed[\s\S]*InvalidResult"):
            quiet(lambda x: None, X, algo=rand.suggest, max_evals=6, trials=trials,
                  catch_eval_exceptions=True)  # fmt: skip
        assert states(trials) == [JOB_STATE_ERROR] * 6

    @pytest.fixture
    def released(self):
        event = threading.Event()
        yield event
        event.set()

    def test_a_timeout_cancels_what_runs_and_keeps_what_ended(self, released, monkeypatch):
        clock, numbers = {"now": 0.0}, itertools.count()
        # The first trial ends; the clock moves on when the next two are running.
        both = threading.Barrier(2, action=lambda: clock.update(now=100.0), timeout=30)

        def fn(x):
            if next(numbers) > 0:
                both.wait()
                released.wait(30)
            return x

        monkeypatch.setattr(loop, "timer", lambda: clock["now"])
        trials = ThreadTrials(2)
        quiet(fn, X, algo=rand.suggest, max_evals=50, trials=trials, timeout=0.1)
        counts = {state: states(trials).count(state) for state in range(5)}
        # Beside the two that ran one had been suggested ahead.
        assert counts == {JOB_STATE_DONE: 1, JOB_STATE_CANCEL: 3, 0: 0, 1: 0, 3: 0}
        assert len(trials) == 1

    def test_early_stop_cancels_what_runs(self, released):
        def fn(x):
            if len(calls) >= 3:
                released.wait(30)
            calls.append(x)
            return x

        calls = []
        trials = ThreadTrials(2)
        quiet(fn, X, algo=rand.suggest, max_evals=50, trials=trials,
              early_stop_fn=lambda trials: (len(trials.trials) >= 2, []))  # fmt: skip
        assert JOB_STATE_CANCEL in states(trials)
        assert 2 <= len(trials) <= 4

    def test_early_stop_sees_each_finished_trial_once_in_order(self):
        gates = [threading.Event() for _ in range(3)]

        def fn(x):
            with lock:
                number = len(order_started)
                order_started.append(x)
            if number < 3:
                gates[number].wait(30)
            if number == 2:
                gates[0].set()
            elif number == 0:
                gates[1].set()
            return x

        def stop(trials, *seen):
            assert all(doc["state"] == JOB_STATE_DONE for doc in trials.trials)
            assert len(trials.trials) == len(seen) + 1
            latest = trials.trials[-1]["tid"]
            assert latest not in seen
            return False, [*seen, latest]

        lock, order_started = threading.Lock(), []
        gates[2].set()
        trials = ThreadTrials(3)
        kept = []

        def keeping(trials, *seen):
            result = stop(trials, *seen)
            kept[:] = result[1]
            return result

        quiet(fn, X, algo=rand.suggest, max_evals=6, trials=trials, early_stop_fn=keeping)
        assert sorted(kept) == list(range(6))
        first = {x: trials.vals["x"].index(x) for x in order_started}
        assert kept.index(first[order_started[2]]) < kept.index(first[order_started[0]])
        assert kept.index(first[order_started[0]]) < kept.index(first[order_started[1]])

    def test_an_exception_in_early_stop_ends_it(self, released):
        def stop(trials):
            raise LookupError("mine")

        def fn(x):
            if calls:
                released.wait(30)
            calls.append(x)
            return x

        calls = []
        trials = ThreadTrials(2)
        with pytest.raises(LookupError, match="mine"):
            quiet(fn, X, algo=rand.suggest, max_evals=50, trials=trials, early_stop_fn=stop)
        assert JOB_STATE_DONE in states(trials)
        assert not set(states(trials)) & {JOB_STATE_NEW, JOB_STATE_RUNNING}

    def test_a_loss_threshold_ends_it(self, released):
        def fn(x):
            if calls:
                released.wait(30)
            calls.append(x)
            return -5.0

        calls = []
        trials = ThreadTrials(2)
        quiet(fn, X, algo=rand.suggest, max_evals=50, trials=trials, loss_threshold=-1.0)
        assert trials.losses() == [-5.0]

    def test_ctrl_c_cancels_and_raises(self):
        class Interrupted(ThreadTrials):
            def make_runner(self, domain, options):
                runner = super().make_runner(domain, options)
                runner.wait_for_real, runner.wait = runner.wait, self.wait
                return runner

            def wait(self, timeout):
                if timeout == 0:
                    return []
                if not self.trials or self.count_by_state_synced(JOB_STATE_DONE) < 2:
                    return self.runners[-1].wait_for_real(timeout)
                raise KeyboardInterrupt

        trials = Interrupted(2)
        with pytest.raises(KeyboardInterrupt):
            quiet(lambda x: x, X, algo=rand.suggest, max_evals=50, trials=trials)
        assert states(trials).count(JOB_STATE_DONE) >= 2
        assert JOB_STATE_CANCEL in states(trials)
        assert not set(states(trials)) & {JOB_STATE_NEW, JOB_STATE_RUNNING}
        assert trials.runners[0].closed

    def test_attachments_are_split_off(self):
        trials = ThreadTrials(2)
        quiet(
            lambda x: {"status": STATUS_OK, "loss": x, "attachments": {"a": b"1"}},
            X,
            algo=rand.suggest,
            max_evals=3,
            trials=trials,
        )
        assert [sorted(result) for result in trials.results] == [["loss", "status"]] * 3
        assert len(trials.attachments) == 3

    def test_a_suggester_without_more_trials_ends_it(self):
        def algo(ids, domain, trials, seed):
            return (
                rand.suggest([], domain, trials, seed)
                if len(trials) >= 7
                else (rand.suggest(ids[:1], domain, trials, seed))
            )

        trials = ThreadTrials(2)
        quiet(lambda x: x, X, algo=algo, max_evals=50, trials=trials)
        assert states(trials) == [JOB_STATE_DONE] * 7

    def test_it_goes_on_with_the_same_object(self):
        trials = ThreadTrials(2)
        quiet(lambda x: x**2, X, algo=rand.suggest, max_evals=5, trials=trials)
        quiet(lambda x: x**2, X, algo=tpe.suggest, max_evals=30, trials=trials)
        assert trials.tids == list(range(30))


class Polled(Trials):
    """Trials that a thread outside the search evaluates."""

    asynchronous = True

    def work(self, stop):
        import cloudpickle

        while not stop.wait(0.005):
            for doc in list(self._dynamic_trials):
                if doc["state"] == JOB_STATE_NEW:
                    domain = cloudpickle.loads(self.attachments["FMinIter_Domain"])
                    doc["state"] = JOB_STATE_RUNNING
                    config = spec_from_misc(doc["misc"])
                    try:
                        doc["result"] = domain.evaluate(config, Ctrl(self, doc))
                        doc["state"] = JOB_STATE_DONE
                    except ValueError as error:
                        doc["misc"]["error"] = (str(type(error)), str(error))
                        doc["state"] = JOB_STATE_ERROR


class TestPolled:
    @pytest.fixture
    def trials(self):
        trials, stop = Polled(), threading.Event()
        worker = threading.Thread(target=trials.work, args=(stop,))
        worker.start()
        yield trials
        stop.set()
        worker.join(10)

    def search(self, fn, trials, **kwargs):
        domain = Domain(fn, X)
        search = FMinIter(rand.suggest, domain, trials, np.random.default_rng(0),
                          poll_interval_secs=0.005, **kwargs)  # fmt: skip
        search.exhaust()
        return search

    def test_the_workers_results_are_taken(self, trials):
        def fn(x):
            if x < -0.5:
                raise ValueError("no")
            return x

        seen = []
        self.search(fn, trials, max_evals=12, max_queue_len=3,
                    early_stop_fn=lambda t: (False, seen.append(len(t.trials)) or []))  # fmt: skip
        assert states(trials).count(JOB_STATE_DONE) == len(trials) == len(seen)
        assert len(trials._dynamic_trials) == 12

    def test_a_timeout_leaves_the_workers_alone(self):
        trials = Polled()  # nobody evaluates
        self.search(abs, trials, max_evals=12, timeout=0.05)
        assert states(trials) == [JOB_STATE_NEW]


class TestIteration:
    def make(self, fn=abs, trials=None, **kwargs):
        trials = Trials() if trials is None else trials
        return FMinIter(
            kwargs.pop("algo", rand.suggest),
            Domain(fn, X),
            trials,
            kwargs.pop("rstate", np.random.default_rng(0)),
            **kwargs,
        )

    @pytest.mark.parametrize("kind", [Trials, ThreadTrials])
    def test_one_trial_per_step(self, kind):
        search = self.make(trials=kind(), max_evals=4)
        assert [len(trials) for trials in search] == [1, 2, 3]
        assert len(search.trials) == 4

    def test_early_stop_ends_it(self):
        search = self.make(max_evals=10, early_stop_fn=lambda t, n=0: (n == 2, [n + 1]))
        assert len(list(search)) == 2
        assert len(search.trials) == 3
        assert search.early_stop_args == [3]

    def test_a_suggester_without_more_trials_ends_it(self):
        def suggest(ids, domain, trials, seed):
            return rand.suggest(ids, domain, trials, seed) if len(trials) < 3 else []

        search = self.make(algo=suggest, max_evals=9)
        assert [len(trials) for trials in search] == [1, 2, 3]

    def test_a_copy_goes_on_by_itself(self):
        search = self.make(max_evals=5)
        search.run(2)
        again = copy.deepcopy(search)
        again.exhaust()
        assert (len(search.trials), len(again.trials)) == (2, 5)

    def test_run_and_exhaust(self):
        search = self.make(max_evals=9)
        search.run(3)
        assert len(search.trials) == 3
        assert search.exhaust() is search
        assert len(search.trials) == 9

    def test_a_run_need_not_wait(self):
        gate = threading.Event()
        trials = ThreadTrials(2)
        search = self.make(lambda x: gate.wait(30) and x, trials, max_evals=9)
        search.run(2, block_until_done=False)
        assert states(trials) == [JOB_STATE_RUNNING] * 2
        gate.set()
        search.block_until_done()
        assert states(trials) == [JOB_STATE_DONE] * 2

    def test_serial_evaluate(self):
        search = self.make()
        docs = rand.suggest(search.trials.new_trial_ids(3), search.domain, search.trials, 1)
        search.trials.insert_trial_docs(docs)
        search.serial_evaluate(N=2)
        assert states(search.trials) == [JOB_STATE_DONE, JOB_STATE_DONE, JOB_STATE_NEW]
        search.block_until_done()
        assert states(search.trials) == [JOB_STATE_DONE] * 3

    def test_attributes(self):
        rstate = np.random.RandomState(0)
        search = self.make(max_evals=-1, rstate=rstate, verbose=False)
        assert search.rstate is rstate
        assert search.domain.workdir is None
        assert search.max_evals == -1
        assert search.is_cancelled is False
        search.trials._fmin_cancelled = True
        assert search.is_cancelled is True
        search.run(3)
        assert len(search.trials) == 0

    def test_a_stale_running_trial_runs_again(self):
        trials = ThreadTrials()
        (doc,) = rand.suggest(trials.new_trial_ids(1), Domain(abs, X), trials, 1)
        doc["state"] = JOB_STATE_RUNNING
        trials.insert_trial_docs([doc])
        trials.refresh()
        quiet(abs, X, algo=rand.suggest, max_evals=3, trials=trials)
        assert states(trials) == [JOB_STATE_DONE] * 3
