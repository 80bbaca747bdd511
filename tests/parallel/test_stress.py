"""Searches of many trials with many faults: every trial is accounted for, and nothing leaks."""

import gc
import pickle
import random
import threading
import time
import tracemalloc

import pytest

from sparktune import (
    JOB_STATE_CANCEL,
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    fmin,
    hp,
    no_progress_loss,
    rand,
)
from sparktune._parallel.trials import ParallelTrials
from sparktune.exceptions import BackendLost, JobFailed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


class RoughBackend:
    """Answers after a moment, fails, hangs until it is cancelled, or answers after that."""

    streams = False

    def __init__(self, seed, rough=True):
        self.random = random.Random(seed)
        self.rough = rough
        self.lock = threading.Lock()
        self.running = {}
        self.most = self.submitted = 0
        self.closed = False
        self.lost_at = None

    def thread_body(self, body):
        return body

    def submit(self, tag, payloads, description, seconds=None):
        with self.lock:
            assert not self.closed
            self.submitted += 1
            cancelled = self.running[tag] = threading.Event()
            self.most = max(self.most, len(self.running))
            fate, pause = self.random.random(), self.random.random() * 0.005
            lost = self.lost_at is not None and self.submitted >= self.lost_at
        try:
            if lost:
                raise BackendLost("gone")
            if self.rough and fate < 0.1:
                raise JobFailed("the executor died")
            if self.rough and fate < 0.2:
                assert cancelled.wait(60)
                if fate < 0.15:
                    raise RuntimeError("cancelled")
            else:
                cancelled.wait(pause)
            values, *_ = pickle.loads(payloads[0])
            meta = {"seconds": 0.0, "pid": 1, "host": "here", "attempt": 0, "python": ""}
            return [pickle.dumps(("ok", pickle.dumps(float(values["x"])), {}, meta))]
        finally:
            with self.lock:
                del self.running[tag]

    def cancel(self, tag):
        with self.lock:
            # Some cancellations get lost.
            if tag in self.running and self.random.random() < 0.8:
                self.running[tag].set()

    def slots(self):
        return self.random.randint(1, 40) if self.rough else None

    def close(self):
        self.closed = True


class RoughTrials(ParallelTrials):
    on_cluster = False

    def __init__(self, backend, parallelism, **arguments):
        super().__init__(**arguments)
        self.backend = backend
        self.parallelism = parallelism
        self.refresh()

    def _make_backend(self, domain):
        return self.backend


def search(trials, **arguments):
    settings = {"algo": rand.suggest, "max_evals": 400, "rstate": 0, "verbose": False}
    return fmin(
        lambda point: point["x"],
        {"x": hp.uniform("x", 0, 1)},
        trials=trials,
        **{**settings, **arguments},
    )


@pytest.fixture(autouse=True)
def _no_thread_is_left():
    threads = set(threading.enumerate())
    yield
    end = time.monotonic() + 20
    while set(threading.enumerate()) - threads and time.monotonic() < end:
        time.sleep(0.01)
    assert set(threading.enumerate()) - threads == set()


def check(trials, backend):
    assert backend.closed
    assert backend.running == {}
    docs = trials._dynamic_trials
    ended = (JOB_STATE_DONE, JOB_STATE_ERROR, JOB_STATE_CANCEL)
    assert {doc["state"] for doc in docs} <= set(ended)
    assert len({doc["tid"] for doc in docs}) == len(docs)
    for doc in docs:
        assert ("loss" in doc["result"]) == (doc["state"] == JOB_STATE_DONE)
        assert ("error" in doc["misc"]) == (doc["state"] == JOB_STATE_ERROR)
        if doc["state"] == JOB_STATE_DONE:
            assert doc["result"]["loss"] == doc["misc"]["vals"]["x"][0]
    assert trials.count_total_trials() == len(docs)


@pytest.mark.parametrize("seed", range(3))
def test_hundreds_of_trials_with_failures_and_time_outs(seed):
    backend = RoughBackend(seed)
    trials = RoughTrials(backend, 32, trial_timeout=0.3)
    search(trials, max_queue_len=4)
    check(trials, backend)
    assert backend.submitted == len(trials._dynamic_trials) == 400
    assert backend.most <= 2 * 40
    assert trials.count_cancelled_trials() == 0
    assert 40 <= trials.count_failed_trials() < 400
    kinds = {doc["misc"]["error"][0] for doc in trials._dynamic_trials if "error" in doc["misc"]}
    assert {kind.split(".")[-1] for kind in kinds} == {"TrialTimeout'>", "JobFailed'>"}


@pytest.mark.parametrize("seed", range(3))
def test_searches_that_end_early_one_after_the_other(seed):
    for _ in range(5):
        backend = RoughBackend(seed)
        trials = RoughTrials(backend, 16, trial_timeout=5)
        search(trials, early_stop_fn=no_progress_loss(10))
        check(trials, backend)
        backend = RoughBackend(seed)
        trials = RoughTrials(backend, 16, timeout=0.2)
        search(trials)
        check(trials, backend)
        assert trials.count_cancelled_trials() > 0


def test_a_back_end_that_is_lost_in_mid_search():
    backend = RoughBackend(0)
    backend.lost_at = 150
    trials = RoughTrials(backend, 16, trial_timeout=0.3)
    with pytest.raises(BackendLost):
        search(trials)
    check(trials, backend)
    assert trials.count_successful_trials() > 50
    assert trials.count_cancelled_trials() >= 1


def test_two_thousand_trials_take_no_threads_and_no_memory_but_the_documents():
    backend = RoughBackend(0, rough=False)
    trials = RoughTrials(backend, 8)
    seen = []

    def look(view, *_):
        if len(trials.trials) % 500 == 0:
            gc.collect()
            size = sum(
                trace.size
                for trace in tracemalloc.take_snapshot()
                .filter_traces([tracemalloc.Filter(True, "*/_parallel/dispatcher.py")])
                .statistics("filename")
            )
            seen.append((threading.active_count(), size))
        return False, []

    tracemalloc.start()
    try:
        search(trials, max_evals=2000, early_stop_fn=look)
    finally:
        tracemalloc.stop()
    check(trials, backend)
    threads, sizes = zip(*seen, strict=True)
    assert len(seen) >= 3
    assert max(threads) - min(threads) <= 1
    # The dispatcher keeps nothing of 1,500 more trials.
    assert sizes[-1] - sizes[0] < 30_000
