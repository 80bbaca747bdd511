"""What the suggesters share: from rows of values to trial documents."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sparktune.compile import CompiledSpace, compile_space
from sparktune.documents import Trial
from sparktune.exceptions import InvalidArgument, InvalidArgumentType

__all__ = ["checked_ids", "checked_seed", "documents_of", "space_of"]


def space_of(domain: Any) -> CompiledSpace:
    """Return the compiled space of a domain.

    Parameters
    ----------
    domain : Domain
        Ours, or any object with the space as `expr`.
    """
    space = getattr(domain, "space", None)
    return space if isinstance(space, CompiledSpace) else compile_space(domain.expr)


def checked_ids(new_ids: Any) -> list[int]:
    """Return trial ids as a list of int.

    Parameters
    ----------
    new_ids : iterable of int
        From `Trials.new_trial_ids`.

    Raises
    ------
    InvalidArgumentType
        If they are no ints.
    """
    try:
        return [operator.index(tid) for tid in new_ids]
    except TypeError:
        raise InvalidArgumentType(
            f"`new_ids` must be ints, one a trial; got {new_ids!r}. "
            "Hint: use `trials.new_trial_ids(n)`."
        ) from None


def checked_seed(seed: Any) -> int:
    """Return a seed as an int.

    Parameters
    ----------
    seed : int
        At least 0 and less than 2**64.

    Raises
    ------
    InvalidArgumentType, InvalidArgument
        If it is no int, or out of range.
    """
    try:
        value = operator.index(seed)
    except TypeError:
        raise InvalidArgumentType(f"`seed` must be an int; got {seed!r}.") from None
    if not 0 <= value < 2**64:
        raise InvalidArgument(f"`seed` must be from 0 to 2**64 - 1; got {value}.")
    return value


def documents_of(
    new_ids: Sequence[int],
    rows: npt.NDArray[np.float64],
    domain: Any,
    trials: Any,
    space: CompiledSpace,
) -> list[Trial]:
    """Return one new trial document an id.

    Parameters
    ----------
    new_ids : sequence of int
        The ids.
    rows : array of shape (len(new_ids), number of hyperparameters)
        The values, NaN where inactive.
    domain : Domain
        Its `cmd` and `workdir` go into the documents.
    trials : Trials
        Makes the documents.
    space : CompiledSpace
        What the columns mean.
    """
    miscs = []
    for tid, row in zip(new_ids, rows, strict=True):
        values = space.vals_from_row(row)
        if space.opaque:
            # Which hyperparameters are active depends on an expression that only Python can
            # evaluate, so all of them were drawn.
            values = space.prune(values)
        if len(values) == len(space.labels):
            idxs = {label: [tid] for label in space.labels}
            vals = {label: [value] for label, value in values.items()}
        else:
            idxs = {label: [tid] if label in values else [] for label in space.labels}
            vals = {label: [values[label]] if label in values else [] for label in space.labels}
        miscs.append(
            {"tid": tid, "cmd": domain.cmd, "workdir": domain.workdir, "idxs": idxs, "vals": vals}
        )
    nothing = [None] * len(miscs)
    results = [domain.new_result() for _ in miscs]
    docs: list[Trial] = trials.new_trial_docs(list(new_ids), nothing, results, miscs)
    return docs
