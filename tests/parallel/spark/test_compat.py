"""Spark's private API: in one file, and without a lasting effect on the user's session."""

import re
from pathlib import Path
from types import SimpleNamespace

import sparktune
from sparktune._parallel.spark_compat import forget_pickled, is_stopped, task_slots, with_python

PRIVATE = re.compile(r"\b(_jsc|_jvm|_gateway|_pickle_registry|_java_resource_profile|pythonExec)\b")


def test_private_api_is_used_in_one_file():
    files = Path(sparktune.__file__).parent.rglob("*.py")
    assert [path.name for path in files if PRIVATE.search(path.read_text())] == ["spark_compat.py"]


def test_another_python_is_for_one_rdd_only():
    context = SimpleNamespace(pythonExec="python3", pythonVer="3.11")
    rdd = with_python(SimpleNamespace(ctx=context), "/ours/python")
    assert (rdd.ctx.pythonExec, rdd.ctx.pythonVer) == ("/ours/python", "3.11")
    assert context.pythonExec == "python3"


def test_an_rdd_that_does_not_take_a_context_stays_as_it_is():
    class Sealed:
        ctx = property(lambda self: "the context")

    sealed = Sealed()
    assert with_python(sealed, "/ours/python") is sealed
    assert sealed.ctx == "the context"


def test_versions_that_lack_it():
    assert is_stopped(SimpleNamespace())
    assert task_slots(SimpleNamespace()) is None
    forget_pickled(SimpleNamespace())
