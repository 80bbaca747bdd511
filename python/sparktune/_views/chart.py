"""A chart as plain data: what is drawn, whatever draws it.

A `Chart` has panels, a `Panel` has two axes and layers, drawn in their order. Colours are roles,
such as "best"; `COLORS` has their values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

__all__ = [
    "COLORS",
    "Axis",
    "Bars",
    "Cells",
    "Chart",
    "Layer",
    "Line",
    "Panel",
    "Points",
    "Rails",
    "Role",
    "Shades",
    "Spans",
    "Ticks",
]

Role = Literal["ok", "best", "pruned", "fail", "cancelled", "running", "new", "rest", "line"]

COLORS: dict[Role, str] = {
    # Okabe and Ito's palette, which colour-blind people can tell apart.
    "ok": "#0072b2",
    "best": "#d55e00",
    "pruned": "#e69f00",
    "fail": "#cc79a7",
    "cancelled": "#999999",
    "running": "#009e73",
    "new": "#56b4e9",
    "rest": "#bbbbbb",
    "line": "#555555",
}


@dataclass(frozen=True)
class Axis:
    """One axis of a panel.

    `names` are categories, at 0, 1 and so on. `range` is in the units of the data, also on a
    logarithmic axis; None means that of the data. A `time` axis is in seconds since the epoch.
    """

    label: str = ""
    log: bool = False
    whole: bool = False
    time: bool = False
    names: tuple[str, ...] = ()
    range: tuple[float, float] | None = None


@dataclass(frozen=True)
class Shades:
    """Colours by value: each from 0 (best) to 1, and what a scale beside the chart says.

    `ticks` are pairs of a value and its text.
    """

    values: Sequence[float]
    ticks: Sequence[tuple[float, str]] = ()
    label: str = ""


@dataclass(frozen=True)
class Points:
    """Marks, one per value. `hover` has a text for each, with line breaks."""

    x: Sequence[float]
    y: Sequence[float]
    label: str = ""
    color: Role = "ok"
    shades: Shades | None = None
    hover: Sequence[str] = ()
    symbol: Literal["dot", "star", "cross"] = "dot"


@dataclass(frozen=True)
class Ticks:
    """Short marks on the bottom edge, one per value."""

    x: Sequence[float]
    label: str = ""
    color: Role = "fail"
    hover: Sequence[str] = ()


@dataclass(frozen=True)
class Line:
    """A line; NaN in `y` interrupts it. A `step` line keeps its value until the next one."""

    x: Sequence[float]
    y: Sequence[float]
    label: str = ""
    color: Role = "line"
    step: bool = False
    dashed: bool = False
    hover: str = ""
    shade: float | None = None  # from 0 (best) to 1, in place of `color`


@dataclass(frozen=True)
class Bars:
    """Horizontal bars, one per name of the vertical axis, each with an interval if there is one."""

    lengths: Sequence[float]
    label: str = ""
    color: Role = "ok"
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    hover: Sequence[str] = ()


@dataclass(frozen=True)
class Cells:
    """A surface on a grid: `z[i][j]` from 0 (best) to 1 at ``(x[j], y[i])``; NaN is left out."""

    x: Sequence[float]
    y: Sequence[float]
    z: Sequence[Sequence[float]]
    shades: Shades | None = None  # for its ticks and label
    hover: str = ""


@dataclass(frozen=True)
class Spans:
    """Horizontal spans, one per start, in the rows of the vertical axis."""

    rows: Sequence[float]
    starts: Sequence[float]
    ends: Sequence[float]
    label: str = ""
    color: Role = "ok"
    hover: Sequence[str] = ()


@dataclass(frozen=True)
class Rails:
    """Parallel coordinates: one rail per name, and lines over them from place 0 to 1 on each.

    ``places[i][j]`` is where line i crosses rail j, NaN if it does not. `ticks` has pairs of a
    place and its text for each rail.
    """

    names: Sequence[str]
    places: Sequence[Sequence[float]]
    ticks: Sequence[Sequence[tuple[float, str]]]
    shades: Shades
    hover: Sequence[str] = ()


Layer = Points | Ticks | Line | Bars | Cells | Spans | Rails


@dataclass(frozen=True)
class Panel:
    """Two axes, and what is drawn between them."""

    x: Axis = field(default_factory=Axis)
    y: Axis = field(default_factory=Axis)
    layers: tuple[Layer, ...] = ()
    title: str = ""


@dataclass(frozen=True)
class Chart:
    """One or more panels under a title.

    With no panels, `note` says why there is nothing to see; else it is shown below them. Panels
    stand in rows of `columns`, and share an axis where their axes are equal.
    """

    title: str
    panels: tuple[Panel, ...] = ()
    columns: int = 1
    note: str = ""
