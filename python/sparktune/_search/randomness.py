"""The seeds of a search: where they come from, and how another process goes on drawing them."""

from __future__ import annotations

import operator
import os
import zlib
from typing import Any

import numpy as np

from sparktune.exceptions import InvalidArgument, InvalidArgumentType

__all__ = ["checked_rstate", "drawn_seed", "go_on", "seed_of_workers", "state_of"]

SEED_VARIABLES = ("SPARKTUNE_SEED", "HYPEROPT_FMIN_SEED")


class Unseeded(np.random.Generator):
    """The generator of a search that was given none, which may be put into another state."""


def checked_rstate(rstate: Any) -> Any:
    """Return a generator of seeds: a numpy Generator or RandomState, as given or made from a seed.

    By default the seed is $SPARKTUNE_SEED or $HYPEROPT_FMIN_SEED, or a new one.
    """
    if hasattr(rstate, "integers") or hasattr(rstate, "randint"):
        return rstate
    if rstate is None:
        for name in SEED_VARIABLES:
            text = os.environ.get(name, "")
            if text:
                try:
                    return np.random.default_rng(int(text))
                except ValueError:
                    raise InvalidArgument(
                        f"${name} must be an int of at least 0; got {text!r}."
                    ) from None
        return Unseeded(np.random.PCG64())
    if not isinstance(rstate, (bool, np.bool_)):
        try:
            seed = operator.index(rstate)
        except TypeError:
            pass
        else:
            if seed < 0:
                raise InvalidArgument(f"`rstate` as a seed must be at least 0; got {seed}.")
            return np.random.default_rng(seed)
    raise InvalidArgumentType(
        "`rstate` must be a numpy Generator, a RandomState, an int or None; "
        f"got {rstate!r}. Hint: numpy.random.default_rng(42)."
    )


def drawn_seed(rstate: Any) -> int:
    """Draw the seed of one call of a suggest function from a numpy Generator or RandomState."""
    draw = getattr(rstate, "integers", None) or rstate.randint
    return int(draw(2**31 - 1))


def state_of(rstate: Any) -> Any:
    """Return the state of a generator as a dict; None if it is neither of NumPy's."""
    try:
        found = getattr(rstate, "bit_generator", None)
        return rstate.get_state(legacy=False) if found is None else found.state
    except (AttributeError, TypeError):
        return None


def go_on(rstate: Any, start: Any, draws: int) -> bool:
    """Bring a generator to where an earlier search left its own; return whether that was done.

    That search began in the state `start`, and drew so many seeds. Nothing is done to a generator
    that the user gave in another state.
    """
    here = state_of(rstate)
    if isinstance(rstate, Unseeded) and here["bit_generator"] == start.get("bit_generator"):
        rstate.bit_generator.state = start
    elif here is None or _listed(here) != _listed(start):
        return False
    for _ in range(draws):
        drawn_seed(rstate)
    return True


def seed_of_workers(rstate: Any) -> int | None:
    """Return a number that depends on the state of `rstate`, which stays as it is.

    None for a generator that has neither NumPy's `bit_generator` nor its `get_state`.
    """
    state = state_of(rstate)
    # By `repr` of lists: that of a long array leaves items out.
    return None if state is None else zlib.crc32(repr(_listed(state)).encode())


def _listed(state: Any) -> Any:
    if isinstance(state, dict):
        return {key: _listed(value) for key, value in state.items()}
    return state.tolist() if isinstance(state, np.ndarray) else state
