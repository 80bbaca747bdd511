"""The hyperparameters that Hyperopt has too; `sparktune.hp` shows them."""

from __future__ import annotations

from collections.abc import Iterable

from sparktune._space.checks import HpCall, constructor
from sparktune._space.expr import Apply, Space, scope

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


@constructor
def choice(label: str, options: Iterable[Space]) -> Apply:
    """Choose one of several options.

    Parameters
    ----------
    label : str
        Name of the hyperparameter.
    options : iterable
        The options: list, tuple, range, numpy array, ...; of a str, its characters. Options may
        hold hyperparameters, which then exist in a trial only where their option is chosen.

    Returns
    -------
    Apply
        A node whose value is the option. The hyperparameter's own value, in ``argmin`` and in
        trial documents, is the option's *position*; `space_eval` turns it into the option.

    Raises
    ------
    BadSearchSpace, BadSearchSpaceType
        If there are no options, the label is empty, or an argument has the wrong type.
    """
    call = HpCall("choice", label)
    items = call.items("options", options)
    node: Apply = scope.switch(call.param(scope.randint(len(items))), *items)
    return node


@constructor
def pchoice(label: str, p_options: Iterable[tuple[float, Space]]) -> Apply:
    """Choose one of several options, with given prior probabilities.

    Parameters
    ----------
    label : str
        Name of the hyperparameter.
    p_options : iterable of (float, Space)
        Pairs of probability and option. The probabilities must sum to 1 (to within 1e-6). If they
        do not, but all except the last sum to at most 1, the last one is what these leave, as in
        Hyperopt, and a warning says so. An option of probability 0 is never suggested.

    Returns
    -------
    Apply
        A node whose value is the option; see `choice`.

    Raises
    ------
    BadSearchSpace, BadSearchSpaceType
        If there are no options, a probability is negative, the sum is not one, or an argument
        has the wrong type.
    """
    call = HpCall("pchoice", label)
    pairs = call.items("p_options", p_options)
    for pair in pairs:
        if isinstance(pair, (str, Apply)) or not (hasattr(pair, "__len__") and len(pair) == 2):
            raise call.fail(
                "`p_options` must be pairs (probability, option)", repr(pair), wrong_type=True
            )
    selector = call.param(scope.categorical(tuple(p for p, _ in pairs)))
    node: Apply = scope.switch(selector, *[option for _, option in pairs])
    return node


@constructor
def randint(label: str, low: int, high: int | None = None) -> Apply:
    """Draw an integer without order: neighbouring values are not treated as similar.

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
    BadSearchSpace, BadSearchSpaceType
        If there is no integer in the range, a bound is not whole or not finite, or an
        argument has the wrong type.
    """
    distribution = scope.randint(low) if high is None else scope.randint(low, high)
    node: Apply = scope.int(HpCall("randint", label).param(distribution))
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
    BadSearchSpace, BadSearchSpaceType
        If ``low >= high``, ``q`` is not 1, a bound is not finite, or an argument has the
        wrong type.
    """
    call = HpCall("uniformint", label)
    if call.number("q", q) != 1:
        raise call.fail(
            "`q` must be 1",
            f"q={q!r}",
            f"For other steps write scope.int(hp.quniform({label!r}, low, high, q)).",
        )
    node: Apply = scope.int(scope.float(call.param(scope.quniform(low, high, q=1.0))))
    return node


@constructor
def uniform(label: str, low: float, high: float) -> Apply:
    """Draw a number between `low` and `high`, both excluded.

    Suggested values stay a millionth of the range away from both ends.

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
    BadSearchSpace, BadSearchSpaceType
        If ``low >= high``, a bound is not finite, or an argument has the wrong type.
    """
    return HpCall("uniform", label).real(scope.uniform(low, high))


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
    BadSearchSpace, BadSearchSpaceType
        If ``low >= high``, ``q <= 0``, one of them is not finite, or an argument has the
        wrong type.
    """
    return HpCall("quniform", label).real(scope.quniform(low, high, q))


@constructor
def loguniform(label: str, low: float, high: float) -> Apply:
    """Draw a positive number: ``exp(uniform(low, high))``, both ends excluded.

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
    BadSearchSpace, BadSearchSpaceType
        If ``low >= high``, a bound is not finite, its exponential is not, or an argument
        has the wrong type.
    """
    return HpCall("loguniform", label).real(scope.loguniform(low, high))


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
    BadSearchSpace, BadSearchSpaceType
        If ``low >= high``, ``q <= 0``, one of them is not finite, or an argument has the
        wrong type.
    """
    return HpCall("qloguniform", label).real(scope.qloguniform(low, high, q))


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
    BadSearchSpace, BadSearchSpaceType
        If ``sigma <= 0``, one of them is not finite, or an argument has the wrong type.
    """
    return HpCall("normal", label).real(scope.normal(mu, sigma))


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
    BadSearchSpace, BadSearchSpaceType
        If ``sigma <= 0``, ``q <= 0``, one of them is not finite, or an argument has the
        wrong type.
    """
    return HpCall("qnormal", label).real(scope.qnormal(mu, sigma, q))


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
    BadSearchSpace, BadSearchSpaceType
        If ``sigma <= 0``, one of them is not finite, ``exp(mu)`` is not, or an argument has
        the wrong type.
    """
    return HpCall("lognormal", label).real(scope.lognormal(mu, sigma))


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
    BadSearchSpace, BadSearchSpaceType
        If ``sigma <= 0``, ``q <= 0``, one of them is not finite, or an argument has the
        wrong type.
    """
    return HpCall("qlognormal", label).real(scope.qlognormal(mu, sigma, q))
