"""The dispatcher on a back end inside this process: order, cancellation, failures, no leaks."""

import pickle
import signal
import sys
import threading
import time

import pytest

from sparktune._parallel.dispatcher import Dispatcher
from sparktune.exceptions import BackendLost, InvalidResult

pytestmark = pytest.mark.timeout(30)


def trial(tid, **vals):
    misc = {"tid": tid, "vals": {k: [v] for k, v in vals.items()}, "idxs": {}}
    return {"tid": tid, "misc": misc, "state": 1}


def ok(result):
    meta = {"seconds": 0.0, "pid": 1, "host": "here", "attempt": 0}
    return pickle.dumps(("ok", pickle.dumps(result), {}, meta))


class FakeBackend:
    """Runs ``run(values)`` on the dispatcher's threads; a trial may wait for its cancellation."""

    streams = False

    def __init__(self, run=lambda backend, tag, values: 0.0):
        self.run = run
        self.lock = threading.Lock()
        self.running = 0
        self.most = 0
        self.submitted = []
        self.began = threading.Semaphore(0)
        self.cancelled = {}
        self.closed = 0
        self.free = None
        self.started = lambda tag: None

    def thread_body(self, body):
        return body

    def submit(self, tag, payloads, description, seconds=None):
        (payload,) = payloads
        values, *_ = pickle.loads(payload)
        with self.lock:
            self.submitted.append(tag)
            self.running += 1
            self.most = max(self.most, self.running)
            self.cancelled.setdefault(tag, threading.Event())
        self.began.release()
        try:
            answer = self.run(self, tag, values)
        finally:
            with self.lock:
                self.running -= 1
        return [answer if isinstance(answer, bytes) else ok(answer)]

    def cancel(self, tag):
        with self.lock:
            event = self.cancelled.get(tag)
        # As in Spark, cancelling a job that does not exist yet does nothing.
        if event is not None:
            event.set()

    def slots(self):
        return self.free

    def close(self):
        self.closed += 1


def wait_for_jobs(backend, count):
    for _ in range(count):
        assert backend.began.acquire(timeout=20)


def wait_for_answers(dispatcher):
    """Wait until no thread has a job; `wait` has not been told of them yet."""
    while dispatcher._airborne:
        time.sleep(0.001)


def until_cancelled(backend, tag, values):
    assert backend.cancelled[tag].wait(20)
    raise RuntimeError("the job was cancelled")


@pytest.fixture
def make():
    made = []

    def _make(run=lambda backend, tag, values: 0.0, parallelism=2, trial_timeout=None):
        backend = FakeBackend(run)
        made.append(Dispatcher(backend, parallelism, trial_timeout))
        return backend, made[-1]

    before = set(threading.enumerate())
    yield _make
    for dispatcher in made:
        dispatcher.close()
    assert [t for t in threading.enumerate() if t not in before] == []


def test_runs_trials_and_returns_validated_results(make):
    _, dispatcher = make(lambda backend, tag, values: values["x"] * 2)
    first = trial(0, x=3)
    dispatcher.start(first)
    (finished,) = dispatcher.wait(None)
    assert finished.trial is first
    assert finished.result == {"loss": 6.0, "status": "ok"}
    assert finished.error is None


def test_never_more_trials_at_once_than_parallelism(make):
    together = threading.Barrier(3, timeout=20)

    def run(backend, tag, values):
        together.wait()
        return 0.0

    backend, dispatcher = make(run, parallelism=3)
    started, ended = 0, []
    while len(ended) < 30:
        while started < 30 and dispatcher.capacity() > 0:
            dispatcher.start(trial(started))
            started += 1
        ended += dispatcher.wait(None)
    assert backend.most == 3
    assert sorted(f.trial["tid"] for f in ended) == list(range(30))
    assert len(dispatcher._threads) <= 3


def test_threads_are_made_only_when_needed(make):
    _, dispatcher = make(parallelism=50)
    for tid in range(5):
        dispatcher.start(trial(tid))
        dispatcher.wait(None)
    assert len(dispatcher._threads) == 1


def test_capacity_counts_what_runs(make):
    gate = threading.Event()
    _, dispatcher = make(lambda *_: gate.wait(20) and 1.0, parallelism=2)
    assert dispatcher.capacity() == 2
    dispatcher.start(trial(0))
    dispatcher.start(trial(1))
    assert dispatcher.capacity() == 0
    gate.set()
    ended = dispatcher.wait(None)
    while len(ended) < 2:
        ended += dispatcher.wait(None)
    assert dispatcher.capacity() == 2


