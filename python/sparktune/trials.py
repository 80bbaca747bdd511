"""`Trials`: the trials of a search, in memory, and searching with them."""

from __future__ import annotations

from sparktune._listing import listing
from sparktune._search.trials import Trials, trials_from_docs

__all__ = ["Trials", "trials_from_docs"]

__dir__ = listing(__all__)
