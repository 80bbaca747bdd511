"""Makes plain ``mlflow.log_*`` calls in an objective land in the run of its trial.

An objective that never imports MLflow does not pay for it: an import hook waits for the import, and
removes itself with the trial.

What an objective may do, and where it lands:

- ``mlflow.log_param``, ``log_metric``, ``set_tag``, ``log_artifact``, ``autolog``: the trial's run.
- ``with mlflow.start_run():``, nested or not: the first run that the objective opens *is* the
  trial's run. Further ones (one per fold, for example) are nested under it.
- ``mlflow.end_run()`` and then more logging: still the trial's run.

If the trial has no run because the server was away, or if the server refuses this worker, all this
lands in a store that is thrown away with the trial: logging never fails a trial.

Afterwards the thread's active runs, tracking URI, experiment and autologging settings are what
they were before the trial, because Spark reuses its Python workers.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pathlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sparktune._worker.environment import swap_environment
from sparktune._worker.home import leave_note
from sparktune._worker.import_hook import ImportHook
from sparktune._worker.mlflow_access import why_not
from sparktune._worker.mlflow_compat import (
    Saved,
    active_runs,
    forget_active,
    is_imported,
    make_active_run,
    patch_start_run,
    unpatch_start_run,
)

__all__ = ["worker_run"]

_FILE_STORE = "MLFLOW_ALLOW_FILE_STORE"
_VARIABLES = (
    "MLFLOW_TRACKING_URI",
    "MLFLOW_REGISTRY_URI",
    "MLFLOW_RUN_ID",
    "MLFLOW_EXPERIMENT_ID",
    "MLFLOW_EXPERIMENT_NAME",
)


@contextlib.contextmanager
def worker_run(payload: Mapping[str, Any] | None, any_thread: bool = True) -> Iterator[None]:
    """Run the body, an objective's evaluation, with its trial's MLflow run active.

    Nothing that goes wrong with MLflow here reaches the body or replaces its exception. `payload`
    is what `TrackedRun.payload` returned; None does nothing. `any_thread` says whether logging on
    threads that the objective starts lands in the run too: only where the process runs one trial at
    a time.
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
        self.hook: ImportHook | None = None
        self.environment: dict[str, str | None] = {}
        self.saved: Saved | None = None
        self.child: Any = None  # mlflow.ActiveRun
        self.folder: str | None = None  # of a throwaway store

    # -- around the objective ------------------------------------------------------------------

    def enter(self) -> None:
        """Set up the environment now, and MLflow as soon as it is imported."""
        settings: dict[str, str | None] = dict.fromkeys(_VARIABLES)
        settings.update(self.payload.get("environment", {}))
        settings[_FILE_STORE] = os.environ.get(_FILE_STORE)  # put back after the trial
        settings["MLFLOW_TRACKING_URI"] = self.payload["tracking_uri"]
        settings["MLFLOW_REGISTRY_URI"] = self.payload.get("registry_uri")
        settings["MLFLOW_EXPERIMENT_ID"] = self.payload["experiment_id"]
        self.environment = swap_environment(settings)
        if is_imported():
            self.activate()
        else:
            self.hook = ImportHook("mlflow", lambda: _guarded(self.activate))
            self.hook.install()

    def activate(self) -> None:
        """Make the trial's run the active one."""
        self.saved = Saved()
        self.saved.clear(self.payload)
        if self.any_thread:  # in a process of its own
            reason = "" if self.run_id is None else why_not(self.payload)
            if reason is not None:
                self.log_to_nowhere(reason)
                self.saved.clear(self.payload)
        self.child = make_active_run(self.payload)
        active_runs().append(self.child)
        patch_start_run(self)

    def log_to_nowhere(self, reason: str) -> None:
        """Give the objective a store that is thrown away, so that its logging never fails."""
        if reason:
            leave_note(
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
            "run_id": self.run_id,
            "parent_run_id": self.payload.get("parent_run_id"),
            "experiment_id": run.info.experiment_id,
            "tracking_uri": uri,
            "info": {key.lstrip("_"): value for key, value in vars(run.info).items()},
            "tags": {},
        }
        os.environ["MLFLOW_TRACKING_URI"] = uri
        os.environ["MLFLOW_EXPERIMENT_ID"] = run.info.experiment_id

    def leave(self) -> None:
        """Restore everything."""
        try:
            if self.hook is not None:
                self.hook.remove()
            if self.saved is not None:
                self.deactivate(self.saved)
        finally:
            swap_environment(self.environment)
            if self.folder is not None:
                shutil.rmtree(self.folder, ignore_errors=True)

    def deactivate(self, saved: Saved) -> None:
        """End the runs that the objective left open, and restore MLflow's state."""
        import mlflow

        try:
            unpatch_start_run(self)
            stack = active_runs()
            while stack:
                if stack[-1].info.run_id == self.run_id:
                    stack.pop()  # the driver ends the trial's run, when it has logged the loss
                else:
                    before = len(stack)
                    with contextlib.suppress(Exception):
                        mlflow.end_run("FAILED" if self.failed else "FINISHED")
                    del stack[before - 1 :]
            if self.run_id is not None:
                forget_active(self.run_id)
        finally:
            saved.restore()

    # -- what the objective calls --------------------------------------------------------------

    def start_run(self, original: Callable[..., Any], given: dict[str, Any]) -> Any:
        """Stand in for `original`, ``mlflow.start_run``; `given` has the arguments but None."""
        stack = active_runs()
        if stack and (len(stack) > 1 or stack[0].info.run_id != self.run_id):
            return original(**given)  # inside a run that the objective opened: MLflow's own rules
        asked, parent = given.get("run_id"), given.get("parent_run_id")
        if parent not in (None, self.payload["parent_run_id"], self.run_id):
            hidden = stack[:]  # a parent outside of this search: MLflow's own rules, too
            stack.clear()
            try:
                return original(**given)
            finally:
                stack[:0] = hidden
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

    def _describe(self, given: Mapping[str, Any]) -> None:
        """Give the trial's run the name and tags that the objective gave its own."""
        tags = {str(key): str(value) for key, value in (given.get("tags") or {}).items()}
        if given.get("run_name"):
            tags["mlflow.runName"] = str(given["run_name"])
        if given.get("description"):
            tags["mlflow.note.content"] = str(given["description"])
        if tags and self.run_id is not None:
            from mlflow import MlflowClient

            for key, value in tags.items():
                MlflowClient().set_tag(self.run_id, key, value)
