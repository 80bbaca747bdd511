"""Several trials in one task, without Spark."""

import pickle
import sys
import time
import types

import pytest

from sparktune._parallel.cargo import pack
from sparktune._parallel.spark.connect import _joined
from sparktune._worker.arrow import run_arrow_task
from sparktune._worker.program import Program
from sparktune._worker.task import encode_payload, run_task

BARE = Program(steps=((0, "x", None),), constants={}, blocks={0: (0,)}, root=0, labels=("x",))


@pytest.fixture(autouse=True)
def _fresh_worker():
    yield
    sys.modules.pop("_sparktune_worker", None)


def run(fn, count, **arguments):
    """Return the answers of trials 0, 1, ... of one task."""
    cargo = pack(fn, BARE)
    payloads = iter([encode_payload({"x": x}, None, x) for x in range(count)])
    answers = run_task(cargo.data, cargo.key, payloads, **arguments)
    assert list(payloads) == []
    return [pickle.loads(answer) for answer in answers]


def results(answers):
    return [pickle.loads(answer[1]) if answer[0] == "ok" else answer[0] for answer in answers]


def test_each_trial_has_its_own_answer():
    def objective(x):
        if x == 1:
            raise SystemExit(3)
        return x * 2

    answers = run(objective, 4)
    assert results(answers) == [0, "error", 4, 6]
    assert answers[1][1:3] == ("<class 'SystemExit'>", "3")


def test_each_trial_has_its_own_notes_seed_and_objective():
    seen = []

    def objective(x):
        import random

        from _sparktune_worker import notes

        seen.append(x)
        notes.append(f"note of {x}")
        return {"seen": len(seen), "drawn": random.random()}

    answers = run(objective, 3)
    assert [answer[-1]["notes"] for answer in answers] == [[f"note of {n}"] for n in range(3)]
    assert [result["seen"] for result in results(answers)] == [1, 1, 1]
    assert len({result["drawn"] for result in results(answers)}) == 3


def test_a_payload_that_cannot_be_read_fails_its_trial_only():
    cargo = pack(lambda x: x, BARE)
    good = encode_payload({"x": 1.0}, None)
    answers = run_task(cargo.data, cargo.key, [good, b"junk", good])
    assert [pickle.loads(answer)[0] for answer in answers] == ["ok", "not loaded", "ok"]


def test_no_trial_begins_when_the_time_is_over():
    answers = run(lambda x: time.sleep(0.2) or x, 5, seconds=0.1)
    assert results(answers) == [0]
    assert results(run(lambda x: x, 5, seconds=60)) == [0, 1, 2, 3, 4]


def test_no_trial_begins_when_the_answers_are_large():
    answers = run(lambda x: bytes(3_000_000) if x < 9 else x, 5)
    assert len(answers) == 2


@pytest.mark.parametrize(("attempt", "count"), [(0, 3), (1, 0)])
def test_a_task_that_spark_runs_again_runs_nothing(monkeypatch, attempt, count):
    class Context:
        def attemptNumber(self):
            return attempt

    spark = types.ModuleType("pyspark")
    spark.TaskContext = types.SimpleNamespace(get=Context)
    monkeypatch.setitem(sys.modules, "pyspark", spark)
    assert len(run(lambda x: x, 3)) == count
    (answer,) = run(lambda x: x, 1)  # which only Spark itself can give up
    assert answer[-1]["attempt"] == attempt


@pytest.mark.parametrize(
    "lengths", [[], [10], [10, 20, 30], [3_000_000], [5, 2_500_000, 7, 1 << 20]]
)
def test_answers_arrive_whole_in_pieces(lengths):
    pytest.importorskip("pyarrow")
    answers = [bytes([n + 1]) * length for n, length in enumerate(lengths)]
    batches = run_arrow_task(lambda payloads, seconds: answers, [b""], None, iter([None]))
    pieces = [piece.as_py() for batch in batches for piece in batch.column(0)]
    assert all(len(piece) <= 1 << 20 for piece in pieces)
    assert _joined(pieces) == answers