def test_a_trial_that_ends_first_is_returned_first(make):
    gate = threading.Event()

    def run(backend, tag, values):
        if values["slow"]:
            gate.wait(20)
        return 0.0

    _, dispatcher = make(run)
    dispatcher.start(trial(0, slow=True))
    dispatcher.start(trial(1, slow=False))
    assert [f.trial["tid"] for f in dispatcher.wait(None)] == [1]
    gate.set()
    assert [f.trial["tid"] for f in dispatcher.wait(None)] == [0]


def test_wait_returns_all_that_ended_together(make):
    _, dispatcher = make(parallelism=4)
    for tid in range(4):
        dispatcher.start(trial(tid))
    wait_for_answers(dispatcher)
    assert len(dispatcher.wait(None)) == 4


def test_wait_returns_nothing_at_the_time_out_and_when_nothing_runs(make):
    _, dispatcher = make(until_cancelled)
    assert dispatcher.wait(None) == []
    dispatcher.start(trial(0))
    assert dispatcher.wait(0.01) == []
    assert dispatcher.wait(0) == []


def test_wait_takes_any_time_out(make):
    _, dispatcher = make()
    dispatcher.start(trial(0))
    assert len(dispatcher.wait(float("inf"))) == 1


def test_cancel_returns_what_ran_and_ignores_late_answers(make):
    backend, dispatcher = make(until_cancelled)
    trials = [trial(0), trial(1)]
    for one in trials:
        dispatcher.start(one)
    wait_for_jobs(backend, 2)
    assert dispatcher.cancel() == trials
    wait_for_answers(dispatcher)
    assert dispatcher.wait(0.05) == []
    assert dispatcher.cancel() == []


def test_trials_can_run_after_a_cancellation(make):
    def run(backend, tag, values):
        return until_cancelled(backend, tag, values) if values["hang"] else 5.0

    backend, dispatcher = make(run)
    dispatcher.start(trial(0, hang=True))
    wait_for_jobs(backend, 1)
    dispatcher.cancel()
    dispatcher.start(trial(1, hang=False))
    (finished,) = dispatcher.wait(None)
    assert (finished.trial["tid"], finished.result["loss"]) == (1, 5.0)


def test_a_trial_cancelled_before_its_submission_is_never_submitted(make):
    class SlowRun:
        def __init__(self):
            self.asked = threading.Event()
            self.go = threading.Event()

        def payload(self, timeout=None):
            self.asked.set()
            self.go.wait(20)

    backend, dispatcher = make()
    run = SlowRun()
    dispatcher.start(trial(0), run)
    run.asked.wait(20)
    dispatcher.cancel()
    run.go.set()
    dispatcher.close()
    assert backend.submitted == []


def test_close_cancels_again_what_a_cancellation_overtook(make):
    class Overtaken(FakeBackend):
        lost = 0

        def cancel(self, tag):
            if self.lost < 2:
                self.lost += 1
            else:
                super().cancel(tag)

    backend = Overtaken(until_cancelled)
    dispatcher = Dispatcher(backend, 2)
    dispatcher.start(trial(0))
    wait_for_jobs(backend, 1)
    dispatcher.close()
    assert backend.lost == 2
    assert backend.closed == 1


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal to a thread")
def test_a_signal_that_does_not_wake_the_wait_still_ends_it(make):
    """For example, one that arrives just before; or, as here, one received by another thread."""
    never, waiting = threading.Event(), threading.Event()
    _, dispatcher = make(lambda *_: never.wait())
    dispatcher.start(trial(0))
    pause = dispatcher._pause
    dispatcher._pause = lambda deadline: waiting.set() or pause(deadline)

    def interrupt():
        assert waiting.wait(20)
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            dispatcher.wait(None)
    finally:
        never.set()


def test_ctrl_c_while_a_thread_starts_leaves_none_behind(make, monkeypatch):
    def interrupted(thread):
        start(thread)
        raise KeyboardInterrupt

    before = set(threading.enumerate())
    _, dispatcher = make(until_cancelled, parallelism=2)
    dispatcher.start(trial(0))
    with monkeypatch.context() as patch:
        start = threading.Thread.start
        patch.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            dispatcher.start(trial(1))
    threads = [t for t in set(threading.enumerate()) - before if t.name.startswith("sparktune")]
    assert len(threads) == 2
    dispatcher.close()
    for thread in threads:
        thread.join(2)
        assert not thread.is_alive()


