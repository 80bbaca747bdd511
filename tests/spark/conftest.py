"""Fixtures for the tests of Spark."""

import threading
import time

import pytest


@pytest.fixture(autouse=True)
def _untracked(monkeypatch):
    monkeypatch.setenv("SPARKTUNE_MLFLOW", "0")


@pytest.fixture
def nothing_left(spark):
    """Check that a test leaves no thread, tag, description or running job behind."""
    sc = spark.sparkContext
    threads = set(threading.enumerate())
    properties = (set(sc.getJobTags()), sc.getLocalProperty("spark.job.description"))
    yield
    assert [t for t in threading.enumerate() if t not in threads and "sparktune" in t.name] == []
    assert (set(sc.getJobTags()), sc.getLocalProperty("spark.job.description")) == properties
    # A cancelled job ends a moment after its thread.
    end = time.monotonic() + 10
    while sc.statusTracker().getActiveJobsIds() and time.monotonic() < end:
        time.sleep(0.05)
    assert list(sc.statusTracker().getActiveJobsIds()) == []
