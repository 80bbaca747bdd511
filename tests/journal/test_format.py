"""What is in a journal: lines, records, values; and what is made of them again."""

import datetime
import json
import math
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparktune import STATUS_OK, Journal, Trials, fmin, hp, rand
from sparktune._journal.record import Log, line_of
from sparktune._journal.store import Part
from sparktune._journal.values import PickledValue
from sparktune._trials.documents import JOB_STATE_DONE, JOB_STATES
from sparktune.exceptions import DamagedJournal, SparktuneError

X = hp.uniform("x", -1, 1)


def records_of(path):
    """Read a journal as docs/journal.md says, without sparktune."""
    found = []
    for line in (path / "journal.log").read_bytes().splitlines():
        checksum, text = line[:8], line[9:]
        assert int(checksum, 16) == zlib.crc32(text)
        found.append(json.loads(text, parse_constant=lambda _: pytest.fail("not JSON")))
    assert [record["n"] for record in found] == list(range(len(found)))
    return found


def search(fn, path, max_evals=3, **arguments):
    fmin(fn, arguments.pop("space", X), rand.suggest, max_evals, verbose=False, rstate=0,
         journal=path, **arguments)  # fmt: skip


def test_the_records_of_a_search(tmp_path):
    search(abs, tmp_path, points_to_evaluate=[{"x": 0.5}])
    records = records_of(tmp_path)
    assert [record["kind"] for record in records] == [
        "journal", "opened", "search", "added", "finished",
        *["suggested", "finished"] * 3, "ended",
    ]  # fmt: skip
    assert records[0]["format"] == "sparktune journal"
    assert records[0]["version"] == 1
    assert records[2]["space"] == {"$param": "x", "distribution": "uniform", "args": [-1, 1]}
    assert records[2]["objective"]["name"] == "abs"
    (point,) = records[3]["trials"]
    assert (point["tid"], point["vals"], point["state"]) == (0, {"x": 0.5}, "running")
    assert records[4]["result"] == {"loss": 0.5, "status": "ok"}
    assert records[-1]["reason"] == "done"


RESULTS = {
    "nan": math.nan,
    "inf": -math.inf,
    "big": 10**200,
    "numpy": np.float32(0.1),
    "array": np.arange(6.0).reshape(2, 3),
    "nothing": np.empty((0, 2)),
    "tuple": (1, [2.5, {"a": None}]),
    "keys": {1: 2, "$x": {"$value": "y"}},
    "time": datetime.datetime(2026, 1, 2, 3, 4, 5, 678901),
    "bytes": b"\x00\xff",
    "text": "\u00e9\n\u4e16\U0001f600",
    "long": "words " * 5000,
    "lines": "a\x00b\n" * 5000,
    "many": list(range(20_000)),
    "large": np.ones((300, 200), dtype=np.int16),
    "blob": bytes(100_000),
}


def same(a, b):
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b, equal_nan=True)
    if isinstance(a, float) and math.isnan(a):
        return math.isnan(b)
    return type(a) is type(b) and a == b


@pytest.mark.parametrize("name", RESULTS)
def test_plain_values_come_back_exactly_and_run_nothing(tmp_path, name, monkeypatch):
    value = RESULTS[name]
    search(lambda x: {"status": STATUS_OK, "loss": x, name: value}, tmp_path, 1)
    records_of(tmp_path)
    monkeypatch.setattr("pickle.loads", lambda _: pytest.fail("unpickled"))
    read = Trials.from_journal(tmp_path).trials[0]["result"][name]
    assert same(value, read)


def test_what_is_not_plain_is_not_unpickled_unless_asked(tmp_path):
    search(lambda x: {"status": STATUS_OK, "loss": x, "model": {1, 2}}, tmp_path, 1)
    stranger = Trials.from_journal(tmp_path).trials[0]["result"]["model"]
    assert isinstance(stranger, PickledValue)
    assert "not read" in repr(stranger)
    assert stranger.load() == {1, 2}
    mine = Trials.from_journal(tmp_path, allow_pickle=True)
    assert mine.trials[0]["result"]["model"] == {1, 2}
    again = Trials()
    search(lambda x: {"status": STATUS_OK, "loss": x, "model": {1, 2}}, tmp_path, 2, trials=again)
    assert [trial["result"]["model"] for trial in again.trials] == [{1, 2}] * 2


