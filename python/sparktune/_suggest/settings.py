"""What a user may set of a suggester: the core's table, and checks that come from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sparktune._arguments import Rule
from sparktune._core import Sampler, samplers
from sparktune.exceptions import InvalidArgument

__all__ = ["TABLE", "Setting", "sampler"]


@dataclass(frozen=True)
class Setting:
    """One setting of a sampler, as the core describes it.

    Parameters
    ----------
    name : str
        Its name.
    kind : {"positive", "number", "count", "flag", "name"}
        What values it has.
    default : float, int, bool or str
        Its default.
    low, high : float or None
        The smallest and the largest value of a number or a count.
    names : tuple of str
        The values of a name.
    doc : str
        What it is, in one sentence.
    """

    name: str
    kind: str
    default: Any
    low: float | None
    high: float | None
    names: tuple[str, ...]
    doc: str

    def checked(self, value: Any, of: str) -> float | bool | str:
        """Return a value as the core takes it.

        Parameters
        ----------
        value : Any
            The value.
        of : str
            The function that it was given to, for messages.

        Raises
        ------
        InvalidArgument, InvalidArgumentType
            If it is out of range or of the wrong type.
        """
        if self.kind == "flag":
            return bool(value)
        if self.kind == "name":
            if value not in self.names:
                *others, last = map(repr, self.names)
                raise InvalidArgument(
                    f"`{self.name}` of {of} must be {', '.join(others)} or {last}; got {value!r}."
                )
            return str(value)
        checked = self._rule.check(self.name, value, of)
        try:
            return float(checked)
        except OverflowError:
            raise InvalidArgument(
                f"`{self.name}` of {of} must be a number that a float can hold; got {checked!r}."
            ) from None

    @property
    def _rule(self) -> Rule:
        if self.kind == "positive":
            return Rule("number", above=0, finite=True)
        low = -math.inf if self.low is None else self.low
        high = math.inf if self.high is None else self.high
        if self.kind == "count":
            return Rule("int", low=low, high=high)
        return Rule("number", low=low, high=high, finite=math.isinf(high))


def _setting(name: str, kind: str, default: Any, *rest: Any) -> Setting:
    low, high, names, doc = rest
    default = int(default) if kind == "count" else default
    return Setting(name, kind, default, low, high, tuple(names), doc)


# The settings of every sampler of the core, by name.
TABLE = {
    name: {row[0]: _setting(*row) for row in settings} for name, settings in samplers().items()
}


def sampler(name: str, of: str, **given: Any) -> Sampler:
    """Return a sampler with checked settings; those of earlier calls are kept.

    Parameters
    ----------
    name : str
        The core's name of the sampler.
    of : str
        The function whose arguments they are, for messages.
    **given
        Settings, by name.

    Raises
    ------
    InvalidArgument, InvalidArgumentType
        If one is out of range or of the wrong type.
    """
    try:
        return _sampler(name, of, **given)
    except TypeError:
        pass
    # Unhashable arguments cannot be cached; run the checks directly so that they raise the proper
    # error.
    return _sampler.__wrapped__(name, of, **given)


# By type too: True is not 1.
@lru_cache(maxsize=64, typed=True)
def _sampler(name: str, of: str, **given: Any) -> Sampler:
    table = TABLE[name]
    return Sampler(name, {key: table[key].checked(value, of) for key, value in given.items()})
