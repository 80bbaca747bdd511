"""`Ctrl`: gives an objective access to the search."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, ClassVar

from sparktune._trials.collection import TrialCollection
from sparktune._trials.documents import JOB_STATE_DONE, Misc, Result, Trial
from sparktune.exceptions import InvalidArgument, SparktuneError

__all__ = ["Ctrl"]

logger = logging.getLogger("sparktune.domain")


class Ctrl:
    """Gives an objective access to its trial and to the trials of the search.

    Parameters
    ----------
    trials : Trials or None
        The trials of the search; None makes an empty `Trials`.
    current_trial : Trial, optional
        The document of the trial that is being evaluated.
    """

    info = logger.info
    warn = logger.warning
    error = logger.error
    debug = logger.debug

    # `Trials` is above this class and puts itself here.
    default_trials: ClassVar[Callable[[], TrialCollection]] = TrialCollection

    def __init__(self, trials: Any, current_trial: Trial | None = None) -> None:
        self.trials = type(self).default_trials() if trials is None else trials
        self.current_trial = current_trial
        self.handle: dict[str, Any] | None = None  # see `Handles.data`

    def checkpoint(self, r: Result | None = None) -> None:
        """Store a preliminary result in the trial's document.

        Parameters
        ----------
        r : dict, optional
            The result; None changes nothing.
        """
        if r is not None:
            self._trial["result"] = r

    @property
    def _trial(self) -> Trial:
        if self.current_trial is None:
            raise SparktuneError("This Ctrl was made without a trial; pass `current_trial`.")
        return self.current_trial

    @property
    def attachments(self) -> Any:
        """The attachments of the trial; supports ``[name]`` and ``[name] = value``."""
        return self.trials.trial_attachments(trial=self._trial)

    def inject_results(
        self,
        specs: list[Any],
        results: list[Result],
        miscs: list[Misc],
        new_tids: list[int] | None = None,
    ) -> list[Any]:
        """Insert finished trials that are derived from the current one.

        Parameters
        ----------
        specs, results, miscs : list
            One entry per trial.
        new_tids : list of int, optional
            Their ids; by default new ones.

        Returns
        -------
        list of int
            The ids.

        Raises
        ------
        InvalidArgument
            If the lists are not equally long.
        """
        trial = self._trial
        if not len(specs) == len(results) == len(miscs):
            raise InvalidArgument(
                "`specs`, `results` and `miscs` must be equally long; "
                f"got {len(specs)}, {len(results)} and {len(miscs)}."
            )
        tids = self.trials.new_trial_ids(len(specs)) if new_tids is None else new_tids
        docs = self.trials.source_trial_docs(
            tids=tids, specs=specs, results=results, miscs=miscs, sources=[trial] * len(specs)
        )
        for doc in docs:
            doc["state"] = JOB_STATE_DONE
        inserted: list[Any] = self.trials.insert_trial_docs(docs)
        return inserted
