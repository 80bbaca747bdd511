"""`install_as_hyperopt`: lets code that imports `hyperopt` get sparktune.

Each module of Hyperopt's that sparktune has is entered into ``sys.modules`` under Hyperopt's name;
it is the same module object, so classes and state are never there twice.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import logging
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from sparktune._hyperopt.left_out import LEFT_OUT, refuse

__all__ = ["install_as_hyperopt"]

logger = logging.getLogger("sparktune.install")

#: Modules that go by the same name below `hyperopt` and below `sparktune`.
MODULES = (
    "anneal",
    "base",
    "criteria",
    "early_stop",
    "exceptions",
    "fmin",
    "hp",
    "mix",
    "plotting",
    "progress",
    "pyll",
    "pyll.base",
    "pyll.stochastic",
    "pyll_utils",
    "rand",
    "spark",
    "tpe",
    "utils",
)


class _Refusing(importlib.abc.MetaPathFinder):
    """Answers for the names below `hyperopt` that are not in ``sys.modules``.

    Without it the import system would look for ``hyperopt.x`` in the directory of sparktune and
    load its modules a second time under another name.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Raise for ``hyperopt.x`` where `hyperopt` is sparktune; leave all else to others."""
        parent, _, name = fullname.rpartition(".")
        owner = sys.modules.get(parent)
        if parent.split(".")[0] != "hyperopt" or not _is_ours(owner):
            return None
        if parent == "hyperopt" and name in LEFT_OUT:
            raise refuse(name)
        raise ModuleNotFoundError(
            f"No module named {fullname!r}: sparktune, which is installed as hyperopt here, has no "
            f"counterpart of it. It has: {', '.join(MODULES)}.",
            name=fullname,
        )


def _is_ours(module: Any) -> bool:
    return getattr(module, "__name__", "").partition(".")[0] == "sparktune"


def install_as_hyperopt(force: bool = False) -> None:
    """Make ``import hyperopt`` give sparktune, for all code in this process.

    Call it before anything imports `hyperopt`; calling it again changes nothing. The distribution
    `hyperopt` may be installed or not. Worker processes of Spark need no such call: what runs
    there does not import `hyperopt`, unless the objective does.

    Parameters
    ----------
    force : bool, default False
        Whether to go on if the real Hyperopt is imported already. Modules that imported it keep
        what they have of it, and objects of the two do not mix.

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
        real = []  # what is below it that is not ours was put there by somebody who knows
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
    if not any(isinstance(finder, _Refusing) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Refusing())
    if real:
        logger.warning("hyperopt was imported already; code that has it keeps it.")
