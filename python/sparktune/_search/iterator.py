"""`FMinIter`: Hyperopt's name for a search that is run by hand."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import Any

from sparktune._search.ending import is_cancelled
from sparktune._search.loop import SearchLoop
from sparktune._search.options import SearchOptions
from sparktune._search.runner import SerialRunner
from sparktune._search.signatures import EarlyStop, SuggestFunction

__all__ = ["FMinIter"]


@dataclass(frozen=True)
class _Unchecked(SearchOptions):
    """Options without checks, as in Hyperopt: tools pass ``max_evals=-1``, say."""

    def __post_init__(self) -> None:
        pass


class _Option:
    """An option of the search as an attribute, which callers may change."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, search: SearchLoop | None, owner: type) -> Any:
        return getattr(SearchOptions if search is None else search.options, self._name, None)

    def __set__(self, search: SearchLoop, value: Any) -> None:
        search.options = replace(search.options, **{self._name: value})


class FMinIter(SearchLoop):
    """A search that is run by hand.

    An iterator: each step suggests and evaluates one trial and gives the `Trials`.

    Parameters
    ----------
    algo : callable
        ``algo(new_ids, domain, trials, seed)``, such as `tpe.suggest`; returns new documents, at
        most one per id. An empty list ends the search.
    domain : Domain
        Objective and space.
    trials : Trials
        Keeps the trials.
    rstate : numpy.random.Generator or numpy.random.RandomState
        Gives one seed for each call of `algo`.
    asynchronous : bool, optional
        Whether trials run while the search goes on; by default as `trials` says.
    max_queue_len : int, default 1
        How many trials to have ready beyond those that run.
    poll_interval_secs : float, default 1.0
        Pause between two polls of trials that other processes run.
    max_evals : int
        The most trials, including those already in `trials`.
    timeout : float, optional
        Seconds from now.
    loss_threshold : float, optional
        The search ends when a loss is below it.
    verbose : bool, default False
        Whether to show a progress bar, unless `show_progressbar` is a callback.
    show_progressbar : bool or callable, default True
        Whether to show one, or the callback that shows it; see `sparktune.progress`.
    early_stop_fn : callable, optional
        See `fmin`.
    trials_save_file : str or os.PathLike, default ""
        Where to keep a copy of `trials`.
    max_failures : int or float, optional
        See `fmin`.
    """

    pickle_protocol = -1

    algo = _Option()
    rstate = _Option()
    max_queue_len = _Option()
    max_evals = _Option()
    timeout = _Option()
    loss_threshold = _Option()
    verbose = _Option()
    early_stop_fn = _Option()
    trials_save_file = _Option()
    max_failures = _Option()
    catch_eval_exceptions = _Option()

    @property
    def is_cancelled(self) -> bool:
        """Whether the trials object says that the search was cancelled."""
        return is_cancelled(self.trials)

    @property
    def early_stop_args(self) -> Any:
        """What `early_stop_fn` returned last, for its next call."""
        return self._stopping.args

    @early_stop_args.setter
    def early_stop_args(self, args: Any) -> None:
        self._stopping.args = args

    def __init__(
        self,
        algo: SuggestFunction,
        domain: Any,
        trials: Any,
        rstate: Any,
        asynchronous: bool | None = None,
        max_queue_len: int = 1,
        poll_interval_secs: float = 1.0,
        max_evals: int = sys.maxsize,
        timeout: float | None = None,
        loss_threshold: float | None = None,
        verbose: bool = False,
        show_progressbar: Any = True,
        early_stop_fn: EarlyStop | None = None,
        trials_save_file: Any = "",
        *,
        max_failures: float | None = None,
    ) -> None:
        options = _Unchecked(
            algo,
            max_evals,
            timeout,
            loss_threshold,
            rstate,
            verbose=verbose,
            max_queue_len=max_queue_len,
            show_progressbar=show_progressbar,
            early_stop_fn=early_stop_fn,
            trials_save_file=trials_save_file,
            max_failures=max_failures,
        )
        super().__init__(
            domain,
            trials,
            options,
            asynchronous=asynchronous,
            poll_interval_secs=poll_interval_secs,
        )

    def serial_evaluate(self, N: int = -1) -> None:
        """Evaluate queued trials, one by one, in this process.

        Parameters
        ----------
        N : int, default -1
            How many; -1 takes all.
        """
        runner = SerialRunner(self.domain, self.trials, self._tracker)
        board = self._board
        board.sync()
        while N != 0 and (trial := board.next_ready()) is not None:
            self._start(runner, trial)
            self._take(runner.wait(None))
            N -= 1
        board.refresh()

    def block_until_done(self) -> None:
        """Return when all trials have ended."""
        self.run(0, block_until_done=True)

    def __iter__(self) -> FMinIter:
        return self

    def __next__(self) -> Any:
        """Suggest and evaluate one more trial.

        Returns
        -------
        Trials
            `trials`.
        """
        if not self._over:
            self.run(1, block_until_done=self.asynchronous)
        if self.ending is not None or len(self.trials) >= self.options.limit:
            self._keepers.save()
            raise StopIteration
        return self.trials
