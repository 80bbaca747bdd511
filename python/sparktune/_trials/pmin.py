"""The probability of being the best among noisy losses."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["pmin_sampled"]


def pmin_sampled(
    mean: Any, var: Any, n_samples: int = 1000, rng: np.random.Generator | None = None
) -> npt.NDArray[np.float64]:
    """Estimate for each of several normal variables the probability that it is the smallest.

    Parameters
    ----------
    mean, var : array of shape (n,)
        Means and variances.
    n_samples : int, default 1000
        Joint samples to draw.
    rng : numpy.random.Generator, optional
        By default one with a fixed seed, so that the answer is always the same.

    Returns
    -------
    array of shape (n,)
        Sums to 1; joint winners of a sample share it equally.
    """
    if rng is None:
        rng = np.random.default_rng(232342)
    mean = np.asarray(mean, dtype=float)
    draws = rng.standard_normal((n_samples, len(mean))) * np.sqrt(var) + mean
    wins = (draws == draws.min(axis=1, keepdims=True)).sum(axis=0)
    shares: npt.NDArray[np.float64] = wins / wins.sum()
    return shares
