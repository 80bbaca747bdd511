"""Mix suggest functions: each suggestion comes from one of several, chosen at random."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from sparktune._arguments import Rule
from sparktune._listing import listing
from sparktune._suggest.calls import suggest_function
from sparktune._suggest.suggestion import checked_ids, checked_seed
from sparktune._trials.documents import Trial
from sparktune.exceptions import InvalidArgument, InvalidArgumentType

__all__ = ["suggest"]

__dir__ = listing(__all__)

# Typed probabilities do not sum to exactly 1; a larger difference is a mistake.
_TOLERANCE = 1e-6

_PROBABILITY = Rule("number", low=0)
_SUGGESTER = Rule("function", noun="a suggest function")


@suggest_function
def suggest(
    new_ids: Iterable[int],
    domain: Any,
    trials: Any,
    seed: int,
    p_suggest: Sequence[tuple[float, Callable[..., list[Trial]]]],
) -> list[Trial]:
    """Suggest new trials, each with one of several suggest functions.

    Parameters
    ----------
    new_ids : iterable of int
        Ids of the new trials, from `Trials.new_trial_ids`.
    domain, trials
        Passed to the chosen suggest function.
    seed : int
        At least 0. It determines the choices and seeds the chosen functions.
    p_suggest : sequence of (float, callable)
        Pairs of a probability and a suggest function; the probabilities must sum to 1.

    Returns
    -------
    list of Trial
        The new documents, one per id.

    Raises
    ------
    InvalidArgument, InvalidArgumentType
        If an argument is wrong.

    Examples
    --------
    >>> from sparktune import anneal, fmin, hp, mix, partial, rand, tpe
    >>> algo = partial(
    ...     mix.suggest, p_suggest=[(0.1, rand.suggest), (0.2, anneal.suggest), (0.7, tpe.suggest)]
    ... )
    >>> best = fmin(abs, hp.uniform("x", -9, 9), algo=algo, max_evals=50, rstate=0, verbose=False)
    >>> bool(abs(best["x"]) < 1)
    True
    """
    weights, suggesters = _checked(p_suggest)
    ids = checked_ids(new_ids)
    rng = np.random.default_rng(checked_seed(seed))
    docs: list[Trial] = []
    for tid in ids:
        chosen = suggesters[int(rng.multinomial(n=1, pvals=weights).argmax())]
        docs += chosen([tid], domain, trials, seed=int(rng.integers(2**31)))
    return docs


def _checked(p_suggest: Any) -> tuple[list[float], list[Callable[..., list[Trial]]]]:
    try:
        pairs = [(weight, suggester) for weight, suggester in p_suggest]
    except (TypeError, ValueError):
        raise InvalidArgumentType(
            "`p_suggest` must be pairs of a probability and a suggest function; "
            f"got {p_suggest!r}. Hint: [(0.1, rand.suggest), (0.9, tpe.suggest)]."
        ) from None
    for number, (weight, suggester) in enumerate(pairs):
        _PROBABILITY.check(f"p_suggest[{number}][0]", weight)
        _SUGGESTER.check(f"p_suggest[{number}][1]", suggester)
    weights = [float(weight) for weight, _ in pairs]
    total = math.fsum(weights)
    if not abs(total - 1.0) <= _TOLERANCE:
        raise InvalidArgument(
            "The probabilities of `p_suggest` must be at least 0 and sum to 1; "
            f"got {weights}, which sum to {total:g}."
        )
    return [weight / total for weight in weights], [suggester for _, suggester in pairs]
