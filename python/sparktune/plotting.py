"""Plots of a finished or running search, drawn with matplotlib.

Each function draws all trials that have a loss and returns the figure, so that
``main_plot_history(trials, do_show=False).savefig("history.png")`` is all it takes. matplotlib is
imported by the first plot, not with this module: install it with ``pip install "sparktune[plot]"``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sparktune._listing import listing
from sparktune._views.chart import COLORS, Axis, Panel, Points
from sparktune._views.charts.history import history
from sparktune._views.draw.glyphs import plain
from sparktune._views.draw.matplotlib import draw_panel, draw_scale
from sparktune._views.draw.matplotlib_axes import dress, whole_numbers
from sparktune._views.parameters import Parameter, parameters_of
from sparktune._views.scales import rank_shades
from sparktune._views.trial_data import Floats, TrialData, read_trials
from sparktune.exceptions import InvalidArgument

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "default_status_colors",
    "main_plot_histogram",
    "main_plot_history",
    "main_plot_vars",
]

__dir__ = listing(__all__)

#: The colour of a trial in `main_plot_history`, by the status of its result.
default_status_colors: dict[str, str] = {
    status: COLORS[status] for status in ("new", "running", "ok", "fail", "cancelled", "pruned")
}


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


def _with_loss(trials: Any) -> TrialData:
    """Read the trials; raise InvalidArgument if none has a finite loss."""
    data = read_trials(trials)
    if not data.finite.any():
        raise InvalidArgument(
            f"A plot needs a trial with a finite loss; none of {len(data)} trials has one."
        )
    return data


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
    data = _with_loss(trials)
    figure, axes = _axes(plt)
    panel = history(data).panels[0]
    # Hyperopt's plot has no mark for the best trial.
    layers = tuple(layer for layer in panel.layers if getattr(layer, "symbol", "") != "star")
    colors: dict[Any, str] = {**COLORS, **default_status_colors, **(status_colors or {})}
    draw_panel(axes, replace(panel, layers=layers), colors=colors)
    axes.set_title(plain(title))
    axes.legend(frameon=False)
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
    data = _with_loss(trials)
    losses = data.losses[data.finite]
    figure, axes = _axes(plt)

    bins = min(50, max(5, math.ceil(2 * math.sqrt(len(losses)))))
    axes.hist(losses, bins=bins, color=default_status_colors["ok"], edgecolor="white", alpha=0.85)
    best, median = float(losses.min()), float(np.median(losses))
    axes.axvline(best, color=COLORS["best"], linewidth=1.6, label=f"best ({best:.4g})")
    label = f"median ({median:.4g})"
    axes.axvline(median, color=COLORS["line"], linewidth=1.2, linestyle="--", label=label)
    ylabel = f"trials (of {len(data)})" if len(data) > len(losses) else "trials"
    axes.set(xlabel="loss", ylabel=ylabel, title=title)
    axes.yaxis.set_major_locator(whole_numbers())
    axes.legend(frameon=False)
    dress(axes)
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
    data = _with_loss(trials)
    rows = np.flatnonzero(data.finite)
    active = [label for label, values in data.values.items() if np.isfinite(values[rows]).any()]
    if not active:
        raise InvalidArgument("The trials must have hyperparameters to plot; these have none.")

    # The best trials are drawn last: on top.
    rows = rows[np.argsort(-data.losses[rows], kind="stable")]
    split = 0 if colorize_best is None else max(0, len(rows) - colorize_best)
    x = data.sign * data.losses if arrange_by_loss else data.x
    what = data.what if arrange_by_loss else "trial"
    figure, grid = _panels(plt, len(active), columns)
    shaded = None
    for axes, each in zip(grid.flat, parameters_of(data, sorted(active)), strict=False):
        panel = _panel(data, each, x, rows, split)
        shaded = draw_panel(axes, panel, small=True) or shaded
        axes.set_title(plain(each.short), fontsize=fontsize)
        axes.tick_params(labelsize=fontsize - 2)
    for axes in grid.flat[len(active) :]:
        axes.set_visible(False)
    _share_x(grid, x[rows])
    _label_bottom(grid, len(active), what, fontsize)
    if shaded is not None:
        draw_scale(figure, grid, *shaded, fontsize)
    return _shown(plt, figure, do_show)


def _panel(data: TrialData, parameter: Parameter, x: Floats, rows: Any, split: int) -> Panel:
    """Return the panel of a hyperparameter; trials before `split` are grey."""
    shades = rank_shades(data, data.losses[rows[split:]])
    layers = []
    for part, values in ((rows[:split], None), (rows[split:], np.array(shades.values))):
        active = parameter.active[part]
        if active.any():
            shown = part[active]
            layers.append(
                Points(
                    x[shown].tolist(),
                    parameter.values[shown].tolist(),
                    color="rest",
                    shades=None if values is None else replace(shades, values=values[active]),
                )
            )
    axis = replace(parameter.axis(), label="")
    return Panel(Axis(), axis, tuple(layers))


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


def _share_x(panels: np.ndarray, values: Floats) -> None:
    """Give all panels the same horizontal range."""
    low, high = float(values.min()), float(values.max())
    room = (high - low) * 0.05 or abs(high) * 0.05 or 0.5
    for axes in panels.flat:
        axes.set_xlim(low - room, high + room)


def _label_bottom(panels: np.ndarray, count: int, text: str, fontsize: int) -> None:
    """Name the horizontal axis under the lowest panel of each column."""
    down, across = panels.shape
    for column in range(across):
        row = down - 1 if (down - 1) * across + column < count else down - 2
        panels[row, column].set_xlabel(text, fontsize=fontsize - 1)
