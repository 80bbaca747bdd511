"""The Tree-structured Parzen Estimator (Bergstra et al., 2011)."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, Literal

from sparktune import rand
from sparktune._core import suggest_halton, suggest_tpe
from sparktune._hyperopt.mixture import (
    GMM1,
    LGMM1,
    GMM1_lpdf,
    LGMM1_lpdf,
    adaptive_parzen_normal_orig,
)
from sparktune._space.compile import CompiledSpace
from sparktune._suggest.settings import checked
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

logger = logging.getLogger("sparktune.tpe")

# Hyperopt's defaults under Hyperopt's names, which tuned searches start from.
_default_prior_weight = 1.0
_default_n_startup_jobs = 20
_default_n_EI_candidates = 24
_default_gamma = 0.25

# What `hyperopt_suggest` has instead of the defaults of `suggest`.
_HYPEROPT: dict[str, Any] = {
    "split": "sqrt",
    "max_below": 25,
    "multivariate": False,
    "weights": "age",
    "bandwidth": "fixed",
    "min_bandwidth": 0.01,
    "clip_exponent": 1.0,
    "endpoints": False,
    "gp_share": 0.0,
    "local_search": "never",
    "avoid_duplicates": False,
    "prior_candidates": 0,
    "pending": "worst",
    "startup": "random",
}


def suggest(
    new_ids: Iterable[int],
    domain: Any,
    trials: Any,
    seed: int,
    prior_weight: float = 0.3,
    n_startup_jobs: int = 8,
    n_EI_candidates: int = 16,
    gamma: float = _default_gamma,
    verbose: bool = True,
    *,
    split: Literal["linear", "sqrt"] = "linear",
    max_below: int = 25,
    multivariate: bool = True,
    weights: Literal["rank", "age", "uniform", "ei"] = "rank",
    bandwidth: Literal["scott", "fixed", "neighbours"] = "scott",
    min_bandwidth: float = 0.01,
    clip_exponent: float = 1.0,
    endpoints: bool = False,
    gp_share: float = 0.75,
    local_search: Literal["process", "always", "never"] = "process",
    avoid_duplicates: bool = True,
    prior_candidates: int = 0,
    pending: Literal["worst", "mean", "best", "ignore"] = "worst",
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
        The trials so far; not changed. Trials that failed count as bad ones; for those that run see
        `pending`.
    seed : int
        At least 0. The same seed, id and trials give the same suggestion.
    prior_weight : float, default 0.3
        Weight of the prior among the observations; positive.
    n_startup_jobs : int, default 8
        With fewer finished trials than this, suggestions are what `startup` says.
    n_EI_candidates : int, default 16
        Candidates to choose from; at least 1. More is not better: the likeliest of very many lies
        where most was tried.
    gamma : float, default 0.25
        How many trials count as good: positive, and twice as many for twice the value.
    verbose : bool, default True
        Whether to log what the suggestion is based on.
    split : {"linear", "sqrt"}, default "linear"
        What `gamma` counts: ``ceil(0.4 * gamma * finished trials)``, a tenth of them by default as
        in Optuna, or Hyperopt's ``ceil(gamma * sqrt(trials))``.
    max_below : int, default 25
        At most so many trials count as good.
    multivariate : bool, default True
        Whether kernels are products over the parameters that are active together (Falkner et al.,
        2018), which sees what values are good together, instead of one mixture a parameter. The
        settings below are for such kernels.
    weights : {"rank", "age", "uniform", "ei"}, default "rank"
        What a good trial weighs: more if it is better, by the logarithm of its rank (as CMA-ES
        recombines; Hansen, 2016); more if it is newer, once there are more than 25 (Hyperopt); as
        much as any other; or in proportion to its improvement over the best loss of the rest
        (Watanabe, arXiv 2304.11127).
    bandwidth : {"scott", "fixed", "neighbours"}, default "scott"
        How wide the good trials' kernels are: as their spread asks for (Scott, 1992); as their
        number does alone (Optuna's rule); or each, parameter by parameter, as wide as the larger
        distance to its two neighbours, the centre of the prior among them (Hyperopt's rule, which
        ``multivariate=False`` has in any case).
    min_bandwidth, clip_exponent : float, defaults 0.01 and 1
        With ``bandwidth="scott"`` and ``"neighbours"`` a kernel's width is at least the prior's
        times ``max(min_bandwidth, (n + 2) ** -clip_exponent)``, `n` being how many trials are good.
        The defaults are Optuna's "magic clip"; Watanabe (arXiv 2304.11127) recommends neighbours
        with 0.03 and 2. `min_bandwidth` is from 1e-6 to 1, `clip_exponent` positive.
    endpoints : bool, default False
        With ``bandwidth="neighbours"``, whether bounds are neighbours as well, so that kernels near
        them are wider (Optuna's `consider_endpoints`).
    gp_share : float, default 0.75
        Share of the suggestions, 0 to 1, that a Gaussian process has a say in (Matern 5/2 kernel,
        fitted to the 32 best and the 32 newest trials; Rasmussen and Williams, 2006); beyond 100
        finished trials a smaller one, by the square root of their number. Of the
        candidates the one is taken that maximises the product of the improvements expected by the
        process (Jones et al., 1998) and by the Parzen estimator. Failed trials are as bad as the
        worst. 0 is the Parzen estimator alone.
    local_search : {"process", "always", "never"}, default "process"
        Where the best candidate is then moved by a short local search: in suggestions that the
        process has a say in, to where it expects more; "always" in the others as well, to where
        good trials are likelier against the rest, at a cost that grows with the trials.
    avoid_duplicates : bool, default True
        Whether a point that was tried before is suggested only where no other is found. For
        objectives whose result is the same each time.
    prior_candidates : int, default 0
        So many candidates more, drawn from the prior.
    pending : {"worst", "mean", "best", "ignore"}, default "worst"
        What running trials are taken for. "worst": the Parzen estimators count them among the bad
        ones, as in Hyperopt, so that suggestions keep away from them, and the process believes them
        to have the loss that it expects of them (Ginsbourger et al., 2010). "mean": the process is
        told the mean loss; to the Parzen estimators that is the same as the worst, as a tenth of
        the trials are good. "best": they count among the good ones, besides those that there are,
        and the process is told the best loss. "ignore": neither sees them (Optuna's default), but
        `avoid_duplicates` does.
    startup : {"random", "halton"}, default "random"
        How the search starts: by draws from the prior, or by a Halton sequence with scrambled
        digits (Owen, arXiv 1706.02808), which fills the space more evenly. The first point is
        random even so, and its values scramble the sequence; so searches that begin with the same
        given point start alike.

    Returns
    -------
    list of Trial
        One new document an id.

    Raises
    ------
    InvalidArgument, InvalidArgumentType
        If an argument is out of range or of the wrong type.
    """
    settings = checked(
        prior_weight,
        n_startup_jobs,
        n_EI_candidates,
        gamma,
        split,
        max_below,
        multivariate,
        weights,
        bandwidth,
        min_bandwidth,
        clip_exponent,
        endpoints,
        gp_share,
        local_search,
        avoid_duplicates,
        prior_candidates,
        pending,
        startup,
    )
    space, feeder = _observed(domain, trials, verbose)
    history = feeder.history
    # Hyperopt counts running trials as well.
    starts = (len(feeder) if split == "sqrt" else history.finished) < n_startup_jobs
    if starts and startup == "random":
        return rand.suggest(new_ids, domain, trials, seed)
    ids = checked_ids(new_ids)
    if starts:
        rows = suggest_halton(history, ids, checked_seed(seed))
    else:
        rows = suggest_tpe(history, ids, checked_seed(seed), settings)
    return documents_of(ids, rows, domain, trials, space, feeder)


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
        As for `suggest`, with Hyperopt's defaults; `n_startup_jobs` counts running trials too.

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
        **_HYPEROPT,
    )


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
