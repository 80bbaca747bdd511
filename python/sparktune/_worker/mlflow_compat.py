"""All uses of MLflow's private API where trials run.

Each says what breaks without it, and which public API would replace it. The driver uses some of
these too, and has others in `sparktune._tracking.mlflow_compat`.
"""

from __future__ import annotations

import functools
import inspect
import sys
import threading
from collections.abc import Callable, Mapping, MutableMapping
from types import SimpleNamespace
from typing import Any

from sparktune._worker.home import home

__all__ = [
    "Saved",
    "active_runs",
    "forget_active",
    "is_imported",
    "make_active_run",
    "patch_start_run",
    "unpatch_start_run",
]


def is_imported() -> bool:
    """Return whether MLflow has been imported to the end.

    Uses where `start_run` is defined. Without it: an objective whose module imports MLflow on
    another thread might find a half-imported one. Public replacement: none.
    """
    mlflow = sys.modules.get("mlflow")
    return hasattr(mlflow, "start_run") and "mlflow.tracking.fluent" in sys.modules


def _fluent() -> Any:
    import mlflow.tracking.fluent as fluent

    return fluent


# -- active runs ----------------------------------------------------------------------------------


def active_runs() -> list[Any]:
    """Return this thread's stack of active runs, itself.

    Uses ``_active_run_stack``: a list in old versions, now a variable with a list per thread.
    Without it: the run of a trial cannot be made active without a call to the server, and runs that
    an objective leaves open leak into the next trial. Public replacement: one that pushes an
    existing run; ``mlflow.start_run(run_id=...)`` asks the server twice and sets the run's status.
    """
    stack = _fluent()._active_run_stack
    return stack if isinstance(stack, list) else stack.get()


def forget_active(run_id: str) -> None:
    """Take a run out of the stacks of all threads; of this thread only, where MLflow is old.

    Uses ``_active_run_stack.get_all_thread_values``. Without it: threads that an objective started
    keep the run of an ended trial active. Public replacement: none.
    """
    stacks = [active_runs()]
    by_thread = getattr(_fluent()._active_run_stack, "get_all_thread_values", None)
    if by_thread is not None:
        stacks += by_thread().values()
    for stack in stacks:
        stack[:] = [run for run in stack if run.info.run_id != run_id]


def make_active_run(payload: Mapping[str, Any]) -> Any:
    """Return the active run of a trial, built from what the driver knows.

    Uses the constructor of `RunInfo`, whose parameters change between versions. Without it: one
    call to the server per trial, which is the fallback. Public replacement: `MlflowClient.get_run`.
    """
    from mlflow import MlflowClient
    from mlflow.entities import Run, RunData, RunInfo, RunTag

    active = _fluent().ActiveRun
    try:
        accepted = inspect.signature(RunInfo).parameters
        info = {name: value for name, value in payload["info"].items() if name in accepted}
        tags = [RunTag(key, value) for key, value in payload["tags"].items()]
        return active(Run(RunInfo(**info), RunData(tags=tags)))
    except Exception:
        return active(MlflowClient().get_run(payload["run_id"]))


# -- settings of the process ----------------------------------------------------------------------


def _autologging() -> MutableMapping[str, dict[str, Any]]:
    """Return the settings of autologging integrations by name.

    Uses ``AUTOLOGGING_INTEGRATIONS``. Without it: what an objective switches on stays on for later
    trials in the same worker. Public replacement: none; ``autolog(disable=True)`` imports the
    integration's library.
    """
    utils = sys.modules.get("mlflow.utils.autologging_utils")
    return getattr(utils, "AUTOLOGGING_INTEGRATIONS", {})


