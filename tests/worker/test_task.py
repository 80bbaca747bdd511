"""What runs on an executor and what is sent to it, without Spark."""

import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest

from sparktune._parallel import checks
from sparktune._parallel.cargo import pack
from sparktune._parallel.parcels import Parcel
from sparktune._search.data import with_data
from sparktune._worker.program import Program
from sparktune._worker.task import encode_payload, mapped, run_task
from sparktune.exceptions import SparkObjectInObjective, UnpicklableObjective

# The space hp.uniform("x", 0, 1): the point is the value itself.
BARE = Program(steps=((0, "x", None),), constants={}, blocks={0: (0,)}, root=0, labels=("x",))


@pytest.fixture(autouse=True)
def _fresh_worker():
    yield
    sys.modules.pop("_sparktune_worker", None)


def run(fn, x=1.0):
    cargo = pack(fn, BARE)
    payloads = iter([encode_payload({"x": x}, None)])
    parcels = {parcel.key: parcel.to_bytes() for parcel in cargo.parcels}
    (answer,) = run_task(cargo.data, cargo.key, payloads, parcels=parcels)
    assert list(payloads) == []
    return pickle.loads(answer)


def test_returns_what_the_objective_returned():
    kind, pickled, large, meta = run(lambda x: {"loss": x * 2, "status": "ok"}, np.float64(4.0))
    assert kind == "ok"
    assert pickle.loads(pickled) == {"loss": 8.0, "status": "ok"}
    assert large == {}
    assert meta["attempt"] == 0
    assert meta["seconds"] >= 0


def test_handles_travel_to_objectives_that_take_them():
    sent = pack(lambda x, trial: x, BARE), pack(lambda x: x, BARE)
    assert [b"TrialPruned" in cargo.data for cargo in sent] == [True, False]


def test_reads_its_input_to_the_end():
    # Otherwise Spark discards the Python worker.
    read = []

    def payloads():
        yield encode_payload({"x": 0.0}, None)
        read.append(True)

    cargo = pack(lambda x: x, BARE)
    run_task(cargo.data, cargo.key, payloads())
    assert read == [True]


def test_the_objective_is_read_once_and_few_are_kept():
    sys.modules.pop("_sparktune_worker", None)
    cargos = [pack(lambda x, n=n: n, BARE) for n in range(3)]
    for cargo in cargos * 2:
        run_task(cargo.data, cargo.key, [encode_payload({"x": 0.0}, None)])
    kept = sys.modules["_sparktune_worker"].objectives
    assert list(kept) == [cargos[1].key, cargos[2].key]
    before = kept[cargos[2].key]
    run_task(b"not read", cargos[2].key, [encode_payload({"x": 0.0}, None)])
    assert kept[cargos[2].key] is before


def test_large_values_travel_in_pickles_of_their_own():
    model = b"0" * 3_000_000
    kind, pickled, large, _ = run(
        lambda x: {
            "loss": 1.0,
            "model": model,
            "status": "ok",
            "small": b"0" * 500_000,
            "attachments": {"log": "text", "model": model},
        }
    )
    assert kind == "ok"
    small = pickle.loads(pickled)
    assert list(small) == ["loss", "model", "status", "small", "attachments"]
    assert small["model"] is None
    assert len(small["small"]) == 500_000
    assert small["attachments"] == {"log": "text", "model": None}
    assert large.keys() == {("model",), ("attachments", "model")}
    assert all(pickle.loads(each) == model for each in large.values())


def test_many_small_values_are_not_large():
    kind, pickled, large, _ = run(lambda x: dict.fromkeys(range(30), b"0" * 100000))
    assert (kind, large) == ("ok", {})
    assert len(pickle.loads(pickled)) == 30
    assert run(lambda x: b"0" * 3_000_000)[2] == {}


def test_an_exception_that_holds_much_arrives_as_text():
    def objective(x):
        raise ValueError("short", b"0" * 3_000_000)

    kind, name, _, traceback, pickled, _ = run(objective)
    assert (kind, name, pickled) == ("error", "<class 'ValueError'>", None)
    assert "raise ValueError" in traceback


# -- with_data -------------------------------------------------------------------------------------


def test_data_arrive_in_a_parcel_and_not_with_the_objective():
    X = np.arange(1_000_000, dtype=float)

    def objective(x, X, names):
        writeable = bool(X.flags.writeable)
        return {"value": float(X[-1]) + len(names) + x, "writeable": writeable}

    fn = with_data(objective, X=X, names=["a", "b"])
    assert fn(1.0) == {"value": 1_000_002.0, "writeable": True}
    cargo = pack(fn, BARE)
    assert len(cargo.data) < 140_000
    assert [8_000_000 < len(parcel.to_bytes()) < 8_001_000 for parcel in cargo.parcels] == [True]
    kind, *rest = run(fn)
    assert kind == "ok", rest
    assert pickle.loads(rest[0]) == {"value": 1_000_002.0, "writeable": False}