def test_what_cannot_be_pickled_is_left_out_with_one_warning(tmp_path, caplog):
    search(lambda x: {"status": STATUS_OK, "loss": x, "gen": (i for i in ())}, tmp_path, 2)
    assert [r.message.startswith("A value of a result") for r in caplog.records] == [True]
    assert Trials.from_journal(tmp_path).trials[0]["result"]["gen"] is None


def test_equal_values_are_kept_once(tmp_path):
    blob = bytes(50_000)
    search(lambda x: {"status": STATUS_OK, "loss": x, "attachments": {"b": blob}}, tmp_path)
    assert len(list((tmp_path / "values").iterdir())) == 1
    read = Trials.from_journal(tmp_path)
    assert [read.trial_attachments(trial)["b"] for trial in read.trials] == [blob] * 3


def test_a_value_that_was_changed_is_not_shown(tmp_path):
    search(lambda x: {"status": STATUS_OK, "loss": x, "blob": bytes(50_000)}, tmp_path, 1)
    file = next((tmp_path / "values").iterdir())
    file.write_bytes(b"\x01" + file.read_bytes()[1:])
    with pytest.raises(SparktuneError, match="must have the contents that its name says"):
        Trials.from_journal(tmp_path).trials[0]["result"]["blob"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "a.pkl", 3, "0" * 64 + ".exe"])
def test_a_name_of_a_value_cannot_leave_the_folder(tmp_path, name):
    lines = [
        line_of(0, "journal", {"format": "sparktune journal", "version": 1, "id": "a", "at": 0}),
        line_of(1, "added", {"trials": [{"tid": 0, "vals": {"x": 1.0}}]}),
        line_of(2, "finished", {"tid": 0, "at": 0, "result": {"y": {"$value": name, "size": 1}}}),
    ]
    (tmp_path / "journal.log").write_bytes(b"".join(lines))
    with pytest.raises(SparktuneError, match="must be a journal that sparktune wrote"):
        Trials.from_journal(tmp_path)


def documents(trials):
    """The documents without what the clock decides."""
    return [
        {key: doc[key] for key in doc if key not in ("book_time", "refresh_time")}
        for doc in trials._dynamic_trials
    ]


def test_documents_of_every_state_and_origin_come_back(tmp_path):
    """Injected trials, attachments, failures, values by hand and other ids."""

    def fn(expr, memo, ctrl):
        x = expr_value(expr, memo)
        if ctrl.current_trial["tid"] == 1:
            misc = {"idxs": {"x": [50]}, "vals": {"x": [0.25]}}
            ctrl.inject_results([None], [{"status": "ok", "loss": 0.25}], [misc], [50])
        if ctrl.current_trial["tid"] == 2:
            raise ValueError("no")
        ctrl.attachments["a"] = [1]
        ctrl.attachments["a"] = [2]
        return {"status": "ok", "loss": x, "attachments": {"b": "text"}}

    def expr_value(expr, memo):
        return next(iter(memo.values()))

    trials = Trials()
    search(fn, tmp_path, 6, trials=trials, pass_expr_memo_ctrl=True, catch_eval_exceptions=True)
    read = Trials.from_journal(tmp_path)
    assert documents(read) == documents(trials)
    assert {doc["state"] for doc in read._dynamic_trials} <= set(JOB_STATES)
    assert dict(read.attachments) == dict(trials.attachments)
    times = [(doc["book_time"], doc["refresh_time"]) for doc in trials._dynamic_trials]
    assert [(d["book_time"], d["refresh_time"]) for d in read._dynamic_trials] == times


def test_trials_that_were_there_before_and_removed_ones(tmp_path):
    trials = Trials()
    fmin(abs, X, rand.suggest, 3, trials=trials, verbose=False)

    def callback(trials, trial):
        if trial["tid"] == 4:
            del trials._dynamic_trials[0]
            trials.refresh()

    search(abs, tmp_path, 6, trials=trials, callbacks=[callback])
    assert documents(Trials.from_journal(tmp_path)) == documents(trials)
    assert 0 not in Trials.from_journal(tmp_path).tids


