"""Callbacks by which training frameworks report to a trial: `trial.xgboost()` and the like.

The classes are made where the trial runs, from what is installed there.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from multiprocessing.context import get_spawning_popen
from typing import Any

from sparktune._worker.partial_fit import partial_fit

__all__ = ["FrameworkCallbacks"]

# Words in the names of metrics. "score" is not among them: of a Brier score, less is better.
_SCORES = (
    r"acc\d*|.*accuracy|.*auc|aucpr|auprc|.*auroc|.*f1(score)?|r2(score)?|.*precision|pre|.*recall"
    r"|map|ndcg|.*iou|dice"
)
_LOSSES = (
    r".*loss|.*error|err|nll|.*nloglik|deviance|.*entropy|.*divergence|perplexity|.*hinge|quantile"
    r"|r?mse|rmsle|mae|mape|mphe"
)


class FrameworkCallbacks:
    """What a `TrialHandle` has for the frameworks that train models."""

    _sign: float
    _pruned: bool
    report: Callable[..., None]

    def xgboost(self, metric: str | None = None, mode: str = "auto") -> Any:
        """Return a callback for XGBoost, which reports after each round.

        Parameters
        ----------
        metric : str, optional
            Such as ``"logloss"``, of the last evaluation set, or ``"validation_0-logloss"``. By
            default the last metric of the last set, as in XGBoost's early stopping.
        mode : {"auto", "min", "max"}
            Whether less is better, or more; by default the name of the metric tells.

        Returns
        -------
        xgboost.callback.TrainingCallback
            For the parameter `callbacks` of `xgboost.train`, `xgboost.cv` and the estimators.
        """
        _check_mode("xgboost", mode)
        base = _module("xgboost", "xgboost.callback").TrainingCallback
        trial = self

        class Report(_Plain, base):  # type: ignore[misc, valid-type]
            plain = base
            start = 0

            def before_training(self, model: Any) -> Any:
                self.start = model.num_boosted_rounds()  # of a model that is trained further
                return model

            def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
                found = [
                    (data, name, values[-1])
                    for data, log in evals_log.items()
                    for name, values in log.items()
                ]
                name, value = _chosen("xgboost", found, metric)
                value = value[0] if isinstance(value, tuple) else value  # of `cv`: mean and spread
                larger = _larger_is_better("xgboost", name, mode)
                _report(trial, value, self.start + epoch, larger)
                return False

        return Report()

    def lightgbm(self, metric: str | None = None) -> Callable[[Any], None]:
        """Return a callback for LightGBM, which reports after each round.

        Parameters
        ----------
        metric : str, optional
            Such as ``"auc"``, of the last evaluation set, or ``"valid_0-auc"``. By default the
            first metric of the last set. LightGBM knows whether more is better.

        Returns
        -------
        function
            For the parameter `callbacks` of `lightgbm.train`, `lightgbm.cv` and of the method `fit`
            of the estimators.
        """

        def report(env: Any) -> None:
            found = [tuple(each)[:4] for each in env.evaluation_result_list or ()]
            if found and metric is None:
                found = [next(each for each in found if each[0] == found[-1][0])]
            _, value, larger = _chosen("lightgbm", found, metric)
            _report(self, value, env.iteration, larger)

        return report

    def keras(self, monitor: str = "val_loss", mode: str = "auto") -> Any:
        """Return a callback for Keras, which reports after each epoch.

        Parameters
        ----------
        monitor : str
            The name of the metric in the logs of Keras.
        mode : {"auto", "min", "max"}
            Whether less is better, or more; by default the name of the metric tells.

        Returns
        -------
        keras.callbacks.Callback
            For the parameter `callbacks` of ``model.fit``.
        """
        larger = _larger_is_better("keras", monitor, mode)
        base = _module("keras", "keras.callbacks").Callback
        trial = self

        class Report(_Plain, base):  # type: ignore[misc, valid-type]
            plain = base
            reported = False

            def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
                logs = logs or {}
                # An epoch may be without validation: `validation_freq`.
                validated = any(name.startswith("val_") for name in logs)
                if monitor in logs or validated or not monitor.startswith("val_"):
                    _report(trial, _monitored("keras", logs, monitor), epoch, larger)
                    self.reported = True

            def on_train_end(self, logs: Any = None) -> None:
                if not self.reported:
                    _monitored("keras", logs or {}, monitor)

        return Report()

    def lightning(self, monitor: str = "val_loss", mode: str = "auto") -> Any:
        """Return a callback for Lightning, which reports after each validation.

        The step is the epoch, or the global step if an epoch has several validations. Without
        validation it reports after each epoch.

        Parameters
        ----------
        monitor : str
            The name of the metric that the model logs.
        mode : {"auto", "min", "max"}
            Whether less is better, or more; by default the name of the metric tells.

        Returns
        -------
        lightning.pytorch.callbacks.Callback
            For the parameter `callbacks` of a `Trainer`; of `pytorch_lightning` if that is what has
            been imported, or is installed.
        """
        larger = _larger_is_better("lightning", monitor, mode)
        packages = ["lightning.pytorch.callbacks", "pytorch_lightning.callbacks"]
        packages.sort(key=lambda name: name not in sys.modules)
        base = _module("lightning", *packages).Callback
        trial, process = self, os.getpid()

        class Report(_Plain, base):  # type: ignore[misc, valid-type]
            plain = base

            def __reduce__(self) -> tuple[Any, ...]:
                _check_alone(get_spawning_popen() is None)
                return super().__reduce__()

            def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
                _check_alone(os.getpid() == process)

            def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
                if not trainer.sanity_checking and trainer.state.fn == "fit":
                    self.report(trainer)

            def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
                if not trainer.enable_validation:
                    self.report(trainer)

            def report(self, trainer: Any) -> None:
                value = float(_monitored("lightning", trainer.callback_metrics, monitor))
                if trainer.world_size == 1:
                    _report(trial, value, _step_of(trainer), larger)
                else:
                    _report_together(trial, value, trainer, larger)

        return Report()

    def sklearn_partial_fit(
        self,
        estimator: Any,
        X: Any,
        y: Any,
        X_valid: Any,
        y_valid: Any,
        *,
        epochs: int,
        scoring: Any = None,
        classes: Any = None,
        batch_size: int | None = None,
    ) -> float:
        """Train an estimator of scikit-learn by `partial_fit`, and report after each epoch.

        Parameters
        ----------
        estimator : estimator
            It is trained in place.
        X, y : array-like
            What to train with.
        X_valid, y_valid : array-like
            What to score with.
        epochs : int
            How often to go through the data; the epochs are the steps, from 0 on.
        scoring : str or callable, optional
            As in scikit-learn; by default the estimator's own score.
        classes : array-like, optional
            All classes, for classifiers; by default those in `y`.
        batch_size : int, optional
            How many rows to train with at once, in random order; by default all.

        Returns
        -------
        float
            What to return from the objective: minus the last score, or the score if
            ``maximize=True``.
        """
        check_scoring = _module("sklearn_partial_fit", "sklearn.metrics").check_scoring
        score, value = check_scoring(estimator, scoring=scoring), 0.0
        for epoch in partial_fit(estimator, X, y, epochs, classes, batch_size):
            value = float(score(estimator, X_valid, y_valid))
            _report(self, value, epoch, True)
        return -self._sign * value


class _Plain:
    """A callback whose pickle is one of the framework that does nothing.

    So models that keep their callbacks can be read where sparktune is not. A copy is the callback
    itself: scikit-learn copies estimators that it trains.
    """

    plain: Any

    def __reduce__(self) -> tuple[Any, ...]:
        return self.plain, ()

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: Any) -> Any:
        return self


_PACKAGES = {"sklearn_partial_fit": "scikit-learn"}


def _module(method: str, *names: str) -> Any:
    """Return the first of some modules whose package is installed."""
    for name in names:
        if importlib.util.find_spec(name.partition(".")[0]) is not None:
            return importlib.import_module(name)
    package = _PACKAGES.get(method, method)
    raise ModuleNotFoundError(
        f"trial.{method} needs {package}, which is not installed for {sys.executable}. Hint: pip "
        f"install {package} where the trials run.",
        name=names[0].partition(".")[0],
    )


def _check_mode(method: str, mode: Any) -> None:
    if mode not in ("auto", "min", "max"):
        raise ValueError(
            f"`mode` of trial.{method} must be 'auto', 'min' or 'max'; got {mode!r:.100}."
        )


def _larger_is_better(method: str, metric: str, mode: str) -> bool:
    _check_mode(method, mode)
    if mode != "auto":
        return mode == "max"
    words = re.split("[^a-z0-9]+", metric.lower())
    score, loss = (any(re.fullmatch(p, word) for word in words) for p in (_SCORES, _LOSSES))
    if score == loss:
        raise ValueError(
            f"The name of the metric {metric!r} does not tell trial.{method} whether less or more "
            "is better. Hint: mode='min' or mode='max'."
        )
    return score


_SETS = {
    "xgboost": "evals=[(data, 'valid')] of xgboost.train, or eval_set=[(X, y)] of fit",
    "lightgbm": "valid_sets=[data] of lightgbm.train, or eval_set=[(X, y)] of fit",
}


def _chosen(method: str, found: list[Any], metric: str | None) -> tuple[Any, ...]:
    """Return the name, value and so on of a metric, from tuples that begin with the data's name."""
    if not found:
        raise ValueError(
            f"trial.{method} needs an evaluation set, and there is none. Hint: {_SETS[method]}."
        )
    for data, name, *rest in reversed(found):
        if metric in (None, name, f"{data}-{name}"):
            return name, *rest
    there = _listed(f"{data}-{name}" for data, name, *_ in found)
    raise ValueError(f"`metric` of trial.{method} must be one of {there}; got {metric!r}.")


