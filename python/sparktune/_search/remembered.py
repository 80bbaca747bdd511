"""What trials remember of their latest search, as plain data: for the report."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from sparktune._journal.journal import Journal
from sparktune._search.options import SearchOptions
from sparktune._search.randomness import state_of
from sparktune._tracking.base import SearchInfo

__all__ = ["seed_of", "settings_of"]


def settings_of(trials: Any, options: SearchOptions, info: SearchInfo) -> dict[str, Any]:
    """Return the settings of a search that begins: texts and numbers by name.

    Those that were not given are left out.
    """
    stop = options.early_stop_fn
    settings = {
        "objective": info.objective or None,
        "trials": info.trials_class,
        **info.params,
        "seed": seed_of(options.rstate),
        "maximize": options.maximize or None,
        "prune": None if options.prune is None else _text(options.prune),
        "early_stop_fn": None if stop is None else getattr(stop, "__qualname__", repr(stop)),
        "points_to_evaluate": len(options.points_to_evaluate or ()) or None,
        "max_failures": options.max_failures,
        "catch_eval_exceptions": _caught(options.catch_eval_exceptions),
        "journal": _place(options.journal),
        "trials_save_file": os.fspath(options.trials_save_file) or None,
    }
    settings["algo"] = str(settings["algo"]).removeprefix("sparktune.")
    return {name: _plain(value) for name, value in settings.items() if value is not None}


def seed_of(rstate: Any) -> int | None:
    """Return the seed that makes a generator that draws the same; None if it is not known.

    A generator that has drawn numbers already is not the one that its seed makes.
    """
    bits: Any = getattr(rstate, "bit_generator", None)
    sequence: Any = getattr(bits, "seed_seq", None) or getattr(
        bits, "_seed_seq", None
    )  # NumPy 1.23
    entropy = getattr(sequence, "entropy", None)
    if not isinstance(entropy, int) or sequence.spawn_key:
        return None
    fresh = state_of(np.random.default_rng(entropy))
    return entropy if fresh == state_of(rstate) else None


def _text(value: Any) -> str:
    shown = repr(value)
    return shown if " at 0x" not in shown else type(value).__name__


def _caught(classes: Any) -> Any:
    if isinstance(classes, tuple):
        return ", ".join(each.__name__ for each in classes)
    return bool(classes) or None


def _place(journal: Any) -> str | None:
    return journal.place if isinstance(journal, Journal) else None


def _plain(value: Any) -> Any:
    if isinstance(value, (bool, int, float, str)):
        return value
    return str(dict(value)) if hasattr(value, "items") else str(value)
