"""Several trials in one flight: outcomes, losses, time limits and cancellation."""

import itertools
import pickle
import threading
import time

import pytest

from sparktune._parallel.batches import Batches
from sparktune._parallel.dispatcher import Dispatcher
from sparktune.exceptions import BackendLost, JobFailed, ObjectiveNotLoaded

pytestmark = pytest.mark.timeout(60)


def trial(tid, attempts=0, **vals):
    misc = {"tid": tid, "vals": {k: [v] for k, v in vals.items()}, "idxs": {}}
    misc["attempts"] = [{"reason": "lost"}] * attempts
    return {"tid": tid, "misc": misc, "state": 1}


def ok(result, seconds=0.0):
    meta = {"seconds": seconds, "pid": 1, "host": "here", "attempt": 0}
    return pickle.dumps(("ok", pickle.dumps(result), {}, meta))


class Tasks:
    """Runs ``run(tasks, tag, x)`` for each trial of a task; it may raise, which loses the task."""

    def __init__(self, run, streams):
        self.run = run
        self.streams = streams
        self.ran = []  # of each task, the trials
        self.seconds = []
        self.cancelled = {}
        self.lock = threading.Lock()

    def thread_body(self, body):
        return body

    def submit(self, tag, payloads, description, seconds=None):
        with self.lock:
            event = self.cancelled.setdefault(tag, threading.Event())
            xs = [pickle.loads(payload)[0]["x"] for payload in payloads]
            self.ran.append(xs)
            self.seconds.append(seconds)
        answers = (self.answer(event, x) for x in xs)
        return answers if self.streams else list(answers)

    def answer(self, event, x):
        answer = self.run(event, x)
        return answer if isinstance(answer, bytes) else ok(answer)

    def cancel(self, tag):
        with self.lock:
            self.cancelled.setdefault(tag, threading.Event()).set()

    def started(self, tag):
        return None

    def slots(self):
        return None

    def close(self):
        pass


@pytest.fixture
def make():
    made = []

    def _make(run, streams, per_task, slots=1, trial_timeout=None, kind=Tasks):
        backend = kind(run, streams)
        batches = Batches(per_task)
        made.append(Dispatcher(backend, slots, trial_timeout, batches=batches))
        return backend, made[-1]

    before = set(threading.enumerate())
    yield _make
    for dispatcher in made:
        dispatcher.close()
    assert [t for t in threading.enumerate() if t not in before] == []


in_both_ways = pytest.mark.parametrize("streams", [True, False])


def run_all(dispatcher, trials):
    """Run trials as the loop does; return what became of each."""
    waiting, ended = list(trials), {}
    while len(ended) < len(trials):
        while waiting and dispatcher.capacity() > 0:
            dispatcher.start(waiting.pop(0))
        for each in dispatcher.wait(20):
            assert each.trial["tid"] not in ended
            ended[each.trial["tid"]] = each
    return ended


@in_both_ways
def test_a_task_takes_several_trials_and_each_has_its_own_outcome(make, streams):
    def run(event, x):
        return ok({"status": "odd"}) if x == 2 else x * 10.0

    backend, dispatcher = make(run, streams, 3)
    ended = run_all(dispatcher, [trial(n, x=n) for n in range(7)])
    assert backend.ran == [[0, 1, 2], [3, 4, 5], [6]]
    losses = [ended[n].result["loss"] for n in range(7) if n != 2]
    assert losses == [0.0, 10.0, 30.0, 40.0, 50.0, 60.0]
    assert "InvalidResult" in ended[2].error.type_name


@in_both_ways
def test_a_lost_task_costs_the_trial_that_is_the_reason_and_no_other(make, streams):
    def run(event, x):
        if x == 2:
            raise JobFailed("the worker ended")
        return float(x)

    backend, dispatcher = make(run, streams, 5)
    ended = run_all(dispatcher, [trial(n, x=n) for n in range(6)])
    assert [n for n in ended if ended[n].error] == [2]
    assert ended[2].error.reason == "lost"
    assert [ended[n].result["loss"] for n in (0, 1, 3, 4, 5)] == [0, 1, 3, 4, 5]
    if streams:  # what has ended is kept, and what did not begin goes on together
        assert backend.ran == [[0, 1, 2, 3, 4], [2], [3, 4], [5]]
    else:
        assert backend.ran == [[0, 1, 2, 3, 4], [0], [1], [2], [3], [4], [5]]


def test_a_task_that_hands_all_its_trials_back_was_lost(make):
    class Again(Tasks):
        def submit(self, tag, payloads, description, seconds=None):
            answers = super().submit(tag, payloads, description, seconds)
            return answers if len(payloads) == 1 else []

    backend, dispatcher = make(lambda event, x: float(x), False, 3, kind=Again)
    ended = run_all(dispatcher, [trial(n, x=n) for n in range(3)])
    assert backend.ran == [[0, 1, 2], [0], [1], [2]]
    assert all(each.error is None for each in ended.values())


@in_both_ways
def test_trials_that_a_task_hands_back_go_on_together(make, streams):
    class Short(Tasks):
        def submit(self, tag, payloads, description, seconds=None):
            answers = list(super().submit(tag, payloads, description, seconds))
            return iter(answers[:2])

    backend, dispatcher = make(lambda event, x: float(x), streams, 5, kind=Short)
    ended = run_all(dispatcher, [trial(n, x=n) for n in range(5)])
    assert backend.ran == [[0, 1, 2, 3, 4], [2, 3, 4], [4]]
    assert all(each.error is None for each in ended.values())


