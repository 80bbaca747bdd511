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


# The server sends rows in messages of some MB, but never a part of a row: what gRPC lets through
# (128 MB by default) would limit the answer.
_PIECE = 1024 * 1024


def read_artifact(name: str) -> memoryview:
    """Return the contents of a file artifact of the session."""
    from pyspark import SparkFiles

    return mapped(SparkFiles.get(name))


def run_arrow_task(
    run_task: Callable[..., list[bytes]],
    payloads: list[bytes],
    seconds: float | None,
    batches: Iterable[Any],
) -> Iterator[Any]:
    """Run trials and yield their answers in pieces; what `DataFrame.mapInArrow` calls.

    `run_task` is `Cargo.task`. An empty piece ends an answer. `batches` has one row without
    information, and is read to its end so that Spark reuses the Python worker.
    """
    import pyarrow

    for _ in batches:
        pass

    def rows(pieces: list[bytes]) -> Any:
        column = pyarrow.array(pieces, pyarrow.binary())
        return pyarrow.RecordBatch.from_arrays([column], ["answer"])

    waiting: list[bytes] = []
    for answer in run_task(payloads, seconds=seconds):
        if sum(map(len, waiting)) + len(answer) > _PIECE:
            if waiting:
                yield rows(waiting)
            for start in range(0, len(answer), _PIECE):
                yield rows([answer[start : start + _PIECE]])
            waiting = [b""]
        else:
            waiting += [answer, b""]
    if waiting:
        yield rows(waiting)
