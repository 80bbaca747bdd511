"""Whether the Python of the workers can run trials at all, and which setting mends it."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Callable

from sparktune.exceptions import ObjectiveNotLoaded

__all__ = ["SETTINGS", "refusal"]

SETTINGS = (
    "set PYSPARK_PYTHON, or spark.pyspark.python, to the Python to use before the session or its "
    "server is made; on Spark Connect, spark.sql.execution.pyspark.python changes it in a session"
)
"""How to choose the Python of the workers."""

# What an objective raises is part of an answer, so these come from Spark's own code in the worker,
# or from what should have started it. They are the same for every trial.
_REFUSALS = re.compile(
    r"ModuleNotFoundError: .*"
    r"|ImportError: .*"
    r"|\[?(?:PACKAGE_NOT_INSTALLED|UNSUPPORTED_PACKAGE_VERSION)\b.*"
    r"|Python in worker has different version.*"
    r"|Cannot run program .*error=(?:2|13),.*"
    r"|.*(?:Can't get attribute|unsupported pickle protocol|bad marshal data).*"
    r"|TypeError: code\(\) .*"
)
_ENDS = re.compile(r"\)?\.?( SQLSTATE: \w+)?$")


def refusal(
    error: BaseException, interpreter: Callable[[], str | None]
) -> ObjectiveNotLoaded | None:
    """Return the error that ends the search if no worker can run trials; None if one may.

    `error` is that of a job, and `interpreter` returns which Python the workers run, if that is
    known.
    """
    said = next(filter(None, map(_REFUSALS.search, str(error).splitlines())), None)
    if said is None:
        return None
    python = interpreter()
    return ObjectiveNotLoaded(
        "The Python of the Spark workers must be able to run trials: Python "
        f"{sys.version_info[0]}.{sys.version_info[1]} with pyspark, and on Spark Connect with "
        f"pyarrow; Spark says: {_ENDS.sub('', said[0].strip())}. The workers run "
        f"{python or 'another Python, whose path is not known'}; the driver runs {sys.executable} "
        f"(Python {platform.python_version()}). Hint: {SETTINGS}."
    )
