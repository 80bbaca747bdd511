"""Why a Spark job failed, short enough for the error of a trial."""

from __future__ import annotations

from sparktune.exceptions import JobFailed, TrialLost

__all__ = ["failure", "reason"]

# What Spark says when the process that ran the objective ended: the objective, or a library that it
# uses, crashed it or took too much memory. All else that makes a job fail (a lost executor, a
# cancelled stage) is not the objective's doing.
_CRASHED = "Python worker exited unexpectedly"

# Where the stack of the JVM begins.
_STACK = ("at ", "Driver stacktrace", "JVM stacktrace")


def failure(error: BaseException) -> JobFailed:
    """Return the error of a trial whose job failed; `TrialLost` unless its worker crashed."""
    why = reason(error)
    if _CRASHED not in why:
        return TrialLost(f"The Spark job of the trial failed: {why}")
    return JobFailed(
        f"The Spark job of the trial failed: {_CRASHED}. Most often it took too much memory: give "
        "it more (spark.executor.memoryOverhead), or run fewer trials at once. A library that "
        "crashes and `os._exit` do the same."
    )


def reason(error: BaseException) -> str:
    """Return the first lines of an error of py4j, pyspark or gRPC, without the JVM's stack."""
    try:
        text = str(error.java_exception.getMessage())  # type: ignore[attr-defined]
    except Exception:
        text = str(error)
    lines = [line.strip() for line in text.splitlines()]
    kept = [line for line in lines if line and not line.startswith(_STACK)]
    return " ".join(kept)[:1000] or type(error).__name__
