"""The tracking store: where it is, and writing to it so that names do not clash."""

from __future__ import annotations

import os
import re
import tempfile
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sparktune._tracking.mlflow_compat import set_status
from sparktune._worker.mlflow_access import check_reachable

__all__ = [
    "CONNECT_SECONDS",
    "RunWriter",
    "absolute_uri",
    "is_passing",
    "is_refusal",
    "is_remote",
    "redacted",
    "without_credentials",
    "worker_environment",
    "worker_uri",
]

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

_NO_SECRETS = frozenset({"MLFLOW_TRACKING_USERNAME", "DATABRICKS_HOST"})
_SHORTEST_SECRET = 6  # replacing a shorter one would garble texts

CONNECT_SECONDS = 3.0
_PAGE = 1000


def absolute_uri(uri: str) -> str:
    """Return a tracking URI that names the same store in any working directory."""
    if uri.startswith("sqlite:///"):
        path, mark, query = uri[len("sqlite:///") :].partition("?")
        if path and path != ":memory:" and not os.path.isabs(path):  # noqa: PTH117
            path = os.path.abspath(path)  # noqa: PTH100 - symbolic links stay as they are
        return f"sqlite:///{path}{mark}{query}"
    if uri == "" or (os.path.sep in uri and "://" not in uri and not uri.startswith("file:")):
        return "file://" + urllib.parse.quote(os.path.abspath(uri or "mlruns"))  # noqa: PTH100
    return uri


def redacted(text: str) -> str:
    """Return `text` without the passwords of URIs and without the driver's MLflow credentials."""
    return without_credentials(re.sub(r"//[^/@\s]+@", "//***@", text))


def without_credentials(text: str) -> str:
    """Return `text` without the driver's MLflow credentials."""
    for name in CREDENTIALS:
        value = os.environ.get(name, "")
        if len(value) >= _SHORTEST_SECRET and name not in _NO_SECRETS:
            text = text.replace(value, "***")
    return text


def worker_environment() -> dict[str, str]:
    """Return the credentials to send to workers: none, unless the user chose to."""
    if not _credentials_travel():
        return {}
    return {name: os.environ[name] for name in CREDENTIALS if name in os.environ}


def worker_uri(uri: str) -> str:
    """Return the URI for workers: without a password, unless the user chose to send it."""
    return uri if _credentials_travel() else re.sub(r"//[^/@\s]+@", "//", uri)


def _credentials_travel() -> bool:
    return os.environ.get(CREDENTIALS_SWITCH, "").strip().lower() in {"1", "true", "yes", "on"}


def is_remote(uri: str) -> bool:
    """Return whether a store is behind a server, whose client retries by itself."""
    return not uri.startswith(("sqlite:", "file:"))


def is_passing(error: Exception) -> bool:
    """Return whether an error of MLflow's means that the same call may succeed later."""
    status = getattr(error, "get_http_status_code", None)
    if status is not None:
        code = status()
        return code >= 500 or code in (408, 429)
    # requests' and urllib3's errors are OSErrors or are wrapped by MLflow.
    return isinstance(error, OSError)


def is_refusal(error: Exception) -> bool:
    """Return whether an error of MLflow's means that the server refused the credentials."""
    status = getattr(error, "get_http_status_code", None)
    return status is not None and status() in (401, 403)


class RunWriter:
    """Writes to runs by their ids; never touches the active runs of the fluent API.

    All calls can be repeated: what exists already is not written twice. The URI must be absolute;
    `suffix` is appended to names that are taken.
    """

    def __init__(self, tracking_uri: str, suffix: str) -> None:
        from mlflow import MlflowClient

        self._uri = tracking_uri
        self.client = MlflowClient(tracking_uri=tracking_uri)
        self.suffix = suffix

    def children(self, experiment_id: str, parent: str, **tags: str) -> Iterator[Any]:
        """Yield the nested runs of a run that have the tags, page by page."""
        wanted = {"mlflow.parentRunId": parent, **tags}
        filter_string = " and ".join(f"tags.{key} = '{value}'" for key, value in wanted.items())
        token = None
        while True:
            page = self.client.search_runs(
                [experiment_id], filter_string, max_results=_PAGE, page_token=token
            )
            yield from page
            token = page.token
            if not token:
                return

    def parent_of(self, run_id: str) -> tuple[str, str] | None:
        """Return the experiment and the parent of a run; None if it is not there or has none."""
        try:
            run = self.client.get_run(run_id)
        except Exception as error:
            if is_passing(error):
                raise
            return None
        parent = run.data.tags.get("mlflow.parentRunId")
        return None if parent is None else (run.info.experiment_id, parent)

    def log(
        self,
        run_id: str,
        *,
        params: Mapping[str, str] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
        step: int = 0,
        moment: int = 0,
        series: Iterable[tuple[str, float, int, int]] = (),
    ) -> None:
        """Write a batch; `moment`, in milliseconds, is the time of the metrics.

        `series` has metrics with times and steps of their own: (name, value, moment, step).

        Params that the run has with other values get new names: MLflow does not let a param change
        and would refuse the whole batch.
        """
        from mlflow.entities import Metric, Param, RunTag

        batch: dict[str, Any] = {
            "metrics": [
                *(Metric(key, value, moment, step) for key, value in (metrics or {}).items()),
                *(Metric(*point) for point in series),
            ],
            "params": [Param(key, value) for key, value in (params or {}).items()],
            "tags": [RunTag(key, value) for key, value in (tags or {}).items()],
        }
        try:
            self.client.log_batch(run_id, **batch)
        except Exception:
            # Not every store says that a param is the reason.
            if not params:
                raise
            check_reachable(self._uri, CONNECT_SECONDS)
            present = self.client.get_run(run_id).data.params
            clashing = {key for key, value in params.items() if present.get(key, value) != value}
            if not clashing:
                raise
            batch["params"] = [
                Param(f"{key}_{self.suffix}" if key in clashing else key, value)
                for key, value in params.items()
            ]
            self.client.log_batch(run_id, **batch)

    def read_text(self, run_id: str, file: str) -> str:
        """Read a text artifact."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(self.client.download_artifacts(run_id, file, folder))
            return path.read_text(encoding="utf-8")

    def reopen(self, run_id: str) -> Any:
        """Set an interrupted run to RUNNING again, and return it."""
        set_status(self.client, run_id, "RUNNING", None)
        return self.client.get_run(run_id)