def test_close_twice_closes_the_backend_once(make):
    backend, dispatcher = make()
    dispatcher.close()
    dispatcher.close()
    assert backend.closed == 1
    assert dispatcher.capacity() == 0
    with pytest.raises(RuntimeError, match="closed"):
        dispatcher.start(trial(0))


@pytest.fixture
def interrupted_join(monkeypatch):
    """The first wait for a thread is interrupted by Ctrl-C."""
    join, pressed = threading.Thread.join, []

    def interrupted(thread, timeout=None):
        if thread.name.startswith("sparktune") and not pressed:
            pressed.append(thread)
            raise KeyboardInterrupt
        join(thread, timeout)

    monkeypatch.setattr(threading.Thread, "join", interrupted)
    return pressed


def test_ctrl_c_in_close_skips_the_waiting_but_not_the_cleaning(make, interrupted_join):
    gate, began = threading.Event(), threading.Event()
    backend, dispatcher = make(lambda *_: began.set() or gate.wait(20))
    dispatcher.start(trial(0))
    assert began.wait(20)
    with pytest.raises(KeyboardInterrupt):
        dispatcher.close()
    (thread,) = interrupted_join
    assert backend.closed == 1
    gate.set()
    thread.join(20)


def test_a_later_close_finishes_what_an_interrupted_one_left(make):
    class Interrupted(FakeBackend):
        asked = 0

        def close(self):
            self.asked += 1
            if self.asked == 1:
                raise KeyboardInterrupt
            super().close()

    backend = Interrupted()
    dispatcher = Dispatcher(backend, 2)
    dispatcher.start(trial(0))
    assert len(dispatcher.wait(None)) == 1
    with pytest.raises(KeyboardInterrupt):
        dispatcher.close()
    dispatcher.close()
    dispatcher.close()
    assert (backend.asked, backend.closed) == (2, 1)


def test_an_exception_in_the_backend_fails_one_trial(make):
    def run(backend, tag, values):
        if values["x"]:
            raise OSError("executor lost")
        return 1.0

    _, dispatcher = make(run)
    dispatcher.start(trial(0, x=True))
    (finished,) = dispatcher.wait(None)
    assert finished.result is None
    assert finished.error.type_name == "<class 'OSError'>"
    assert finished.error.message == "executor lost"
    assert "executor lost" in finished.error.traceback
    assert not finished.error.fatal
    dispatcher.start(trial(1, x=False))
    assert dispatcher.wait(None)[0].result["loss"] == 1.0


def test_a_lost_backend_ends_the_search(make):
    def run(backend, tag, values):
        raise BackendLost("stopped")

    _, dispatcher = make(run)
    dispatcher.start(trial(0))
    with pytest.raises(BackendLost, match="stopped"):
        dispatcher.wait(None)
    assert dispatcher.wait(0) == []
    assert [t["tid"] for t in dispatcher.cancel()] == [0]


def test_what_ended_before_the_backend_was_lost_is_kept(make):
    def run(backend, tag, values):
        if values["lost"]:
            raise BackendLost("stopped")
        return 1.0

    _, dispatcher = make(run)
    dispatcher.start(trial(0, lost=False))
    wait_for_answers(dispatcher)
    dispatcher.start(trial(1, lost=True))
    wait_for_answers(dispatcher)
    assert [f.trial["tid"] for f in dispatcher.wait(None)] == [0]
    with pytest.raises(BackendLost):
        dispatcher.wait(None)


@pytest.mark.parametrize("result", [None, "text", {"loss": 1.0}, {"status": "ok"}])
def test_an_invalid_result_breaks_the_contract(make, result):
    _, dispatcher = make(lambda *_: ok(result))
    dispatcher.start(trial(0))
    (finished,) = dispatcher.wait(None)
    assert finished.error.fatal
    assert isinstance(finished.error.exception, InvalidResult)


def test_an_answer_that_cannot_be_read_fails_the_trial(make):
    _, dispatcher = make(lambda *_: b"no pickle")
    dispatcher.start(trial(0))
    (finished,) = dispatcher.wait(None)
    assert "UnpicklingError" in finished.error.type_name