def test_a_task_of_one_trial_without_an_answer_fails(make):
    class Silent(Tasks):
        def submit(self, *given, **others):
            return []

    _, dispatcher = make(None, False, 1, kind=Silent)
    assert run_all(dispatcher, [trial(0, x=0)])[0].error.reason == "lost"


@in_both_ways
def test_a_trial_that_was_lost_runs_alone(make, streams):
    backend, dispatcher = make(lambda event, x: float(x), streams, 3)
    trials = [trial(n, x=n, attempts=int(n == 1)) for n in range(4)]
    run_all(dispatcher, trials)
    assert [1] in backend.ran
    assert sorted(itertools.chain(*backend.ran)) == [0, 1, 2, 3]


def hang(event, x):
    if x == 1:
        assert event.wait(20)
        raise RuntimeError("cancelled")
    return float(x)


@in_both_ways
def test_each_trial_of_a_task_has_its_own_time_limit(make, streams):
    backend, dispatcher = make(hang, streams, 4, trial_timeout=0.5)
    ended = run_all(dispatcher, [trial(n, x=n) for n in range(4)])
    assert [n for n in ended if ended[n].error] == [1]
    assert "longer than its `trial_timeout` of 0.5 s" in ended[1].error.message
    assert ended[1].error.reason == "timeout"
    if streams:
        assert backend.ran == [[0, 1, 2, 3], [2, 3]]
    else:
        assert backend.ran == [[0, 1, 2, 3], [0], [1], [2], [3]]
    assert backend.seconds[0] == 0.5  # the last trial begins by then


def test_trials_of_a_task_that_stream_each_get_the_whole_limit(make):
    backend, dispatcher = make(lambda event, x: time.sleep(0.3) or float(x), True, 5, 1, 1.0)
    ended = run_all(dispatcher, [trial(n, x=n) for n in range(5)])
    assert all(each.error is None for each in ended.values())
    assert backend.ran == [[0, 1, 2, 3, 4]]


def test_a_trial_that_says_it_took_too_long_has_timed_out(make):
    _, dispatcher = make(lambda event, x: ok(1.0, seconds=x), False, 3, trial_timeout=5.0)
    ended = run_all(dispatcher, [trial(n, x=x) for n, x in enumerate([1.0, 9.0, 2.0])])
    assert [n for n in ended if ended[n].error] == [1]
    assert ended[1].error.reason == "timeout"


def test_answers_that_stream_are_told_of_at_once(make):
    gate = threading.Event()
    _, dispatcher = make(lambda event, x: float(x) if x < 2 else gate.wait(20) and 2.0, True, 4)
    for n in range(4):
        dispatcher.start(trial(n, x=n))
    first = []
    while len(first) < 2:
        first += dispatcher.wait(20)
    assert [each.trial["tid"] for each in first] == [0, 1]
    assert dispatcher.capacity() == 0
    gate.set()


@in_both_ways
def test_cancel_returns_the_trials_without_an_outcome(make, streams):
    began = threading.Event()

    def run(event, x):
        if x == 1:
            began.set()
        return hang(event, x)

    _, dispatcher = make(run, streams, 3)
    for n in range(3):
        dispatcher.start(trial(n, x=n))
    assert began.wait(20)
    ended = [each.trial["tid"] for each in dispatcher.wait(0.2)]
    assert ended == ([0] if streams else [])
    dispatcher.start(trial(3, x=3))  # waits for others to start with
    assert [each["tid"] for each in dispatcher.cancel()] == [n for n in range(4) if n not in ended]
    assert dispatcher.wait(0) == []


def test_trials_wait_for_others_until_the_search_waits(make):
    backend, dispatcher = make(lambda event, x: float(x), True, 3)
    dispatcher.start(trial(0, x=0))
    assert dispatcher._airborne == {}
    assert dispatcher.capacity() == 2
    dispatcher.flush()
    assert len(dispatcher.wait(20)) == 1
    assert backend.ran == [[0]]


@in_both_ways
def test_a_lost_back_end_keeps_its_trials_for_cancel(make, streams):
    def run(event, x):
        raise BackendLost("stopped")

    _, dispatcher = make(run, streams, 3)
    for n in range(3):
        dispatcher.start(trial(n, x=n))
    with pytest.raises(BackendLost):
        dispatcher.wait(20)
    assert [each["tid"] for each in dispatcher.cancel()] == [0, 1, 2]


def test_workers_that_cannot_load_the_objective_are_not_tried_again(make):
    def run(event, x):
        raise ObjectiveNotLoaded("another Python")

    _backend, dispatcher = make(run, False, 3)
    for n in range(3):
        dispatcher.start(trial(n, x=n))
    (outcome,) = dispatcher.wait(20)
    assert outcome.error.fatal


@in_both_ways
def test_a_trial_of_a_batch_is_dated_by_its_own_time(make, streams):
    _, dispatcher = make(lambda event, x: time.sleep(0.05) or ok(1.0, 0.05), streams, 4)
    ended = run_all(dispatcher, [trial(n, x=n) for n in range(4)])
    spans = [ended[n].span for n in range(4)]
    assert all((end - begin).total_seconds() == 0.05 for begin, end in spans)
    assert all(a[1] <= b[1] for a, b in itertools.pairwise(spans))
    if not streams:
        assert all(a[1] == b[0] for a, b in itertools.pairwise(spans))
