"""How searches end: in one place, with the file saved, and however often Ctrl-C is pressed."""

import functools
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading

import pytest

from sparktune import JOB_STATE_CANCEL, JOB_STATE_DONE, Trials, fmin, hp, rand
from sparktune.exceptions import AllTrialsFailed

pytestmark = pytest.mark.timeout(60)

X = hp.uniform("x", -1, 1)
quiet = functools.partial(fmin, verbose=False, rstate=0, algo=rand.suggest)


def states(trials):
    return [doc["state"] for doc in trials._dynamic_trials]


class Recorder:
    """A tracker that notes how the search ended, and may be interrupted."""

    def __init__(self, interrupt=None):
        self.interrupt = interrupt
        self.began, self.ends = 0, []

    def _maybe_interrupt(self, where):
        if self.interrupt == where:
            self.interrupt = None
            raise KeyboardInterrupt(where)

    def begin(self, info):
        self.began += 1
        self._maybe_interrupt("begin")

    def parent(self):
        return None

    def trial_started(self, trial):
        return None

    def trial_finished(self, trial):
        self._maybe_interrupt("trial_finished")

    def local_run(self, trial):
        import contextlib

        return contextlib.nullcontext()

    def end(self, summary):
        self.ends.append(summary)


@pytest.fixture
def tracked(monkeypatch):
    def _tracked(interrupt=None):
        recorder = Recorder(interrupt)
        monkeypatch.setattr(sys.modules[MODULE], "make_tracker", lambda **_: recorder)
        return recorder

    return _tracked


MODULE = "sparktune._search.search"


def test_ctrl_c_while_the_store_opens_ends_the_run(tracked):
    recorder = tracked("begin")
    with pytest.raises(KeyboardInterrupt):
        quiet(abs, X, max_evals=3)
    assert recorder.began == 1
    assert [summary.status for summary in recorder.ends] == ["KILLED"]


def test_ctrl_c_while_the_search_is_abandoned_still_saves(tracked, tmp_path):
    file = tmp_path / "trials.pkl"

    def fn(x):
        if len(trials) == 3:
            recorder.interrupt = "trial_finished"  # the second one, while the first is dealt with
            raise KeyboardInterrupt("first")
        return x

    recorder, trials = tracked(), Trials()
    with pytest.raises(KeyboardInterrupt, match="trial_finished"):
        quiet(fn, X, max_evals=50, trials=trials, trials_save_file=file)
    assert [summary.status for summary in recorder.ends] == ["KILLED"]
    saved = pickle.loads(file.read_bytes())
    assert states(saved) == [JOB_STATE_DONE] * 2 + [JOB_STATE_CANCEL]


@pytest.mark.parametrize(
    ("fn", "arguments", "error", "status"),
    [
        (abs, {}, None, "FINISHED"),
        (abs, {"loss_threshold": 2.0}, None, "FINISHED"),
        (lambda x: 1 / 0, {}, ZeroDivisionError, "FAILED"),
        (lambda x: 1 / 0, {"catch_eval_exceptions": True}, AllTrialsFailed, "FAILED"),
    ],
    ids=["done", "threshold", "raised", "all failed"],
)
def test_the_tracker_learns_how_it_ended(tracked, fn, arguments, error, status):
    recorder = tracked()
    if error is None:
        quiet(fn, X, max_evals=3, **arguments)
    else:
        with pytest.raises(error):
            quiet(fn, X, max_evals=3, **arguments)
    (summary,) = recorder.ends
    assert summary.status == status
    assert (summary.error is None) == (error is None)
    assert error is None or error.__name__ in summary.error


# -- real signals ----------------------------------------------------------------------------------

SCRIPT = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from sparktune import Trials, fmin, hp, rand

def say(text):
    print(text, flush=True)

class Slow(Trials):
    '''Writes its documents somewhere, say; takes its time when the search is interrupted.'''
    ending = False

    def refresh(self):
        super().refresh()
        if Slow.ending:
            Slow.ending = False
            say("ending")
            time.sleep(60)

def objective(x):
    if len(trials) == 3:  # two have ended
        Slow.ending = True
        say("running")
        time.sleep(60)
    return x

trials = Slow()
try:
    fmin(objective, hp.uniform("x", 0, 1), rand.suggest, 9, trials=trials, verbose=False,
         trials_save_file=sys.argv[1])
except KeyboardInterrupt:
    say("out")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals to process groups")
def test_a_second_ctrl_c_still_saves(tmp_path):
    file = tmp_path / "trials.pkl"
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(file)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "SPARKTUNE_MLFLOW": "0"},
    ) as driver:
        lines = queue.SimpleQueue()
        reader = threading.Thread(target=lambda: [lines.put(line) for line in driver.stdout])
        reader.start()
        try:
            for said in ("running", "ending"):
                assert lines.get(timeout=30) == said + "\n"
                os.killpg(driver.pid, signal.SIGINT)
            assert lines.get(timeout=30) == "out\n"
        finally:
            driver.kill()
            reader.join(10)
    saved = pickle.loads(file.read_bytes())
    assert states(saved) == [JOB_STATE_DONE] * 2 + [JOB_STATE_CANCEL]
