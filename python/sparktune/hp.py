"""The hyperparameters of a search space.

Each function makes a node of the expression graph. Wrong arguments raise at once, so that the
traceback ends in the line that wrote them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sparktune._space.checks import HpCall, constructor
from sparktune._space.expr import Apply, scope

__all__ = [
    "choice",
    "lognormal",
    "loguniform",
    "normal",
    "pchoice",
    "qlognormal",
    "qloguniform",
    "qnormal",
    "quniform",
    "randint",
    "uniform",
    "uniformint",
]


# -- one of several ----------------------------------------------------------------------------


@constructor
def choice(label: str, options: Iterable[Any]) -> Apply:
    """Choose one of several options.

    Parameters
    ----------
    label : str
        Name of the hyperparameter.
    options : iterable
        The options: list, tuple, range, numpy array, ... Options may hold hyperparameters, which
        then exist in a trial only where their option is chosen.

    Returns
    -------
    Apply
        A node whose value is the option. The hyperparameter's own value, in ``argmin`` and in
        trial documents, is the option's *position*; `space_eval` turns it into the option.

    Raises
    ------
    BadSearchSpace
        If there are no options or the label is empty.
    BadSearchSpaceType
        If the label is no string or the options are no iterable.
    """
    call = HpCall("choice", label)
    items = _options(call, options)
    node: Apply = scope.switch(call.param(scope.randint(len(items))), *items)
    return node


@constructor
def pchoice(label: str, p_options: Iterable[tuple[float, Any]]) -> Apply:
    """Choose one of several options, with given prior probabilities.

    Parameters
    ----------
    label : str
        Name of the hyperparameter.
    p_options : iterable of (float, Any)
        Pairs of probability and option. The probabilities must sum to 1 (to within 1e-6).

    Returns
    -------
    Apply
        A node whose value is the option; see `choice`.

    Raises
    ------
    BadSearchSpace
        If there are no options, a probability is negative or they do not sum to 1.
    BadSearchSpaceType
        If the label is no string or an item is no pair of a number and an option.
    """
    call = HpCall("pchoice", label)
    pairs = _options(call, p_options)
    for pair in pairs:
        if not (isinstance(pair, (tuple, list)) and len(pair) == 2):
            raise call.fail(
                "`p_options` must be pairs (probability, option)", repr(pair), wrong_type=True
            )
    call.probabilities([call.number("p_options", p) for p, _ in pairs], "p_options")
    selector = call.param(scope.categorical(tuple(p for p, _ in pairs)))
    node: Apply = scope.switch(selector, *[option for _, option in pairs])
    return node


def _options(call: HpCall, options: Any) -> tuple[Any, ...]:
    """Check that `options` is a collection with something in it, and return its items."""
    what = "p_options" if call.name == "pchoice" else "options"
    hint = f"Write hp.{call.name}({call.label!r}, [first, second, ...])."
    if isinstance(options, (str, bytes)):
        raise call.fail(f"`{what}` must be a list", repr(options), hint, wrong_type=True)
    try:
        items = tuple(options)
    except TypeError:
        raise call.fail(
            f"`{what}` must be a list", repr(options)[:200], hint, wrong_type=True
        ) from None
    if not items:
        raise call.fail(f"`{what}` must not be empty", repr(options), hint)
    return items


# -- integers ----------------------------------------------------------------------------------


@constructor
def randint(label: str, low: int, high: int | None = None) -> Apply:
    """Draw an integer without order: neighbours are no more alike than others.

    Parameters
    ----------
    label : str
        Name of the hyperparameter.
    low : int
        The smallest value; alone, the number of values (0 up to ``low - 1``).
    high : int, optional
        One more than the largest value.

    Returns
    -------
    Apply
        A node whose value is an ``int``. For integers with order see `uniformint`.

    Raises
    ------
    BadSearchSpace
        If there is no integer in the range, or a bound is not whole or not finite.
    BadSearchSpaceType
        If a bound is no number or the label is no string.
    """
    call = HpCall("randint", label)
    if high is None:
        if call.integer("low", low) < 1:
            raise call.fail(
                "`low` must be at least 1 where `high` is not given",
                f"low={low!r}",
                "The values are 0 up to low - 1.",
            )
        distribution = scope.randint(low)
    else:
        if call.integer("low", low) >= call.integer("high", high):
            raise call.fail(
                "`high` must be greater than `low`",
                f"low={low!r}, high={high!r}",
                "The values are low up to high - 1.",
            )
        distribution = scope.randint(low, high)
    node: Apply = scope.int(call.param(distribution))
    return node


@constructor
def uniformint(label: str, low: float, high: float, q: float = 1.0) -> Apply:
    """Draw an integer with order: ``round(uniform(low, high))``, both ends included.

    Parameters
    ----------
    label : str
        Name of the hyperparameter.
    low, high : float
        The ends of the range.
    q : float
        Must be 1; Hyperopt accepts the argument.

    Returns
    -------
    Apply
        A node whose value is an ``int``. In ``argmin`` it is a float, as in Hyperopt.

    Raises
    ------
    BadSearchSpace
        If ``low >= high``, a bound is not finite or ``q`` is not 1.
    BadSearchSpaceType
        If a bound is no number or the label is no string.
    """
    call = HpCall("uniformint", label)
    call.bounds(low, high)
    if call.number("q", q) != 1:
        raise call.fail(
            "`q` must be 1",
            f"q={q!r}",
            f"For other steps write scope.int(hp.quniform({label!r}, low, high, q)).",
        )
    node: Apply = scope.int(scope.float(call.param(scope.quniform(low, high, q=1.0))))
    return node


# -- real numbers ------------------------------------------------------------------------------


@constructor
def uniform(label: str, low: float, high: float) -> Apply:
    """Draw a number between `low` and `high`.

    Parameters
    ----------
    label : str
        Name of the hyperparameter.
    low, high : float
        The ends of the range.

    Returns
    -------
    Apply
        A node whose value is a ``float``.

    Raises
    ------
    BadSearchSpace
        If ``low >= high`` or a bound is not finite.
    BadSearchSpaceType
        If a bound is no number or the label is no string.
    """
    call = HpCall("uniform", label)
    call.bounds(low, high)
    return _real(call, scope.uniform(low, high))


@constructor
def quniform(label: str, low: float, high: float, q: float) -> Apply:
    """Draw a multiple of `q`: ``round(uniform(low, high) / q) * q``.

    Parameters
    ----------
    label : str
        Name of the hyperparameter.
    low, high : float
        The ends of the range before rounding.
    q : float
        The step, greater than 0.

    Returns
    -------
    Apply
        A node whose value is a ``float``; wrap it in ``scope.int`` for an integer.

    Raises
    ------
    BadSearchSpace
        If ``low >= high``, ``q <= 0`` or one of them is not finite.
    BadSearchSpaceType
        If one of them is no number or the label is no string.
    """
    call = HpCall("quniform", label)
    call.bounds(low, high)
    call.step(q)
    return _real(call, scope.quniform(low, high, q))


@constructor
def loguniform(label: str, low: float, high: float) -> Apply:
    """Draw a positive number: ``exp(uniform(low, high))``.

    Parameters
    ----------
    label : str
        Name of the hyperparameter.
    low, high : float
        The *logarithms* of the ends of the range, such as ``math.log(1e-5)``; at most 709.78.

    Returns
    -------
    Apply
        A node whose value is a ``float``.

    Raises
    ------
    BadSearchSpace
        If ``low >= high``, a bound is not finite or its exponential is not.
    BadSearchSpaceType
        If a bound is no number or the label is no string.
    """
    call = HpCall("loguniform", label)
    call.bounds(low, high, log=True)
    return _real(call, scope.loguniform(low, high))


@constructor
def qloguniform(label: str, low: float, high: float, q: float) -> Apply:
    """Draw a multiple of `q`: ``round(exp(uniform(low, high)) / q) * q``.

    Parameters
    ----------
    label : str
        Name of the hyperparameter.
    low, high : float
        The *logarithms* of the ends of the range before rounding; at most 709.78.
    q : float
        The step, greater than 0.

    Returns
    -------
    Apply
        A node whose value is a ``float``.

    Raises
    ------
    BadSearchSpace
        If ``low >= high``, ``q <= 0`` or one of them is not finite.
    BadSearchSpaceType
        If one of them is no number or the label is no string.
    """
    call = HpCall("qloguniform", label)
    call.bounds(low, high, log=True)
    call.step(q)
    return _real(call, scope.qloguniform(low, high, q))


@constructor
def normal(label: str, mu: float, sigma: float) -> Apply:
    """Draw a number that is normal, without bounds.

    Parameters
    ----------
    label : str
        Name of the hyperparameter.
    mu, sigma : float
        Mean and standard deviation; ``sigma > 0``.

    Returns
    -------
    Apply
        A node whose value is a ``float``.

    Raises
    ------
    BadSearchSpace
        If ``sigma <= 0`` or one of them is not finite.
    BadSearchSpaceType
        If one of them is no number or the label is no string.
    """
    call = HpCall("normal", label)
    call.spread(mu, sigma)
    return _real(call, scope.normal(mu, sigma))


@constructor
def qnormal(label: str, mu: float, sigma: float, q: float) -> Apply:
    """Draw a multiple of `q`: ``round(normal(mu, sigma) / q) * q``.

    Parameters
    ----------
    label : str
        Name of the hyperparameter.
    mu, sigma : float
        Mean and standard deviation before rounding; ``sigma > 0``.
    q : float
        The step, greater than 0.

    Returns
    -------
    Apply
        A node whose value is a ``float``.

    Raises
    ------
    BadSearchSpace
        If ``sigma <= 0``, ``q <= 0`` or one of them is not finite.
    BadSearchSpaceType
        If one of them is no number or the label is no string.
    """
    call = HpCall("qnormal", label)
    call.spread(mu, sigma)
    call.step(q)
    return _real(call, scope.qnormal(mu, sigma, q))


@constructor
def lognormal(label: str, mu: float, sigma: float) -> Apply:
    """Draw a positive number: ``exp(normal(mu, sigma))``.

    Parameters
    ----------
    label : str
        Name of the hyperparameter.
    mu, sigma : float
        Mean and standard deviation of the *logarithm*; ``sigma > 0``.

    Returns
    -------
    Apply
        A node whose value is a ``float``.

    Raises
    ------
    BadSearchSpace
        If ``sigma <= 0``, one of them is not finite or ``exp(mu)`` is not.
    BadSearchSpaceType
        If one of them is no number or the label is no string.
    """
    call = HpCall("lognormal", label)
    call.spread(mu, sigma, log=True)
    return _real(call, scope.lognormal(mu, sigma))


@constructor
def qlognormal(label: str, mu: float, sigma: float, q: float) -> Apply:
    """Draw a multiple of `q`: ``round(exp(normal(mu, sigma)) / q) * q``.

    Parameters
    ----------
    label : str
        Name of the hyperparameter.
    mu, sigma : float
        Mean and standard deviation of the *logarithm* before rounding; ``sigma > 0``.
    q : float
        The step, greater than 0.

    Returns
    -------
    Apply
        A node whose value is a ``float``.

    Raises
    ------
    BadSearchSpace
        If ``sigma <= 0``, ``q <= 0`` or one of them is not finite.
    BadSearchSpaceType
        If one of them is no number or the label is no string.
    """
    call = HpCall("qlognormal", label)
    call.spread(mu, sigma, log=True)
    call.step(q)
    return _real(call, scope.qlognormal(mu, sigma, q))


def _real(call: HpCall, distribution: Apply) -> Apply:
    node: Apply = scope.float(call.param(distribution))
    return node
