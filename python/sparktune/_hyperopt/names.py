"""Module names below `sparktune` without a file: those left out, and earlier versions'."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType

from sparktune._hyperopt.left_out import LEFT_OUT, refuse

__all__ = ["answer_for_names_without_files"]

#: What pickles written by earlier versions call the modules of the classes in them.
_EARLIER = {
    "sparktune.domain": "sparktune._search.domain",
    "sparktune.processes": "sparktune._parallel.processes",
    "sparktune.processes.trials": "sparktune._parallel.processes.trials",
    "sparktune.spark.trials": "sparktune._parallel.spark.trials",
}


class _Names(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Refuses modules that are left out, and finds earlier names under the present ones."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Raise for what is left out, answer for earlier names, and leave all else to others."""
        parent, _, name = fullname.rpartition(".")
        if parent == "sparktune" and name in LEFT_OUT:
            raise refuse(name)
        if fullname not in _EARLIER:
            return None
        # As a package, so that an earlier package's modules can be found below it.
        return importlib.util.spec_from_loader(fullname, self, is_package=True)

    def exec_module(self, module: ModuleType) -> None:
        """Give the module all that its successor has."""
        present = importlib.import_module(_EARLIER[module.__name__])
        kept = {name: value for name, value in vars(present).items() if not name.startswith("__")}
        vars(module).update(kept)


def answer_for_names_without_files() -> None:
    """Make ``import sparktune.atpe`` say what to use instead, and earlier pickles load."""
    if not any(isinstance(finder, _Names) for finder in sys.meta_path):
        sys.meta_path.append(_Names())
