"""Mixtures of normal distributions as numpy functions: draws and densities.

Hyperopt has them under these names. Searches do not use them: the sampler has its own, in Rust.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from sparktune.exceptions import InvalidArgument

__all__ = ["GMM1", "LGMM1", "GMM1_lpdf", "LGMM1_lpdf", "adaptive_parzen_normal_orig", "normal_cdf"]

_Array = npt.NDArray[np.float64]

_TINY = 1e-12
_erf = np.frompyfunc(math.erf, 1, 1)


def normal_cdf(x: Any, mu: Any, sigma: Any) -> Any:
    """Return the probability that a normal value is at most `x`.

    Parameters
    ----------
    x, mu, sigma : float or array
        Point, mean and standard deviation; broadcast together.
    """
    z = (np.asarray(x, dtype=float) - mu) / np.maximum(math.sqrt(2.0) * np.asarray(sigma), _TINY)
    return np.asarray(0.5 * (1.0 + _erf(z)), dtype=float)[()]


def _components(weights: Any, mus: Any, sigmas: Any) -> tuple[_Array, _Array, _Array]:
    w, m, s = (np.asarray(part, dtype=float) for part in (weights, mus, sigmas))
    if not (w.ndim == m.ndim == s.ndim == 1 and len(w) == len(m) == len(s)):
        raise InvalidArgument(
            "`weights`, `mus` and `sigmas` must be equally long lists; "
            f"got shapes {w.shape}, {m.shape} and {s.shape}."
        )
    return w, m, s


def _bounds(low: float | None, high: float | None) -> tuple[float, float]:
    lo = -math.inf if low is None else float(low)
    hi = math.inf if high is None else float(high)
    if not lo < hi:
        raise InvalidArgument(f"`low` must be less than `high`; got low={lo:g}, high={hi:g}.")
    return lo, hi


def GMM1(
    weights: Any,
    mus: Any,
    sigmas: Any,
    low: float | None = None,
    high: float | None = None,
    q: float | None = None,
    rng: Any = None,
    size: Any = (),
) -> Any:
    """Draw from a mixture of normal distributions.

    Parameters
    ----------
    weights, mus, sigmas : array of shape (k,)
        Weight, mean and standard deviation of each component.
    low, high : float, optional
        Bounds; the mixture is truncated to them as a whole.
    q : float, optional
        Round to multiples of `q`.
    rng : numpy.random.Generator, optional
        The source of randomness.
    size : int or tuple of int
        Shape of the result.

    Raises
    ------
    InvalidArgument
        If the components are not equally many, or ``low >= high``.
    """
    w, m, s = _components(weights, mus, sigmas)
    lo, hi = _bounds(low, high)
    rng = rng or np.random.default_rng()
    draws = np.empty(0)
    count = int(np.prod(size))
    while len(draws) < count:
        # Draws outside of the bounds are repeated, so the mixture is truncated as a whole.
        which = rng.multinomial(1, w / w.sum(), size=count).argmax(axis=1)
        more = rng.normal(m[which], s[which])
        draws = np.append(draws, more[(lo <= more) & (more < hi)])
    draws = draws[:count].reshape(size)
    return draws if q is None else np.round(draws / q) * q


def LGMM1(
    weights: Any,
    mus: Any,
    sigmas: Any,
    low: float | None = None,
    high: float | None = None,
    q: float | None = None,
    rng: Any = None,
    size: Any = (),
) -> Any:
    """Draw values whose logarithm comes from a mixture of normal distributions.

    Parameters
    ----------
    weights, mus, sigmas, low, high : as for `GMM1`
        Of the logarithm.
    q, rng, size : as for `GMM1`
        Of the value itself.
    """
    draws = np.exp(GMM1(weights, mus, sigmas, low, high, rng=rng, size=size))
    return draws if q is None else np.round(draws / q) * q


def _log_sum(terms: _Array) -> _Array:
    top = terms.max(axis=1)
    total: _Array = np.log(np.exp(terms - top[:, None]).sum(axis=1)) + top
    return total


def _log_mass(w: _Array, m: _Array, s: _Array, lo: float, hi: float) -> float:
    """Return the logarithm of the mixture's mass within its bounds."""
    return math.log(float((w * (normal_cdf(hi, m, s) - normal_cdf(lo, m, s))).sum()))


