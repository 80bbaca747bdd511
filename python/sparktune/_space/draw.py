"""The distributions as scope functions, and `sample`, which draws a point from a space.

The draws are those of Hyperopt for the same numpy Generator. Searches do not use this module:
they draw in Rust, from their own streams.
"""

from __future__ import annotations

import numbers
from collections.abc import Callable
from typing import Any

import numpy as np

from sparktune._space.expr import Apply, as_apply, clone, dfs, rec_eval, scope
from sparktune.exceptions import BadSearchSpace, InvalidArgumentType

__all__ = [
    "as_generator",
    "categorical",
    "implicit_stochastic",
    "implicit_stochastic_symbols",
    "lognormal",
    "loguniform",
    "normal",
    "qlognormal",
    "qloguniform",
    "qnormal",
    "quniform",
    "randint",
    "randint_via_categorical",
    "recursive_set_rng_kwarg",
    "rng_from_seed",
    "sample",
    "uniform",
]

#: Names of the scope functions that draw, and take an ``rng``.
implicit_stochastic_symbols: set[str] = set()


def implicit_stochastic(f: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a scope function as one that takes an ``rng``, which `sample` then gives it."""
    implicit_stochastic_symbols.add(f.__name__)
    return f


def _draws(f: Callable[..., Any]) -> Callable[..., Any]:
    return implicit_stochastic(scope.define(f))


def as_generator(rng: Any = None, name: str = "rng") -> np.random.Generator:
    """Return a numpy Generator for a Generator, a RandomState, a seed or None (fresh entropy).

    A RandomState shares its state with the Generator: using one advances the other. `name` is the
    argument's name in the error, an InvalidArgumentType.
    """
    if isinstance(rng, np.random.Generator):
        return rng
    if isinstance(rng, np.random.RandomState):
        return np.random.Generator(rng._bit_generator)
    if rng is None:
        return np.random.default_rng()
    if isinstance(rng, numbers.Integral) and not isinstance(rng, bool) and int(rng) >= 0:
        return np.random.default_rng(int(rng))
    raise InvalidArgumentType(
        f"`{name}` must be a numpy.random.Generator, a RandomState, an int >= 0 or None; "
        f"got {rng!r}."
    )


def _need(rng: Any, name: str) -> Any:
    if rng is None:
        raise BadSearchSpace(
            f"scope.{name} has no random generator, so it cannot be evaluated. To search over it "
            f"write hp.{name}('a label', ...); to draw from it use pyll.stochastic.sample."
        )
    return rng


def _rounded(draw: Any, q: Any) -> Any:
    return np.round(draw / q) * q


@scope.define
def rng_from_seed(seed: Any) -> np.random.Generator:
    """Return a Generator with this seed."""
    return np.random.default_rng(seed)


@_draws
def uniform(low: Any, high: Any, rng: Any = None, size: Any = ()) -> Any:
    """Draw between `low` and `high`."""
    return _need(rng, "uniform").uniform(low, high, size=size)


@_draws
def loguniform(low: Any, high: Any, rng: Any = None, size: Any = ()) -> Any:
    """Draw so that the logarithm lies between `low` and `high`."""
    return np.exp(_need(rng, "loguniform").uniform(low, high, size=size))


@_draws
def quniform(low: Any, high: Any, q: Any, rng: Any = None, size: Any = ()) -> Any:
    """Draw as `uniform` and round to a multiple of `q`."""
    return _rounded(_need(rng, "quniform").uniform(low, high, size=size), q)


@_draws
def qloguniform(low: Any, high: Any, q: Any, rng: Any = None, size: Any = ()) -> Any:
    """Draw as `loguniform` and round to a multiple of `q`."""
    return _rounded(np.exp(_need(rng, "qloguniform").uniform(low, high, size=size)), q)


@_draws
def normal(mu: Any, sigma: Any, rng: Any = None, size: Any = ()) -> Any:
    """Draw from a normal distribution."""
    return _need(rng, "normal").normal(mu, sigma, size=size)


@_draws
def qnormal(mu: Any, sigma: Any, q: Any, rng: Any = None, size: Any = ()) -> Any:
    """Draw as `normal` and round to a multiple of `q`."""
    return _rounded(_need(rng, "qnormal").normal(mu, sigma, size=size), q)


@_draws
def lognormal(mu: Any, sigma: Any, rng: Any = None, size: Any = ()) -> Any:
    """Draw so that the logarithm is normal."""
    return np.exp(_need(rng, "lognormal").normal(mu, sigma, size=size))


@_draws
def qlognormal(mu: Any, sigma: Any, q: Any, rng: Any = None, size: Any = ()) -> Any:
    """Draw as `lognormal` and round to a multiple of `q`."""
    return _rounded(np.exp(_need(rng, "qlognormal").normal(mu, sigma, size=size)), q)


@_draws
def randint(low: Any, high: Any = None, rng: Any = None, size: Any = ()) -> Any:
    """Draw an integer from ``low`` up to ``high - 1``, or from 0 up to ``low - 1``."""
    return _need(rng, "randint").integers(low, high, size)


@_draws
def categorical(p: Any, rng: Any = None, size: Any = ()) -> Any:
    """Draw positions with the probabilities `p`: an array, of one draw if `size` is ``()``."""
    rng = _need(rng, "categorical")
    weights = np.asarray(p, dtype=float)
    if weights.ndim == 2 and len(weights) == 1:
        weights = weights[0]
    if weights.ndim != 1:
        raise BadSearchSpace(
            f"`p` of scope.categorical must be one list of probabilities; got shape "
            f"{weights.shape}."
        )
    total = weights.sum()
    if abs(total - 1.0) > 1e-12:  # what numpy itself tolerates; else it would refuse
        weights = weights / total
    shape = (1,) if isinstance(size, tuple) and not size else size
    shape = (int(shape),) if isinstance(shape, (int, np.integer)) else tuple(shape)
    # One multinomial draw per position uses the generator as Hyperopt does.
    hits = rng.multinomial(n=1, pvals=weights, size=int(np.prod(shape)))
    return np.dot(hits, np.arange(len(weights))).reshape(shape)


@_draws
def randint_via_categorical(p: Any, rng: Any = None, size: Any = ()) -> Any:
    """Draw as `categorical`; Hyperopt's name for an integer with given probabilities."""
    return categorical(p, rng, size)


def _one_of(*args: Any) -> Apply:
    """Build a node that takes one of the arguments, all equally likely (no hyperparameter)."""
    node: Apply = scope.switch(scope.randint(len(args)), *args)
    return node


def _choice(args: Any) -> Apply:
    """Build a node that takes one item of `args`, all equally likely (no hyperparameter)."""
    return _one_of(*args)


# Builders, not entries: their nodes are made of others.
setattr(scope, "one_of", _one_of)  # noqa: B010
setattr(scope, "choice", _choice)  # noqa: B010


def recursive_set_rng_kwarg(expr: Apply, rng: Any = None) -> Apply:
    """Give all drawing nodes below `expr` the generator `rng`, in place.

    Parameters
    ----------
    expr : Apply
        The graph; its drawing nodes are changed.
    rng : Generator, RandomState, int, None or Apply
        The source; a node stands for a generator that is known only at evaluation.

    Returns
    -------
    Apply
        `expr` itself.
    """
    node_rng = rng if isinstance(rng, Apply) else as_apply(as_generator(rng))
    for node in dfs(expr):
        if node.name in implicit_stochastic_symbols:
            named = [pair for pair in node.named_args if pair[0] != "rng"]
            node.named_args = [*named, ["rng", node_rng]]
    return expr


def sample(expr: Any, rng: Any = None, **kwargs: Any) -> Any:
    """Draw a point from a space.

    Parameters
    ----------
    expr : Any
        The space: nodes, or dicts, lists and tuples that hold them.
    rng : Generator, RandomState, int or None
        The source of randomness; an int is a seed.
    **kwargs
        Given to `rec_eval`.

    Returns
    -------
    Any
        The point as the objective would see it.
    """
    return rec_eval(recursive_set_rng_kwarg(clone(as_apply(expr)), rng), **kwargs)
