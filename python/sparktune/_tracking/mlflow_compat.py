"""All uses of MLflow's private API on the driver only.

Each says what breaks without it, and which public API would replace it. What workers use too is in
`sparktune._worker.mlflow_compat`.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from typing import Any

from sparktune._worker.mlflow_compat import active_runs

__all__ = [
    "context_tags",
    "info_of",
    "leave_run",
    "remove_active",
    "request_timeout",
    "set_status",
]


def remove_active(run_id: str) -> None:
    """Take a run out of this thread's active ones, without ending it."""
    stack = active_runs()
    stack[:] = [run for run in stack if run.info.run_id != run_id]


def leave_run(run_id: str) -> None:
    """Do for a run what ``mlflow.end_run`` does, but for the calls to the server.

    Uses ``_last_active_run_id`` and ``run_id_to_system_metrics_monitor``. Without them:
    `mlflow.last_active_run` forgets the search, and the thread that samples system metrics goes on.
    Public replacement: ``mlflow.end_run``, which waits for the server.
    """
    import mlflow.tracking

    fluent: Any = mlflow.tracking.fluent
    remove_active(run_id)
    with contextlib.suppress(Exception):
        fluent._last_active_run_id.set(run_id)
        monitor = fluent.run_id_to_system_metrics_monitor.pop(run_id, None)
        if monitor is not None:
            monitor.finish()


def context_tags() -> dict[str, str]:
    """Return the tags that MLflow gives to runs made here: source, user, notebook, git commit.

    Uses ``resolve_tags``. Without it: the runs of trials lack these tags. Public replacement: none
    for runs that are made by `MlflowClient.create_run`.
    """
    with contextlib.suppress(Exception):
        from mlflow.tracking.context import registry

        return {key: str(value) for key, value in registry.resolve_tags().items()}
    return {}


def info_of(run: Any) -> dict[str, Any]:
    """Return the plain attributes of a run's info, by the names that its constructor has.

    Uses its private attributes. Without it: each worker asks the server for the run of its trial.
    Public replacement: ``dict(run.info)``, once it has what the constructor of all versions wants.
    """
    return {
        key.lstrip("_"): value
        for key, value in vars(run.info).items()
        if value is None or isinstance(value, str | int)
    }


def set_status(client: Any, run_id: str, status: str, end_time: int | None) -> None:
    """Set the status of a run, and when it ended.

    Uses the store of a client. Without it: MLflow prints two lines per trial on a server, and ends
    the asynchronous logging that the user's own code may be using. Public replacement, and the
    fallback: `MlflowClient.set_terminated` and `update_run`.
    """
    with contextlib.suppress(AttributeError, ImportError):
        from mlflow.entities import RunStatus

        store = client._tracking_client.store
        store.update_run_info(run_id, RunStatus.from_string(status), end_time, run_name=None)
        return
    if end_time is None:
        client.update_run(run_id, status)
    else:
        client.set_terminated(run_id, status, end_time)


_TIMEOUT = "MLFLOW_HTTP_REQUEST_TIMEOUT"
_here = threading.local()  # `seconds`: the time-out of this thread's requests


class _TimeoutByThread:
    """Stands in for MLflow's variable of the request time-out, where MLflow reads it."""

    def __init__(self, variable: Any) -> None:
        self._variable = variable

    def get(self) -> Any:
        """Return the seconds for a request of this thread."""
        seconds = getattr(_here, "seconds", None)
        return self._variable.get() if seconds is None else seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._variable, name)

    def __str__(self) -> str:
        return str(self._variable)


@contextlib.contextmanager
def request_timeout(seconds: int) -> Iterator[None]:
    """Let this thread's requests to a server time out earlier; MLflow then repeats them.

    A time-out that the user chose stays, and so do those of all other threads.

    Uses the name ``MLFLOW_HTTP_REQUEST_TIMEOUT`` in `mlflow.utils.rest_utils`. Without it: a
    request that is never answered takes MLflow's two minutes. Public replacement: the environment
    variable, which the user's own calls would follow too.
    """
    with contextlib.suppress(Exception):
        from mlflow.utils import rest_utils

        variable = getattr(rest_utils, _TIMEOUT)
        if not isinstance(variable, _TimeoutByThread):
            setattr(rest_utils, _TIMEOUT, _TimeoutByThread(variable))
    if _TIMEOUT not in os.environ:
        _here.seconds = seconds
    try:
        yield
    finally:
        _here.seconds = None
