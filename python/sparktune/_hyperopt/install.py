"""`install_as_hyperopt`: lets code that imports `hyperopt` get sparktune.

Each module that sparktune has in common with Hyperopt is entered into ``sys.modules`` under
Hyperopt's name. It is the same module object, so no class or state exists twice. The finder in
`names` answers for all other names below `hyperopt`.
"""

from __future__ import annotations

import importlib
import logging
import sys

from sparktune._hyperopt.names import MODULES, is_ours

__all__ = ["install_as_hyperopt"]

logger = logging.getLogger("sparktune.install")


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
        if name.partition(".")[0] == "hyperopt" and not is_ours(sys.modules[name])
    ]
    if is_ours(sys.modules.get("hyperopt")):
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
