"""Short texts for charts: labels that are cut, what hovering over a mark says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sparktune._views.chart import Role
from sparktune._views.ticks import number
from sparktune._views.trial_data import TrialData

__all__ = ["cut", "cut_apart", "loss_text", "nothing_of", "role_of", "sentences", "thinning"]

_ROLES: dict[str, Role] = {
    "ok": "ok",
    "pruned": "pruned",
    "fail": "fail",
    "cancelled": "cancelled",
    "running": "running",
    "new": "new",
}


def role_of(outcome: str) -> Role:
    """Return the colour of an outcome."""
    return _ROLES.get(outcome, "rest")


def cut(text: str, longest: int) -> str:
    """Return a text in one line, its end left out if it is longer."""
    text = " ".join(text.encode("utf-8", "replace").decode().split())
    return text if len(text) <= longest else text[: longest - 3] + "..."


def cut_apart(texts: Sequence[Any], longest: int) -> list[str]:
    """Return texts cut so that they still differ, if need be in their middle."""
    whole = [str(text) for text in texts]
    short = [cut(text, longest) for text in whole]
    alike = Counter(short)
    head = (longest - 3) // 2
    tail = longest - 3 - head
    return [
        f"{text[:head]}...{text[-tail:]}" if alike[brief] > 1 and len(text) > longest else brief
        for text, brief in zip(map(cut, whole, map(len, whole)), short, strict=True)
    ]


def sentences(*parts: str) -> str:
    """Return the sentences that are not empty as one text."""
    return " ".join(dict.fromkeys(part for part in parts if part))


def thinning(shown: int, count: int, what: str = "trials") -> str:
    """Return a sentence on things that were left out, if any were."""
    if shown == count:
        return ""
    return f"{shown:,} of {count:,} {what} are drawn, the best among them."


def nothing_of(data: TrialData, need: str) -> str:
    """Return why there is nothing to draw; `need` is what it takes, such as "a finite loss"."""
    if not len(data):
        return "There are no trials yet."
    return f"No trial has {need} ({data.counted()})."


def loss_text(data: TrialData, row: int) -> str:
    """Return the loss or score of a trial as text."""
    return f"{data.what} {number(data.sign * float(data.losses[row]))}"
