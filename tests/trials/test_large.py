"""Results with values on disk behave as dicts with the values in them."""

import copy
import gc
import json
import os
import pickle
import subprocess
import sys

import cloudpickle
import numpy as np
import pandas as pd
import pytest

from sparktune import Trials, trials_from_docs
from sparktune._hyperopt.sonify import SONify
from sparktune._tracking.exact import decode_trial
from sparktune._tracking.records import TrialRecord
from sparktune._trials.documents import new_trial_doc
from sparktune._trials.large import LargeDict, small_items, stored_values
from sparktune._trials.savefile import SaveFile
from sparktune._trials.stored import KEPT, LargeValues
from sparktune.exceptions import SparktuneError

MODEL = {"weights": [1.5, 2.5], "name": "m"}


@pytest.fixture
def store():
    return LargeValues()


@pytest.fixture
def result(store):
    result = LargeDict(loss=1.0, status="ok", model=None, last=3)
    result["model"] = store.store(pickle.dumps(MODEL))
    return result


WHOLE = {"loss": 1.0, "status": "ok", "model": MODEL, "last": 3}


def files(store):
    return sorted(store._folder._path.iterdir())


WAYS = {
    "dict": dict,
    "unpacking": lambda r: {**r},
    "keywords": lambda r: (lambda **keywords: keywords)(**r),
    "update": lambda r: (
        {
            "loss": 0,
        }
        | r
    ),
    "or": lambda r: r | {"last": 3},
    "items": lambda r: dict(list(r.items())),
    "keys": lambda r: {key: r[key] for key in r},
    "values": lambda r: dict(zip(r.keys(), r.values(), strict=True)),
    "get": lambda r: {key: r.get(key) for key in r.keys()},  # noqa: SIM118
    "pop": lambda r: {key: r.pop(key) for key in list(r)},
    "popitem": lambda r: dict([r.popitem() for _ in range(4)][::-1]),
    "setdefault": lambda r: {key: r.setdefault(key, 0) for key in r},
    "json": lambda r: json.loads(json.dumps(r)),
    "sorted json": lambda r: {k: json.loads(json.dumps(r, sort_keys=True))[k] for k in WHOLE},
    "indented json": lambda r: json.loads(json.dumps(r, indent=1)),
    "SONify": SONify,
    "pandas": lambda r: pd.DataFrame([r]).iloc[0].to_dict(),
    "match": lambda r: {**WHOLE, "model": model} if (model := r["model"]) else None,
    **{f"pickle {p}": lambda r, p=p: pickle.loads(pickle.dumps(r, p)) for p in range(6)},
    "python pickle": lambda r: pickle.loads(pickle._dumps(r)),
    "cloudpickle": lambda r: pickle.loads(cloudpickle.dumps(r)),
    "copy": copy.copy,
    "own copy": lambda r: r.copy(),
    "deepcopy": copy.deepcopy,
    "document": lambda r: copy.deepcopy(new_trial_doc(0, None, r, {}))["result"],
}


@pytest.mark.parametrize("read", WAYS.values(), ids=WAYS)
def test_every_way_to_read_gives_the_values(read, result):
    found = read(result)
    assert found == WHOLE
    assert found == WHOLE
    assert list(found) == list(WHOLE)
    assert found["model"] == MODEL


@pytest.mark.parametrize("dumps", [pickle.dumps, cloudpickle.dumps])
def test_a_pickle_is_of_plain_data(dumps, result, store):
    data = dumps(result)
    assert b"sparktune" not in data
    code = "import pickle, sys; print(pickle.load(sys.stdin.buffer))"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], input=data, capture_output=True, check=True
    )
    assert done.stdout.decode().strip() == str(WHOLE)
    assert type(pickle.loads(data)) is dict


def test_comparisons(result, store):
    assert result == result.copy() == copy.deepcopy(result)
    assert result != {**WHOLE, "model": 3}
    assert result != {**WHOLE, "more": 3}
    assert result != {"loss": 1.0, "status": "ok", "model": MODEL, "first": 3}
    assert result != 3
    # Two arrays do not compare to a bool; a dict first looks whether they are identical.
    result["model"] = store.store(pickle.dumps(np.zeros(3)))
    assert result == result.copy() == copy.deepcopy(result)


def test_to_look_at_a_result_does_not_read_files(result, store):
    (file,) = files(store)
    file.unlink()
    assert "'model': <0.0 MB, read on access>" in repr(result)
    assert dict(small_items(result)) == {"loss": 1.0, "status": "ok", "last": 3}
    assert "model" in result
    assert len(result) == 4
    with pytest.raises(SparktuneError, match=r"in its file.*move a"):
        result["model"]


def test_what_cannot_be_unpickled_says_what_to_do(store):
    data = b"\x80\x04cnot_installed\nModel\n."
    result = LargeDict(model=store.store(data))
    with pytest.raises(SparktuneError, match=r"not_installed.*install here"):
        result["model"]


def test_a_value_can_be_replaced(result):
    result["model"] = 5
    assert result["model"] == 5
    del result["model"]
    assert "model" not in result


def test_files_go_with_the_last_reference(result, store):
    again = copy.deepcopy(result)
    folder = store._folder._path
    (file,) = files(store)
    del result["model"]
    gc.collect()
    assert file.exists()
    again.pop("model")
    gc.collect()
    assert not file.exists()
    store._folder = None
    gc.collect()
    assert not folder.exists()


