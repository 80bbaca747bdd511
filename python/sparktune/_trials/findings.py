"""`Findings`: what the documents of a search say, as columns, counts and the best of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from sparktune._space.compile import evaluate_assignment
from sparktune._trials.collection import TrialCollection
from sparktune._trials.documents import (
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    JOB_STATE_NEW,
    JOB_STATE_RUNNING,
    JOB_STATES,
    STATUS_OK,
    Trial,
    finite_loss,
    miscs_to_idxs_vals,
)
from sparktune._trials.pmin import pmin_sampled
from sparktune.exceptions import AllTrialsFailed, SparktuneError

if TYPE_CHECKING:
    import pandas as pd

    from sparktune._search.domain import Domain

__all__ = ["Findings", "first_failure"]


class Findings(TrialCollection):
    """A collection of trials that says what they came to."""

    @property
    def tids(self) -> list[Any]:
        """Ids of `trials`."""
        return [doc["tid"] for doc in self._trials]

    @property
    def specs(self) -> list[Any]:
        """`spec` of each of `trials`."""
        return [doc["spec"] for doc in self._trials]

    @property
    def results(self) -> list[dict[str, Any]]:
        """`result` of each of `trials`."""
        return [doc["result"] for doc in self._trials]

    @property
    def miscs(self) -> list[dict[str, Any]]:
        """`misc` of each of `trials`."""
        return [doc["misc"] for doc in self._trials]

    @property
    def idxs_vals(self) -> tuple[dict[str, list[int]], dict[str, list[Any]]]:
        """The pair of `idxs` and `vals`."""
        return miscs_to_idxs_vals(self.miscs)

    @property
    def idxs(self) -> dict[str, list[int]]:
        """For each label, the ids of the trials in which it is active."""
        return self.idxs_vals[0]

    @property
    def vals(self) -> dict[str, list[Any]]:
        """For each label, its values in the trials in which it is active."""
        return self.idxs_vals[1]

    def count_by_state_synced(self, arg: Any, trials: Iterable[Trial] | None = None) -> int:
        """Count trials by state.

        Parameters
        ----------
        arg : int or iterable of int
            One or more of `JOB_STATES`.
        trials : iterable of Trial, optional
            By default `trials` as of the last `refresh`.

        Raises
        ------
        TypeError
            If `arg` is neither a state nor several.
        """
        if not hasattr(arg, "__iter__") and arg in JOB_STATES:
            states = {arg}
        elif hasattr(arg, "__iter__") and all(state in JOB_STATES for state in arg):
            states = set(arg)
        else:
            raise TypeError(f"`arg` must be one of {JOB_STATES} or several of them; got {arg!r}.")
        return sum(doc["state"] in states for doc in (self._trials if trials is None else trials))

    def count_by_state_unsynced(self, arg: Any) -> int:
        """Count trials by state as they are now, ERROR and CANCEL included.

        Parameters
        ----------
        arg : int or iterable of int
            One or more of `JOB_STATES`.
        """
        docs: Iterable[Trial] = self._dynamic_trials
        if self._exp_key is not None:
            docs = (doc for doc in docs if doc["exp_key"] == self._exp_key)
        return self.count_by_state_synced(arg, trials=docs)

    def losses(self, bandit: Domain | None = None) -> list[Any]:
        """Return the loss of each of `trials`, None where there is none.

        Parameters
        ----------
        bandit : Domain, optional
            Its `loss` method is used instead of ``result.get("loss")``.
        """
        if bandit is None:
            return [result.get("loss") for result in self.results]
        return [
            bandit.loss(result, spec) for result, spec in zip(self.results, self.specs, strict=True)
        ]

    def statuses(self, bandit: Domain | None = None) -> list[Any]:
        """Return the status of each of `trials`.

        Parameters
        ----------
        bandit : Domain, optional
            Its `status` method is used instead of ``result.get("status")``.
        """
        if bandit is None:
            return [result.get("status") for result in self.results]
        return [
            bandit.status(result, spec)
            for result, spec in zip(self.results, self.specs, strict=True)
        ]

    def average_best_error(self, bandit: Domain | None = None) -> float:
        """Return the true loss of the best trial, allowing for uncertain losses.

        Where results have a `loss_variance`, it is the mean of their `true_loss` (by default the
        `loss`) weighted by the probability that each is the best. Only trials with status ``'ok'``
        and a finite loss count.

        Parameters
        ----------
        bandit : Domain, optional
            Its methods are used instead of the keys of the results.

        Raises
        ------
        ValueError
            If no trial counts.
        """
        rows = []
        for result, spec in zip(self.results, self.specs, strict=True):
            if bandit is None:
                if finite_loss(result) is None:
                    continue
                loss = result["loss"]
                row = (loss, result.get("loss_variance", 0), result.get("true_loss", loss))
            else:
                if bandit.status(result) != STATUS_OK:
                    continue
                row = (
                    bandit.loss(result, spec),
                    bandit.loss_variance(result, spec),
                    bandit.true_loss(result, spec),
                )
                if not np.all(np.isfinite(row)):
                    raise ValueError(f"Loss, its variance and true loss must be finite; got {row}.")
            rows.append(row)
        if not rows:
            raise ValueError("No trial ended with status 'ok' and a finite loss.")
        table = np.asarray(sorted(rows), dtype=float)
        loss, variance, true_loss = table.T
        if not variance.any():
            return float(true_loss[0])
        rivals = int(np.searchsorted(loss, loss[0] + 3 * np.sqrt(variance[0]), side="left"))
        chance = pmin_sampled(loss[:rivals], variance[:rivals])
        return float((chance * true_loss[:rivals]).sum())

    @property
    def best_trial(self) -> Trial:
        """The trial with the lowest finite loss among those with status ``'ok'``.

        Raises
        ------
        AllTrialsFailed
            If there is none. The message shows why the first failure happened.
        """
        best, lowest = None, np.inf
        for doc in self.trials:
            loss = finite_loss(doc["result"])
            if loss is not None and loss < lowest:
                best, lowest = doc, loss
        if best is None:
            raise AllTrialsFailed(self._why_no_best())
        return best

    def _why_no_best(self) -> str:
        counts = {
            "failed": self.count_by_state_unsynced(JOB_STATE_ERROR),
            "done, but without a finite loss": self.count_by_state_unsynced(JOB_STATE_DONE),
            "not finished": self.count_by_state_unsynced([JOB_STATE_NEW, JOB_STATE_RUNNING]),
        }
        shown = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
        # Begins as Hyperopt's message does where there is nothing to choose from.
        none_left = "" if self._trials else "There are no evaluation tasks to choose from. "
        message = (
            f"{none_left}No trial ended with status 'ok' and a finite loss, so there is no best "
            f"trial ({shown or 'there are no trials'})."
        )
        failure = first_failure(self._dynamic_trials)
        return f"{message} The first failure:\n{failure}" if failure else message

    @property
    def argmin(self) -> dict[str, Any]:
        """Values of the best trial by label, inactive ones absent; of a choice the position.

        Raises
        ------
        AllTrialsFailed
            If there is no best trial.
        """
        return {
            label: values[0] for label, values in self.best_trial["misc"]["vals"].items() if values
        }

    @property
    def best_run_id(self) -> str:
        """The MLflow run of the best trial.

        Raises
        ------
        AllTrialsFailed
            If there is no best trial.
        SparktuneError
            If the trial was not recorded in MLflow.
        """
        best = self.best_trial
        run_id = best["misc"].get("run_id")
        if run_id is None:
            raise SparktuneError(
                f"The best trial, {best['tid']}, has no MLflow run. Hint: record the search with "
                "fmin(..., mlflow=True)."
            )
        return str(run_id)

    def to_pandas(self) -> pd.DataFrame:
        """Return a table with a row a trial, failed and cancelled ones included.

        Returns
        -------
        pandas.DataFrame
            ``tid``, ``state``, ``status``, ``loss``, ``start_time``, ``end_time``, ``run_id`` and
            ``params.<label>`` for each hyperparameter: its value, of a choice what it chose (as
            text where that is no plain value), missing where it was inactive. Before a search with
            this object, as after loading it, the space is unknown, and choices have positions.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        from sparktune._trials.table import trials_table

        docs = [doc for doc in self._dynamic_trials
                if self._exp_key is None or doc["exp_key"] == self._exp_key]  # fmt: skip
        return trials_table(docs, self._space)

    @property
    def best_params(self) -> Any:
        """The best trial's point as the objective saw it: choices by value, not position.

        Raises
        ------
        AllTrialsFailed
            If there is no best trial.
        SparktuneError
            If no search has run with this object since it was made or unpickled.
        """
        if self._space is None:
            raise SparktuneError(
                "`best_params` must know the space, and this object has not been used in a search "
                "since it was made or loaded; use `space_eval(space, trials.argmin)`."
            )
        return evaluate_assignment(self._space, self.best_trial["misc"]["vals"])


def first_failure(docs: Iterable[Trial]) -> str | None:
    """Return what is known of the first failed trial: its traceback, else its error.

    Parameters
    ----------
    docs : iterable of Trial
        Documents in any state.
    """
    for doc in docs:
        if doc["state"] == JOB_STATE_ERROR:
            misc = doc["misc"]
            if misc.get("traceback"):
                return str(misc["traceback"])
            if misc.get("error"):
                return ": ".join(str(part) for part in misc["error"])
    return None
