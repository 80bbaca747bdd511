"""`FMinIter`: the search loop, one for trials that run one by one and for those that run together.

The loop asks the suggester, starts trials on a `Runner`, waits for what happens next and writes it
into the documents. Only this module changes the state of a trial.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable
from timeit import default_timer as timer
from typing import Any, NamedTuple

import cloudpickle

from sparktune import progress
from sparktune._search.board import Board
from sparktune._search.runner import (
    Finished,
    PollingRunner,
    Runner,
    RunnerOptions,
    SerialRunner,
    TrialError,
)
from sparktune._suggest.suggestion import space_of
from sparktune._tracking.base import NullTracker, Tracker
from sparktune._trials.documents import (
    JOB_STATE_CANCEL,
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    JOB_STATE_NEW,
    JOB_STATE_RUNNING,
    Trial,
    coarse_utcnow,
    split_attachments,
)
from sparktune._trials.findings import first_failure
from sparktune._trials.savefile import SaveFile
from sparktune.exceptions import (
    InvalidArgument,
    InvalidArgumentType,
    SearchFailed,
)
from sparktune.trials import Trials

__all__ = ["FMinIter"]

logger = logging.getLogger("sparktune.fmin")

# A share of failed trials says little before so many have ended.
_FEW = 10


class _End(NamedTuple):
    """Why a search is over."""

    reason: str  # for ``trials.fmin_cancelled_reason``, in Hyperopt's words: callers compare
    message: str  # for the log


class FMinIter:
    """A search: suggests trials and has them evaluated.

    `fmin` makes one and exhausts it. Used by hand, it is an iterator; each step suggests and
    evaluates one trial and gives the `Trials`.

    Parameters
    ----------
    algo : callable
        ``algo(new_ids, domain, trials, seed)``, such as `tpe.suggest`; returns new documents, at
        most one an id. With an empty list it ends the search.
    domain : Domain
        Objective and space.
    trials : Trials
        Where the trials are kept.
    rstate : numpy.random.Generator or numpy.random.RandomState
        Gives one seed for each call of `algo`.
    asynchronous : bool, optional
        Whether trials run while the search goes on; by default as `trials` says.
    max_queue_len : int, default 1
        How many trials to have ready beyond those that run.
    poll_interval_secs : float, default 1.0
        Pause between two looks at trials that somebody else runs.
    max_evals : int
        The most trials, those already in `trials` included.
    timeout : float, optional
        Seconds from now.
    loss_threshold : float, optional
        The search ends when a loss is below it.
    verbose : bool, default False
        Whether to show a progress bar, unless `show_progressbar` is a callback.
    show_progressbar : bool or callable, default True
        Whether to show one; or what shows it, see `sparktune.progress`.
    early_stop_fn : callable, optional
        ``early_stop_fn(trials, *args) -> (stop, args)``, called once for each trial that is done,
        in the order in which they end. ``trials.trials`` has only trials that are done, the latest
        last. `args` go into the next call.
    trials_save_file : str or os.PathLike, default ""
        Where to keep a copy of `trials`.
    max_failures : int or float, optional
        See `fmin`.
    tracker : Tracker, optional
        Records the trials; whoever made it calls its `begin` and `end`.
    """

    catch_eval_exceptions = False
    pickle_protocol = -1

    def __init__(
        self,
        algo: Callable[..., Any],
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
        early_stop_fn: Callable[..., Any] | None = None,
        trials_save_file: Any = "",
        *,
        max_failures: float | None = None,
        tracker: Tracker | None = None,
    ) -> None:
        self.algo = algo
        self.domain = domain
        self.trials = trials
        self.rstate = rstate
        self.asynchronous = trials.asynchronous if asynchronous is None else asynchronous
        self.max_queue_len = max_queue_len
        self.poll_interval_secs = poll_interval_secs
        self.max_evals = max_evals
        self.timeout = timeout
        self.loss_threshold = loss_threshold
        self.verbose = verbose
        if callable(show_progressbar):
            self.progress_callback = show_progressbar
        elif show_progressbar and verbose:
            self.progress_callback = progress.default_callback
        else:
            self.progress_callback = progress.no_progress_callback
        self.early_stop_fn = early_stop_fn
        self.early_stop_args: Any = []
        self.trials_save_file = trials_save_file
        self.max_failures = max_failures
        self.start_time = timer()

        self._tracker: Tracker = NullTracker() if tracker is None else tracker
        self._save = SaveFile(trials_save_file) if trials_save_file else None
        # Whether somebody else's workers run the trials, so that all we can do is look.
        self._polled = bool(self.asynchronous) and (
            getattr(type(trials), "make_runner", Trials.make_runner) is Trials.make_runner
        )
        self._board = Board(trials, self._polled)
        self._runner: Runner | None = None
        self._left = 0  # trials still to suggest in this run
        self._ended: _End | None = None
        self._ended_trials = 0
        self._failures = 0
        self._suggested: set[Any] = set()  # ids of trials that were suggested, but not started
        self._shown_best: float | None = None
        if isinstance(trials, Trials):
            trials._space = space_of(domain)
        if self._polled:
            # The workers get the objective from here.
            trials.attachments["FMinIter_Domain"] = cloudpickle.dumps(domain)

    # -- running -------------------------------------------------------------------------------

    def run(self, N: int, block_until_done: bool = True) -> None:
        """Suggest more trials and have them evaluated.

        Parameters
        ----------
        N : int
            How many more to suggest. If negative, so many of the trials that wait are left alone.
        block_until_done : bool, default True
            Whether to wait until no trial waits or runs. Trials that run one by one are always
            waited for.

        Raises
        ------
        Exception
            What the objective raised, unless it is caught (see `fmin`); what `algo` or
            `early_stop_fn` raised.
        """
        board = self._board
        board.sync()
        self._left = max(N, 0)
        self._shown_best = None
        for _ in range(min(-N, len(board.queue))):
            board.queue.pop()
        with self.progress_callback(initial=len(board.finished), total=self.max_evals) as shown:
            self._show_best(shown)
            try:
                self._search(shown, block_until_done or not self.asynchronous)
            except BaseException:
                self._abandon()
                self._save_quietly()
                raise
        if not board.running:
            self._close()
        board.refresh()
        if self._save is not None:
            self._save.save_if_due(self.trials)
        if board.busy:
            logger.info("Not waiting for %d trials.", len(board.running) + len(board.queue))

    def _search(self, shown: Any, wait_for_all: bool) -> None:
        board, runner = self._board, self._get_runner()
        while True:
            self._check_limits()
            if self._ended:
                logger.info("The search ends: %s.", self._ended.message)
                if hasattr(self.trials, "_fmin_cancelled_reason"):
                    self.trials._fmin_cancelled = True
                    self.trials._fmin_cancelled_reason = self._ended.reason
                self._abandon()
                return
            self._start_ready(runner)
            self._suggest(runner)
            self._start_ready(runner)
            if not board.busy or (self._left == 0 and not wait_for_all):
                return
            finished = runner.wait(self._seconds_left())
            if self._polled:
                board.sync()
            self._take(finished, shown)
            if self._save is not None and finished:
                self._save.save_if_due(self.trials)

    def _get_runner(self) -> Runner:
        if self._runner is None:
            options = RunnerOptions(
                asynchronous=bool(self.asynchronous),
                poll_interval_secs=self.poll_interval_secs,
                max_evals=None if self.max_evals >= sys.maxsize else self.max_evals,
                verbose=self.verbose,
                tracker=self._tracker,
            )
            if hasattr(self.trials, "make_runner"):
                self._runner = self.trials.make_runner(self.domain, options)
            elif self.asynchronous:
                self._runner = PollingRunner(self.trials, self.poll_interval_secs)
            else:
                self._runner = SerialRunner(self.domain, self.trials, self._tracker)
        assert self._runner is not None
        return self._runner

    def _close(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            runner.close()

    def _seconds_left(self) -> float | None:
        if self.timeout is None:
            return None
        return max(0.0, self.start_time + self.timeout - timer())

    @property
    def is_cancelled(self) -> bool:
        """Whether the trials object says that the search was cancelled."""
        return bool(getattr(self.trials, "_fmin_cancelled", False))

    def _check_limits(self) -> None:
        if self._ended:
            return
        best = self._board.best_loss
        if self.is_cancelled:
            reason = getattr(self.trials, "_fmin_cancelled_reason", None)
            self._ended = _End(reason or "cancelled", "it was cancelled")
        elif self._seconds_left() == 0.0:
            message = f"the time-out of {self.timeout} s has passed"
            self._ended = _End("fmin run timeout", message)
        elif self.loss_threshold is not None and best is not None and best < self.loss_threshold:
            message = f"the loss {best} is below the threshold {self.loss_threshold}"
            self._ended = _End("loss threshold", message)

    # -- suggesting and starting ---------------------------------------------------------------

    def _suggest(self, runner: Runner) -> None:
        board = self._board
        if not self.asynchronous and board.busy:
            return  # one batch after the other, so that a suggestion knows all earlier results
        # Slots that are free get a trial at once; the others are ready when the next one gets free.
        target = self.max_queue_len + (runner.capacity() if self.asynchronous else 0)
        while self._left > 0 and len(board.queue) < target:
            tids = self.trials.new_trial_ids(min(target - len(board.queue), self._left))
            board.refresh()
            docs = self.algo(tids, self.domain, self.trials, self._seed())
            _check_suggestions(docs, tids)
            if not docs:
                logger.info("The search ends: the suggester has no more trials.")
                self._left = 0
                return
            self.trials.insert_trial_docs(docs)
            board.refresh()
            board.sync()
            self._suggested.update(doc["tid"] for doc in docs)
            self._left -= len(docs)

    def _seed(self) -> int:
        draw = getattr(self.rstate, "integers", None) or self.rstate.randint
        return int(draw(2**31 - 1))

    def _start_ready(self, runner: Runner) -> None:
        board = self._board
        while board.queue and runner.capacity() > 0:
            trial = board.next_ready()
            if trial is not None:
                self._start(runner, trial)

    def _start(self, runner: Runner, trial: Trial) -> None:
        trial["state"] = JOB_STATE_RUNNING
        trial["book_time"] = trial["refresh_time"] = coarse_utcnow()
        self._board.running[trial["tid"]] = trial
        self._suggested.discard(trial["tid"])
        runner.start(trial, self._tracker.trial_started(trial))

    # -- what trials come to -------------------------------------------------------------------

    def _take(self, finished: Iterable[Finished], shown: Any) -> None:
        # All results are written before anything is made of them: what follows may end the search.
        finished = [each for each in finished if self._write(each)]
        for each in finished:
            self._ended_trials += 1
            done = each.trial["state"] == JOB_STATE_DONE
            if done:
                self._board.note_finished(each.trial)
                self._show_best(shown)
            shown.update(1)
            if each.error is not None:
                self._take_error(each.error)
            elif done and not self._ended:
                self._ask_early_stop()

    def _show_best(self, shown: Any) -> None:
        best = self._board.best_loss
        if best is not None and best != self._shown_best:
            self._shown_best = best
            shown.postfix = f"best loss: {best}"

    def _write(self, finished: Finished) -> bool:
        """Write an outcome into the document; False if the trial had been given up."""
        trial, error = finished.trial, finished.error
        if trial["state"] in (JOB_STATE_NEW, JOB_STATE_RUNNING):
            if error is None and finished.result is not None:
                result = dict(finished.result)
                for name, value in split_attachments(result).items():
                    self.trials.trial_attachments(trial)[name] = value
                trial["result"] = result
                trial["state"] = JOB_STATE_DONE
            else:
                trial["state"] = JOB_STATE_ERROR
                if error is not None:
                    logger.error("Trial %s failed: %s", trial["tid"], error.message)
                    # As Hyperopt has it: where a trial ran elsewhere, this is all there is to see.
                    text = error.traceback if self.asynchronous else error.message
                    trial["misc"]["error"] = (error.type_name, text or error.message)
                    trial["misc"]["traceback"] = error.traceback
            trial["refresh_time"] = coarse_utcnow()
        elif not self._polled:
            return False
        self._board.note_ended(trial)
        self._tracker.trial_finished(trial)
        return True

    def _take_error(self, error: TrialError) -> None:
        self._failures += 1
        # In parallel one bad trial is no reason to lose the others.
        fatal = error.fatal or not self.asynchronous
        if fatal and not self.catch_eval_exceptions and not self._polled:
            if error.exception is not None:
                raise error.exception
            raise SearchFailed(f"{error.message}\n{error.traceback}")
        if self.max_failures is None:
            return
        if isinstance(self.max_failures, float):
            enough = self._ended_trials >= min(_FEW, self.max_evals)
            too_many = enough and self._failures > self.max_failures * self._ended_trials
        else:
            too_many = self._failures > self.max_failures
        if too_many:
            first = first_failure(self.trials._dynamic_trials) or error.traceback
            raise SearchFailed(
                f"{self._failures} of {self._ended_trials} trials failed, and `max_failures` is "
                f"{self.max_failures}. The first failure:\n{first}"
            ) from error.exception

    def _ask_early_stop(self) -> None:
        if self.early_stop_fn is None:
            return
        answer = self.early_stop_fn(self._board.finished_view(), *self.early_stop_args)
        try:
            stop, args = answer
            self.early_stop_args = [] if args is None else list(args)
        except (TypeError, ValueError):
            raise InvalidArgumentType(
                "`early_stop_fn` must return a pair: whether to stop, and a list of arguments for "
                f"its next call; got {answer!r}."
            ) from None
        if stop:
            message = "the early stopping function says so"
            self._ended = _End("early stopping condition", message)

    def _abandon(self) -> None:
        """Cancel what runs and what was suggested; keep what ended meanwhile."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        board = self._board
        try:
            if self.asynchronous:
                for finished in runner.wait(0):
                    if self._write(finished) and finished.trial["state"] == JOB_STATE_DONE:
                        board.note_finished(finished.trial)
            if self._polled:
                return  # their workers go on
            runner.cancel()
            running = list(board.running.values())
            # Trials that the user gave stay NEW, for a next search.
            waiting = [trial for trial in board.queue if trial["tid"] in self._suggested]
            for trial in running + waiting:
                trial["state"] = JOB_STATE_CANCEL
                trial["refresh_time"] = coarse_utcnow()
                board.note_ended(trial)
            for trial in running:
                self._tracker.trial_finished(trial)
            board.queue.clear()
            self._suggested.clear()
        finally:
            runner.close()

    def _save_quietly(self) -> None:
        """Save while another exception is on its way, which must not be lost."""
        if self._save is not None:
            try:
                self._save.save(self.trials)
            except Exception:
                logger.exception("Cannot save the trials to %r.", self.trials_save_file)

    # -- Hyperopt's other ways of running ------------------------------------------------------

    def serial_evaluate(self, N: int = -1) -> None:
        """Evaluate trials that wait, one by one, in this process.

        Parameters
        ----------
        N : int, default -1
            How many; -1 takes all.
        """
        runner = SerialRunner(self.domain, self.trials, self._tracker)
        board = self._board
        board.sync()
        with progress.no_progress_callback(0, 0) as shown:
            while N != 0 and (trial := board.next_ready()) is not None:
                self._start(runner, trial)
                self._take(runner.wait(None), shown)
                N -= 1
        board.refresh()

    def block_until_done(self) -> None:
        """Return when no trial waits or runs."""
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
        if not self._ended:
            self.run(1, block_until_done=self.asynchronous)
        if self._ended or len(self.trials) >= self.max_evals:
            if self._save is not None:
                self._save.save(self.trials)
            raise StopIteration
        return self.trials

    def exhaust(self) -> FMinIter:
        """Run until `max_evals` or another limit is reached.

        Returns
        -------
        FMinIter
            This object.
        """
        self.run(self.max_evals - len(self.trials), block_until_done=self.asynchronous)
        self.trials.refresh()
        if self._save is not None:
            self._save.save(self.trials)
        return self


def _check_suggestions(docs: Any, tids: list[int]) -> None:
    if not isinstance(docs, (list, tuple)):
        raise InvalidArgumentType(
            f"`algo` must return a list of trial documents; got {type(docs).__name__}. "
            "Hint: pass a suggest function such as tpe.suggest."
        )
    if len(docs) > len(tids):
        raise InvalidArgument(
            f"`algo` must return at most one document an id; got {len(docs)} for {len(tids)} ids."
        )
