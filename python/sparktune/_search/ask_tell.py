"""`Search`: a search that you drive yourself, by asking for points and telling their losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sparktune._arguments import Rule
from sparktune._search.arguments import RULES, check_suggestions
from sparktune._search.domain import Domain
from sparktune._search.past import check_past
from sparktune._search.randomness import checked_rstate, drawn_seed
from sparktune._search.signatures import SuggestFunction
from sparktune._search.trials import Trials
from sparktune._trials.documents import (
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    JOB_STATE_RUNNING,
    Trial,
    coarse_utcnow,
    spec_from_misc,
)
from sparktune._trials.results import normalize_result, split_attachments
from sparktune.exceptions import InvalidArgument, InvalidArgumentType

__all__ = ["Asked", "Search"]

_COUNT = Rule("int", low=1)


@dataclass(frozen=True)
class Asked:
    """A trial to evaluate, as `Search.ask` returns it.

    Attributes
    ----------
    tid : int
        The id of the trial.
    point : Any
        What an objective would get: the space with a value in place of each hyperparameter.
    values : dict of str to scalar
        The values of the active hyperparameters by label; for a choice, the position.
    """

    tid: int
    point: Any
    values: dict[str, Any]
    trial: Trial = field(repr=False, compare=False)


class Search:
    """A search without a loop: ask for a point, evaluate it as you like, tell its loss.

    Points that were asked for and not told yet are taken into account, so several can be evaluated
    at a time, by whatever means.

    Parameters
    ----------
    space : Any
        As for `sparktune.fmin`.
    algo : callable, optional
        `tpe.suggest` (the default), `rand.suggest` or your own.
    trials : Trials, optional
        Where trials are kept, by default a new `Trials`. Those already in it are taken into
        account, and `fmin` can go on with them.
    rstate : numpy.random.Generator, numpy.random.RandomState or int, optional
        The source of randomness, or its seed.

    Attributes
    ----------
    trials : Trials
        All trials; ``search.trials.argmin``, ``search.trials.best_trial`` and so on.

    Raises
    ------
    InvalidArgument, InvalidArgumentType
        If an argument is wrong.
    BadSearchSpace
        If the space is wrong.
    InvalidTrial
        If `trials` has trials of another space.

    Examples
    --------
    >>> from sparktune import Search, hp
    >>> search = Search(hp.uniform("x", -10, 10), rstate=0)
    >>> for _ in range(30):
    ...     asked = search.ask()
    ...     search.tell(asked, (asked.point - 3) ** 2)
    >>> bool(abs(search.trials.argmin["x"] - 3) < 3)
    True
    """

    # `sparktune.fmin` sets it: suggesters are above this room.
    _default_algo: Callable[..., Any]

    def __init__(
        self,
        space: Any,
        algo: SuggestFunction | None = None,
        trials: Any = None,
        rstate: Any = None,
    ) -> None:
        if trials is not None and not isinstance(trials, Trials):
            raise InvalidArgumentType(
                f"`trials` of Search must be a Trials or None; got {trials!r}. "
                "Hint: Trials(), or leave it out."
            )
        self._domain = Domain(None, space)
        self._algo = RULES["algo"].check("algo", self._default_algo if algo is None else algo)
        self._rstate = checked_rstate(rstate)
        self.trials: Trials = Trials() if trials is None else trials
        check_past(self.trials, self._domain.space, False)
        self.trials._space = self._domain.space
        self._open: dict[int, Trial] = {}

    def ask(self) -> Asked:
        """Return the next trial to evaluate.

        Raises
        ------
        InvalidArgument
            If the suggest function has no more points.
        """
        return self.ask_many(1)[0]

    def ask_many(self, count: int) -> list[Asked]:
        """Return several trials to evaluate, which is faster than asking for one at a time.

        Parameters
        ----------
        count : int
            How many; at least 1. Fewer are returned if the suggest function has no more.

        Raises
        ------
        InvalidArgument, InvalidArgumentType
            If `count` is wrong, or the suggest function has no more points.
        """
        count = _COUNT.check("count", count)
        trials = self.trials
        tids = trials.new_trial_ids(count)
        trials.refresh()
        docs = self._algo(tids, self._domain, trials, drawn_seed(self._rstate))
        check_suggestions(docs, tids)
        if not docs:
            raise InvalidArgument("The suggest function of this Search has no more points.")
        for doc in docs:
            doc["state"] = JOB_STATE_RUNNING
            doc["book_time"] = doc["refresh_time"] = coarse_utcnow()
        trials.insert_trial_docs(docs)
        trials.refresh()
        self._open.update((doc["tid"], doc) for doc in docs)
        return [self._asked(doc) for doc in docs]

    def _asked(self, doc: Trial) -> Asked:
        values = spec_from_misc(doc["misc"])
        return Asked(doc["tid"], self._domain.space.evaluate(values), values, doc)

    def tell(self, asked: Asked | int, result: float | Mapping[str, Any] | BaseException) -> None:
        """Report what became of a trial.

        Parameters
        ----------
        asked : Asked or int
            What `ask` returned, or its `tid`.
        result : float, dict or exception
            The loss, or a dict as an objective returns it. An exception means that the trial failed
            with it.

        Raises
        ------
        InvalidArgument
            If no such trial was asked for, or it was told already.
        InvalidResult
            If `result` is none of these; the trial stays open.
        """
        tid = asked.tid if isinstance(asked, Asked) else asked
        doc = self._open.get(tid) if isinstance(tid, int) else None
        if doc is None:
            raise InvalidArgument(
                f"`asked` of Search.tell must be a trial that `ask` returned and that has not been "
                f"told yet; got {asked!r}. Open are {sorted(self._open)}."
            )
        if isinstance(result, BaseException):
            doc["state"] = JOB_STATE_ERROR
            doc["misc"]["error"] = (str(type(result)), str(result))
        else:
            written = normalize_result(result)
            for name, value in split_attachments(written).items():
                self.trials.trial_attachments(doc)[name] = value
            doc["result"], doc["state"] = written, JOB_STATE_DONE
        doc["refresh_time"] = coarse_utcnow()
        del self._open[tid]
        self.trials.refresh()


# The public place.
Asked.__module__ = Search.__module__ = "sparktune"