def test_parcels_are_views_of_the_data_and_named_by_their_contents():
    X = np.arange(1000.0)
    (parcel,) = pack(with_data(lambda x, X: x, X=X), BARE).parcels
    assert np.shares_memory(np.asarray(parcel.pieces[1]), X)
    (same,) = pack(with_data(lambda x, X: -x, X=X.copy()), BARE).parcels
    assert same.key == parcel.key
    X[0] = 5
    (changed,) = pack(with_data(lambda x, X: x, X=X), BARE).parcels
    assert changed.key != parcel.key


def test_data_of_all_kinds_and_inside_other_wrappers():
    import functools

    import pandas as pd

    class Local:
        size = 3

    frame = pd.DataFrame({"a": np.arange(5.0), "b": list("vwxyz")})
    data = {
        "frame": frame,
        "empty": np.empty((0, 3)),
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "strided": np.arange(10)[::3],
        "local": Local(),
    }

    def objective(x, frame, empty, fortran, strided, local, extra):
        assert frame["b"].tolist() == list("vwxyz")
        assert empty.shape == (0, 3)
        assert fortran.flags.f_contiguous
        return float(frame["a"].sum() + fortran[1, 2] + strided.sum() + local.size + extra)

    fn = functools.partial(with_data(objective, **data), extra=100)
    kind, *rest = run(fn)
    assert kind == "ok", rest
    assert pickle.loads(rest[0]) == fn(1.0) == 10 + 5 + 18 + 3 + 100


def test_a_parcel_may_be_a_mapped_file(tmp_path):
    import functools

    cargo = pack(with_data(lambda x, X: float(X.sum()) * x, X=np.arange(100.0)), BARE)
    (parcel,) = cargo.parcels
    path = tmp_path / "parcel"
    with path.open("wb") as file:
        parcel.write(file)
    shipped = {parcel.key: functools.partial(mapped, str(path))}
    (answer,) = run_task(cargo.data, cargo.key, [encode_payload({"x": 2.0}, None)], parcels=shipped)
    kind, *rest = pickle.loads(answer)
    assert kind == "ok", rest
    assert pickle.loads(rest[0]) == 9900.0


def test_each_piece_of_a_parcel_is_aligned():
    parcel = Parcel.of(b"abc", [pickle.PickleBuffer(b"x" * 70), pickle.PickleBuffer(b"y")])
    block = parcel.to_bytes()
    assert len(block) % 64 == 0
    assert block[64:67] == b"abc"
    assert block[128:198] == b"x" * 70
    assert block[256:257] == b"y"


def test_an_unpicklable_datum_is_named():
    with pytest.raises(UnpicklableObjective, match="it uses `lock`"):
        pack(with_data(lambda x, lock: x, lock=threading.Lock()), BARE)


@pytest.mark.parametrize(
    ("error", "type_name", "message"),
    [
        (ValueError("bad C"), "<class 'ValueError'>", "bad C"),
        (SystemExit(3), "<class 'SystemExit'>", "3"),
        (KeyboardInterrupt(), "<class 'KeyboardInterrupt'>", ""),
    ],
)
def test_nothing_escapes_from_the_objective(error, type_name, message):
    def objective(x):
        raise error

    kind, name, text, traceback, pickled, _ = run(objective)
    assert (kind, name, text) == ("error", type_name, message)
    assert "raise error" in traceback
    assert "/task.py" not in traceback
    assert type(pickle.loads(pickled)) is type(error)


def test_an_exception_that_cannot_be_pickled_or_printed_is_still_reported():
    def objective(x):
        class Strange(Exception):
            def __reduce__(self):
                raise TypeError("not me")

            def __str__(self):
                raise ValueError("no text")

        raise Strange

    kind, name, message, traceback, pickled, _ = run(objective)
    assert kind == "error"
    assert "Strange" in name
    assert message == "<Strange whose str() fails>"
    assert "raise Strange" in traceback
    assert pickled is None


def test_a_result_that_cannot_be_pickled_names_its_key():
    def objective(x):
        import threading

        return {"loss": 1.0, "status": "ok", "model": threading.Lock()}

    kind, name, message, *_ = run(objective)
    assert (kind, name) == ("error", "<class 'TypeError'>")
    assert "its key 'model' holds a lock" in message
    assert "must be picklable" in message


def test_what_cannot_be_loaded_is_an_answer_too():
    (answer,) = run_task(b"", "no-such-key", [b"junk"])
    assert pickle.loads(answer)[0] == "not loaded"
    (answer,) = run_task(b"junk", "no-such-key", [encode_payload({}, None)])
    assert pickle.loads(answer)[0] == "not loaded"


