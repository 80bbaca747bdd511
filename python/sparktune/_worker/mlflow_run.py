"""Makes plain ``mlflow.log_*`` calls in an objective land in the run of its trial.

This module travels to executors by value, so it imports the standard library only, keeps no state
at module level and finds MLflow in ``sys.modules``. An objective that never imports MLflow does not
pay for it: an import hook waits for the import, and removes itself with the trial.

What an objective may do, and where it lands:

- ``mlflow.log_param``, ``log_metric``, ``set_tag``, ``log_artifact``, ``autolog``: the trial's run.
- ``with mlflow.start_run():``, nested or not: the first run that the objective opens *is* the
  trial's run. Further ones (one a fold, say) are nested under it.
- ``mlflow.end_run()`` and then more logging: still the trial's run.

Where the trial has no run, because the server was away, or where this worker is refused by the
server, all this lands in a store that is thrown away with the trial: logging fails no trial.

Afterwards the thread's active runs, tracking URI, experiment and autologging settings are what
they were before the trial, because Spark reuses its Python workers.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import logging
import os
import pathlib
import re
import shutil
import socket
import sys
import tempfile
import threading
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from types import ModuleType, SimpleNamespace
from typing import Any

__all__ = ["worker_run"]

_FILE_STORE = "MLFLOW_ALLOW_FILE_STORE"
_CONNECT_SECONDS = 5.0
_IMPATIENT: dict[str, str | None] = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}
_EXPERIMENT_VARIABLES = ("MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME")
_VARIABLES = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_RUN_ID", *_EXPERIMENT_VARIABLES)


@contextlib.contextmanager
def worker_run(payload: Mapping[str, Any] | None, any_thread: bool = True) -> Iterator[None]:
    """Run the body, an objective's evaluation, with its trial's MLflow run at hand.

    Nothing that goes wrong with MLflow here reaches the body or replaces its exception.

    Parameters
    ----------
    payload : mapping or None
        What `TrackedRun.payload` returned; ``None`` does nothing.
    any_thread : bool
        Whether logging on threads that the objective starts lands in the run too. True where the
        process runs one trial at a time.
    """
    if payload is None:
        yield
        return
    trial = _Trial(payload, any_thread)
    _guarded(trial.enter)
    try:
        yield
    except BaseException:
        trial.failed = True
        raise
    finally:
        _guarded(trial.leave)


def _guarded(step: Callable[[], None]) -> None:
    """Call `step`; a failure costs the worker's logging, never the trial."""
    try:
        step()
    except Exception:
        logging.getLogger("sparktune.mlflow").warning(
            "Logging to MLflow from the objective may not work in this trial.", exc_info=True
        )


