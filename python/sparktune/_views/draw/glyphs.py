"""Texts as matplotlib draws them: no formulas, no characters that its fonts do not have."""

from __future__ import annotations

import functools
from collections.abc import Iterator

__all__ = ["plain"]


def plain(text: str) -> str:
    """Return a text that matplotlib draws as it is: no formulas, no characters without a glyph."""
    known = _glyphs(*_families())
    return "".join(
        letter if ord(letter) in known else "\u25a1" for letter in text
    ).replace("$", r"\$")  # fmt: skip


def _families() -> Iterator[str]:
    import matplotlib

    yield from matplotlib.rcParams["font.family"]


@functools.lru_cache(maxsize=8)
def _glyphs(*families: str) -> frozenset[int]:
    """Return the characters that these fonts have; matplotlib would warn about all others."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    found: set[int] = {ord("\n")}
    for family in families:
        found |= set(get_font(findfont(FontProperties(family=[family]))).get_charmap())
    return frozenset(found)