def test_a_worker_needs_neither_sparktune_nor_cloudpickle():
    def objective(x):
        import sys

        assert sys.modules["sparktune"] is None
        return x + 1

    cargo = pack(objective, BARE, pickler="pyspark.cloudpickle")
    script = """
import pickle, sys
sys.modules["sparktune"] = sys.modules["cloudpickle"] = None  # their import fails
task, payload = pickle.load(sys.stdin.buffer)
(answer,) = task(iter([payload]))
sys.stdout.buffer.write(answer)
"""
    sent = (cargo.task(cargo.data), encode_payload({"x": 1.0}, None))
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=pickle.dumps(sent),
        stdout=subprocess.PIPE,
        check=True,
        timeout=60,
    )
    kind, *rest = pickle.loads(done.stdout)
    assert kind == "ok", rest
    assert pickle.loads(rest[0]) == 2.0


# -- what may not travel ---------------------------------------------------------------------------

LOCK = threading.Lock()


def test_names_the_variable_of_a_closure_that_cannot_be_pickled():
    lock = threading.Lock()

    def objective(x):
        with lock:
            return x

    with pytest.raises(UnpicklableObjective, match=r"it uses `lock` \(a _thread\.lock\)"):
        pack(objective, BARE)


def test_names_a_global_and_what_is_inside_containers_and_objects():
    objective = eval("lambda x: LOCK and x", {"LOCK": LOCK})
    with pytest.raises(UnpicklableObjective, match="it uses `LOCK`"):
        pack(objective, BARE)

    config = {"db": [1, LOCK]}
    with pytest.raises(UnpicklableObjective, match=r"it uses `config\['db'\]\[1\]`"):
        pack(lambda x: config and x, BARE)

    class Model:
        def __init__(self):
            self.lock = LOCK

        def loss(self, x):
            return x

    model = Model()
    with pytest.raises(UnpicklableObjective, match=r"it uses `model\.lock`"):
        pack(lambda x: model.loss(x), BARE)
    with pytest.raises(UnpicklableObjective, match=r"it uses `self\.lock`"):
        pack(model.loss, BARE)


def test_names_arguments_and_defaults():
    import functools

    with pytest.raises(UnpicklableObjective, match="it uses `lock`"):
        pack(functools.partial(lambda x, lock: x, lock=LOCK), BARE)
    with pytest.raises(UnpicklableObjective, match="it uses `default value 0`"):
        pack(lambda x, lock=LOCK: x, BARE)


def test_objects_of_the_driver_are_refused_by_name():
    # By the names of the classes, so that no session is needed to recognise them.
    session_class = type("SparkSession", (), {"__module__": "pyspark.sql.session"})
    subclass = type("Mine", (session_class,), {})
    session = session_class()
    assert checks.is_spark_object(subclass())
    with pytest.raises(SparkObjectInObjective, match=r"`session` .*Use Trials\(\) instead"):
        pack(lambda x: session and x, BARE)
    settings = {"spark": session}
    with pytest.raises(SparkObjectInObjective, match=r"`settings\['spark'\]`"):
        pack(lambda x: settings and x, BARE)


def test_a_large_objective_gets_a_warning_with_the_recipe(caplog):
    rows = np.zeros(checks.LARGE_OBJECTIVE // 8 + 1000)
    pack(lambda x: rows.sum(), BARE)
    assert "5 MB when pickled, for `rows`" in caplog.text
    assert "with_data(objective, rows=rows)" in caplog.text


def test_a_small_objective_gets_none(caplog):
    pack(lambda x: x, BARE)
    assert caplog.text == ""


def test_the_registry_of_cloudpickle_is_left_as_it_was():
    from pyspark import cloudpickle

    before = cloudpickle.list_registry_pickle_by_value()
    pack(lambda x: x, BARE)
    assert cloudpickle.list_registry_pickle_by_value() == before


def test_a_module_that_the_user_registered_by_value_goes_by_value(tmp_path, monkeypatch):
    import importlib

    import cloudpickle

    (tmp_path / "users_module.py").write_text("def objective(x):\n    return x * 10\n")
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("users_module")
    cloudpickle.register_pickle_by_value(module)
    try:
        cargo = pack(module.objective, BARE)
    finally:
        cloudpickle.unregister_pickle_by_value(module)
    monkeypatch.setitem(sys.modules, "users_module", None)
    (answer,) = run_task(cargo.data, cargo.key, [encode_payload({"x": 2.0}, None)])
    kind, *rest = pickle.loads(answer)
    assert kind == "ok", rest
    assert pickle.loads(rest[0]) == 20.0