class Saved:
    """MLflow's process-wide settings and this thread's active runs, as found.

    Uses ``_tracking_uri``, ``_registry_uri`` and ``_active_experiment_id``, which tell what was set
    from what is the default. Without them: a worker whose trial has ended keeps the tracking URI of
    that trial. Public replacement: `mlflow.get_tracking_uri` and `mlflow.get_registry_uri`, which
    resolve the defaults (the environment, the working directory) for good.
    """

    def __init__(self) -> None:
        self.tracking = sys.modules.get("mlflow.tracking._tracking_service.utils")
        self.registry = sys.modules.get("mlflow.tracking._model_registry.utils")
        self.stack = list(active_runs())
        self.tracking_uri = getattr(self.tracking, "_tracking_uri", None)
        self.registry_uri = getattr(self.registry, "_registry_uri", None)
        self.experiment_id = getattr(_fluent(), "_active_experiment_id", None)
        self.autologging = {name: dict(config) for name, config in _autologging().items()}

    def clear(self, payload: Mapping[str, Any]) -> None:
        """Set MLflow up for a trial, whatever the last user of this process left behind."""
        import mlflow

        active_runs().clear()
        _fluent()._active_experiment_id = None
        if mlflow.get_tracking_uri() != payload["tracking_uri"]:
            mlflow.set_tracking_uri(payload["tracking_uri"])
        if payload.get("registry_uri") and mlflow.get_registry_uri() != payload["registry_uri"]:
            mlflow.set_registry_uri(payload["registry_uri"])

    def restore(self) -> None:
        """Put back what was found."""
        mlflow: Any = sys.modules["mlflow"]
        active_runs()[:] = self.stack
        _fluent()._active_experiment_id = self.experiment_id
        if getattr(self.tracking, "_tracking_uri", None) != self.tracking_uri:
            mlflow.set_tracking_uri(self.tracking_uri)
        if getattr(self.registry, "_registry_uri", None) != self.registry_uri:
            mlflow.set_registry_uri(self.registry_uri)
        autologging = _autologging()
        for name in list(autologging):
            # An integration that has no settings is off; that is how MLflow imports it.
            autologging[name] = self.autologging.get(name, {})


# -- mlflow.start_run, replaced while trials run --------------------------------------------------


def patch_start_run(trial: Any) -> None:
    """Send calls of ``start_run`` on this thread to a trial of `sparktune._worker.mlflow_run`.

    Replaces ``mlflow.start_run`` and ``mlflow.tracking.fluent.start_run``, which logging without an
    active run calls. Without it: a run that the objective opens is a stranger to the search, or
    raises because the trial's run is active. Public replacement: a hook around `start_run`.
    """
    patch = _patch()
    with patch.lock:
        patch.trials.setdefault(threading.get_ident(), []).append(trial)
        if patch.original is None:
            patch.original = _fluent().start_run
            _set_start_run(_routed(patch, patch.original))


def unpatch_start_run(trial: Any) -> None:
    """Take a trial back; with the last one, MLflow gets its own function again."""
    patch = _patch()
    with patch.lock:
        for thread, running in list(patch.trials.items()):
            if trial in running:
                running.remove(trial)
            if not running:
                del patch.trials[thread]
        if not patch.trials and patch.original is not None:
            _set_start_run(patch.original)
            patch.original = None


def _patch() -> Any:
    """Return which trials there are by thread, and the function that is replaced."""
    fresh = SimpleNamespace(lock=threading.RLock(), trials={}, original=None)
    return vars(home()).setdefault("start_run", fresh)


def _set_start_run(function: Callable[..., Any]) -> None:
    _fluent().start_run = function
    vars(sys.modules["mlflow"])["start_run"] = function


def _routed(patch: Any, original: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(original)

    @functools.wraps(original)
    def start_run(*args: Any, **kwargs: Any) -> Any:
        running = patch.trials.get(threading.get_ident())
        if not running:
            # A thread of the objective's own, if it is clear whose.
            elsewhere = [group[-1] for group in list(patch.trials.values()) if group]
            running = elsewhere if len(elsewhere) == 1 and elsewhere[0].any_thread else None
        if not running:
            return original(*args, **kwargs)
        arguments = signature.bind(*args, **kwargs).arguments
        given = {name: value for name, value in arguments.items() if value is not None}
        return running[-1].start_run(original, given)

    return start_run