class _Trial:
    """The run of one trial, and what must be put back after it."""

    def __init__(self, payload: Mapping[str, Any], any_thread: bool) -> None:
        self.payload = payload
        self.run_id: str | None = payload["run_id"]  # None: the trial has no run to log into
        self.any_thread = any_thread
        self.failed = False
        self.opened = False  # the objective has opened the trial's run itself
        self.hook: _ImportHook | None = None
        self.environment: dict[str, str | None] = {}
        self.saved: _Saved | None = None
        self.child: Any = None  # mlflow.ActiveRun
        self.folder: str | None = None  # of a throwaway store

    # -- around the objective ------------------------------------------------------------------

    def enter(self) -> None:
        settings: dict[str, str | None] = dict.fromkeys(_VARIABLES)
        settings.update(self.payload.get("environment", {}))
        settings[_FILE_STORE] = os.environ.get(_FILE_STORE)  # put back after the trial
        settings["MLFLOW_TRACKING_URI"] = self.payload["tracking_uri"]
        settings["MLFLOW_REGISTRY_URI"] = self.payload.get("registry_uri")
        settings["MLFLOW_EXPERIMENT_ID"] = self.payload["experiment_id"]
        self.environment = {name: os.environ.get(name) for name in settings}
        _set_environment(settings)
        if _is_ready(sys.modules.get("mlflow")):
            self.activate()
        else:
            self.hook = _ImportHook(self.activate)
            sys.meta_path.insert(0, self.hook)

    def activate(self) -> None:
        """Make the trial's run the active one."""
        import mlflow.tracking.fluent as fluent

        self.saved = _Saved(fluent)
        self.saved.clear(self.payload)
        if self.any_thread:  # in a process of its own
            why_not = "" if self.run_id is None else _why_not(self.payload)
            if why_not is not None:
                self.log_to_nowhere(why_not)
                self.saved.clear(self.payload)
        self.child = _make_active_run(fluent, self.payload)
        active_runs(fluent).append(self.child)
        _register(fluent, self)

    def log_to_nowhere(self, reason: str) -> None:
        """Give the objective a store that is thrown away, so that its logging fails no trial."""
        if reason:
            _note(
                "What objectives log to MLflow themselves is lost on workers that cannot log there "
                f"({reason}); the driver's records are complete. Hint: give the workers access, or "
                "set SPARKTUNE_MLFLOW_CREDENTIALS=1 on the driver to send them its credentials."
            )
        from mlflow import MlflowClient

        self.folder = tempfile.mkdtemp(prefix="sparktune-mlflow-")
        os.environ[_FILE_STORE] = "true"
        uri = pathlib.Path(self.folder).as_uri()
        client = MlflowClient(tracking_uri=uri)
        run = client.create_run(client.create_experiment("nowhere"))
        self.run_id = run.info.run_id
        self.payload = {
            "run_id": run.info.run_id,
            "parent_run_id": self.payload.get("parent_run_id"),
            "experiment_id": run.info.experiment_id,
            "tracking_uri": uri,
            "info": {key.lstrip("_"): value for key, value in vars(run.info).items()},
            "tags": {},
        }
        os.environ["MLFLOW_TRACKING_URI"] = uri
        os.environ["MLFLOW_EXPERIMENT_ID"] = run.info.experiment_id

    def leave(self) -> None:
        try:
            if self.hook is not None and self.hook in sys.meta_path:
                sys.meta_path.remove(self.hook)
            if self.saved is not None:
                self.deactivate(self.saved)
        finally:
            _set_environment(self.environment)
            if self.folder is not None:
                shutil.rmtree(self.folder, ignore_errors=True)

    def deactivate(self, saved: _Saved) -> None:
        import mlflow.tracking.fluent as fluent

        try:
            _unregister(fluent, self)
            stack = active_runs(fluent)
            while stack:
                if stack[-1].info.run_id == self.run_id:
                    stack.pop()  # the driver ends the trial's run, when it has logged the loss
                else:
                    before = len(stack)
                    with contextlib.suppress(Exception):
                        fluent.end_run("FAILED" if self.failed else "FINISHED")
                    del stack[before - 1 :]
            for other in _stacks_of_all_threads(fluent):
                other[:] = [run for run in other if run.info.run_id != self.run_id]
        finally:
            saved.restore()

    # -- what the objective calls --------------------------------------------------------------

    def start_run(self, original: Callable[..., Any], given: dict[str, Any]) -> Any:
        """Stand in for ``mlflow.start_run`` while the trial runs."""
        import mlflow.tracking.fluent as fluent

        stack = active_runs(fluent)
        if stack and (len(stack) > 1 or stack[0].info.run_id != self.run_id):
            return original(**given)  # inside a run that the objective opened: MLflow's own rules
        asked, parent = given.get("run_id"), given.get("parent_run_id")
        if parent not in (None, self.payload["parent_run_id"], self.run_id):
            return self._start_elsewhere(original, given, stack)
        if not stack:
            stack.append(self.child)
        # MLflow itself opens a run when something is logged while none is active.
        implicit = not given or "mlflow.autologging" in (given.get("tags") or {})
        same = (
            asked in (None, self.run_id)
            and parent != self.run_id
            and str(given.get("experiment_id") or self.payload["experiment_id"])
            == self.payload["experiment_id"]
        )
        if same and (implicit or asked is not None or not self.opened):
            self.opened = self.opened or bool(given)
            _guarded(lambda: self._describe(given))
            return self.child
        given.pop("parent_run_id", None)
        return original(**{**given, "nested": True})

    def _start_elsewhere(
        self, original: Callable[..., Any], given: dict[str, Any], stack: list[Any]
    ) -> Any:
        """Open a run under a parent that has nothing to do with this search."""
        hidden = stack[:]
        stack.clear()
        try:
            return original(**given)
        finally:
            stack[:0] = hidden

    def _describe(self, given: Mapping[str, Any]) -> None:
        """Give the trial's run the name and tags that the objective wants its run to have."""
        tags = {str(key): str(value) for key, value in (given.get("tags") or {}).items()}
        if given.get("run_name"):
            tags["mlflow.runName"] = str(given["run_name"])
        if given.get("description"):
            tags["mlflow.note.content"] = str(given["description"])
        if tags and self.run_id is not None:
            from mlflow import MlflowClient

            client = MlflowClient()
            for key, value in tags.items():
                client.set_tag(self.run_id, key, value)


