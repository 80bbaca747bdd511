"""A pytest plugin that runs Hyperopt's own tests, against sparktune or against Hyperopt itself.

`test_upstream.py` starts a separate pytest with it. The tests are the files of the installed
distribution `hyperopt`; with ``SPARKTUNE_UPSTREAM=sparktune`` all that they import of `hyperopt`
comes from sparktune, with ``=hyperopt`` from Hyperopt, which shows what fails in an environment
anyway.
"""

import importlib.metadata
import importlib.util
import os
import sys
import types
from pathlib import Path

import pytest
import upstream_skips

AGAINST = os.environ.get("SPARKTUNE_UPSTREAM", "sparktune")
HYPEROPT = Path(importlib.metadata.distribution("hyperopt").locate_file("hyperopt"))


def _load_package(name):
    """Import a package of Hyperopt's tests from its files, without its parent's path."""
    folder = HYPEROPT.joinpath(*name.split(".")[1:])
    spec = importlib.util.spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


def _stand_in(name, **members):
    module = types.ModuleType(name)
    module.__dict__.update(members)
    sys.modules[name] = module
    return module


class _BSON:
    """Accepts what MongoDB's format accepts, so that pymongo need not be installed."""

    @classmethod
    def encode(cls, document):
        if isinstance(document, dict):
            for key, value in document.items():
                if type(key) is not str:
                    raise TypeError(f"documents must have only string keys, key was {key!r}")
                cls.encode(value)
        elif isinstance(document, (list, tuple)):
            for item in document:
                cls.encode(item)
        elif type(document) not in (str, bytes, bool, int, float, type(None)):
            raise TypeError(f"cannot encode object: {document!r}, of type: {type(document)}")
        return b"encoded"


def _no_atpe(*args, **kwargs):
    raise AssertionError("a test of ATPE is not in the list of skipped tests")


_stand_in("bson", BSON=_BSON)
if AGAINST == "sparktune":
    import sparktune

    sparktune.install_as_hyperopt()
    _load_package("hyperopt.tests")
    _load_package("hyperopt.pyll.tests")
    # test_tpe.py imports it for tests that are skipped.
    sparktune.atpe = _stand_in("hyperopt.atpe", suggest=_no_atpe)


def _name(path):
    return Path(str(path)).relative_to(HYPEROPT).as_posix()


def _name_of(item):
    """Return a test's name from the package on, such as ``unit/test_x.py::TestY::test_z``."""
    return "::".join([_name(item.path), *item.nodeid.split("::")[1:]])


def pytest_ignore_collect(collection_path):
    if AGAINST == "sparktune" and any(
        Path(str(collection_path)) == HYPEROPT / name for name in upstream_skips.FILES
    ):
        return True
    return None


def pytest_collection_modifyitems(items):
    if AGAINST != "sparktune":
        return
    for item in items:
        why = upstream_skips.look_up(upstream_skips.SKIPS, _name_of(item))
        if why is not None:
            item.add_marker(pytest.mark.skip(reason=why))


@pytest.fixture(autouse=True)
def _pinned_values(request, monkeypatch):
    """Replace what `anneal.suggest` draws, if the list says so."""
    found = upstream_skips.look_up(upstream_skips.PINNED, _name_of(request.node))
    if AGAINST != "sparktune" or found is None:
        return
    values, _ = found
    suggest = sparktune.anneal.suggest

    def pinned(new_ids, *args, **kwargs):
        docs = suggest(new_ids, *args, **kwargs)
        for doc in docs:
            doc["misc"]["vals"]["x"] = [values[doc["tid"]]]
        return docs

    monkeypatch.setattr(sparktune.anneal, "suggest", pinned)
