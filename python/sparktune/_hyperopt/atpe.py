"""Hyperopt's module name for adaptive TPE, whose models need an old LightGBM: our default instead.

`names` finds it as `sparktune.atpe`.
"""

from __future__ import annotations

import functools
import importlib
import logging
from collections.abc import Iterable
from typing import Any

from sparktune._listing import listing
from sparktune._trials.documents import Trial

__all__ = ["suggest"]

__dir__ = listing(__all__)

logger = logging.getLogger("sparktune.atpe")


def suggest(new_ids: Iterable[int], domain: Any, trials: Any, seed: int) -> list[Trial]:
    """Suggest new trials by `sparktune.tpe.suggest`; the first call warns that it does.

    Parameters
    ----------
    new_ids, domain, trials, seed
        See `sparktune.tpe.suggest`.

    Returns
    -------
    list of Trial
        The new documents, one per id.
    """
    _warn()
    # By name: `tpe` imports this package.
    docs: list[Trial] = importlib.import_module("sparktune.tpe").suggest(
        new_ids, domain, trials, seed
    )
    return docs


@functools.cache
def _warn() -> None:
    logger.warning(
        "sparktune does not have Hyperopt's adaptive TPE; atpe.suggest runs tpe.suggest, the "
        "default of sparktune."
    )
