"""Plots of a finished or running search, drawn with matplotlib.

Each function draws all trials that have a loss and returns the figure, so that
``main_plot_history(trials, do_show=False).savefig("history.png")`` is all it takes. matplotlib is
imported by the first plot, not with this module: install it with ``pip install "sparktune[plot]"``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sparktune._listing import listing
from sparktune._tracking.plot import wants_log_axis
from sparktune.exceptions import InvalidArgument, InvalidArgumentType

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
}

_BEST_COLOR = "#e6550d"
_REST_COLOR = "#c8c8c8"
# Values of a hyperparameter that span more than this factor are shown on a logarithmic axis.
_LOG_RATIO = 500.0


@dataclass(frozen=True)
class _Point:
    """What the plots need of one trial."""

    index: int  # place in the search, from 0
    tid: int
    status: str
    loss: float  # NaN unless finite
    vals: dict[str, float]


def _points(trials: Any) -> list[_Point]:
    """Read the trials; a loss that is missing or infinite becomes NaN."""
    if not hasattr(trials, "trials"):
        raise InvalidArgumentType(f"`trials` must be a Trials; got {trials!r:.300}.")
    points = []
    for index, trial in enumerate(trials.trials):
        result = trial["result"]
        loss = result.get("loss")
        value = math.nan if loss is None else float(loss)
        finite = value if math.isfinite(value) else math.nan
        vals = {label: float(v[0]) for label, v in trial["misc"]["vals"].items() if len(v)}
        status = str(result.get("status", "new"))
        points.append(_Point(index, trial["tid"], status, finite, vals))
    return points


def _finite(points: Sequence[_Point]) -> tuple[list[_Point], np.ndarray]:
    """Keep the trials with a finite loss; raise InvalidArgument where there is none."""
    kept = [point for point in points if not math.isnan(point.loss)]
    if not kept:
        raise InvalidArgument(
            f"A plot needs a trial with a finite loss; none of {len(points)} trials has one."
        )
    return kept, np.array([point.loss for point in kept], dtype=float)


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
    """Plot the loss of every trial in the order of the search, and the best loss so far.

    Trials without a finite loss (failed, cancelled, still running) are ticks on the bottom edge.
    Positive losses that span a wide range are shown on a logarithmic axis.

    Parameters
    ----------
    trials : Trials
        The trials to plot.
    do_show : bool
        Whether to call ``matplotlib.pyplot.show()``; else the figure is returned.
    status_colors : mapping of str to str, optional
        The colour for each status (``"ok"``, ``"fail"``, ``"running"``, ``"new"``); statuses that
        are missing keep the colour of `default_status_colors`.
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
    points = _points(trials)
    kept, losses = _finite(points)
    colors = {**default_status_colors, **(status_colors or {})}
    figure, axes = _axes(plt)

    for status in dict.fromkeys(point.status for point in kept):
        of_status = [point for point in kept if point.status == status]
        x, y = [point.index for point in of_status], [point.loss for point in of_status]
        color = colors.get(status, _REST_COLOR)
        axes.scatter(x, y, s=26, color=color, alpha=0.75, linewidths=0, label=status)

    best = np.minimum.accumulate(losses)
    x, y = [*(point.index for point in kept), len(points) - 1], [*best, best[-1]]
    label = f"best so far ({best[-1]:.4g})"
    axes.step(x, y, where="post", color=_BEST_COLOR, linewidth=1.6, label=label)
    missing = [point.index for point in points if math.isnan(point.loss)]
    if missing:
        y, color, edge = [0.0] * len(missing), colors["fail"], axes.get_xaxis_transform()
        axes.plot(
            missing, y, "|", ms=12, color=color, label="no loss", clip_on=False, transform=edge
        )

    if wants_log_axis(losses.tolist()):
        axes.set_yscale("log")
    axes.set(xlabel="trial", ylabel="loss", title=title)
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
    points = _points(trials)
    kept, losses = _finite(points)
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

    A panel holds only the trials in which its hyperparameter was active.

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
        Whether the horizontal axis is the loss rather than the trial's place in the search.

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
    kept, losses = _finite(_points(trials))
    labels = sorted({label for point in kept for label in point.vals})
    if not labels:
        raise InvalidArgument("The trials must have hyperparameters to plot; these have none.")

    figure, panels = _panels(plt, len(labels), columns)
    # The scale belongs to the coloured trials. A few terrible losses would make all the others look
    # alike, so it ends before them.
    ranked = sorted(kept, key=lambda point: point.loss)[:colorize_best]
    best = {point.tid for point in ranked}
    scale = np.sort(losses)[: len(ranked)]
    worst = float(np.quantile(scale, 0.9)) if colorize_best is None else float(scale[-1])
    norm = plt.Normalize(float(scale[0]), worst)
    shaded = None
    for axes, label in zip(panels.flat, labels, strict=False):
        shown = [point for point in kept if label in point.vals]
        # The best trials are drawn last: on top.
        shown.sort(key=lambda point: -point.loss)
        coloured = [point for point in shown if point.tid in best]
        grey = [point for point in shown if point.tid not in best]
        if grey:
            _scatter(axes, grey, label, arrange_by_loss, color=_REST_COLOR)
        if coloured:
            style = {"c": [point.loss for point in coloured], "cmap": "viridis", "norm": norm}
            drawn = _scatter(axes, coloured, label, arrange_by_loss, **style)
            shaded = shaded or drawn
        _label_panel(axes, label, [point.vals[label] for point in shown], fontsize)
    for axes in panels.flat[len(labels) :]:
        axes.set_visible(False)
    _label_bottom(panels, len(labels), "loss" if arrange_by_loss else "trial", fontsize)

    if shaded is not None:
        extend = "max" if worst < scale[-1] else "neither"
        aspect = max(20, 15 * len(panels))
        bar = figure.colorbar(shaded, ax=panels, extend=extend, aspect=aspect)
        bar.set_label("loss", fontsize=fontsize)
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
    axes: Axes, points: Sequence[_Point], label: str, arrange_by_loss: bool, **style: Any
) -> Any:
    """Draw one hyperparameter's values."""
    x = [point.loss if arrange_by_loss else point.index for point in points]
    y = [point.vals[label] for point in points]
    return axes.scatter(x, y, s=18, linewidths=0, **style)


def _label_panel(axes: Axes, label: str, values: Sequence[float], fontsize: int) -> None:
    """Set a panel's title and scale."""
    from matplotlib.ticker import MaxNLocator

    if wants_log_axis(values, _LOG_RATIO):
        axes.set_yscale("log")
    elif len(set(values)) <= 10 and all(value.is_integer() for value in values):
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.set_title(label, fontsize=fontsize)
    axes.tick_params(labelsize=fontsize - 2)
    _dress(axes)


def _label_bottom(panels: np.ndarray, count: int, text: str, fontsize: int) -> None:
    """Name the horizontal axis under the lowest panel of each column."""
    down, across = panels.shape
    for column in range(across):
        row = down - 1 if (down - 1) * across + column < count else down - 2
        panels[row, column].set_xlabel(text, fontsize=fontsize - 1)
