"""What the argument `prune` of `fmin` may be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cloudpickle

from sparktune._pruning.curves import Curves
from sparktune._pruning.envelope import Envelope
from sparktune._pruning.halving import Asha, Hyperband
from sparktune._pruning.percentile import Median, Percentile
from sparktune._pruning.policy import Policy, Rule
from sparktune._pruning.single import Patience, Wilcoxon
from sparktune.exceptions import InvalidArgument, InvalidArgumentType

__all__ = [
    "Asha",
    "Custom",
    "Envelope",
    "Hyperband",
    "Median",
    "Patience",
    "Percentile",
    "Policy",
    "Rule",
    "Wilcoxon",
    "policy_of",
]


@dataclass(frozen=True)
class Custom:
    """Asks a function of the user's.

    Parameters
    ----------
    stop : callable
        ``stop(curves, curve)``: whether the trial has to end. `curves` has a pair (steps, losses)
        for each trial that has ended, `curve` is that of the trial itself.
    """

    stop: Callable[[list[tuple[list[float], list[float]]], Any], bool]

    def rule(self, curves: Curves, tid: int) -> Rule | None:
        """See `Policy`."""
        known = [(each.steps, each.losses) for each in curves.all]
        return "custom", {"pickled": cloudpickle.dumps((self.stop, known))}


_NAMED: dict[str, Callable[[], Policy]] = {
    "asha": Asha,
    "envelope": Envelope,
    "hyperband": Hyperband,
    "median": Median,
    "patience": Patience,
    "percentile": lambda: Percentile(25.0),
    "wilcoxon": Wilcoxon,
}
_DEFAULT = "envelope"


def policy_of(prune: Any) -> Policy | None:
    """Return the policy that the argument `prune` of `fmin` means, None for none.

    Raises
    ------
    InvalidArgument, InvalidArgumentType
        If it means none of them.
    """
    if prune is None or prune is False:
        return None
    if prune is True:
        prune = _DEFAULT
    if isinstance(prune, str):
        if prune not in _NAMED:
            raise InvalidArgument(
                f"`prune` must be one of {', '.join(map(repr, _NAMED))}; got {prune!r}."
            )
        return _NAMED[prune]()
    if isinstance(prune, type) and prune.__module__.startswith("sparktune."):
        raise InvalidArgumentType(
            f"`prune` must be a policy; got the class {prune.__name__}. Hint: {prune.__name__}()."
        )
    if callable(getattr(prune, "rule", None)):
        return prune  # type: ignore[no-any-return]
    if callable(prune):
        return Custom(prune)
    raise InvalidArgumentType(
        "`prune` must be True, the name of a policy, a policy of sparktune.pruning or a function "
        f"of (curves, curve); got {prune!r}. Hint: prune='asha'."
    )
