"""Fixtures for the tests of Spark."""

import threading
import time

import pytest
from modes import ConnectServer, Driver


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


@pytest.fixture(scope="session")
def connect_server(tmp_path_factory):
    """The one Spark Connect server of the test run: two executors of two slots each."""
    server = ConnectServer(tmp_path_factory.mktemp("server"), "local-cluster[2,2,1024]")
    yield server
    server.close()


@pytest.fixture(scope="session")
def drivers(tmp_path_factory, request):
    """Return the driver of a mode; the same one as long as it lives."""
    made = {}

    def driver(mode):
        if mode not in made or not made[mode].usable:
            address = mode
            if mode == "connect":
                address = request.getfixturevalue("connect_server").address
            made[mode] = Driver(address, tmp_path_factory.mktemp("driver"))
        return made[mode]

    yield driver
    for driver in made.values():
        driver.close()
