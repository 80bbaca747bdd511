"""Pieces of SVG: text that is only text, short numbers, colours, and how a picture is to look."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

import numpy as np

from sparktune._views.chart import COLORS, Role

__all__ = ["LEVELS", "Look", "joined", "level_of", "path_of", "plain", "rounded", "text"]

# What XML does not allow, and what turns the direction of what follows.
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]"
)

# Viridis without its brightest end, which is lost on white: from the best to the worst.
_SHADES = ("#440154", "#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#a0da39", "#d5d13a")
LEVELS = 2 * len(_SHADES) - 1

_TRIAL = re.compile(r"trial (\d+)\b", re.IGNORECASE)


def plain(value: Any) -> str:
    """Return a text that has no effect in HTML and SVG: neither markup nor control characters."""
    return escape(_FORBIDDEN.sub("\ufffd", str(value)))


def rounded(values: Any) -> list[str]:
    """Return coordinates as short texts."""
    return [f"{value:g}" for value in (np.round(np.asarray(values, float), 1) + 0.0).tolist()]


def joined(ids: Sequence[int]) -> str:
    """Return ids as text: the differences between them, where a 1 is left out."""
    steps = [ids[0], *(b - a for a, b in itertools.pairwise(ids))] if ids else []
    return ",".join("" if step == 1 else str(step) for step in steps)


def level_of(shade: float) -> int:
    """Return the number of the colour of a shade from 0 to 1."""
    return min(LEVELS - 1, max(0, round(shade * (LEVELS - 1)))) if shade == shade else LEVELS - 1


def _mixed(level: int) -> str:
    at, half = divmod(level, 2)
    if not half:
        return _SHADES[at]
    pairs = [(int(_SHADES[at][i : i + 2], 16), int(_SHADES[at + 1][i : i + 2], 16))
             for i in (1, 3, 5)]  # fmt: skip
    return "#" + "".join(f"{(a + b) // 2:02x}" for a, b in pairs)


@dataclass(frozen=True)
class Look:
    """How a picture is to look.

    Attributes
    ----------
    width : float
        In pixels; text has its own size, whatever the width.
    fixed : bool
        Whether it stands for itself: with a size, on white, without variables of CSS. Otherwise it
        takes the width of the page and the colours that the page gives: `color` for text and
        lines, ``--st-<role>`` and ``--st-s<level>`` for the rest.
    titles : bool
        Whether charts show their title.
    hover : str
        What shows the hover texts: ``"titles"`` of SVG; or the script of the report, for which
        ``"trials"`` names the trials that the texts are about.
    height : float
        Of a panel, unless its rows need more.
    most : int
        About how many marks a layer has at most.
    """

    width: float = 720.0
    fixed: bool = False
    titles: bool = True
    hover: Literal["titles", "trials", "none"] = "titles"
    height: float = 250.0
    most: int = 3000

    def paint(self, role: Role) -> str:
        """Return the colour of a role."""
        return COLORS[role] if self.fixed else f"var(--st-{role},{COLORS[role]})"

    def shade(self, level: int) -> str:
        """Return the colour of a level of shade."""
        return _mixed(level) if self.fixed else f"var(--st-s{level},{_mixed(level)})"

    @property
    def ink(self) -> str:
        """The colour of texts and axes."""
        return "#222" if self.fixed else "currentColor"

    @property
    def paper(self) -> str:
        """The colour of the ground."""
        return "#fff" if self.fixed else "var(--st-paper,#fff)"

    def about(self, hover: Sequence[str]) -> str:
        """Return the attribute with the hover texts of the parts of one path, in their order."""
        if not hover or self.hover != "trials":
            return ""
        found = [_TRIAL.match(each) for each in hover]
        if all(found):
            return f' data-ts="{joined([int(each[1]) for each in found if each])}"'
        return f' data-hs="{plain(json.dumps(list(hover), ensure_ascii=False))}"'

    def about_one(self, hover: str) -> tuple[str, str]:
        """Return the attribute and the content with the hover text of one element."""
        if not hover or self.hover == "none":
            return "", ""
        if self.hover == "titles":
            return "", f"<title>{plain(hover)}</title>"
        found = _TRIAL.match(hover)
        return (f' data-t="{found[1]}"' if found else f' data-h="{plain(hover)}"'), ""


def path_of(x: Iterable[str], y: Iterable[str], mark: str) -> str:
    """Return the data of a path with the same mark at each place."""
    return "".join([f"M{a} {b}{mark}" for a, b in zip(x, y, strict=True)])


def text(
    x: float, y: float, content: str, *, anchor: str = "", more: str = "", full: str = ""
) -> str:
    """Return a text element; `full` is what it stands for if it was cut."""
    at = f' text-anchor="{anchor}"' if anchor else ""
    title = f"<title>{plain(full)}</title>" if full and full != content else ""
    return f'<text x="{x:.4g}" y="{y:.4g}"{at}{more}>{title}{plain(content)}</text>'
