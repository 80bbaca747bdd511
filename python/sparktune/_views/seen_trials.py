"""`SeenTrials`: trials that can be looked at."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sparktune._trials.summary import CountedTrials
from sparktune._views.importance import importance_table
from sparktune._views.plots import Plots

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SeenTrials"]


class SeenTrials(CountedTrials):
    """Trials that can be looked at."""

    # What the latest search was asked to do, see `_search.remembered`; pickled.
    _settings: dict[str, Any] | None = None

    @property
    def plot(self) -> Plots:
        """The plots of the search, such as ``trials.plot.history()``; see docs/plots.md."""
        return Plots(self)

    def importance(
        self, method: Literal["fanova", "ped-anova"] = "fanova", *, pairs: bool = False
    ) -> pd.DataFrame:
        """Return how much each hyperparameter mattered for the loss.

        Parameters
        ----------
        method : {"fanova", "ped-anova"}, default "fanova"
            ``"fanova"`` gives the share of the variance of the loss, over the whole space, that
            each hyperparameter explains alone; what is left to 1 is interactions and noise.
            ``"ped-anova"`` tells what distinguishes the best tenth of the trials from all; its
            shares sum to 1.
        pairs : bool, default False
            Whether to add a row for what each pair does together, beyond what each does alone.
            Only with ``"fanova"``.

        Returns
        -------
        pandas.DataFrame
            One row per hyperparameter, the most important first, with the columns:

            - ``parameter``, its label; with `pairs`, also ``partner``, None unless it is a pair.
            - ``importance``, the share.
            - ``low`` and ``high``, the 10th and 90th percentile over random halves of the trials.
            - ``active``, in how many of the trials that count it was active.

        Raises
        ------
        ImportError
            If pandas is not installed.
        InvalidArgument
            If fewer than two trials have a finite loss, or all losses are equal.

        Notes
        -----
        Trials that ended with a loss count, pruned ones with their estimated loss; failed ones do
        not. NaN and infinite losses count as the worst finite one. If few trials count, a warning
        says so.

        The importance of a conditional hyperparameter is about its values where it is active,
        times the probability that it is; whether it is active belongs to the choice above it.

        Before a search with this object, as after loading it, the space is unknown. Then values
        count as uniform between the smallest and the largest, and whole numbers as options.
        """
        return importance_table(self._all_docs(), self._space, method, pairs=pairs)

    def report(self, path: str | os.PathLike[str]) -> Path:
        """Write a report of the search into a file that any browser shows, also offline.

        It has the best trial with its parameters as code, charts (history, importance, slices,
        parallel coordinates, learning curves, time line), a table of the trials that can be sorted
        and searched, the failures by cause with a traceback of each, the settings of the search,
        and how to go on with it. docs/report.md shows one.

        Parameters
        ----------
        path : str or os.PathLike
            The file, such as ``"search.html"``, in a folder that exists. A file of that name is
            replaced.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        InvalidArgument, InvalidArgumentType
            If `path` is not the path of a file in a folder that exists.

        Examples
        --------
        >>> import tempfile
        >>> from sparktune import Trials, fmin, hp
        >>> trials = Trials()
        >>> best = fmin(lambda x: x**2, hp.uniform("x", -1, 1), max_evals=20, trials=trials,
        ...             verbose=False)
        >>> trials.report(tempfile.mkdtemp() + "/search.html").name
        'search.html'
        """
        # Here, because charts would take a tenth of the time of `import sparktune`.
        from sparktune._views.report import write_report

        return write_report(self, path)

    def _repr_html_(self) -> str | None:
        """Return the summary with the best trials and the commonest errors, for notebooks."""
        try:
            from sparktune._views.summary_html import summary_html

            return summary_html(self)
        except Exception:  # documents made by hand, say; notebooks then show the text
            return None