def test_files_go_when_the_interpreter_ends_but_not_with_a_child():
    code = (
        "import gc, os, pickle, sys\n"
        "from sparktune._trials.stored import LargeValues\n"
        "store = LargeValues()\n"
        "value = store.store(pickle.dumps(5))\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    del value, store; gc.collect(); sys.exit()\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "assert value.load() == 5\n"
        "print(store._folder._path)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    assert not os.path.exists(done.stdout.strip())  # noqa: PTH110


def test_the_best_ones_stay_in_memory(store):
    values = {}
    for loss in (5.0, 3.0, 4.0, 1.0, None, 2.0, 6.0):
        values[loss] = store.store(pickle.dumps([loss]))
        store.rank(loss, [values[loss]])
    for file in files(store):
        file.unlink()
    for loss in sorted(loss for loss in values if loss is not None)[:KEPT]:
        assert values[loss].load() == [loss]
        assert values[loss].load() is values[loss].load()
    for loss in (4.0, 5.0, 6.0, None):
        with pytest.raises(SparktuneError):
            values[loss].load()


def test_a_value_that_was_changed_in_memory_is_copied_as_it_is(store):
    result = LargeDict(loss=1.0, model=store.store(pickle.dumps([1])))
    store.rank(1.0, stored_values(result))
    result["model"].append(2)
    copied, pickled = copy.deepcopy(result), pickle.loads(pickle.dumps(result))
    result["model"].append(3)
    assert (copied["model"], pickled["model"]) == ([1, 2], [1, 2])


def test_what_cannot_be_written_stays_in_memory(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    store = LargeValues(tmp_path / "file")
    value = store.store(pickle.dumps(MODEL))
    assert "stays in memory" in caplog.text
    store.rank(1.0, [value])
    value.release()
    assert value.load() == MODEL == copy.deepcopy(value).load()
    assert pickle.loads(pickle.dumps(value)) == MODEL


class TestSaveFiles:
    @pytest.fixture
    def trials(self, result, store):
        doc = new_trial_doc(0, None, result, {"tid": 0, "cmd": None, "idxs": {}, "vals": {}})
        doc["state"] = 2
        trials = trials_from_docs([doc])
        trials.attachments["ATTACH::0::big"] = store.store(pickle.dumps(b"attached"))
        return trials

    def check(self, trials):
        (doc,) = trials.trials
        assert doc["result"] == WHOLE
        assert trials.trial_attachments(doc)["big"] == b"attached"

    def test_values_are_beside_the_file_and_written_once(self, trials, tmp_path):
        file = SaveFile(tmp_path / "trials.pkl")
        file.save(trials)
        written = {path: path.stat().st_mtime_ns for path in file.values.iterdir()}
        assert file.values == tmp_path / "trials.pkl.values"
        assert len(written) == 2
        file.save(trials)
        assert {path: path.stat().st_mtime_ns for path in file.values.iterdir()} == written
        del trials.trials[0]["result"]
        gc.collect()
        loaded = file.load()
        self.check(loaded)
        file.save(loaded)
        self.check(file.load())

    def test_plain_pickle_reads_them_too(self, trials, tmp_path):
        SaveFile(tmp_path / "trials.pkl").save(trials)
        with (tmp_path / "trials.pkl").open("rb") as file:
            self.check(pickle.load(file))

    def test_both_can_be_moved_together(self, trials, tmp_path):
        SaveFile(tmp_path / "trials.pkl").save(trials)
        (tmp_path / "new").mkdir()
        for name in ("trials.pkl", "trials.pkl.values"):
            (tmp_path / name).rename(tmp_path / "new" / name)
        self.check(SaveFile(tmp_path / "new" / "trials.pkl").load())

    def test_on_another_file_system(self, trials, tmp_path, monkeypatch):
        def link(*_):
            raise OSError("cross-device link")

        monkeypatch.setattr(os, "link", link)
        file = SaveFile(tmp_path / "trials.pkl")
        file.save(trials)
        assert [path.suffix for path in file.values.iterdir()] == [".pkl"] * 2
        self.check(file.load())

    def test_a_pickle_of_what_was_loaded_needs_no_file(self, trials, tmp_path):
        file = SaveFile(tmp_path / "trials.pkl")
        file.save(trials)
        data = pickle.dumps(file.load())
        for path in file.values.iterdir():
            path.unlink()
        self.check(pickle.loads(data))

    def test_no_folder_without_large_values(self, tmp_path):
        file = SaveFile(tmp_path / "trials.pkl")
        file.save(Trials())
        assert [path.name for path in tmp_path.iterdir()] == ["trials.pkl"]
        assert type(file.load()) is Trials


def test_mlflow_gets_what_is_small_and_files_are_not_read(result, store):
    doc = new_trial_doc(0, None, result, {"tid": 0, "cmd": None, "idxs": {}, "vals": {}})
    doc["state"] = 2
    result["array"] = store.store(pickle.dumps(np.zeros(9)))
    for file in files(store):
        file.unlink()
    record = TrialRecord.of(doc)
    assert record.metrics == {"loss": 1.0, "last": 3.0}
    assert decode_trial(record.document, 0)["result"] == {"loss": 1.0, "status": "ok", "last": 3}
    table = trials_from_docs([doc]).to_pandas()
    assert table["loss"].tolist() == [1.0]
