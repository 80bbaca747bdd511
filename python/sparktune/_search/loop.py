"""`SearchLoop`: one loop for trials that run one by one and for those that run in parallel.

The loop asks the suggester, starts trials on a `Runner`, waits for events and writes them into the
documents. Only this module and `outcomes` change the state of a trial, and only it ends a search.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from timeit import default_timer as timer
from typing import Any, TypeVar

import cloudpickle

from sparktune._journal.contents import Contents
from sparktune._journal.keeper import JournalKeeper
from sparktune._pruning.pruner import Pruner
from sparktune._search import ending as endings
from sparktune._search.arguments import check_suggestions
from sparktune._search.board import Board
from sparktune._search.early_stopping import EarlyStopping
from sparktune._search.ending import (
    STOPPED_EARLY,
    Ending,
    best_trial,
    declare,
    insist,
    limit_reached,
)
from sparktune._search.handles import HandleOptions
from sparktune._search.keepers import Keepers
from sparktune._search.narrator import Narrator
from sparktune._search.options import SearchOptions
from sparktune._search.outcomes import Failures, begin, cancel, put_back, write
from sparktune._search.randomness import drawn_seed, seed_of_workers
from sparktune._search.runner import Finished, Runner, RunnerOptions, TrialError, make_runner
from sparktune._suggest.suggestion import space_of
from sparktune._tracking.base import NullTracker, SearchInfo, Tracker
from sparktune._trials.collection import TrialCollection
from sparktune._trials.documents import JOB_STATE_DONE, Trial
from sparktune._trials.findings import docs_of
from sparktune._trials.large import stored_values
from sparktune._trials.results import finite_loss
from sparktune._trials.savefile import SaveFile
from sparktune._trials.stored import LargeValues

__all__ = ["SearchLoop"]

logger = logging.getLogger("sparktune.fmin")

T = TypeVar("T")
Self = TypeVar("Self", bound="SearchLoop")


class SearchLoop:
    """A search: suggests trials, has them evaluated, and ends.

    Parameters
    ----------
    domain : Domain
        Objective and space.
    trials : Trials
        Keeps the trials.
    options : SearchOptions
        How to search.
    asynchronous : bool, optional
        Whether trials run while the search goes on; by default as `trials` says.
    poll_interval_secs : float, default 1.0
        Pause between two polls of trials that other processes run.
    journal : JournalKeeper, optional
        Writes the search down; it may have been begun by another process.

    Attributes
    ----------
    ending : Ending or None
        Why the last run ended; None if it evaluated all its trials.
    polled : bool
        Whether other processes run the trials, so that they can only be watched.
    """

    def __init__(
        self,
        domain: Any,
        trials: Any,
        options: SearchOptions,
        *,
        asynchronous: bool | None = None,
        poll_interval_secs: float = 1.0,
        journal: JournalKeeper | None = None,
    ) -> None:
        self.domain = domain
        self.trials = trials
        self.options = options
        self.asynchronous = trials.asynchronous if asynchronous is None else asynchronous
        self.poll_interval_secs = poll_interval_secs
        self.progress_callback = options.progress_callback
        self.start_time = timer()
        self.ending: Ending | None = None

        self._tracker: Tracker = NullTracker()
        file = SaveFile(options.trials_save_file) if options.trials_save_file else None
        self._keepers = Keepers(trials, file, journal)
        self._store = LargeValues(self._keepers.values)
        self._make_runner = getattr(type(trials), "make_runner", make_runner)
        self.polled = bool(self.asynchronous) and self._make_runner is make_runner
        self._board = Board(trials, self.polled)
        self._stopping = EarlyStopping(self._board)
        self._runner: Runner | None = None
        self._left = 0  # trials still to suggest in this run
        self._failures = Failures()
        self._pruner = Pruner(options.prune, docs_of(trials), options.maximize)
        self._narrator = Narrator(domain, options.maximize)
        self._suggested: set[Any] = set()  # ids of trials that were suggested, or lost, and wait
        if isinstance(trials, TrialCollection):
            trials._space = space_of(domain)
        if self.polled:
            # The workers get the objective from here.
            trials.attachments["FMinIter_Domain"] = cloudpickle.dumps(domain)
        self._keepers.follow(self._board)
        if journal is not None and journal.resumed is not None:
            self._recall(journal.resumed)

    # -- running -------------------------------------------------------------------------------

    def conduct(self, tracker: Tracker, info: SearchInfo, answer: Callable[[], T]) -> T:
        """Search to the end, record the search however it ends, and return the answer."""
        __tracebackhide__ = True
        self._tracker = tracker
        try:
            tracker.begin(info)
            self._keepers.track(tracker.parent)
            self.exhaust()
            return answer()
        except BaseException as error:
            self._note(Ending.of(error))
            raise
        finally:
            ending, best = self.ending or Ending(endings.DONE, "all trials have ended"), None
            try:
                best = best_trial(self.trials)
            finally:
                tracker.end(ending.summary(best))
            self._keepers.end(ending)
            self._pruner.end()
            self._narrator.end()

    def exhaust(self: Self) -> Self:
        """Run until `max_evals` or another limit is reached; return this object."""
        __tracebackhide__ = True
        self.run(self.options.limit - self.count_evals(), block_until_done=self.asynchronous)
        self.trials.refresh()
        if not self._over:  # else it has been saved
            insist(self._keepers.save)
        return self

    def _recall(self, past: Contents) -> None:
        """Bring what is not in the documents to where another process left it."""
        self._board.sync()
        self._suggested = {doc["tid"] for doc in self._board.queue} & past.suggested
        self._failures.recall(self.trials)
        if self._stopping.recall(self.options.early_stop_fn, past.order):
            self._note(STOPPED_EARLY)

    def count_evals(self) -> int:
        """Return how many trials count towards `max_evals`; see `fmin`."""
        return self._board.count_evals(self._survives_failures, self._keepers.points)

    @property
    def _survives_failures(self) -> bool:
        return bool(self.asynchronous) or bool(self.options.catch_eval_exceptions)

    def run(self, N: int, block_until_done: bool = True) -> None:
        """Suggest more trials and have them evaluated.

        Parameters
        ----------
        N : int
            How many more to suggest. If negative, leave `-N` of the queued trials alone.
        block_until_done : bool, default True
            Whether to wait until all trials have ended. Always so if trials run one by one.

        Raises
        ------
        Exception
            What the objective raised, unless it is caught (see `fmin`); what `algo` or
            `early_stop_fn` raised.
        """
        __tracebackhide__ = True
        board = self._board
        board.sync()
        self._left = max(N, 0)
        if not self._over:
            self.ending = None
        for _ in range(min(-N, len(board.queue))):
            board.queue.pop()
        try:
            initial = len(board.finished) + board.count_failed(self._survives_failures)
            with self._narrator.showing(self, board, initial):
                self._search(block_until_done or not self.asynchronous)
                if self._over:
                    self._leave()
            if not board.running:
                self._close()
            board.refresh()
            if not self._over:
                self._keepers.save_if_due()
        except BaseException:
            self._leave()
            raise
        if board.busy:
            logger.info("Not waiting for %d trials.", len(board.running) + len(board.queue))

    def _search(self, wait_for_all: bool) -> None:
        """Run until the search is cancelled, or there is nothing more to do."""
        __tracebackhide__ = True
        board, runner = self._board, self._get_runner()
        while True:
            self._check_limits()
            if self._over:
                return
            self._start_ready(runner)
            self._suggest(runner)
            self._start_ready(runner)
            runner.flush()
            if not board.busy or (self._left == 0 and not wait_for_all):
                return
            self._keepers.rest()
            finished = runner.wait(self._narrator.look(runner.capacity(), self._seconds_left()))
            if self.polled:
                board.sync()
            self._take(finished)
            if finished:
                self._keepers.save_if_due()

    def _get_runner(self) -> Runner:
        if self._runner is None:
            options = RunnerOptions(
                asynchronous=bool(self.asynchronous),
                poll_interval_secs=self.poll_interval_secs,
                max_evals=None if (limit := self.options.limit) >= sys.maxsize else limit,
                tracker=self._tracker,
                seed=seed_of_workers(self.options.rstate),
                store=self._store,
                handle=HandleOptions(self._keepers.checkpoints, self._pruner),
                left=lambda: self._left + len(self._board.queue),
            )
            self._runner = self._make_runner(self.trials, self.domain, options)
        return self._runner

    def _seconds_left(self) -> float | None:
        if self.options.timeout is None:
            return None
        return max(0.0, self.start_time + self.options.timeout - timer())

    # -- ending --------------------------------------------------------------------------------

    @property
    def _over(self) -> bool:
        """Whether the search has been cancelled."""
        return self.ending is not None and self.ending.cancels

    def _check_limits(self) -> None:
        """End the search if a limit is reached."""
        if not self._over:
            ending = limit_reached(
                self.trials, self.options, self._board.best_loss, self._seconds_left()
            )
            if ending is not None:
                self._note(ending)

    def _note(self, ending: Ending) -> None:
        """Take in that the search ends, and say so in the trials."""
        self.ending = ending
        declare(ending, self.trials)

    def _leave(self) -> None:
        """Keep what ended, cancel the rest, save, and only then wait for what is still running.

        Ctrl-C skips the waiting; each of the steps is done however the others end.
        """
        with ExitStack() as leaving:
            leaving.callback(insist, self._close)
            leaving.callback(insist, self._keepers.save)
            leaving.callback(insist, self._cancel)
            if self._runner is not None and self.asynchronous:
                for finished in self._runner.wait(0):
                    if self._write(finished) and finished.trial["state"] == JOB_STATE_DONE:
                        self._board.note_finished(finished.trial)

    def _cancel(self) -> None:
        """Cancel running and suggested trials."""
        if self._runner is None or self.polled:
            return  # the workers of other processes continue
        self._runner.cancel()
        board = self._board
        running = list(board.running.values())
        # Trials that the user gave stay NEW, for the next search.
        waiting = [trial for trial in board.queue if trial["tid"] in self._suggested]
        cancel(waiting + running)
        for trial in waiting + running:
            board.note_ended(trial)
        for trial in running:
            self._tracker.trial_finished(trial)
        board.queue.clear()
        self._suggested.clear()
        board.refresh()

    def _close(self) -> None:
        if self._runner is not None:
            self._runner.close()
            self._runner = None

    # -- suggesting and starting ---------------------------------------------------------------

    def _suggest(self, runner: Runner) -> None:
        board = self._board
        if not self.asynchronous and board.busy:
            return  # one batch after the other, so that a suggestion knows all earlier results
        # Free slots get a trial at once; the other trials are ready for the next free slot.
        target = self.options.max_queue_len + (runner.capacity() if self.asynchronous else 0)
        while self._left > 0 and len(board.queue) < target:
            tids = self.trials.new_trial_ids(min(target - len(board.queue), self._left))
            board.refresh()
            seed = drawn_seed(self.options.rstate)
            docs = self.options.algo(tids, self.domain, self.trials, seed)
            check_suggestions(docs, tids)
            if not docs:
                message = "the suggester has no more trials"
                self._note(Ending(endings.NO_SUGGESTION, message, cancels=False))
                self._left = 0
                return
            self.trials.insert_trial_docs(docs)
            board.refresh()
            board.sync()
            self._keepers.suggested(seed)
            self._suggested.update(doc["tid"] for doc in docs)
            self._left -= len(docs)

    def _start_ready(self, runner: Runner) -> None:
        board = self._board
        while board.queue and runner.capacity() > 0:
            if (trial := board.next_ready()) is not None:
                self._start(runner, trial)

    def _start(self, runner: Runner, trial: Trial) -> None:
        begin(trial)
        self._board.running[trial["tid"]] = trial
        self._suggested.discard(trial["tid"])
        self._keepers.started(trial, at_once=bool(self.asynchronous))
        runner.start(trial, self._tracker.trial_started(trial))

    # -- outcomes ------------------------------------------------------------------------------

    def _take(self, finished: Iterable[Finished]) -> None:
        __tracebackhide__ = True
        # All results are written first, because what follows may end the search.
        finished = [each for each in finished if self._write(each)]
        self._keepers.secure()
        for each in finished:
            done = each.trial["state"] == JOB_STATE_DONE
            self._failures.count(done)
            if done:
                self._board.note_finished(each.trial)
            self._narrator.trial_ended(each.trial)
            if (error := each.error) is not None:
                survives, elsewhere = self._survives(error), bool(self.asynchronous)
                self._failures.take(error, self.trials, survives, self.options, elsewhere)
            elif done and not self._over and self._stopping.ask(self.options.early_stop_fn):
                self._note(STOPPED_EARLY)
            for callback in self.options.callbacks:
                callback(self.trials, each.trial)

    def _write(self, finished: Finished) -> bool:
        """Write an outcome into the document; False if the trial had ended, or runs again."""
        if put_back(finished, self.options.retries_by_reason):
            self._board.wait_again(finished.trial)
            self._suggested.add(finished.trial["tid"])
            self._narrator.trial_runs_again(finished.trial)
            return False
        if finished.result is not None:
            self._pruner.complete(finished.trial, finished.result)
        if not write(finished, self.trials, bool(self.asynchronous)) and not self.polled:
            return False
        if finished.result is not None:
            self._store.rank(finite_loss(finished.result), stored_values(finished.result))
        self._board.note_ended(finished.trial)
        self._tracker.trial_finished(finished.trial)
        if (error := finished.error) is not None:
            self._narrator.trial_failed(finished.trial, error, not self._survives(error))
        return True

    def _survives(self, error: TrialError) -> bool:
        return self.polled or self._failures.survives(error, self.options, bool(self.asynchronous))
