"""`ProcessTrials`: trials that run in processes of this machine."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

from sparktune._parallel.parallelism import TrialsPerTask, at_most_max, check_parallelism, cpus
from sparktune._parallel.trials import ParallelTrials
from sparktune.exceptions import InvalidArgument

if TYPE_CHECKING:
    from sparktune._parallel.backend import Backend
    from sparktune._search.domain import Domain

__all__ = ["ProcessTrials"]

logger = logging.getLogger("sparktune.dispatch")


class ProcessTrials(ParallelTrials):
    """The trials of a search that runs in several processes of this machine, without Spark.

    The driver suggests trials; worker processes evaluate them and are reused. They are fresh
    interpreters, not copies of this process: the objective and everything it refers to must be
    picklable (functions of notebooks and closures are), and a script does not need
    ``if __name__ == "__main__":``. If a trial crashes its process, only that trial fails. See
    docs/parallel.md.

    Parameters
    ----------
    parallelism : int or None, default None
        The most trials at once, up to 128. None (and, with a warning, zero or less) means the
        number of processors.
    timeout : float or None, default None
        Time limit for `fmin` in seconds, greater than 0. Then running trials are cancelled, and
        `fmin` returns; finished trials are kept. Takes precedence over the `timeout` of `fmin`.
    loss_threshold : float or None, default None
        The search ends when a loss is below it. Takes precedence over the `loss_threshold` of
        `fmin`.
    trial_timeout : float or None, default None
        Time limit for one trial in seconds. Then its process is killed; the trial fails with
        `sparktune.exceptions.TrialTimeout`, and the search goes on.
    reuse_objective : bool, default False
        Whether each worker unpickles the objective once, instead of once per trial. This saves time
        if trials are short and the objective refers to much data, but a trial then sees what the
        trials before it have changed there.
    trials_per_task : int or "auto", default 1
        The most trials that a worker gets at once, to run them one after the other. More than 1
        pays for trials of a few milliseconds, at some cost in what the search finds; ``"auto"``
        measures how long trials take, and leaves long ones alone. See docs/parallel.md.

    Attributes
    ----------
    parallelism : int
        The most trials at once.
    user_specified_parallelism : int or None
        The number that was asked for.

    Raises
    ------
    InvalidArgument
        If an argument is out of range, or the system cannot run worker processes (Windows).
    InvalidArgumentType
        If an argument has the wrong type.

    Examples
    --------
    >>> from sparktune import ProcessTrials, fmin, hp
    >>> trials = ProcessTrials(parallelism=2)
    >>> best = fmin(lambda x: (x - 3) ** 2, hp.uniform("x", -10, 10), max_evals=20, trials=trials,
    ...             verbose=False)
    >>> trials.count_successful_trials()
    20
    """

    on_cluster = False

    def __init__(
        self,
        parallelism: int | None = None,
        timeout: float | None = None,
        loss_threshold: float | None = None,
        *,
        trial_timeout: float | None = None,
        reuse_objective: bool = False,
        trials_per_task: TrialsPerTask = 1,
    ) -> None:
        super().__init__(timeout, loss_threshold, trial_timeout, reuse_objective, trials_per_task)
        requested = check_parallelism(parallelism, "ProcessTrials")
        if os.name != "posix":
            raise InvalidArgument(
                "ProcessTrials needs a POSIX system, such as Linux, macOS or WSL. "
                "Use Trials() or SparkTrials() here."
            )
        self.user_specified_parallelism = parallelism
        self.parallelism = _decide_parallelism(requested)
        self.refresh()

    def _make_backend(self, domain: Domain) -> Backend:
        from sparktune._parallel.cargo import pack
        from sparktune._parallel.processes.backend import ProcessBackend

        if not sys.executable:
            raise InvalidArgument(
                "ProcessTrials must know the Python interpreter to start; sys.executable is empty, "
                "as in a program that embeds Python. Set sys.executable to the path of a Python."
            )
        assert domain.fn is not None
        cargo = pack(domain.fn, domain.space.program, reuse=self.reuse_objective)
        return ProcessBackend(cargo, self.parallelism)


def _decide_parallelism(requested: int | None) -> int:
    available = cpus()
    if requested is None or requested <= 0:
        if requested is not None:
            logger.warning(
                "`parallelism` must be greater than 0; got %d. Taking the number of processors "
                "instead.",
                requested,
            )
        return at_most_max(available)
    if requested > available:
        logger.warning(
            "`parallelism` is %d, but there are %d processors: trials that compute will slow each "
            "other down.",
            requested,
            available,
        )
    return at_most_max(requested)
