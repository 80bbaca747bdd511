"""Plots of a finished or running search, drawn with matplotlib.

Each function draws all trials that have a loss and returns the figure, so that
``main_plot_history(trials, do_show=False).savefig("history.png")`` is all it takes. matplotlib is
imported by the first plot, not with this module: install it with ``pip install "sparktune[plot]"``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sparktune._listing import listing
from sparktune._tracking.plot import wants_log_axis
from sparktune._trials.plot_data import (
    Point,
    best_so_far,
    names_of,
    points_of,
    rank_ticks,
    ranks,
    with_loss,
)
from sparktune.exceptions import InvalidArgument

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

__all__ = [
    "default_status_colors",
    "main_plot_histogram",
    "main_plot_history",
    "main_plot_vars",
]

__dir__ = listing(__all__)

#: The colour of a trial in `main_plot_history`, by the status of its result.
default_status_colors: dict[str, str] = {
    "new": "#7f7f7f",
    "running": "#2ca02c",
    "ok": "#1f77b4",
    "fail": "#d62728",
    "cancelled": "#bcbd22",
}

_BEST_COLOR = "#e6550d"
_REST_COLOR = "#c8c8c8"
# Values of a hyperparameter that span more than this factor are shown on a logarithmic axis.
_LOG_RATIO = 500.0


# Statuses of trials without a loss, as the legend has them.
_WITHOUT_LOSS = {"ok": "no finite loss", "fail": "failed"}
# More options of a choice than this would not be legible on an axis.
_MOST_NAMES = 12


def _pyplot() -> Any:
    """Import pyplot when it is first needed: importing it earlier would fix the backend."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            'Plots need matplotlib; install it with: pip install "sparktune[plot]"'
        ) from error
    return plt


def _axes(plt: Any) -> tuple[Figure, Axes]:
    """Take the caller's current axes when they are still empty, else make a new figure."""
    if plt.get_fignums():
        figure = plt.gcf()
        if not figure.axes or not figure.gca().has_data():
            return figure, figure.gca()
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    return figure, axes


def _shown(plt: Any, figure: Figure, do_show: bool) -> Figure | None:
    """Show the figure, or return it; not both, since notebooks show what a cell returns."""
    if not do_show:
        return figure
    plt.show()
    return None


def _whole_numbers() -> MaxNLocator:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(integer=True, steps=[1, 2, 5, 10])


