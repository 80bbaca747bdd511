"""Whether this process can log to an MLflow server."""

from __future__ import annotations

import re
import socket
import urllib.parse
from collections.abc import Mapping
from typing import Any

from sparktune._worker.environment import swap_environment
from sparktune._worker.home import home

__all__ = ["check_reachable", "why_not"]

_WORKER_CONNECT_SECONDS = 5.0
_IMPATIENT: dict[str, str | None] = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}


def check_reachable(uri: str, seconds: float) -> None:
    """Raise `ConnectionError` if nothing listens where an HTTP tracking URI points.

    Other URIs pass. MLflow's own client retries for minutes before it gives up.
    """
    parts = urllib.parse.urlsplit(uri)
    if parts.scheme not in ("http", "https") or parts.hostname is None:
        return
    import urllib.request as request  # here: few objectives log, and the import takes a while

    if parts.scheme in request.getproxies() and not request.proxy_bypass(parts.hostname):
        return  # only the proxy knows
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname, port), timeout=seconds).close()
    except OSError as error:
        raise ConnectionError(
            f"No MLflow server answers at {parts.scheme}://{parts.hostname}:{port} ({error})."
        ) from error


def why_not(payload: Mapping[str, Any]) -> str | None:
    """Return why this process cannot log to the server of a trial; None if it can.

    The same credentials are checked once per process, the connection each time.
    """
    uri = payload["tracking_uri"]
    scheme = urllib.parse.urlsplit(uri).scheme
    if scheme not in ("http", "https") and not scheme.startswith("databricks"):
        return None  # a database or a folder
    try:
        check_reachable(uri, _WORKER_CONNECT_SECONDS)
    except ConnectionError as error:
        return str(error).rstrip(".")
    refusals: dict[tuple[str, int], str | None] = home().refusals
    # Their hash, so that they do not stay in the process.
    key = uri, hash(frozenset(payload.get("environment", {}).items()))
    if key in refusals:
        return refusals[key]
    reason, lasting = _refusal(payload["run_id"])
    if lasting:
        refusals[key] = reason
    return reason


def _refusal(run_id: str) -> tuple[str | None, bool]:
    """Ask the server for a run; return why it refuses, and whether it will do so again."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    before = swap_environment(_IMPATIENT)
    try:
        MlflowClient().get_run(run_id)
    except MlflowException as error:
        code = str(getattr(error, "error_code", ""))
        found = re.search(r"\b(401|403)\b", str(error))
        if found or code in ("UNAUTHENTICATED", "PERMISSION_DENIED", "CUSTOMER_UNAUTHORIZED"):
            return f"HTTP {found[0]}" if found else code, True
        # A store may take a while until all its readers see a new run.
        return (None, False) if code == "RESOURCE_DOES_NOT_EXIST" else (code, False)
    except Exception as error:
        return type(error).__name__, True  # Databricks' client, where it finds no credentials
    finally:
        swap_environment(before)
    return None, True