def _log_mass_of_steps(lower: _Array, upper: _Array, w: _Array, m: _Array, s: _Array) -> _Array:
    """Return the logarithm of the mixture's mass between `lower` and `upper`, per pair."""
    mass = normal_cdf(upper[:, None], m, s) - normal_cdf(lower[:, None], m, s)
    with np.errstate(divide="ignore"):
        log_mass: _Array = np.log(np.maximum(mass @ w, 0.0))
    return log_mass


def GMM1_lpdf(
    samples: Any,
    weights: Any,
    mus: Any,
    sigmas: Any,
    low: float | None = None,
    high: float | None = None,
    q: float | None = None,
) -> Any:
    """Return the logarithm of the density of `GMM1`, of its probability where `q` is given.

    Parameters
    ----------
    samples : float or array
        Where to evaluate it.
    weights, mus, sigmas, low, high, q
        As for `GMM1`.

    Returns
    -------
    array
        Of the shape of `samples`.
    """
    w, m, s = _components(weights, mus, sigmas)
    lo, hi = _bounds(low, high)
    points = np.asarray(samples, dtype=float)
    x = points.ravel()
    if not x.size:
        return np.empty(points.shape)
    if q is None:
        z = (x[:, None] - m) / np.maximum(s, _TINY)
        result = _log_sum(-0.5 * z * z + np.log(w / (s * math.sqrt(2.0 * math.pi))))
    else:
        edges = np.clip([x - q / 2, x + q / 2], lo, hi)
        result = _log_mass_of_steps(edges[0], edges[1], w, m, s)
    return (result - _log_mass(w, m, s, lo, hi)).reshape(points.shape)


def LGMM1_lpdf(
    samples: Any,
    weights: Any,
    mus: Any,
    sigmas: Any,
    low: float | None = None,
    high: float | None = None,
    q: float | None = None,
) -> Any:
    """Return the logarithm of the density of `LGMM1`, of its probability where `q` is given.

    Parameters
    ----------
    samples : float or array
        Where to evaluate it; positive, or at least 0 where `q` is given.
    weights, mus, sigmas, low, high, q
        As for `LGMM1`.

    Returns
    -------
    array
        Of the shape of `samples`.
    """
    points = np.asarray(samples, dtype=float)
    if q is None:
        # The density of x is that of log(x), divided by x.
        log_x = np.log(points)
        return GMM1_lpdf(log_x, weights, mus, sigmas, low, high) - log_x
    w, m, s = _components(weights, mus, sigmas)
    lo, hi = _bounds(low, high)
    x = points.ravel()
    with np.errstate(divide="ignore"):
        edges = np.clip(np.log(np.maximum([x - q / 2, x + q / 2], 0.0)), lo, hi)
    result = _log_mass_of_steps(edges[0], edges[1], w, m, s)
    return (result - _log_mass(w, m, s, lo, hi)).reshape(points.shape)


def adaptive_parzen_normal_orig(
    mus: Any, prior_weight: float, prior_mu: float, prior_sigma: float
) -> tuple[_Array, _Array, _Array]:
    """Return the mixture that an early version of the estimator makes of observations.

    Its bandwidths are the larger distance to a neighbour, at least ``prior_sigma / sqrt(k + 1)``
    with k components, at most ``prior_sigma``. The sampler has another estimator today.

    Parameters
    ----------
    mus : array of shape (n,)
        Observations.
    prior_weight, prior_mu, prior_sigma : float
        Weight (an observation has 1), mean and standard deviation of the prior.

    Returns
    -------
    weights, mus, sigmas : array of shape (n + 1,)
        The prior's component comes first, the others in the order given.
    """
    points = np.asarray(mus, dtype=float)
    if points.ndim != 1:
        raise InvalidArgument(f"`mus` must be a list of numbers; got shape {points.shape}.")
    n = len(points)
    widths = np.full(n, prior_sigma * 0.5)
    if n >= 2:
        order = np.argsort(points)
        gaps = np.diff(points[order])
        ordered = np.maximum(np.append(gaps, gaps[-1]), np.insert(gaps, 0, gaps[0]))
        if n > 2:  # at the ends, the distance to the second neighbour
            ordered[0] = gaps[:2].sum()
            ordered[-1] = gaps[-2:].sum()
        widths[order] = ordered
    weights = np.append(prior_weight, np.ones(n))
    sigmas = np.clip(np.append(prior_sigma, widths), prior_sigma / math.sqrt(n + 2), prior_sigma)
    return weights / weights.sum(), np.append(prior_mu, points), sigmas
