"""How large a result may be for Spark.

Spark holds a result several times over on its way. In a JVM with too little memory the thread that
takes it ends, and the job never does: the trial would hang. So a result that is too large fails its
trial on the worker.
"""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["result_limit"]

# Measured with heaps of 1 GB: in local mode 160 MB pass and 190 MB do not; on a server, 200 and 300
# MB; an executor of 512 MB sends 100 MB, but not 140.
_SHARE = 0.15
_UNITS = {"": 0, "b": 0, "k": 10, "m": 20, "g": 30, "t": 40, "p": 50}
_DEFAULT = "1g"  # of all three settings


def result_limit(
    setting: Callable[[str], str], local: bool, heap: int | None = None
) -> tuple[int, str]:
    """Return the most bytes of a pickled result, and why that is so.

    Parameters
    ----------
    setting : callable
        Returns a setting of the session, an empty text if it is not set or not known.
    local : bool
        Whether the driver runs the tasks itself.
    heap : int, optional
        The bytes of the driver's heap, where they are known.
    """
    limits = []
    for name in ["spark.driver.memory"] + ["spark.executor.memory"] * (not local):
        size = _bytes(setting(name) or _DEFAULT, "m")
        if heap is not None and name == "spark.driver.memory":
            size = heap
        why = f"since `{name}` is {size / 2**20:.0f} MB, and Spark holds a result several times"
        limits.append((int(_SHARE * size), why))
    largest = _bytes(setting("spark.driver.maxResultSize") or _DEFAULT, "b")
    if largest:  # 0 means that there is no limit
        limits.append((int(0.98 * largest), "which `spark.driver.maxResultSize` lets through"))
    return min(limits)


def _bytes(text: str, unit: str) -> int:
    """Return a size as Spark writes it in bytes; `unit` is that of a number without one."""
    found = re.fullmatch(r"\s*(\d+)\s*([bkmgtp]?)b?\s*", text.lower())
    if found is None:
        return _bytes(_DEFAULT, unit)
    return int(found[1]) << _UNITS[found[2] or unit]
