"""Criteria of Bayesian optimisation for a normal belief, under the names Hyperopt gives them.

Here more is better: a criterion says how far a value that is believed to be normal with mean
`mean` and variance `var` is expected to be above `thresh`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from sparktune._listing import listing
from sparktune.exceptions import InvalidArgument

__all__ = ["UCB", "EI_empirical", "EI_gaussian", "EI_gaussian_empirical", "logEI_gaussian"]

__dir__ = listing(__all__)

_Array = npt.NDArray[np.float64]

# Below this many standard deviations the tail is taken from its asymptotic series.
_FAR = -12.0
_erfc = np.frompyfunc(math.erfc, 1, 1)


def _log_pdf(z: _Array) -> _Array:
    return -0.5 * z * z - 0.5 * math.log(2 * math.pi)


def _cdf(z: _Array) -> _Array:
    return np.asarray(0.5 * _erfc(-z / math.sqrt(2.0)), dtype=float)


def EI_empirical(samples: Any, thresh: float) -> float:
    """Return the mean improvement of samples over a threshold.

    Parameters
    ----------
    samples : array
        Draws of the value.
    thresh : float
        The threshold.
    """
    return float(np.maximum(np.asarray(samples) - thresh, 0.0).mean())


def EI_gaussian_empirical(
    mean: float, var: float, thresh: float, rng: np.random.Generator, N: int
) -> float:
    """Estimate the expected improvement of a normal value from `N` draws.

    Parameters
    ----------
    mean, var : float
        Mean and variance of the value.
    thresh : float
        The threshold.
    rng : numpy.random.Generator
        The source of randomness.
    N : int
        How many draws.
    """
    return EI_empirical(rng.standard_normal(N) * np.sqrt(var) + mean, thresh)


def EI_gaussian(mean: Any, var: Any, thresh: Any) -> Any:
    """Return the expected improvement of a normal value over a threshold.

    Parameters
    ----------
    mean, var, thresh : float or array
        Mean and variance of the value, and the threshold.

    Returns
    -------
    float or array
        ``E[max(value - thresh, 0)]``.
    """
    sigma = np.sqrt(np.asarray(var, dtype=float))
    z = (np.asarray(mean, dtype=float) - thresh) / sigma
    return (sigma * (z * _cdf(z) + np.exp(_log_pdf(z))))[()]


def logEI_gaussian(mean: Any, var: Any, thresh: Any) -> Any:
    """Return the logarithm of `EI_gaussian`, also where that is too small for a float.

    Parameters
    ----------
    mean, var, thresh : float or array
        Mean and variance (at least 0) of the value, and the threshold.

    Raises
    ------
    InvalidArgument
        If a variance is negative.
    """
    var = np.asarray(var, dtype=float)
    if var.min() < 0:
        raise InvalidArgument(f"`var` must be at least 0; got {var.min()!r}.")
    sigma = np.sqrt(var)
    with np.errstate(all="ignore"):
        z = np.atleast_1d((np.asarray(mean, dtype=float) - thresh) / sigma)
        far = z < _FAR
        near = np.where(far, 0.0, z)
        # EI / sigma = pdf(z) + z cdf(z); far out, where the two cancel, pdf(z) / z**2 times a
        # series in 1 / z**2 (the asymptotic one of the normal tail, less its first term).
        whole = np.log(np.exp(_log_pdf(near)) + near * _cdf(near))
        t = np.where(far, z, -20.0) ** -2
        series = np.ones_like(t)
        for k in range(15, 0, -1):
            series = 1.0 - (2 * k + 1) * t * series
        tail = _log_pdf(z) + np.log(t) + np.log(series)
        result = np.log(sigma) + np.where(far, tail, whole)
    result = np.where(np.isfinite(result), result, -np.inf)
    return result[0] if np.ndim(mean) == np.ndim(thresh) == var.ndim == 0 else result


def UCB(mean: Any, var: Any, zscore: float) -> Any:
    """Return the upper confidence bound: `zscore` standard deviations above the mean.

    Parameters
    ----------
    mean, var : float or array
        Mean and variance of the value.
    zscore : float
        How many standard deviations.
    """
    return mean + np.sqrt(var) * zscore
