"""The node from which suggesters written for Hyperopt start: new trials drawn from the prior."""

from __future__ import annotations

from typing import Any

from sparktune._search.randomness import drawn_seed
from sparktune._space.expr import scope
from sparktune.rand import suggest_batch
from sparktune.trials import Trials

__all__ = ["draw_idxs_vals"]


@scope.define
def draw_idxs_vals(domain: Any, new_ids: Any, rng: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Draw trials from the prior of a domain; see `Domain.s_idxs_vals`."""
    return suggest_batch(new_ids, domain, Trials(), drawn_seed(rng))
