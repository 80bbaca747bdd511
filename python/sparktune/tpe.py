"""The Tree-structured Parzen Estimator (Bergstra et al., 2011)."""

from __future__ import annotations

import logging
import math
import numbers
from collections.abc import Iterable
from typing import Any

from sparktune import rand
from sparktune._core import suggest_tpe
from sparktune.documents import Trial
from sparktune.exceptions import InvalidArgument, InvalidArgumentType
from sparktune.history import HistoryCache
from sparktune.mixture import GMM1, LGMM1, GMM1_lpdf, LGMM1_lpdf, adaptive_parzen_normal_orig
from sparktune.suggest import checked_ids, checked_seed, documents_of, space_of
from sparktune.trials import Trials

__all__ = [
    "GMM1",
    "LGMM1",
    "GMM1_lpdf",
    "LGMM1_lpdf",
    "adaptive_parzen_normal_orig",
    "hyperopt_suggest",
    "suggest",
]

logger = logging.getLogger("sparktune.tpe")

# Hyperopt's names of the defaults, which tuned searches start from.
_default_prior_weight = 1.0
_default_n_startup_jobs = 20
_default_n_EI_candidates = 24
_default_gamma = 0.25


def suggest(
    new_ids: Iterable[int],
    domain: Any,
    trials: Any,
    seed: int,
    prior_weight: float = _default_prior_weight,
    n_startup_jobs: int = _default_n_startup_jobs,
    n_EI_candidates: int = _default_n_EI_candidates,
    gamma: float = _default_gamma,
    verbose: bool = True,
    *,
    multivariate: bool = False,
) -> list[Trial]:
    """Suggest new trials where good ones are likelier than others, given the trials so far.

    Parameters
    ----------
    new_ids : iterable of int
        Ids of the new trials, from `Trials.new_trial_ids`.
    domain : Domain
        The space.
    trials : Trials
        The trials so far; not changed. Trials that have not finished count as bad ones.
    seed : int
        At least 0. The same seed, id and trials give the same suggestion.
    prior_weight : float, default 1.0
        Weight of the prior among the observations; positive.
    n_startup_jobs : int, default 20
        With fewer trials than this, suggestions are random.
    n_EI_candidates : int, default 24
        Candidates to choose from; at least 1.
    gamma : float, default 0.25
        ``ceil(gamma * sqrt(trials))`` trials, at most 25, count as good; positive.
    verbose : bool, default True
        Whether to log what the suggestion is based on.
    multivariate : bool, default False
        Whether kernels are products over the parameters that are active together (Falkner et al.,
        2018), which sees what values are good together, instead of one mixture a parameter.

    Returns
    -------
    list of Trial
        One new document an id.

    Raises
    ------
    InvalidArgument, InvalidArgumentType
        If an argument is out of range or of the wrong type.
    """
    _check_settings(prior_weight, n_startup_jobs, n_EI_candidates, gamma)
    space = space_of(domain)
    cache = trials._history_for(space) if isinstance(trials, Trials) else HistoryCache(space)
    history = cache.sync(trials.trials)
    if verbose and logger.isEnabledFor(logging.INFO):
        if len(cache):
            logger.info(
                "TPE using %i/%i trials with best loss %f",
                len(cache),
                len(trials.trials),
                cache.best_loss,
            )
        else:
            logger.info("TPE using 0 trials")
    if len(cache) < n_startup_jobs:
        return rand.suggest(new_ids, domain, trials, seed)
    ids = checked_ids(new_ids)
    rows = suggest_tpe(
        history,
        ids,
        checked_seed(seed),
        prior_weight=float(prior_weight),
        n_candidates=int(n_EI_candidates),
        gamma=float(gamma),
        multivariate=bool(multivariate),
    )
    return documents_of(ids, rows, domain, trials, space)


def hyperopt_suggest(
    new_ids: Iterable[int],
    domain: Any,
    trials: Any,
    seed: int,
    prior_weight: float = _default_prior_weight,
    n_startup_jobs: int = _default_n_startup_jobs,
    n_EI_candidates: int = _default_n_EI_candidates,
    gamma: float = _default_gamma,
    verbose: bool = True,
) -> list[Trial]:
    """Suggest new trials with Hyperopt 0.3's estimator, setting for setting.

    For searches that must behave as they did with Hyperopt's ``tpe.suggest``, whatever the defaults
    of `suggest` here are.

    Parameters
    ----------
    new_ids, domain, trials, seed, prior_weight, n_startup_jobs, n_EI_candidates, gamma, verbose
        As for `suggest`.

    Returns
    -------
    list of Trial
        One new document an id.
    """
    return suggest(
        new_ids,
        domain,
        trials,
        seed,
        prior_weight,
        n_startup_jobs,
        n_EI_candidates,
        gamma,
        verbose,
        multivariate=False,
    )


def _check_settings(
    prior_weight: Any, n_startup_jobs: Any, n_EI_candidates: Any, gamma: Any
) -> None:
    for name, value in (("prior_weight", prior_weight), ("gamma", gamma)):
        if not isinstance(value, numbers.Real) or isinstance(value, bool):
            raise InvalidArgumentType(f"`{name}` of tpe.suggest must be a number; got {value!r}.")
        if not 0 < float(value) < math.inf:
            raise InvalidArgument(
                f"`{name}` of tpe.suggest must be positive and finite; got {value!r}."
            )
    for name, value in (("n_startup_jobs", n_startup_jobs), ("n_EI_candidates", n_EI_candidates)):
        # Hyperopt takes 10.0 as well.
        if (
            isinstance(value, bool)
            or not isinstance(value, numbers.Real)
            or not float(value).is_integer()
        ):
            raise InvalidArgumentType(f"`{name}` of tpe.suggest must be an int; got {value!r}.")
    if n_EI_candidates < 1:
        raise InvalidArgument(
            f"`n_EI_candidates` of tpe.suggest must be at least 1; got {n_EI_candidates!r}."
        )