_LOGS = {
    "keras": "validation_data=(X, y) of fit, and metrics=[...] of compile",
    "lightning": "self.log('val_loss', loss) in validation_step",
}


def _monitored(method: str, logs: Mapping[str, Any], monitor: str) -> Any:
    if monitor not in logs:
        raise ValueError(
            f"`monitor` of trial.{method} must be one of {_listed(logs)}; got {monitor!r}. "
            f"Hint: {_LOGS[method]}."
        )
    return logs[monitor]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names)) or "the metrics, of which there are none"


def _report(trial: Any, value: Any, step: Any, larger_is_better: bool) -> None:
    """Report a metric as the search takes it: as a loss, or as a score if it maximizes."""
    trial.report(trial._sign * (-float(value) if larger_is_better else float(value)), step)


def _check_alone(alone: bool) -> None:
    if not alone:
        raise RuntimeError(
            "trial.lightning must report from the process of the trial, but the strategy of the "
            "Trainer starts others. Hint: Trainer(devices=1), or trial.report after the training."
        )


def _step_of(trainer: Any) -> int:
    batches = trainer.val_check_batch  # None if validation goes by the clock
    by_epoch = trainer.check_val_every_n_epoch is not None and batches is not None
    if by_epoch and batches >= trainer.num_training_batches:
        return int(trainer.current_epoch)
    return int(trainer.global_step)


def _report_together(trial: Any, value: float, trainer: Any, larger_is_better: bool) -> None:
    """Report on every rank what rank 0 has found, and end all if rank 0 ends.

    A rank that ended alone would leave the others waiting for it.
    """
    value = trainer.strategy.broadcast(value)
    ends = False
    try:
        _report(trial, value, _step_of(trainer), larger_is_better)
    except BaseException:  # TrialPruned
        if not trial._pruned:
            raise
        ends = True
    if trainer.strategy.broadcast(ends):
        trial._pruned = True
        _report(trial, value, _step_of(trainer), larger_is_better)  # raises
