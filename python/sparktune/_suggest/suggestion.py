"""Shared code of the suggesters: checks of their arguments, and documents from rows of values."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sparktune._core import suggest_random
from sparktune._space.compile import CompiledSpace, compile_space
from sparktune._trials.collection import TrialCollection
from sparktune._trials.documents import JOB_STATE_ERROR, Misc, Trial
from sparktune._trials.following import SupportsTrials
from sparktune._trials.history import HistoryFeeder
from sparktune._trials.ledger import Ledger
from sparktune.exceptions import InvalidArgument, InvalidArgumentType

__all__ = [
    "checked_ids",
    "checked_seed",
    "columns_of",
    "documents_of",
    "draw",
    "draw_columns",
    "history_of",
    "space_of",
]


def space_of(domain: Any) -> CompiledSpace:
    """Return the compiled space of a domain: ours, or any object with the space as `expr`."""
    space = getattr(domain, "space", None)
    if isinstance(space, CompiledSpace):
        return space
    if not hasattr(domain, "expr"):
        raise InvalidArgumentType(f"`domain` must be a Domain; got {domain!r:.300}.")
    return compile_space(domain.expr)


def history_of(trials: SupportsTrials, space: CompiledSpace) -> HistoryFeeder:
    """Return the history of trials, ours or any object with the documents as `trials`."""
    if isinstance(trials, TrialCollection):
        feeder = trials._history_for(space)
    else:
        if not hasattr(trials, "trials"):
            raise _no_trials(trials)
        feeder = HistoryFeeder(Ledger.of([*trials.trials, *_failed(trials)]), space)
    feeder.sync()
    return feeder


def _no_trials(trials: Any) -> InvalidArgumentType:
    return InvalidArgumentType(f"`trials` must be a Trials; got {trials!r:.300}.")


def _failed(trials: SupportsTrials) -> list[Trial]:
    """Return the failed trials, which are not in `trials.trials`."""
    key = getattr(trials, "_exp_key", None)
    return [
        doc
        for doc in getattr(trials, "_dynamic_trials", ())
        if doc["state"] == JOB_STATE_ERROR and (key is None or doc["exp_key"] == key)
    ]


def checked_ids(new_ids: Any) -> list[int]:
    """Return trial ids, which must be from -2**63 to 2**63 - 1, as a list of int."""
    hint = "Hint: use `trials.new_trial_ids(n)`."
    try:
        ids = [operator.index(tid) for tid in new_ids]
    except TypeError:
        raise InvalidArgumentType(
            f"`new_ids` must be ints, one per trial; got {new_ids!r}. {hint}"
        ) from None
    for tid in ids:
        if not -(2**63) <= tid < 2**63:
            raise InvalidArgument(f"`new_ids` must be from -2**63 to 2**63 - 1; got {tid}. {hint}")
    return ids


def checked_seed(seed: Any) -> int:
    """Return a seed, which must be from 0 to 2**64 - 1, as an int."""
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
    trials: SupportsTrials,
    space: CompiledSpace,
    feeder: HistoryFeeder | None = None,
) -> list[Trial]:
    """Return one new trial document per id.

    Each row has one value per hyperparameter, NaN where inactive. `feeder` is the one whose history
    suggested the rows, if any.

    The values are NumPy scalars, as those of Hyperopt's suggesters: tools that ask a suggester
    themselves call ``.item()`` on them. Inserting the documents makes them plain.
    """
    if not hasattr(trials, "new_trial_docs"):
        raise _no_trials(trials)
    cmd, workdir = domain.cmd, domain.workdir
    miscs: list[Misc] = []
    for tid, row in zip(new_ids, rows, strict=True):
        vals = space.lists_from_row(row)
        if space.opaque:
            # Which hyperparameters are active depends on an expression that only Python can
            # evaluate, so all of them were drawn.
            active = space.prune({label: some[0] for label, some in vals.items() if some})
            vals = {label: some if label in active else [] for label, some in vals.items()}
        idxs = {label: [tid] if some else [] for label, some in vals.items()}
        miscs.append({"tid": tid, "cmd": cmd, "workdir": workdir, "idxs": idxs, "vals": vals})
    nothing = [None] * len(miscs)
    results = [domain.new_result() for _ in miscs]
    docs = trials.new_trial_docs(list(new_ids), nothing, results, miscs)
    if feeder is not None and not space.opaque:
        feeder.expect(new_ids, rows.tolist())
    return docs


def draw(new_ids: Iterable[int], domain: Any, trials: SupportsTrials, seed: int) -> list[Trial]:
    """Return new trials drawn from the prior; see `sparktune.rand.suggest`."""
    space, ids = space_of(domain), checked_ids(new_ids)
    rows = suggest_random(space.core, ids, checked_seed(seed))
    return documents_of(ids, rows, domain, trials, space)


def draw_columns(
    new_ids: Iterable[int], domain: Any, trials: SupportsTrials, seed: int
) -> tuple[dict[str, list[int]], dict[str, list[Any]]]:
    """Return new trials drawn from the prior; see `sparktune.rand.suggest_batch`."""
    return columns_of(draw(new_ids, domain, trials, seed), space_of(domain))


def columns_of(
    docs: Iterable[Trial], space: CompiledSpace
) -> tuple[dict[str, list[int]], dict[str, list[Any]]]:
    """Return trial ids and values of each hyperparameter, where it is active."""
    idxs: dict[str, list[int]] = {label: [] for label in space.labels}
    vals: dict[str, list[Any]] = {label: [] for label in space.labels}
    for doc in docs:
        for label, values in doc["misc"]["vals"].items():
            vals[label] += values
            idxs[label] += doc["misc"]["idxs"][label]
    return idxs, vals
