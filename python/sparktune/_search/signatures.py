"""Types of the functions that users write: objectives, suggesters, early stopping."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, SupportsFloat

from sparktune._trials.documents import Trial

if TYPE_CHECKING:
    from sparktune._search.domain import Domain

__all__ = ["Callback", "EarlyStop", "Objective", "Result", "SuggestFunction"]

Result = SupportsFloat | Mapping[str, Any]
"""What an objective returns: the loss, or a dict with `status`, `loss` and whatever else."""

Objective = Callable[..., Result]
"""A function of a point of the space; see `fmin` for objectives that take something else."""

EarlyStop = Callable[..., tuple[bool, Sequence[Any] | None]]
"""``early_stop_fn(trials, *args) -> (stop, args)``; `args` go into the next call."""

Callback = Callable[[Any, Trial], object]
"""``callback(trials, trial)``, called after each trial that ended."""


class SuggestFunction(Protocol):
    """Suggests new trials; the `algo` of `fmin`."""

    def __call__(
        self, new_ids: list[int], domain: Domain, trials: Any, /, seed: int
    ) -> list[Trial]:
        """Return at most one new document per id; none ends the search.

        Parameters
        ----------
        new_ids : list of int
            Ids of the new trials.
        domain : Domain
            Objective and space.
        trials : Trials
            The trials so far.
        seed : int
            At least 0 and less than 2**31.
        """