class _Saved:
    """MLflow's process-wide settings and this thread's active runs, as found."""

    def __init__(self, fluent: ModuleType) -> None:
        self.fluent = fluent
        self.tracking = sys.modules.get("mlflow.tracking._tracking_service.utils")
        self.registry = sys.modules.get("mlflow.tracking._model_registry.utils")
        self.stack = list(active_runs(fluent))
        self.tracking_uri = getattr(self.tracking, "_tracking_uri", None)
        self.registry_uri = getattr(self.registry, "_registry_uri", None)
        self.experiment_id = getattr(fluent, "_active_experiment_id", None)
        self.autologging = {name: dict(config) for name, config in _autologging().items()}

    def clear(self, payload: Mapping[str, Any]) -> None:
        """Set MLflow up for the trial, whatever an earlier user of this process left behind."""
        import mlflow

        active_runs(self.fluent).clear()
        self.fluent._active_experiment_id = None  # type: ignore[attr-defined]
        if mlflow.get_tracking_uri() != payload["tracking_uri"]:
            mlflow.set_tracking_uri(payload["tracking_uri"])
        if payload.get("registry_uri") and mlflow.get_registry_uri() != payload["registry_uri"]:
            mlflow.set_registry_uri(payload["registry_uri"])

    def restore(self) -> None:
        mlflow: Any = sys.modules["mlflow"]
        active_runs(self.fluent)[:] = self.stack
        self.fluent._active_experiment_id = self.experiment_id  # type: ignore[attr-defined]
        if getattr(self.tracking, "_tracking_uri", None) != self.tracking_uri:
            mlflow.set_tracking_uri(self.tracking_uri)
        if getattr(self.registry, "_registry_uri", None) != self.registry_uri:
            mlflow.set_registry_uri(self.registry_uri)
        autologging = _autologging()
        for name in list(autologging):
            # An integration that has no settings is off; that is how MLflow imports it.
            autologging[name] = self.autologging.get(name, {})


class _ImportHook:
    """Calls `ready` as soon as ``mlflow`` has been imported."""

    def __init__(self, ready: Callable[[], None]) -> None:
        self.ready = ready
        self.searching = False

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != "mlflow" or self.searching:
            return None
        self.searching = True
        try:
            spec = None
            for finder in sys.meta_path:
                find = getattr(finder, "find_spec", None)
                if finder is not self and find is not None:
                    spec = find(name, path, target)
                    if spec is not None:
                        break
        finally:
            self.searching = False
        loader = getattr(spec, "loader", None)
        if loader is None or not hasattr(loader, "exec_module"):
            return spec
        execute = loader.exec_module

        def execute_and_report(module: ModuleType) -> None:
            execute(module)
            if self in sys.meta_path:
                sys.meta_path.remove(self)
                _guarded(self.ready)

        with contextlib.suppress(AttributeError):  # a loader that takes no attributes: no hook
            loader.exec_module = execute_and_report
        return spec


# -- whether this worker can log ------------------------------------------------------------------


def _why_not(payload: Mapping[str, Any]) -> str | None:
    """Return why this process cannot log to the server; None if it can.

    Asked once a process; whether anybody listens, each time.
    """
    uri = payload["tracking_uri"]
    parts = urllib.parse.urlsplit(uri)
    if parts.scheme in ("http", "https"):
        from urllib.request import getproxies  # here: few objectives log, and it takes a while

        proxied = parts.scheme in getproxies()
        if parts.hostname and not proxied:
            port = parts.port or (443 if parts.scheme == "https" else 80)
            try:
                socket.create_connection((parts.hostname, port), timeout=_CONNECT_SECONDS).close()
            except OSError as error:
                return f"nobody answers at {parts.hostname}:{port}: {error}"
    elif not parts.scheme.startswith("databricks"):
        return None  # a database or a folder
    known: dict[str, str | None] = vars(_home()).setdefault("mlflow", {})
    if uri in known:
        return known[uri]
    reason, lasting = _refusal(payload["run_id"])
    if lasting:
        known[uri] = reason
    return reason


