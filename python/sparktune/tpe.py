"""The Tree-structured Parzen Estimator (Bergstra et al., 2011)."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, Literal

from sparktune._core import Sampler
from sparktune._hyperopt.mixture import (
    GMM1,
    LGMM1,
    GMM1_lpdf,
    LGMM1_lpdf,
    adaptive_parzen_normal_orig,
)
from sparktune._listing import listing
from sparktune._space.compile import CompiledSpace
from sparktune._suggest.calls import suggest_function
from sparktune._suggest.settings import sampler
from sparktune._suggest.suggestion import (
    checked_ids,
    checked_seed,
    documents_of,
    history_of,
    space_of,
)
from sparktune._trials.documents import Trial
from sparktune._trials.history import HistoryFeeder

__all__ = [
    "GMM1",
    "LGMM1",
    "GMM1_lpdf",
    "LGMM1_lpdf",
    "adaptive_parzen_normal_orig",
    "hyperopt_suggest",
    "suggest",
]

__dir__ = listing(__all__)

logger = logging.getLogger("sparktune.tpe")

# Hyperopt's defaults under Hyperopt's names, which tuned searches start from.
_default_prior_weight = 1.0
_default_n_startup_jobs = 20
_default_n_EI_candidates = 24
_default_gamma = 0.25


@suggest_function
def suggest(
    new_ids: Iterable[int],
    domain: Any,
    trials: Any,
    seed: int,
    prior_weight: float = 0.3,
    n_startup_jobs: int = 8,
    n_EI_candidates: int = 16,
    gamma: float = 0.1,
    verbose: bool = True,
    *,
    multivariate: bool = True,
    gp_share: float = 0.75,
    avoid_duplicates: bool = True,
    startup: Literal["random", "halton"] = "random",
) -> list[Trial]:
    """Suggest new trials where good ones are likelier than others, given the trials so far.

    The defaults are what found the better trials on public problems (``docs/quality.md``), not
    Hyperopt's; for those there is `hyperopt_suggest`.

    Parameters
    ----------
    new_ids : iterable of int
        Ids of the new trials, from `Trials.new_trial_ids`.
    domain : Domain
        The space.
    trials : Trials
        The trials so far; not changed. Failed and running trials count as bad ones. The Gaussian
        process assumes that running trials get the loss that it predicts for them (kriging
        believer; Ginsbourger et al., 2010), and learns from failed trials where points fail. A
        trial has failed if it raised, timed out, crashed its worker or returned ``'fail'``; trials
        that were cancelled or lost (`sparktune.exceptions.TrialLost`) are left out.
    seed : int
        At least 0. The same seed, id and trials give the same suggestion.
    prior_weight : float, default 0.3
        Weight of the prior, relative to an observation; positive.
    n_startup_jobs : int, default 8
        Suggestions are what `startup` says while fewer trials than this have a loss. Failed and
        running trials do not count.
    n_EI_candidates : int, default 16
        Number of candidates that the suggestion is chosen from; at least 1. More is not better: the
        best of very many lies where most was tried.
    gamma : float, default 0.1
        Share of the finished trials that count as good, at most 25 of them; positive. In Hyperopt
        `gamma` means something else, see `hyperopt_suggest`.
    verbose : bool, default True
        Whether to log what the suggestion is based on.
    multivariate : bool, default True
        Whether kernels are products over the parameters that are active together (Falkner et al.,
        2018), which sees which values are good together, instead of one mixture per parameter.
        Turn it off if a suggestion must take the same time whatever the number of trials; the
        Gaussian process and `avoid_duplicates` are off as well then.
    gp_share : float, default 0.75
        Share of the suggestions, 0 to 1, that a Gaussian process takes part in (Matern 5/2 kernel,
        fitted to the 32 best, the 32 newest and the 32 newest failed trials; Rasmussen and
        Williams, 2006). Beyond 100
        finished trials the share decays as ``1/sqrt(n)``. The candidate that maximises the product
        of both expected improvements wins, and is then moved by a short local search. Turn it to 0
        where suggestions must be quicker, or where losses are so noisy that there is no shape to
        be seen.
    avoid_duplicates : bool, default True
        Whether a point that was tried before is suggested only where no other is found. Turn it off
        for noisy objectives, where trying a good point again tells something.
    startup : {"random", "halton"}, default "random"
        How the search starts: with draws from the prior, or with a Halton sequence with scrambled
        digits (Owen, arXiv 1706.02808), which fills the space more evenly. Worth trying in few
        dimensions with a small budget. The first point is random even so, and its values scramble
        the sequence; so searches that begin with the same given point start alike.

    Returns
    -------
    list of Trial
        One new document per id.

    Raises
    ------
    InvalidArgument, InvalidArgumentType
        If an argument is out of range or of the wrong type.
    """
    return _suggested(
        sampler(
            "tpe",
            "tpe.suggest",
            prior_weight=prior_weight,
            n_startup_jobs=n_startup_jobs,
            n_EI_candidates=n_EI_candidates,
            gamma=gamma,
            multivariate=multivariate,
            gp_share=gp_share,
            avoid_duplicates=avoid_duplicates,
            startup=startup,
        ),
        new_ids,
        domain,
        trials,
        seed,
        verbose,
    )


@suggest_function
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
    new_ids, domain, trials, seed, prior_weight, n_EI_candidates, verbose
        As for `suggest`, with Hyperopt's defaults.
    n_startup_jobs : int, default 20
        Suggestions are random while there are fewer trials than this, in any state.
    gamma : float, default 0.25
        The best ``min(ceil(gamma * sqrt(n)), 25)`` of n trials count as good.

    Returns
    -------
    list of Trial
        One new document per id.
    """
    return _suggested(
        sampler(
            "hyperopt",
            "tpe.hyperopt_suggest",
            prior_weight=prior_weight,
            n_startup_jobs=n_startup_jobs,
            n_EI_candidates=n_EI_candidates,
            gamma=gamma,
        ),
        new_ids,
        domain,
        trials,
        seed,
        verbose,
    )


def _suggested(
    chosen: Sampler, new_ids: Iterable[int], domain: Any, trials: Any, seed: int, verbose: bool
) -> list[Trial]:
    """Return the documents that a sampler suggests."""
    space, feeder = _observed(domain, trials, verbose)
    ids = checked_ids(new_ids)
    rows = feeder.history.suggest(chosen, ids, checked_seed(seed))
    return documents_of(ids, rows, domain, trials, space, feeder)


def _observed(domain: Any, trials: Any, verbose: bool) -> tuple[CompiledSpace, HistoryFeeder]:
    """Return the space, and the history in step with `trials`."""
    space = space_of(domain)
    feeder = history_of(trials, space)
    if verbose and logger.isEnabledFor(logging.INFO):
        if len(feeder):
            logger.info(
                "TPE using %i/%i trials with best loss %f",
                len(feeder),
                len(trials.trials),
                feeder.best_loss,
            )
        else:
            logger.info("TPE using 0 trials")
    return space, feeder
