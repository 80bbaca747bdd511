"""The names of modules: those shared with Hyperopt, those left out, those of earlier versions.

`install_as_hyperopt` enters each module that sparktune has in common with Hyperopt into
``sys.modules`` under Hyperopt's name. It is the same module object, so no class or state exists
twice. A finder answers for all other names below `hyperopt`.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import logging
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

__all__ = ["LEFT_OUT", "MODULES", "answer_for_names_without_files", "install_as_hyperopt", "refuse"]

logger = logging.getLogger("sparktune.install")

#: Modules that go by the same name below `hyperopt` and below `sparktune`.
MODULES = (
    "anneal", "atpe", "base", "criteria", "early_stop", "exceptions", "fmin", "hp", "mix",
    "plotting", "progress", "pyll", "pyll.base", "pyll.stochastic", "pyll_utils", "rand", "spark",
    "tpe", "utils",
)  # fmt: skip

#: Hyperopt's module name -> what to use instead.
LEFT_OUT = {
    "mongoexp": "run trials in parallel with SparkTrials or, on one machine, ProcessTrials; or "
    "write a Trials subclass of your own that keeps its documents in a database",
    "ipy": "run trials in parallel with SparkTrials or, on one machine, ProcessTrials",
    "sklearn": "wrap cross_val_score in an objective and call fmin; the package hyperopt-sklearn "
    "(import hpsklearn) has whole scikit-learn spaces",
    "graph_viz": "print(sparktune.pyll.as_apply(space)) shows a space as text",
    "rdists": "scipy.stats has distributions; sparktune.pyll.stochastic.sample draws from a space",
    "algobase": "a suggester is a function of (new_ids, domain, trials, seed); see "
    "sparktune.rand.suggest",
    "vectorize": "nothing has to be vectorised here; sparktune.pyll.rec_eval evaluates an "
    "expression and sparktune.pyll.stochastic.sample draws from it",
}

#: Names of modules that have their code elsewhere: one of Hyperopt's, and what pickles written by
#: earlier versions call the modules of the classes in them.
_ELSEWHERE = {
    "sparktune.atpe": "sparktune._hyperopt.atpe",
    "sparktune.domain": "sparktune._search.domain",
    "sparktune.processes": "sparktune._parallel.processes",
    "sparktune.processes.trials": "sparktune._parallel.processes.trials",
    "sparktune.spark.trials": "sparktune._parallel.spark.trials",
}


def refuse(name: str) -> ImportError:
    """Return the error for a module that is left out, a key of `LEFT_OUT`."""
    message = f"sparktune does not have Hyperopt's module {name!r}. Instead, {LEFT_OUT[name]}."
    return ImportError(message, name=f"sparktune.{name}")


def _is_ours(module: Any) -> bool:
    """Return whether a module is one of sparktune's, under any name."""
    return getattr(module, "__name__", "").partition(".")[0] == "sparktune"


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Refuses modules that are left out, and finds those whose code is elsewhere."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Answer for names below `sparktune`, and below `hyperopt` where that is sparktune."""
        if not fullname.startswith(("hyperopt.", "sparktune.")):
            return None
        parent, _, name = fullname.rpartition(".")
        ours = _is_ours(sys.modules.get(parent))
        if ours and parent in ("hyperopt", "sparktune") and name in LEFT_OUT:
            raise refuse(name)
        if fullname in _ELSEWHERE:
            # As a package, so that an earlier package's modules can be found below it.
            return importlib.util.spec_from_loader(fullname, self, is_package=True)
        if ours and parent.partition(".")[0] == "hyperopt":
            # The import system would find the file of sparktune's module, and load it a second
            # time under another name.
            raise ModuleNotFoundError(
                f"No module named {fullname!r}: sparktune, which is installed as hyperopt here, "
                f"has no counterpart of it. It has: {', '.join(MODULES)}.",
                name=fullname,
            )
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Give the module all that its successor has."""
        present = importlib.import_module(_ELSEWHERE[module.__name__])
        shown = ("__all__", "__dir__")
        kept = {
            name: value
            for name, value in vars(present).items()
            if not name.startswith("__") or name in shown
        }
        vars(module).update(kept)


def answer_for_names_without_files() -> None:
    """Find `sparktune.atpe` and earlier names; refuse modules that are left out, with advice."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        # Before the finder of files, which must not see names below `hyperopt`.
        sys.meta_path.insert(0, _Finder())


def install_as_hyperopt(force: bool = False) -> None:
    """Make ``import hyperopt`` give sparktune, for all code in this process.

    Call it before anything imports `hyperopt`; calling it again changes nothing. The distribution
    `hyperopt` may be installed or not. Worker processes of Spark need no such call: what runs
    there does not import `hyperopt`, unless the objective does.

    Parameters
    ----------
    force : bool, default False
        Whether to go on if the real Hyperopt is imported already. Modules that imported it keep
        the objects they have, which do not mix with ours.

    Raises
    ------
    ImportError
        If the real Hyperopt is imported already and `force` is False.

    Examples
    --------
    >>> import sparktune
    >>> sparktune.install_as_hyperopt()  # doctest: +SKIP
    >>> from hyperopt import fmin, hp, tpe  # doctest: +SKIP
    """
    real = [
        name
        for name in sys.modules
        if name.partition(".")[0] == "hyperopt" and not _is_ours(sys.modules[name])
    ]
    if _is_ours(sys.modules.get("hyperopt")):
        real = []  # other modules below it were added on purpose
    if real and not force:
        raise ImportError(
            "install_as_hyperopt must be called before hyperopt is imported; "
            f"{len(real)} of its modules are imported already. Hint: call it in the first lines "
            "of the program, or pass force=True if nothing uses what was imported."
        )
    for name in real:
        del sys.modules[name]
    package = importlib.import_module("sparktune")
    modules = {name: importlib.import_module(f"sparktune.{name}") for name in MODULES}
    sys.modules["hyperopt"] = package
    sys.modules.update({f"hyperopt.{name}": module for name, module in modules.items()})
    if real:
        logger.warning("hyperopt was imported already; code that has it keeps it.")
