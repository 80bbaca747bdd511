"""A byte that changes is noticed, or was in a record that is cut off; nothing else changes."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kill_kit import CASES, LOG, copy_up_to, documents, log_of, search

from sparktune import Trials
from sparktune.exceptions import DamagedJournal, InvalidArgument, SparktuneError


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("damage") / "journal"
    return folder, search(CASES["rich results"], folder)


def read(folder):
    try:
        return Trials.from_journal(folder), None
    except DamagedJournal as error:
        return None, error


def value_of(found, key):
    try:
        return found[key], None
    except SparktuneError as error:
        return None, str(error)


@given(at=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255))
def test_one_byte(at, value, whole):
    folder, never_damaged = whole
    data = bytearray(log_of(folder))
    place = int(at * len(data))
    with tempfile.TemporaryDirectory() as temporary:
        copy = copy_up_to(folder, len(data), Path(temporary) / "copy")
        before, data[place] = data[place], value
        (copy / LOG).write_bytes(data)
        trials, error = read(copy)
        if error is not None:
            line = bytes(data[:place]).count(b"\n")
            assert error.record in (line, line - 1), "not the record that is damaged"
            assert f"record {error.record} " in str(error)
            assert search(CASES["rich results"], copy).error.startswith("DamagedJournal")
            assert log_of(copy) == bytes(data), "a damaged journal was changed"
            return
        last = bytes(data).rstrip(b"\n").rfind(b"\n")
        assert before == value or place > last, "damage before the last record went unnoticed"
        known = {doc["tid"]: doc for doc in never_damaged.documents}
        for doc in documents(trials):
            assert doc == known[doc["tid"]]


@given(at=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_a_value_that_changed_is_not_returned(at, flip, whole):
    folder, never_damaged = whole
    with tempfile.TemporaryDirectory() as temporary:
        copy = copy_up_to(folder, len(log_of(folder)), Path(temporary) / "copy")
        values = sorted((copy / "values").iterdir())
        path = values[int(at * len(values))]
        data = bytearray(path.read_bytes())
        data[int(at * 1e6) % len(data)] ^= flip
        path.write_bytes(data)
        trials, noticed = Trials.from_journal(copy), 0
        pairs = [(doc["result"], known["result"]) for doc, known in zip(
            trials._dynamic_trials, never_damaged.documents, strict=True)]  # fmt: skip
        for found, known in [*pairs, (trials.attachments, never_damaged.attachments)]:
            for key in found:
                value, error = value_of(found, key)
                if error is not None:
                    assert path.name in error
                    noticed += 1
                else:
                    assert (value.tolist() if key == "curve" else value) == known[key]
        assert noticed > 0


@pytest.mark.parametrize(
    "text", [b"GET / 200", b"{}", b"[1, 2]", b"\x80\x04K\x05.", b'12345678 {"a": 1}']
)
def test_a_file_of_somebody_else_is_not_cut(text, tmp_path):
    """One line without an end looks like the beginning of a record to a careless reader."""
    (tmp_path / LOG).write_bytes(text)
    outcome = search(CASES["rand"], tmp_path)
    assert outcome.error is not None
    assert outcome.error.startswith("InvalidArgument: `journal` must be")
    assert "Hint" in outcome.error
    assert (tmp_path / LOG).read_bytes() == text
    with pytest.raises(InvalidArgument, match=r"`journal` must be .*Hint"):
        Trials.from_journal(tmp_path)


def test_lines_of_somebody_else_are_not_changed(tmp_path):
    text = b"127.0.0.1 GET /\n127.0.0.1 GET /favicon.ico\n"
    (tmp_path / LOG).write_bytes(text)
    outcome = search(CASES["rand"], tmp_path)
    assert outcome.error is not None
    assert "must be" in outcome.error
    assert (tmp_path / LOG).read_bytes() == text