def test_a_result_that_is_replaced_later_is_written_again(tmp_path):
    def callback(trials, trial):
        trial["result"] = {**trial["result"], "loss": 7.0}
        trials.refresh()

    trials = Trials()
    search(abs, tmp_path, 2, trials=trials, callbacks=[callback])
    assert Trials.from_journal(tmp_path).losses() == [7.0, 7.0]


def test_ids_that_a_journal_cannot_have_are_told_once(tmp_path, caplog):
    trials = Trials()
    for tid in ("a", "b"):
        doc = trials.new_trial_docs([tid], [None], [{"status": "ok", "loss": 1.0}],
                                    [{"tid": tid, "cmd": None, "idxs": {"x": [tid]},
                                      "vals": {"x": [0.5]}}])[0]  # fmt: skip
        doc["state"] = JOB_STATE_DONE
        trials.insert_trial_docs([doc])
    trials.refresh()
    search(abs, tmp_path, 4, trials=trials)
    told = [r.message for r in caplog.records if "missing in the journal" in r.message]
    assert len(told) == 1
    assert len(Trials.from_journal(tmp_path)) == 2


# -- lines -----------------------------------------------------------------------------------------


def lines(count):
    return [line_of(number, "x", {"value": number}) for number in range(count)]


def log_of(data, is_open=True):
    return Log().read([Part("journal.log", data, is_open)])


def test_every_torn_end_is_cut_off_and_nothing_else():
    whole = b"".join(lines(4))
    for size in range(len(whole) + 1):
        log = log_of(whole[:size])
        complete = whole[:size].count(b"\n")
        assert (len(log.records), log.damage) == (complete, [])
        assert log.size + len(log.torn) == size
        assert whole[: log.size].endswith(b"\n") or log.size == 0


def test_zeros_where_a_line_was_being_written_are_a_torn_end():
    log = log_of(b"".join(lines(3)) + bytes(40) + b"\n" + bytes(9))
    assert (len(log.records), log.damage, len(log.torn)) == (3, [], 50)


@given(st.integers(1, 300), st.data())
def test_a_changed_byte_is_found_and_named(count, data):
    whole = bytearray(b"".join(lines(count)))
    at = data.draw(st.integers(0, len(whole) - 2))
    number = bytes(whole[:at]).count(b"\n")
    whole[at] ^= data.draw(st.integers(1, 255))
    log = log_of(bytes(whole))
    assert log.damage
    assert number in [each.number for each in log.damage]
    assert len(log.records) >= count - 2


def test_lines_that_are_missing_or_doubled_are_found():
    some = lines(6)
    log = log_of(b"".join(some[:2] + some[3:]))
    assert [str(each) for each in log.damage] == [
        "record 2 (line 3 of journal.log) is missing: 3 follows"
    ]
    log = log_of(b"".join([*some[:3], some[1], *some[3:]]))
    assert [str(each) for each in log.damage] == ["record 1 (line 4 of journal.log) is there twice"]
    assert len(log.records) == 6


def test_a_sealed_part_has_no_torn_end():
    assert log_of(b"".join(lines(3))[:-4], is_open=False).damage


def test_damage_says_what_can_be_saved(tmp_path):
    search(abs, tmp_path, 5)
    file = tmp_path / "journal.log"
    data = bytearray(file.read_bytes())
    at = data.index(b'"finished"')
    data[at + 1] ^= 1
    file.write_bytes(data)
    number = bytes(data[:at]).count(b"\n")
    with pytest.raises(DamagedJournal, match="4 trials that ended can be saved") as raised:
        Trials.from_journal(tmp_path)
    assert raised.value.record == number
    assert f"record {number} (line {number + 1} of journal.log)" in str(raised.value)
    with pytest.raises(DamagedJournal):
        search(abs, tmp_path, 6)
    assert file.read_bytes() == data


def test_a_later_kind_of_record_is_skipped(tmp_path):
    search(abs, tmp_path, 2)
    count = len(records_of(tmp_path))
    with (tmp_path / "journal.log").open("ab") as file:
        file.write(line_of(count, "telepathy", {"at": 1}))
    assert len(Trials.from_journal(Journal(tmp_path))) == 2