def test_what_the_tracked_run_gives_reaches_the_task(make):
    seen = []

    class Run:
        def payload(self, timeout=None):
            return {"run_id": "abc"}

    class Recording(FakeBackend):
        def submit(self, tag, payloads, description, seconds=None):
            seen.append((*map(pickle.loads, payloads), description))
            return [ok(0.0)]

    dispatcher = Dispatcher(Recording(), 1)
    dispatcher.start(trial(7, x=0.123456789, kind="svm"), Run())
    dispatcher.wait(None)
    dispatcher.close()
    ((payload, description),) = seen
    assert payload == ({"x": 0.123456789, "kind": "svm"}, {"run_id": "abc"}, None, None)
    assert description == "sparktune trial 7: x=0.1235, kind=svm"


def test_a_failing_cancellation_does_not_stop_the_others(make, caplog):
    class Failing(FakeBackend):
        def cancel(self, tag):
            if tag.endswith("-0") and not self.cancelled[tag].is_set():
                self.cancelled[tag].set()
                raise OSError("no connection")
            super().cancel(tag)

    backend = Failing(until_cancelled)
    dispatcher = Dispatcher(backend, 2)
    dispatcher.start(trial(0))
    dispatcher.start(trial(1))
    wait_for_jobs(backend, 2)
    assert len(dispatcher.cancel()) == 2
    assert "trial 0 could not be cancelled" in caplog.text
    dispatcher.close()


# -- time and room ---------------------------------------------------------------------------------


def test_a_trial_that_takes_too_long_fails_and_the_others_go_on(make):
    def run(backend, tag, values):
        return until_cancelled(backend, tag, values) if values["hang"] else 5.0

    _, dispatcher = make(run, trial_timeout=1.0)
    dispatcher.start(trial(0, hang=True))
    (finished,) = dispatcher.wait(None)
    assert finished.trial["tid"] == 0
    assert finished.error.type_name == "<class 'sparktune.exceptions.TrialTimeout'>"
    assert "longer than its `trial_timeout` of 1.0 s" in finished.error.message
    assert finished.error.traceback.count("\n") == 1  # nothing of ours to read
    assert isinstance(finished.error.exception, TimeoutError)
    assert not finished.error.fatal
    dispatcher.start(trial(1, hang=False))
    (finished,) = dispatcher.wait(None)
    assert (finished.trial["tid"], finished.result["loss"]) == (1, 5.0)


def test_what_a_trial_answers_after_its_time_is_ignored(make):
    late = threading.Event()

    def run(backend, tag, values):
        if values["slow"]:
            backend.cancelled[tag].wait(20)
            late.set()
        return 1.0

    _, dispatcher = make(run, trial_timeout=1.0)
    dispatcher.start(trial(0, slow=True))
    (finished,) = dispatcher.wait(None)
    assert finished.result is None
    assert late.wait(20)
    dispatcher.start(trial(1, slow=False))
    assert [f.trial["tid"] for f in dispatcher.wait(None)] == [1]
    assert dispatcher.wait(0.05) == []


def test_the_time_of_a_trial_begins_with_its_submission(make):
    class SlowRun:
        def payload(self, timeout=None):
            assert had_its_time.wait(20)

    had_its_time = threading.Event()
    _, dispatcher = make(trial_timeout=1.0)
    started = dispatcher._started
    dispatcher._started = lambda flight: had_its_time.set() or started(flight)
    dispatcher.start(trial(0), SlowRun())
    assert dispatcher.wait(None)[0].result["loss"] == 0.0


def test_the_time_of_a_trial_begins_when_it_runs_as_far_as_the_back_end_knows(make):
    begin = time.monotonic()
    asked = []

    def started(tag):
        asked.append(time.monotonic() - begin)
        return begin + 1.2 if asked[-1] >= 1.2 else float("inf")

    backend, dispatcher = make(until_cancelled, trial_timeout=0.5)
    backend.started = started
    dispatcher.start(trial(0))
    assert dispatcher.wait(None)[0].error.type_name.endswith("TrialTimeout'>")
    assert time.monotonic() - begin >= 1.7
    assert len(asked) <= 4  # once per time limit, not continuously


def test_a_start_that_cannot_be_read_is_the_submission(make):
    backend, dispatcher = make(until_cancelled, trial_timeout=0.2)
    backend.started = lambda tag: 1 / 0
    dispatcher.start(trial(0))
    assert dispatcher.wait(10)[0].error.type_name.endswith("TrialTimeout'>")


