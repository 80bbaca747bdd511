"""Why a Spark job failed, short enough for the error of a trial."""

from __future__ import annotations

__all__ = ["reason"]

# Where the stack of the JVM begins.
_STACK = ("at ", "Driver stacktrace", "JVM stacktrace")


def reason(error: BaseException) -> str:
    """Return the first lines of an error of py4j, pyspark or gRPC, without the JVM's stack."""
    try:
        text = str(error.java_exception.getMessage())  # type: ignore[attr-defined]
    except Exception:
        text = str(error)
    lines = [line.strip() for line in text.splitlines()]
    kept = [line for line in lines if line and not line.startswith(_STACK)]
    return " ".join(kept)[:1000] or type(error).__name__
