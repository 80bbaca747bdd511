"""What runs on an executor and what is shipped to it, without a Spark."""

import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest

from sparktune.dispatch import checks
from sparktune.dispatch.cargo import pack, pickled_by_value
from sparktune.dispatch.task import encode_payload, run_task
from sparktune.exceptions import SparkObjectInObjective, UnpicklableObjective
from sparktune.program import Program

# The space hp.uniform("x", 0, 1): the point is the value itself.
BARE = Program(steps=((0, "x", None),), constants={}, blocks={0: (0,)}, root=0, labels=("x",))


@pytest.fixture(autouse=True)
def _fresh_worker():
    yield
    sys.modules.pop("_sparktune_worker", None)


def run(fn, x=1.0):
    cargo = pack(fn, BARE)
    payloads = iter([encode_payload({"x": x}, None)])
    (answer,) = run_task(cargo.data, cargo.key, payloads)
    assert list(payloads) == []
    return pickle.loads(answer)


def test_returns_what_the_objective_returned():
    kind, pickled, meta = run(lambda x: {"loss": x * 2, "status": "ok"}, np.float64(4.0))
    assert kind == "ok"
    assert pickle.loads(pickled) == {"loss": 8.0, "status": "ok"}
    assert meta["attempt"] == 0
    assert meta["seconds"] >= 0


def test_reads_its_input_to_the_end():
    # Spark throws the Python worker away otherwise.
    read = []

    def payloads():
        yield encode_payload({"x": 0.0}, None)
        read.append(True)

    cargo = pack(lambda x: x, BARE)
    run_task(cargo.data, cargo.key, payloads())
    assert read == [True]


def test_the_objective_is_loaded_once_and_few_are_kept():
    sys.modules.pop("_sparktune_worker", None)
    cargos = [pack(lambda x, n=n: n, BARE) for n in range(3)]
    for cargo in cargos * 2:
        run_task(cargo.data, cargo.key, [encode_payload({"x": 0.0}, None)])
    loaded = sys.modules["_sparktune_worker"].loaded
    assert list(loaded) == [cargos[1].key, cargos[2].key]
    before = loaded[cargos[2].key]
    run_task(b"not read", cargos[2].key, [encode_payload({"x": 0.0}, None)])
    assert loaded[cargos[2].key] is before


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

    cargo = pack(objective, BARE)
    script = """
import pickle, sys
sys.modules["sparktune"] = sys.modules["cloudpickle"] = None  # their import fails
task, data, key, payload = pickle.load(sys.stdin.buffer)
(answer,) = pickle.loads(task)(data, key, iter([payload]))
sys.stdout.buffer.write(answer)
"""
    sent = (pickled_by_value(run_task), cargo.data, cargo.key, encode_payload({"x": 1.0}, None))
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
    # By the names of the classes, so that no session is needed to know them.
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
    data = np.zeros(checks.LARGE_OBJECTIVE // 8 + 1000)
    pack(lambda x: data.sum(), BARE)
    assert "10 MB" in caplog.text
    assert "broadcast(data)" in caplog.text


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
