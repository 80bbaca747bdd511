"""Trains an estimator of scikit-learn by epochs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["partial_fit"]


def partial_fit(
    estimator: Any, X: Any, y: Any, epochs: int, classes: Any, batch_size: int | None
) -> Iterator[int]:
    """Train an estimator, and yield the number of each epoch after it.

    Raises
    ------
    TypeError
        If the estimator cannot be trained by epochs.
    ValueError
        If `epochs` or `batch_size` is not a whole number of at least 1.
    """
    import numpy as np
    from sklearn.base import is_classifier
    from sklearn.utils import gen_batches, shuffle

    if not hasattr(estimator, "partial_fit"):
        raise TypeError(
            "`estimator` of trial.sklearn_partial_fit must have a method `partial_fit`; "
            f"{type(estimator).__name__} has none. Hint: SGDClassifier, MLPRegressor and others "
            "have one; for those that do not, call trial.report."
        )
    _check_count("epochs", epochs)
    if batch_size is not None:
        _check_count("batch_size", batch_size)
    first: dict[str, Any] = {}
    if is_classifier(estimator):
        first = {"classes": np.unique(y) if classes is None else classes}
    for epoch in range(epochs):
        if batch_size is None:
            estimator.partial_fit(X, y, **first)
        else:
            rows, labels = shuffle(X, y)
            for batch in gen_batches(len(labels), batch_size):
                estimator.partial_fit(_part(rows, batch), _part(labels, batch), **first)
                first = {}
        first = {}
        yield epoch


def _part(rows: Any, batch: slice) -> Any:
    return getattr(rows, "iloc", rows)[batch]  # of pandas, where plain [] may go by labels


def _check_count(name: str, value: Any) -> None:
    if not (hasattr(value, "__index__") and value >= 1):
        raise ValueError(
            f"`{name}` of trial.sklearn_partial_fit must be an int of at least 1; got "
            f"{value!r:.100}."
        )