def _refusal(run_id: str) -> tuple[str | None, bool]:
    """Ask the server for a run; return why it refuses, if so, and whether it will do so again."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    before = {name: os.environ.get(name) for name in _IMPATIENT}
    _set_environment(_IMPATIENT)
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
        _set_environment(before)
    return None, True


def _home() -> ModuleType:
    """Return a module that outlives the task, as this function's globals do not."""
    return sys.modules.setdefault("_sparktune_worker", ModuleType("_sparktune_worker"))


def _note(text: str) -> None:
    """Leave a message for the driver, which the trial's answer takes along."""
    vars(_home()).setdefault("notes", []).append(text)


# -- mlflow.start_run, patched while trials run ---------------------------------------------------


def _register(fluent: ModuleType, trial: _Trial) -> None:
    """Route ``start_run`` on this thread to `trial`."""
    state = vars(fluent).setdefault(
        "_sparktune", SimpleNamespace(lock=threading.RLock(), trials={}, original=None)
    )
    with state.lock:
        running = state.trials.setdefault(threading.get_ident(), [])
        running.append(trial)
        if state.original is None:
            state.original = fluent.start_run
            replacement = _routed(state, state.original)
            fluent.start_run = replacement  # type: ignore[attr-defined]
            sys.modules["mlflow"].start_run = replacement  # type: ignore[attr-defined]


def _unregister(fluent: ModuleType, trial: _Trial) -> None:
    state = getattr(fluent, "_sparktune", None)
    if state is None:
        return
    with state.lock:
        for thread, running in list(state.trials.items()):
            if trial in running:
                running.remove(trial)
            if not running:
                del state.trials[thread]
        if not state.trials and state.original is not None:
            fluent.start_run = state.original  # type: ignore[attr-defined]
            sys.modules["mlflow"].start_run = state.original  # type: ignore[attr-defined]
            state.original = None


def _routed(state: SimpleNamespace, original: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(original)

    @functools.wraps(original)
    def start_run(*args: Any, **kwargs: Any) -> Any:
        running = state.trials.get(threading.get_ident())
        if not running:
            # A thread of the objective's own, if it is clear whose.
            elsewhere = [group[-1] for group in list(state.trials.values()) if group]
            running = elsewhere if len(elsewhere) == 1 and elsewhere[0].any_thread else None
        if not running:
            return original(*args, **kwargs)
        given = {
            name: value
            for name, value in signature.bind(*args, **kwargs).arguments.items()
            if value is not None
        }
        return running[-1].start_run(original, given)

    return start_run


# -- MLflow's insides, each in one place ----------------------------------------------------------


def _is_ready(mlflow: ModuleType | None) -> bool:
    """Whether MLflow has been imported to the end."""
    return (
        mlflow is not None
        and "mlflow.tracking.fluent" in sys.modules
        and hasattr(mlflow, "start_run")
    )


def active_runs(fluent: Any) -> list[Any]:
    """Return this thread's stack of active runs, itself."""
    stack = fluent._active_run_stack
    return stack if isinstance(stack, list) else stack.get()


def _stacks_of_all_threads(fluent: Any) -> list[list[Any]]:
    by_thread = getattr(fluent._active_run_stack, "get_all_thread_values", None)
    return [] if by_thread is None else list(by_thread().values())


def _autologging() -> MutableMapping[str, dict[str, Any]]:
    utils = sys.modules.get("mlflow.utils.autologging_utils")
    return getattr(utils, "AUTOLOGGING_INTEGRATIONS", {})


def _make_active_run(fluent: Any, payload: Mapping[str, Any]) -> Any:
    """Build the active run from what the driver knows, without a call to the server."""
    from mlflow import MlflowClient
    from mlflow.entities import Run, RunData, RunInfo, RunTag

    try:
        accepted = inspect.signature(RunInfo).parameters
        info = {name: value for name, value in payload["info"].items() if name in accepted}
        tags = [RunTag(key, value) for key, value in payload["tags"].items()]
        return fluent.ActiveRun(Run(RunInfo(**info), RunData(tags=tags)))
    except Exception:
        return fluent.ActiveRun(MlflowClient().get_run(payload["run_id"]))


def _set_environment(settings: Mapping[str, str | None]) -> None:
    for name, value in settings.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
