"""Types of the Rust extension module."""

from collections.abc import Mapping, Sequence
from typing import final

import numpy as np
import numpy.typing as npt

__all__ = [
    "History",
    "Sampler",
    "Space",
    "__version__",
    "explain",
    "importance",
    "log_density",
    "parzen",
    "samplers",
    "suggest_random",
]

_FloatArray = npt.NDArray[np.float64]
_Setting = tuple[str, str, bool | float | str, float | None, float | None, Sequence[str], str]

__version__: str

def samplers() -> dict[str, list[_Setting]]:
    """Return the settings of every sampler, by its name.

    A setting is its name, kind ("positive", "number", "count", "flag" or "name"), default, smallest
    and largest value, the names that it may have, and a sentence.
    """

@final
class Sampler:
    """A sampler by name, with its settings, read and checked once."""

    def __new__(cls, name: str, given: Mapping[str, bool | float | str]) -> Sampler: ...

@final
class Space:
    """A flat search space.

    `params` has ``(label, distribution, arguments, conditions)`` of each parameter, parents first.
    """

    def __new__(
        cls,
        params: Sequence[tuple[str, str, Sequence[float], Sequence[Sequence[tuple[int, int]]]]],
    ) -> Space: ...
    def __len__(self) -> int: ...
    @property
    def labels(self) -> list[str]:
        """The labels, in the order of the columns."""

@final
class History:
    """Observed trials, and the samplers that follow them.

    A row has one float per parameter, NaN where it is inactive. A loss of plus infinity says that a
    trial is running, NaN or minus infinity that it failed.
    """

    def __new__(cls, space: Space) -> History: ...
    def __len__(self) -> int: ...
    def __contains__(self, key: int, /) -> bool: ...
    @property
    def finished(self) -> int:
        """How many trials have a finite loss."""

    def holds(self, tid: int, row: Sequence[float]) -> bool:
        """Return whether this is the row that is known of a trial."""

    def observe(self, tid: int, loss: float, row: Sequence[float]) -> None:
        """Add a trial, or replace what is known of it."""

    def extend(self, tids: Sequence[int], losses: Sequence[float], rows: _FloatArray) -> None:
        """Add many trials, or none of them where one does not fit."""

    def tell(self, tid: int, loss: float) -> bool:
        """Change the loss of a trial; return whether it is known."""

    def remove(self, tid: int) -> bool:
        """Forget a trial; return whether it was known."""

    def suggest(self, sampler: Sampler, tids: Sequence[int], seed: int) -> _FloatArray:
        """Suggest points, one per trial id, and keep their rows for `accept`.

        Each id sees the ids before it as running trials, so that k ids in one call equal k calls
        between which the earlier ids are observed.
        """

    def accept(self, tid: int, loss: float = ...) -> bool:
        """Add the row suggested for a trial; return whether there was one.

        Without a `loss` the trial is running.
        """

def suggest_random(space: Space, tids: Sequence[int], seed: int) -> _FloatArray:
    """Draw points from the prior, one per trial id."""

def importance(
    space: Space,
    losses: Sequence[float],
    rows: _FloatArray,
    *,
    method: str,
    pairs: bool = False,
    seed: int = 0,
) -> list[tuple[int, int | None, float, float, float]]:
    """Return how much each parameter matters for the loss, then what pairs do together.

    Each item is the position of a parameter, that of its partner in a pair, the importance, and
    the ends of its interval.

    Parameters
    ----------
    space : Space
        The priors and conditions. Values outside the priors count as the nearest inside.
    losses : sequence of float
        Finite, and not all equal.
    rows : array
        One row per loss, one column per parameter; NaN where it is inactive.
    method : str
        ``"fanova"`` or ``"ped-anova"``, which has no pairs.
    pairs : bool
        Whether to compute pairs.
    seed : int
        Equal seeds give equal results.
    """

# What follows is in development builds only (the cargo feature "inspect").

def explain(
    history: History,
    tid: int,
    seed: int,
    *,
    prior_weight: float = 1.0,
    n_candidates: int = 24,
    gamma: float = 0.25,
) -> tuple[_FloatArray, list[tuple[str, _FloatArray, _FloatArray, _FloatArray, int]]]:
    """Suggest a point by Hyperopt's estimator, with how each value was chosen.

    That is the label, the candidates, their log densities under the good trials and under the rest,
    and the position of the winner.
    """

def parzen(
    history: History,
    label: str,
    *,
    good: bool,
    prior_weight: float = 1.0,
    gamma: float = 0.25,
) -> tuple[_FloatArray, _FloatArray, _FloatArray]:
    """Return weights, locations and bandwidths of a parameter's mixture on one side."""

def log_density(
    history: History,
    label: str,
    values: _FloatArray,
    *,
    good: bool,
    prior_weight: float = 1.0,
    gamma: float = 0.25,
) -> _FloatArray:
    """Return the log densities of values of a parameter on one side."""