def test_a_cancellation_that_is_overtaken_is_repeated_while_the_search_goes_on(make):
    class Deaf(FakeBackend):
        asked = 0

        def cancel(self, tag):
            self.asked += 1
            if self.asked == 3:
                super().cancel(tag)

    backend = Deaf(until_cancelled)
    dispatcher = Dispatcher(backend, 1, trial_timeout=0.1)
    dispatcher.start(trial(0))
    assert dispatcher.wait(None)[0].error is not None
    backend.run = lambda backend, tag, values: backend.cancelled[tag].wait(3) and 0.0
    dispatcher._trial_timeout = None
    dispatcher.start(trial(1))  # another thread: the first is still busy
    while dispatcher._ghosts:
        assert dispatcher.wait(1) == []
    assert backend.asked == 3
    dispatcher.close()


def test_jobs_that_never_end_do_not_pile_up_and_are_an_error_in_the_end(make, monkeypatch):
    from sparktune._parallel import dispatcher as module

    monkeypatch.setattr(module, "_STUCK_SECONDS", 0.5)
    monkeypatch.setattr(module, "_CLOSE_SECONDS", 0.1)
    gate = threading.Event()
    _, dispatcher = make(lambda *_: gate.wait(20) and 1.0, trial_timeout=0.05)
    tid = 0
    while dispatcher.capacity() > 0:
        dispatcher.start(trial(tid))
        tid += 1
        assert len(dispatcher.wait(None)) == 1
    assert tid == 4
    with pytest.raises(BackendLost, match=r"4 jobs did not end within .* of being cancelled"):
        dispatcher.wait(None)
    assert len(dispatcher._threads) == 4
    threads = list(dispatcher._threads)
    dispatcher.close()
    gate.set()
    for thread in threads:
        thread.join(20)


def test_room_that_a_stuck_job_leaves_is_used_at_once(make):
    gate = threading.Event()
    _, dispatcher = make(lambda *_: gate.wait(20) and 1.0, parallelism=1, trial_timeout=0.05)
    for tid in range(2):
        dispatcher.start(trial(tid))
        dispatcher.wait(None)
    assert dispatcher.capacity() == 0
    gate.set()
    assert dispatcher.wait(None) == []
    assert dispatcher.capacity() == 1


def test_the_number_of_trials_follows_the_slots(make, monkeypatch):
    from sparktune._parallel import dispatcher as module

    monkeypatch.setattr(module, "_ASK_SECONDS", 0.0)

    def run(backend, tag, values):
        return 0.0 if values["quick"] else until_cancelled(backend, tag, values)

    backend, dispatcher = make(run, parallelism=8)
    backend.free = 2
    assert dispatcher.capacity() == 2
    dispatcher.start(trial(0, quick=False))
    assert dispatcher.capacity() == 1
    for tid, (free, capacity) in enumerate([(5, 4), (0, 0), (3, 2), (100, 7)], 1):
        dispatcher.start(trial(tid, quick=True))
        backend.free = free  # 0: all executors are gone, for the moment
        assert len(dispatcher.wait(None)) == 1
        while dispatcher._asking:
            assert dispatcher.wait(0.01) == []
        assert dispatcher.capacity() == capacity


def test_growth_is_seen_while_long_trials_run(make, monkeypatch):
    from sparktune._parallel import dispatcher as module

    monkeypatch.setattr(module, "_ASK_AT_LEAST_SECONDS", 0.05)
    backend, dispatcher = make(until_cancelled, parallelism=4)
    backend.free = 1
    assert dispatcher.capacity() == 1
    dispatcher.start(trial(0))
    threading.Timer(0.2, setattr, (backend, "free", 3)).start()
    assert dispatcher.wait(None) == []
    assert dispatcher.capacity() == 2


def test_a_back_end_that_does_not_say_its_slots_holds_nothing_up(make, monkeypatch):
    from sparktune._parallel import dispatcher as module

    monkeypatch.setattr(module, "_ASK_SECONDS", 0.0)
    gate = threading.Event()
    backend, dispatcher = make(parallelism=4)
    backend.free = 2
    assert dispatcher.capacity() == 2
    backend.slots = lambda: gate.wait(20) and 3
    for tid in range(5):
        dispatcher.start(trial(tid))
        assert len(dispatcher.wait(None)) == 1
    assert len(dispatcher._threads) == 2
    gate.set()


def test_slots_that_cannot_be_read_are_no_bound(make):
    backend, dispatcher = make(parallelism=3)
    backend.slots = lambda: 1 / 0
    assert dispatcher.capacity() == 3
