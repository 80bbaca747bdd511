"""The examples in the docstrings run."""

import doctest
import importlib
import pkgutil

import pytest

import sparktune
from sparktune._hyperopt.names import LEFT_OUT

MODULES = sorted(
    name
    for _, name, _ in pkgutil.walk_packages(sparktune.__path__, "sparktune.")
    if name.removeprefix("sparktune.") not in LEFT_OUT and not name.endswith("._core")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name, monkeypatch):
    monkeypatch.setenv("SPARKTUNE_MLFLOW", "0")
    monkeypatch.setenv("SPARKTUNE_SEED", "0")
    module = importlib.import_module(name)
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    failed, _ = doctest.testmod(module, optionflags=flags)
    assert failed == 0


def test_there_are_examples():
    found = [
        test.name
        for name in MODULES
        for test in doctest.DocTestFinder().find(importlib.import_module(name))
        if test.examples
    ]
    assert "sparktune.fmin.fmin" in found
    assert "sparktune.fmin.space_eval" in found
