"""What runs on an executor of a Spark Connect server; see `sparktune._worker.task`."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sparktune._worker.task import mapped

__all__ = ["interpreter", "read_artifact", "run_arrow_task"]


def interpreter(_: Any) -> str:
    """Return which Python runs this."""
    return f"{sys.executable} (Python {platform.python_version()})"


def read_artifact(name: str) -> memoryview:
    """Return the contents of a file artifact of the session."""
    from pyspark import SparkFiles

    return mapped(SparkFiles.get(name))


def run_arrow_task(
    run_task: Callable[[list[bytes]], list[bytes]], payload: bytes, batches: Iterable[Any]
) -> Iterator[Any]:
    """Run one trial and yield its answer as one row; what `DataFrame.mapInArrow` calls.

    `run_task` is `Cargo.task`. `batches` has one row without information, and is read to its end so
    that Spark reuses the Python worker.
    """
    import pyarrow

    for _ in batches:
        pass
    column = pyarrow.array(run_task([payload]), pyarrow.binary())
    yield pyarrow.RecordBatch.from_arrays([column], ["answer"])
