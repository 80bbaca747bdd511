"""Ctrl-C while MLflow is being waited for: the run of the search is ended all the same."""

import threading

import pytest

from sparktune import fmin, hp, rand
from sparktune._tracking import tracker as mlflow_tracker
from sparktune._tracking.outbox import FIRST, LAST, Outbox


def test_ctrl_c_while_the_store_opens_leaves_no_run_running(runs, monkeypatch):
    def interrupted(tracker, event, *_, **__):
        assert event.wait(60)
        raise KeyboardInterrupt  # the run is there

    monkeypatch.setattr(mlflow_tracker.MlflowTracker, "wait_for", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fmin(abs, hp.uniform("x", 0, 1), rand.suggest, 3, verbose=False, mlflow=True)
    (parent,), children = runs()
    assert parent.info.status == "KILLED"
    assert children == []


def test_ctrl_c_at_the_end_still_writes_how_the_search_ended():
    gate, done = threading.Event(), []
    outbox = Outbox("sparktune-mlflow-test", lambda error: False, lambda *_: None, lambda: None)

    def slow():
        gate.wait(30)
        done.append("slow")

    def interrupted(timeout):
        if threading.current_thread() is not threading.main_thread() or gate.is_set():
            return wait(timeout)
        gate.set()
        raise KeyboardInterrupt

    outbox.put(slow, order=FIRST)
    outbox.put(lambda: done.append("record"))
    outbox.put(lambda: done.append("end"), order=LAST)
    wait, outbox._changed.wait = outbox._changed.wait, interrupted
    outbox.start()
    with pytest.raises(KeyboardInterrupt):
        outbox.close(60, 600)
    assert done == ["slow", "end", "record"]
    outbox._thread.join(30)
    assert not outbox._thread.is_alive()
