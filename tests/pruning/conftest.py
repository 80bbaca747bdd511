"""Fixtures for the lines of running trials."""

import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from live_kit import Search, eventually

from sparktune._parallel import live
from sparktune._worker import home, line


@pytest.fixture
def quick(monkeypatch):
    """Let lines open at once, and wait for milliseconds only."""
    monkeypatch.setattr(line, "_WAIT_SECONDS", 0.0)
    monkeypatch.setattr(line, "_PACE_SECONDS", 0.02)
    monkeypatch.setattr(live, "_ROUND_SECONDS", 0.02)
    vars(home.home()).pop("unreachable", None)
    before = set(threading.enumerate())
    yield
    eventually(lambda: set(threading.enumerate()) <= before)


@pytest.fixture
def begin():
    """Return what begins a search."""
    searches = []

    def make(policy):
        searches.append(Search(policy))
        return searches[-1]

    yield make
    for search in searches:
        for handle in search.started:
            handle._close()
        search.handles.close()
        search.handles.close()