def _dress(axes: Axes) -> None:
    """Give all plots the same quiet frame and grid."""
    axes.grid(visible=True, color="#e5e5e5", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def main_plot_history(
    trials: Any,
    do_show: bool = True,
    status_colors: Mapping[str, str] | None = None,
    title: str = "Loss History",
) -> Figure | None:
    """Plot the loss of every trial by its id, and the best loss so far.

    Trials without a finite loss (failed, cancelled, still running) are ticks on the bottom edge, in
    the colour of their status. A trial that raised has the status ``"fail"``.
    Positive losses that span a wide range are shown on a logarithmic axis.

    Parameters
    ----------
    trials : Trials
        The trials to plot.
    do_show : bool
        Whether to call ``matplotlib.pyplot.show()``; else the figure is returned.
    status_colors : mapping of str to str, optional
        The colour for each status (``"ok"``, ``"fail"``, ``"running"``, ``"new"``,
        ``"cancelled"``); statuses that are missing keep the colour of `default_status_colors`.
    title : str
        The title of the plot.

    Returns
    -------
    matplotlib.figure.Figure or None
        None if it was shown. The figure: the current one when its axes are still empty, else a new
        one.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    InvalidArgument
        If no trial has a finite loss.
    """
    plt = _pyplot()
    points = points_of(trials)
    kept = with_loss(points)
    colors = {**default_status_colors, **(status_colors or {})}
    figure, axes = _axes(plt)
    maximized = all(point.has_score for point in kept)
    sign = -1.0 if maximized else 1.0

    for status in dict.fromkeys(point.status for point in kept):
        of_status = [point for point in kept if point.status == status]
        x, y = [point.tid for point in of_status], [sign * point.loss for point in of_status]
        color = colors.get(status, _REST_COLOR)
        axes.scatter(x, y, s=26, color=color, alpha=0.75, linewidths=0, label=status)

    x, best = best_so_far(points)
    if y := [sign * loss for loss in best]:
        label = f"best so far ({y[-1]:.4g})"
        axes.step(x, y, where="post", color=_BEST_COLOR, linewidth=1.6, label=label)
    missing = [point for point in points if math.isnan(point.loss)]
    for status in dict.fromkeys(point.status for point in missing):
        x = [point.tid for point in missing if point.status == status]
        color, edge = colors.get(status, _REST_COLOR), axes.get_xaxis_transform()
        label = _WITHOUT_LOSS.get(status, status)
        axes.plot(
            x, [0.0] * len(x), "|", ms=12, color=color, label=label, clip_on=False, transform=edge
        )

    if wants_log_axis([sign * point.loss for point in kept]):
        axes.set_yscale("log")
    axes.set(xlabel="trial", ylabel="score" if maximized else "loss", title=title)
    axes.xaxis.set_major_locator(_whole_numbers())
    axes.legend(frameon=False)
    _dress(axes)
    return _shown(plt, figure, do_show)


def main_plot_histogram(
    trials: Any, do_show: bool = True, title: str = "Loss Histogram"
) -> Figure | None:
    """Plot how often each range of the loss occurred.

    Parameters
    ----------
    trials : Trials
        The trials to plot.
    do_show : bool
        Whether to call ``matplotlib.pyplot.show()``; else the figure is returned.
    title : str
        The title of the plot.

    Returns
    -------
    matplotlib.figure.Figure or None
        None if it was shown. The figure: the current one when its axes are still empty, else a new
        one.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    InvalidArgument
        If no trial has a finite loss.
    """
    plt = _pyplot()
    points = points_of(trials)
    kept = with_loss(points)
    losses = np.array([point.loss for point in kept], dtype=float)
    figure, axes = _axes(plt)

    bins = min(50, max(5, math.ceil(2 * math.sqrt(len(kept)))))
    axes.hist(losses, bins=bins, color=default_status_colors["ok"], edgecolor="white", alpha=0.85)
    best, median = float(losses.min()), float(np.median(losses))
    axes.axvline(best, color=_BEST_COLOR, linewidth=1.6, label=f"best ({best:.4g})")
    label = f"median ({median:.4g})"
    axes.axvline(median, color="#555555", linewidth=1.2, linestyle="--", label=label)
    ylabel = f"trials (of {len(points)})" if len(points) > len(kept) else "trials"
    axes.set(xlabel="loss", ylabel=ylabel, title=title)
    axes.yaxis.set_major_locator(_whole_numbers())
    axes.legend(frameon=False)
    _dress(axes)
    return _shown(plt, figure, do_show)


def main_plot_vars(
    trials: Any,
    do_show: bool = True,
    fontsize: int = 10,
    colorize_best: int | None = None,
    columns: int = 5,
    arrange_by_loss: bool = False,
) -> Figure | None:
    """Plot the values of each hyperparameter, one panel per hyperparameter, coloured by loss.

    A panel holds only the trials in which its hyperparameter was active. The colours follow the
    rank of the loss, so that good trials can be told apart; the scale shows the losses. Choices
    have the names of their options if `trials` was used in a search since it was loaded, otherwise
    the positions.

    Parameters
    ----------
    trials : Trials
        The trials to plot.
    do_show : bool
        Whether to call ``matplotlib.pyplot.show()``; else the figure is returned.
    fontsize : int
        The size of the panels' titles; the other text is a little smaller.
    colorize_best : int, optional
        Colour only this many of the best trials, at least 1, and show the others in grey.
    columns : int
        The most panels in a row, at least 1.
    arrange_by_loss : bool
        Whether the horizontal axis is the loss rather than the id of the trial.

    Returns
    -------
    matplotlib.figure.Figure or None
        None if it was shown. The figure: the current one when it is still empty, else a new one.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    InvalidArgument
        If no trial has a finite loss, the trials have no hyperparameters, or `columns` or
        `colorize_best` is less than 1.
    """
    plt = _pyplot()
    for name, value in (("columns", columns), ("colorize_best", colorize_best)):
        if value is not None and value < 1:
            raise InvalidArgument(f"`{name}` must be at least 1; got {value}.")
    kept = with_loss(points_of(trials))
    labels = sorted({label for point in kept for label in point.vals})
    if not labels:
        raise InvalidArgument("The trials must have hyperparameters to plot; these have none.")

    figure, panels = _panels(plt, len(labels), columns)
    # The best trials are drawn last: on top.
    kept.sort(key=lambda point: -point.loss)
    coloured = kept[-colorize_best:] if colorize_best is not None else kept
    losses = [point.loss for point in coloured]
    rank = {point.tid: place for point, place in zip(coloured, ranks(losses), strict=True)}
    names, norm, shaded = names_of(trials), plt.Normalize(0.0, 1.0), None
    for axes, label in zip(panels.flat, labels, strict=False):
        shown = [point for point in kept if label in point.vals]
        grey = [point for point in shown if point.tid not in rank]
        if grey:
            _scatter(axes, grey, label, arrange_by_loss, color=_REST_COLOR)
        best = [point for point in shown if point.tid in rank]
        if best:
            style = {"c": [rank[point.tid] for point in best], "cmap": "viridis", "norm": norm}
            shaded = _scatter(axes, best, label, arrange_by_loss, **style)
        values = [point.vals[label] for point in shown]
        _label_panel(axes, label, values, names.get(label, ()), fontsize)
    for axes in panels.flat[len(labels) :]:
        axes.set_visible(False)
    _share_x(panels, [point.loss if arrange_by_loss else point.tid for point in kept])
    _label_bottom(panels, len(labels), "loss" if arrange_by_loss else "trial", fontsize)

    if shaded is not None:
        bar = figure.colorbar(shaded, ax=panels, aspect=max(20, 15 * len(panels)))
        ticks = rank_ticks(losses)
        bar.set_ticks([place for place, _ in ticks], labels=[f"{loss:.4g}" for _, loss in ticks])
        bar.set_label("loss (coloured by rank)", fontsize=fontsize)
        bar.ax.tick_params(labelsize=fontsize - 2)
    return _shown(plt, figure, do_show)


def _panels(plt: Any, count: int, columns: int) -> tuple[Figure, Any]:
    """Return a figure, the current one if it is empty, and its rows of at least `count` axes."""
    across = min(columns, count)
    down = math.ceil(count / across)
    if plt.get_fignums() and not plt.gcf().axes:
        figure: Figure = plt.gcf()
        figure.set_layout_engine("constrained")
    else:
        figure = plt.figure(figsize=(3.0 * across + 1.0, 2.4 * down + 0.4), layout="constrained")
    return figure, figure.subplots(down, across, squeeze=False)


def _scatter(
    axes: Axes, points: Sequence[Point], label: str, arrange_by_loss: bool, **style: Any
) -> Any:
    """Draw one hyperparameter's values."""
    x = [point.loss if arrange_by_loss else point.tid for point in points]
    y = [point.vals[label] for point in points]
    return axes.scatter(x, y, s=18, linewidths=0, **style)


def _label_panel(
    axes: Axes, label: str, values: Sequence[float], names: Sequence[str], fontsize: int
) -> None:
    """Set a panel's title and scale."""
    from matplotlib.ticker import MaxNLocator

    if names:
        every = math.ceil(len(names) / _MOST_NAMES)
        axes.set_yticks(range(0, len(names), every), labels=names[::every])
        axes.set_ylim(-0.5, len(names) - 0.5)
    elif wants_log_axis(values, _LOG_RATIO):
        axes.set_yscale("log")
    elif len(set(values)) <= 10 and all(value.is_integer() for value in values):
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.set_title(label, fontsize=fontsize)
    axes.tick_params(labelsize=fontsize - 2)
    _dress(axes)


def _share_x(panels: np.ndarray, values: Sequence[float]) -> None:
    """Give all panels the same horizontal range."""
    low, high = min(values), max(values)
    room = (high - low) * 0.05 or abs(high) * 0.05 or 0.5
    for axes in panels.flat:
        axes.set_xlim(low - room, high + room)


def _label_bottom(panels: np.ndarray, count: int, text: str, fontsize: int) -> None:
    """Name the horizontal axis under the lowest panel of each column."""
    down, across = panels.shape
    for column in range(across):
        row = down - 1 if (down - 1) * across + column < count else down - 2
        panels[row, column].set_xlabel(text, fontsize=fontsize - 1)
