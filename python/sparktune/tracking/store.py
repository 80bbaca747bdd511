"""The tracking store: where it is, and writing to it so that names do not clash."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

__all__ = ["RunWriter", "absolute_uri", "check_reachable", "redacted", "worker_environment"]

# Shipped to workers only when SPARKTUNE_MLFLOW_CREDENTIALS says so.
CREDENTIALS_SWITCH = "SPARKTUNE_MLFLOW_CREDENTIALS"
CREDENTIALS = (
    "MLFLOW_TRACKING_USERNAME",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
    "DATABRICKS_HOST",
    "DATABRICKS_TOKEN",
    "DATABRICKS_CLIENT_ID",
    "DATABRICKS_CLIENT_SECRET",
)

_CONNECT_SECONDS = 5.0


def absolute_uri(uri: str) -> str:
    """Return a tracking URI that means the same store in any working directory."""
    if uri.startswith("sqlite:///"):
        path, mark, query = uri[len("sqlite:///") :].partition("?")
        if path and path != ":memory:" and not os.path.isabs(path):  # noqa: PTH117
            path = os.path.abspath(path)  # noqa: PTH100 - symbolic links stay as they are
        return f"sqlite:///{path}{mark}{query}"
    if uri == "" or (os.path.sep in uri and "://" not in uri and not uri.startswith("file:")):
        return "file://" + urllib.parse.quote(os.path.abspath(uri or "mlruns"))  # noqa: PTH100
    return uri


def redacted(text: str) -> str:
    """Return `text` without the passwords of the URIs in it."""
    return re.sub(r"//[^/@\s]+@", "//***@", text)


def worker_environment() -> dict[str, str]:
    """Return the credentials that workers are to be given: none, unless the user chose to."""
    if os.environ.get(CREDENTIALS_SWITCH, "").strip().lower() not in {"1", "true", "yes", "on"}:
        return {}
    return {name: os.environ[name] for name in CREDENTIALS if name in os.environ}


def check_reachable(uri: str) -> None:
    """Raise `ConnectionError` if nobody listens where an HTTP tracking URI points.

    MLflow's own client retries for minutes before it gives up.
    """
    parts = urllib.parse.urlsplit(uri)
    if parts.scheme not in ("http", "https") or parts.hostname is None:
        return
    if parts.scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(
        parts.hostname
    ):
        return  # only the proxy knows
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname, port), timeout=_CONNECT_SECONDS).close()
    except OSError as error:
        raise ConnectionError(
            f"No MLflow server answers at {parts.scheme}://{parts.hostname}:{port} ({error})."
        ) from error


class RunWriter:
    """Writes to runs by their ids; never touches the fluent API's active runs.

    Parameters
    ----------
    tracking_uri : str
        An absolute URI, see `absolute_uri`.
    suffix : str
        What a name gets appended when it is taken already.
    """

    def __init__(self, tracking_uri: str, suffix: str) -> None:
        from mlflow import MlflowClient

        self.client = MlflowClient(tracking_uri=tracking_uri)
        self.suffix = suffix

    def create(self, experiment_id: str, name: str, tags: Mapping[str, str]) -> Any:
        """Create a run and return it."""
        return self.client.create_run(experiment_id, tags=dict(tags), run_name=name)

    def log(
        self,
        run_id: str,
        *,
        params: Mapping[str, str] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
        step: int = 0,
    ) -> None:
        """Write a batch. Params that the run has with other values are written under new names.

        MLflow refuses to change a param, and with it the whole batch.
        """
        from mlflow.entities import Metric, Param, RunTag

        now = int(time.time() * 1000)
        batch: dict[str, Any] = {
            "metrics": [Metric(key, value, now, step) for key, value in (metrics or {}).items()],
            "params": [Param(key, value) for key, value in (params or {}).items()],
            "tags": [RunTag(key, value) for key, value in (tags or {}).items()],
        }
        try:
            self.client.log_batch(run_id, **batch)
        except Exception:
            if not params:
                raise
            present = self.client.get_run(run_id).data.params
            clashing = {key for key, value in params.items() if present.get(key, value) != value}
            if not clashing:
                raise
            batch["params"] = [
                Param(f"{key}_{self.suffix}" if key in clashing else key, value)
                for key, value in params.items()
            ]
            self.client.log_batch(run_id, **batch)

    def log_text(self, run_id: str, text: str, file: str) -> None:
        """Write a text artifact."""
        self.client.log_text(run_id, text, file)

    def end(self, run_id: str, status: str) -> None:
        """Give a run its terminal status."""
        # `MlflowClient.set_terminated` prints two lines a run on a server, and ends the
        # asynchronous logging that the user's own code may be using.
        with contextlib.suppress(AttributeError, ImportError):
            from mlflow.entities import RunStatus

            store = self.client._tracking_client.store
            store.update_run_info(
                run_id, RunStatus.from_string(status), int(time.time() * 1000), run_name=None
            )
            return
        self.client.set_terminated(run_id, status)
