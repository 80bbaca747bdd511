"""Types of the Rust extension module."""

from collections.abc import Sequence
from typing import TypedDict, final, type_check_only

import numpy as np
import numpy.typing as npt

__all__ = [
    "History",
    "Space",
    "TpeSettings",
    "__version__",
    "explain",
    "log_density",
    "parzen",
    "suggest_anneal",
    "suggest_halton",
    "suggest_random",
    "suggest_tpe",
]

_FloatArray = npt.NDArray[np.float64]

__version__: str

@type_check_only
class _Settings(TypedDict):
    prior_weight: float
    n_candidates: int
    prior_candidates: int
    gamma: float
    split: str
    max_below: int
    pending: str
    multivariate: bool
    weights: str
    bandwidth: str
    min_bandwidth: float
    clip_exponent: float
    endpoints: bool
    gp_share: float
    local_search: str
    avoid_duplicates: bool

@final
class TpeSettings:
    """Settings of a suggestion. Without them, the defaults of `tpe.suggest` hold."""

    def __new__(cls, given: _Settings) -> TpeSettings: ...

@final
class Space:
    """A flat search space."""

    def __new__(
        cls,
        params: Sequence[tuple[str, str, Sequence[float], Sequence[Sequence[tuple[int, int]]]]],
    ) -> Space: ...
    def __len__(self) -> int: ...
    @property
    def labels(self) -> list[str]: ...

@final
class History:
    """Columns of observed trials."""

    def __new__(cls, space: Space) -> History: ...
    def __len__(self) -> int: ...
    def __contains__(self, key: int, /) -> bool: ...
    def holds(self, tid: int, row: Sequence[float]) -> bool: ...
    @property
    def finished(self) -> int: ...
    def observe(self, tid: int, loss: float, row: Sequence[float]) -> None: ...
    def accept(self, tid: int) -> bool: ...
    def tell(self, tid: int, loss: float) -> bool: ...
    def extend(self, tids: Sequence[int], losses: Sequence[float], rows: _FloatArray) -> None: ...
    def remove(self, tid: int) -> bool: ...

def suggest_random(space: Space, tids: Sequence[int], seed: int) -> _FloatArray: ...
def suggest_anneal(
    history: History,
    tids: Sequence[int],
    seed: int,
    *,
    avg_best_idx: float = 2.0,
    shrink_coef: float = 0.1,
) -> _FloatArray: ...
def suggest_halton(history: History, tids: Sequence[int], seed: int) -> _FloatArray: ...
def suggest_tpe(
    history: History, tids: Sequence[int], seed: int, settings: TpeSettings | None = None
) -> _FloatArray: ...
def explain(
    history: History,
    tid: int,
    seed: int,
    *,
    prior_weight: float = 1.0,
    n_candidates: int = 24,
    gamma: float = 0.25,
) -> tuple[_FloatArray, list[tuple[str, _FloatArray, _FloatArray, _FloatArray, int]]]: ...
def parzen(
    history: History,
    label: str,
    *,
    below: bool,
    prior_weight: float = 1.0,
    gamma: float = 0.25,
) -> tuple[_FloatArray, _FloatArray, _FloatArray]: ...
def log_density(
    history: History,
    label: str,
    values: _FloatArray,
    *,
    below: bool,
    prior_weight: float = 1.0,
    gamma: float = 0.25,
) -> _FloatArray: ...
