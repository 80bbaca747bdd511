"""A driver that dies at any byte of its journal loses nothing, and the search ends the same."""

import functools
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kill_kit import (
    CASES,
    check_journal,
    copy_up_to,
    ended_in,
    log_of,
    records_in,
    search,
)

# Which searches end with an exception, and another one each time, as they do without a journal.
RAISES = {"max failures", "share of failures", "not caught"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return the folder and the outcome of a search that nobody killed."""

    @functools.cache
    def never_killed(name):
        folder = tmp_path_factory.mktemp("whole") / "journal"
        return folder, search(CASES[name], folder)

    return never_killed


def go_on(name, whole, size, target, journal=None):
    """Go on from the first bytes of a journal, and check what that gives."""
    folder, _ = whole
    left = log_of(journal or folder)[:size]
    copy = copy_up_to(journal or folder, size, target)
    resumed = search(CASES[name], copy)

    ended = ended_in(left)
    now = ended_in(log_of(copy))
    assert now[: len(ended)] == ended, "a finished trial is lost"
    assert set(resumed.acted).isdisjoint(ended), "a finished trial ran again"
    assert len(resumed.runs) == len(now) - len(ended), "a finished trial ran again"
    check_journal(copy, resumed)
    return resumed


def began(name, data):
    """Whether the journal says enough for the end to be the same."""
    return name != "no seed" or any(record["kind"] == "search" for record in records_in(data))


def assert_same(name, never_killed, resumed):
    if name in RAISES:
        # The same call again goes on after the exception, whether or not somebody killed it.
        same = len(never_killed.documents)
        assert resumed.documents[: same - 1] == never_killed.documents[: same - 1]
    else:
        assert resumed.documents == never_killed.documents
        assert resumed.attachments == never_killed.attachments
        assert resumed.error == never_killed.error


def test_points_do_not_count_as_without_a_journal(whole):
    for name in ("points", "points, queue", "points, failing"):
        without = search(CASES[name], None)
        assert whole(name)[1].documents == without.documents


@pytest.mark.parametrize("name", CASES)
def test_after_each_record(name, whole, tmp_path):
    data = log_of(whole(name)[0])
    ends = [at + 1 for at in range(len(data)) if data[at : at + 1] == b"\n"]
    for number, size in enumerate(ends):
        resumed = go_on(name, whole(name), size, tmp_path / str(number))
        if began(name, data[:size]):
            assert_same(name, whole(name)[1], resumed)


@given(name=st.sampled_from(sorted(CASES)), part=st.floats(0, 1), later_part=st.floats(0, 1))
def test_at_any_byte_and_again(name, part, later_part, whole):
    folder, never_killed = whole(name)
    whole_log = log_of(folder)
    with tempfile.TemporaryDirectory() as place:
        size = round(part * len(whole_log))
        go_on(name, whole(name), size, Path(place) / "0")
        again = log_of(Path(place) / "0")
        later = round(later_part * len(again))
        resumed = go_on(name, whole(name), later, Path(place) / "1", Path(place) / "0")
        if began(name, whole_log[:size]) and began(name, again[:later]):
            assert_same(name, never_killed, resumed)


@pytest.mark.parametrize("step", [11, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["queue", "rich results"])
def test_at_each_byte_of_the_last_records(name, step, whole, tmp_path, caplog):
    data = log_of(whole(name)[0])
    for size in range(len(data) - 500, len(data) + 1, step):
        caplog.clear()
        resumed = go_on(name, whole(name), size, tmp_path / str(size))
        assert_same(name, whole(name)[1], resumed)
        torn = [r for r in caplog.records if "is cut off" in r.getMessage()]
        assert len(torn) == (data[:size][-1:] != b"\n")
