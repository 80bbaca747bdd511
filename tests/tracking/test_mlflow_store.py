"""Where the store is, and what travels to workers."""

from pathlib import Path

import pytest

from sparktune._tracking.base import SearchInfo, SearchSummary
from sparktune._tracking.store import absolute_uri, redacted
from sparktune._tracking.switch import make_tracker


@pytest.mark.parametrize(
    "uri",
    [
        "sqlite:////abs/mlflow.db",
        "sqlite:///:memory:",
        "http://host:5000",
        "databricks",
        "databricks://profile",
        "file:///abs/mlruns",
        "postgresql://user@host/db",
    ],
)
def test_uris_that_mean_the_same_everywhere_stay(uri):
    assert absolute_uri(uri) == uri


def test_relative_uris_become_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    here = Path.cwd()
    assert absolute_uri("sqlite:///mlflow.db") == f"sqlite:///{here}/mlflow.db"
    assert absolute_uri("sqlite:///a/b.db?timeout=5") == f"sqlite:///{here}/a/b.db?timeout=5"
    assert absolute_uri("./mlruns") == f"file://{here}/mlruns"
    assert absolute_uri("") == f"file://{here}/mlruns"


def test_passwords_are_not_shown():
    text = redacted("no answer from https://me:secret@host:5000/api and sqlite:///x.db")
    assert text == "no answer from https://***@host:5000/api and sqlite:///x.db"


@pytest.mark.parametrize(("switch", "shipped"), [("", False), ("0", False), ("1", True)])
def test_credentials_travel_only_when_asked_for(
    documents, experiment, monkeypatch, switch, shipped
):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "token-of-the-driver")
    monkeypatch.setenv("SPARKTUNE_MLFLOW_CREDENTIALS", switch)
    tracker = make_tracker(enabled=True)
    tracker.begin(SearchInfo({}))
    payload = tracker.trial_started(documents.running(0, x=1.0)).payload()
    tracker.end(SearchSummary("FINISHED"))
    assert ("token-of-the-driver" in str(payload)) is shipped
