"""A clock that jumps changes times, and nothing else."""

import datetime
import itertools
import time

import pytest
from kill_kit import CASES, check_journal, copy_up_to, documents, log_of, search

from sparktune import Trials
from sparktune._search import outcomes

JUMPS = {
    "backwards": itertools.count(2_000_000_000, -86_400),
    "before 1970": itertools.count(0, -1000),
    "forwards": itertools.count(1_000_000_000, 10_000_000),
    "to and fro": itertools.cycle([1_900_000_000, 1_000_000_000]),
}


@pytest.mark.parametrize("jump", JUMPS)
def test_jumps(jump, tmp_path, monkeypatch):
    case = CASES["queue"]
    never_jumped = search(case, tmp_path / "never")
    seconds = JUMPS[jump]

    def utc_now():
        return datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=next(seconds))

    monkeypatch.setattr(time, "time", lambda: float(next(seconds)))
    monkeypatch.setattr(time, "time_ns", lambda: next(seconds) * 10**9)
    monkeypatch.setattr(outcomes, "coarse_utcnow", utc_now)
    jumped = search(case, tmp_path / "j")
    assert jumped.documents == never_jumped.documents
    check_journal(tmp_path / "j", jumped)
    data = log_of(tmp_path / "j")
    copy = copy_up_to(tmp_path / "j", data.rfind(b'{"n":', 0, len(data) // 2) - 9, tmp_path / "cut")
    resumed = search(case, copy)
    assert resumed.documents == never_jumped.documents
    check_journal(copy, resumed)


def test_times_are_kept(tmp_path):
    trials = Trials()
    search(CASES["rand"], tmp_path / "j", trials=trials)
    read = Trials.from_journal(tmp_path / "j")
    times = [(doc["book_time"], doc["refresh_time"]) for doc in trials._dynamic_trials]
    assert [(doc["book_time"], doc["refresh_time"]) for doc in read._dynamic_trials] == times
    assert documents(read) == documents(trials)
