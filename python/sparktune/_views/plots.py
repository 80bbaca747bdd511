"""`trials.plot`: the charts of a search, drawn by plotly or matplotlib."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterable
from typing import Any

from sparktune._views.chart import Chart
from sparktune._views.charts.contour import contour
from sparktune._views.charts.curves import curves
from sparktune._views.charts.edf import edf
from sparktune._views.charts.failures import failures
from sparktune._views.charts.history import history
from sparktune._views.charts.importance import importance
from sparktune._views.charts.overview import overview
from sparktune._views.charts.parallel import parallel
from sparktune._views.charts.rank_pairs import rank_pairs
from sparktune._views.charts.slices import slices
from sparktune._views.charts.timeline import timeline
from sparktune._views.draw.matplotlib import draw as draw_matplotlib
from sparktune._views.draw.matplotlib import new_figure
from sparktune._views.draw.plotly import draw as draw_plotly
from sparktune._views.importance import FEW, importance_columns
from sparktune._views.notebook import in_notebook
from sparktune._views.trial_data import TrialData, read_trials
from sparktune.exceptions import InvalidArgument, SparktuneError

__all__ = ["Plots"]

_BACKENDS = ("plotly", "matplotlib")


class Plots:
    """The plots of a search; ``trials.plot()`` is an overview.

    Each method returns a figure of plotly or matplotlib, and shows nothing by itself: a notebook
    shows what a cell returns, in scripts call ``figure.show()``, ``plt.show()`` or
    ``figure.savefig(...)``. Where there is nothing to draw, the figure says why.

    The parameter `backend` is ``"plotly"`` (interactive) or ``"matplotlib"`` (to print). By default
    it is plotly in notebooks and where matplotlib is missing, if plotly is installed; else
    matplotlib.
    """

    def __init__(self, trials: Any) -> None:
        self._trials = trials

    def __repr__(self) -> str:
        names = ", ".join(f".{name}()" for name in vars(type(self)) if not name.startswith("_"))
        return f"<plots of a search: {names}>"

    def __call__(self, backend: str | None = None) -> Any:
        """Plot an overview: the history, and slices of the most important hyperparameters.

        Parameters
        ----------
        backend : {"plotly", "matplotlib"}, optional
            What draws it; see `Plots`.
        """
        return self._drawn(backend, lambda data: overview(data, self._ranking(data, 5)))

    def history(self, backend: str | None = None) -> Any:
        """Plot the loss of each trial, the best one so far, and when trials failed.

        Parameters
        ----------
        backend : {"plotly", "matplotlib"}, optional
            What draws it; see `Plots`.
        """
        return self._drawn(backend, history)

    def importance(self, backend: str | None = None) -> Any:
        """Plot how much each hyperparameter mattered, with intervals; see `Trials.importance`.

        Parameters
        ----------
        backend : {"plotly", "matplotlib"}, optional
            What draws it; see `Plots`.
        """
        return self._drawn(backend, self._importance)

    def slices(self, params: str | Iterable[str] | None = None, backend: str | None = None) -> Any:
        """Plot the losses over the values of each hyperparameter; failures are ticks below.

        Parameters
        ----------
        params : str or iterable of str, optional
            The hyperparameters; by default the 12 most important ones.
        backend : {"plotly", "matplotlib"}, optional
            What draws it; see `Plots`.

        Raises
        ------
        InvalidArgument
            If the trials do not have a hyperparameter of that name.
        """
        return self._drawn(
            backend, lambda data: slices(data, params, self._ranking(data, 12, params))
        )

    def contour(
        self, a: str | None = None, b: str | None = None, backend: str | None = None
    ) -> Any:
        """Plot where good losses are, as a surface over two hyperparameters.

        The surface is an average of the trials near by, by the ranks of their losses; it is left
        out where there are no trials.

        Parameters
        ----------
        a, b : str, optional
            The hyperparameters; by default the two most important ones.
        backend : {"plotly", "matplotlib"}, optional
            What draws it; see `Plots`.

        Raises
        ------
        InvalidArgument
            If the trials do not have a hyperparameter of that name, or `a` and `b` are the same.
        """
        return self._drawn(
            backend, lambda data: contour(data, a, b, self._ranking(data, 2, a and b))
        )

    def parallel(
        self, params: str | Iterable[str] | None = None, backend: str | None = None
    ) -> Any:
        """Plot each trial as a line over the values of its hyperparameters, coloured by loss.

        Parameters
        ----------
        params : str or iterable of str, optional
            The hyperparameters; by default the 12 most important ones.
        backend : {"plotly", "matplotlib"}, optional
            What draws it; see `Plots`.

        Raises
        ------
        InvalidArgument
            If the trials do not have a hyperparameter of that name.
        """
        return self._drawn(
            backend, lambda data: parallel(data, params, self._ranking(data, 12, params))
        )

    def curves(self, backend: str | None = None) -> Any:
        """Plot what trials reported by ``trial.report``, and where trials were pruned.

        Parameters
        ----------
        backend : {"plotly", "matplotlib"}, optional
            What draws it; see `Plots`.
        """
        return self._drawn(backend, curves)

    def ranks(self, params: Iterable[str] | None = None, backend: str | None = None) -> Any:
        """Plot pairs of hyperparameters, with trials coloured by the rank of their loss.

        Parameters
        ----------
        params : iterable of str, optional
            From 2 to 8 hyperparameters; by default the 4 most important ones.
        backend : {"plotly", "matplotlib"}, optional
            What draws it; see `Plots`.

        Raises
        ------
        InvalidArgument
            If the trials do not have a hyperparameter of that name, or there are too few or too
            many.
        """
        return self._drawn(
            backend, lambda data: rank_pairs(data, params, self._ranking(data, 4, params))
        )

    def edf(self, *others: Any, backend: str | None = None, **named: Any) -> Any:
        """Plot which share of trials reached each loss.

        Without other trials there is a line for each quarter of the search, which shows whether it
        finds good losses more often as it goes on; else a line for each search.

        Parameters
        ----------
        *others : Trials
            Other searches for the same objective.
        backend : {"plotly", "matplotlib"}, optional
            What draws it; see `Plots`.
        **named : Trials
            Other searches with names for the legend.

        Raises
        ------
        InvalidArgumentType
            If something else than trials is given.
        """
        searches = {"these trials": self._trials}
        searches |= {f"search {at}": each for at, each in enumerate(others, 2)}
        return self._drawn(
            backend,
            lambda data: edf(
                {"these trials": data}
                | {name: read_trials(each) for name, each in list((searches | named).items())[1:]}
            ),
        )

    def timeline(self, backend: str | None = None) -> Any:
        """Plot what each slot ran when; what is empty was idle.

        Parameters
        ----------
        backend : {"plotly", "matplotlib"}, optional
            What draws it; see `Plots`.
        """
        return self._drawn(backend, timeline)

    def failures(self, backend: str | None = None) -> Any:
        """Plot how many trials failed for each cause.

        Parameters
        ----------
        backend : {"plotly", "matplotlib"}, optional
            What draws it; see `Plots`.
        """
        return self._drawn(backend, failures)

    def _drawn(self, backend: str | None, chart: Callable[[TrialData], Chart]) -> Any:
        """Draw a chart of the trials."""
        name = _backend(backend)
        if name == "plotly":
            return draw_plotly(chart(read_trials(self._trials)))
        figure = _empty_figure()
        return draw_matplotlib(chart(read_trials(self._trials)), figure)

    def _importance(self, data: TrialData) -> Chart:
        try:
            columns = importance_columns(self._trials)
        except SparktuneError as error:
            return importance([], [], note=str(error))
        count = int(data.finite.sum())
        rough = f"Importances of {count} trials are rough." if count < FEW else ""
        return importance(*columns, rough)

    def _ranking(self, data: TrialData, most: int, given: Any = None) -> list[str] | None:
        """Return hyperparameters by importance, if there are more than can be drawn."""
        if given is not None or len(data.values) <= most or not data.ok.any():
            return None
        try:
            return importance_columns(self._trials)[0]
        except (AttributeError, ImportError, SparktuneError):  # too few trials, say
            return None


def _backend(given: Any) -> str:
    """Return the library that draws."""
    if given is not None:
        if given not in _BACKENDS:
            raise InvalidArgument(f"`backend` must be one of {_BACKENDS} or None; got {given!r}.")
        return str(given)
    have = [name for name in _BACKENDS if _is_installed(name)]
    if not have:
        raise ImportError(
            'Plots need plotly or matplotlib; install both with: pip install "sparktune[plot]"'
        )
    return have[0] if in_notebook() else have[-1]


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ValueError:  # a module without a specification, or None, in sys.modules
        return sys.modules.get(name) is not None


def _empty_figure() -> Any:
    """Return a figure that ``plt.show()`` shows; in notebooks, one that is shown only once.

    There, pyplot shows its open figures at the end of a cell, and the notebook what it returns.
    """
    new_figure()  # says what to install
    import matplotlib.pyplot as plt

    figure = plt.figure()
    if in_notebook():
        plt.close(figure)
    return figure
