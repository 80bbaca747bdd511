"""How a search begins with a journal: what it holds comes back, and the search goes on."""

from __future__ import annotations

import hashlib
import logging
import math
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import CodeType
from typing import Any

from sparktune._journal.contents import Contents
from sparktune._journal.journal import Journal
from sparktune._journal.keeper import JournalKeeper
from sparktune._journal.record import Log
from sparktune._journal.values import Values
from sparktune._search.domain import Domain
from sparktune._search.ending import insist
from sparktune._search.options import SearchOptions
from sparktune._search.randomness import go_on, state_of
from sparktune._space.reader import SpaceReader
from sparktune._tracking.base import SearchInfo
from sparktune._tracking.resume import read_runs
from sparktune._tracking.switch import is_off
from sparktune._trials.collection import TrialCollection
from sparktune._trials.documents import (
    JOB_STATE_CANCEL,
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    JOB_STATE_NEW,
    STATUS_NEW,
    UNFINISHED,
    Trial,
)
from sparktune._trials.plain_data import Inexpressible, decode, encode, encode_entries
from sparktune.exceptions import InvalidArgument

__all__ = ["begin_record", "journal_for"]

logger = logging.getLogger("sparktune.journal")

ENDED = (JOB_STATE_DONE, JOB_STATE_ERROR)


@contextmanager
def journal_for(
    trials: Any, options: SearchOptions, objective: tuple[str, Any]
) -> Iterator[JournalKeeper | None]:
    """Open the journal of a search, if it has one, and close it at the end.

    `trials` gets the trials that the journal holds; those that had not ended are new again. The
    generator of the options goes on where the earlier search left it. `objective` is its name and
    function.

    Raises
    ------
    InvalidArgument
        If the journal is in use, of another objective, or `trials` has trials of its own.
    DamagedJournal
        If a record is not as it was written.
    """
    journal: Journal | None = options.journal
    if journal is None:
        yield None
        return
    _check_class(trials)
    store = journal.open()
    try:
        log = journal.log() if journal.exists() else Log()
        contents = journal.contents(log) if log.records or log.damage else None
        if log.torn:
            logger.warning(
                "The journal %r ended in the middle of record %d, because its search was killed; "
                "that record is cut off.", journal.place, log.next,
            )  # fmt: skip
            store.cut(log.size)
        values = journal.values_of(unpickle=True)
        keeper = JournalKeeper(journal, store, contents, log.next, values, trials)
        if contents is not None:
            _check_objective(journal, contents, *objective)
            keeper.expect(*_restored(journal, contents, trials, values, options))
        keeper.stream = _stream(contents, options.rstate)
        trials._journal = keeper.id
    except BaseException:
        store.close()
        raise
    try:
        yield keeper
    finally:
        insist(keeper.close)


def _check_class(trials: Any) -> None:
    if not isinstance(trials, TrialCollection) or (
        trials.asynchronous and not hasattr(trials, "parallelism")
    ):
        raise InvalidArgument(
            "`journal` must be used with Trials, ProcessTrials or SparkTrials; got trials of type "
            f"{type(trials).__name__}, whose documents other programs change."
        )


def _restored(
    journal: Journal,
    contents: Contents,
    trials: TrialCollection,
    values: Values,
    options: SearchOptions,
) -> tuple[list[Trial], list[Trial]]:
    """Put the trials of a journal into `trials`.

    Returns their documents, and those of them whose outcomes the journal does not have, since it
    could not be written when they ended.
    """
    docs, attachments = journal.trials(contents, values)
    there = {doc["tid"]: doc for doc in docs}
    mine = {doc["tid"]: doc for doc in trials._dynamic_trials}
    _check_given(journal, contents, trials, mine, there)
    missing = []
    for tid, doc in mine.items():
        if tid not in there:
            continue
        if doc["state"] in ENDED and there[tid]["state"] not in ENDED:
            missing.append(doc)
        elif doc["state"] not in ENDED:  # an older copy, or the beginning of the script
            there[tid]["exp_key"] = doc["exp_key"]
            doc.update(there[tid])
    new = [doc for doc in docs if doc["tid"] not in mine]
    for doc in new:
        doc["exp_key"] = trials._exp_key
    trials._insert_trial_docs(new)
    for key, value in dict.items(attachments):
        if key not in trials.attachments:
            trials.attachments[key] = value
    if not mine and (known := contents.search.get("distributions")) is not None:
        trials._distributions = decode(known)
    found = [mine.get(doc["tid"], doc) for doc in docs]
    everything = trials._dynamic_trials
    again = [doc for doc in everything if doc["state"] in (*UNFINISHED, JOB_STATE_CANCEL)]
    for doc in again:
        doc["state"], doc["result"] = JOB_STATE_NEW, {"status": STATUS_NEW}
        doc["book_time"] = doc["refresh_time"] = None
    trials.refresh()
    if contents.tracking and not is_off(options.mlflow, getattr(trials, "_spark", None)):
        trials._resumed = read_runs(contents.tracking, found)  # type: ignore[attr-defined]
    if docs:
        logger.info(
            "The search of the journal %r goes on: %d trials have ended, %d run again.",
            journal.place, len(everything) - len(again), len(again),
        )  # fmt: skip
    return found, missing


def _check_given(
    journal: Journal,
    contents: Contents,
    trials: TrialCollection,
    mine: Mapping[Any, Trial],
    there: Mapping[Any, Trial],
) -> None:
    """Check that trials which are given with a journal are its own.

    A script makes its first trials each time that it is started, a save file has an older copy, and
    the trials of a search in this process may have what could not be written.
    """
    if not there:
        return
    ours = trials._journal == contents.id
    for tid, doc in mine.items():
        if not (_is_same(doc, there[tid], ours) if tid in there else ours):
            raise InvalidArgument(
                "`trials` must be empty for a `journal` that has trials, or have the same; "
                f"{journal.place!r} has {len(there)}, and trial {tid} of the {len(mine)} in "
                "`trials` is not one of them. Hint: pass new trials, or another path."
            )


def _is_same(doc: Trial, known: Trial, ours: bool) -> bool:
    """Whether a given trial is one of the journal; `ours` says that it was read from there."""
    if doc["misc"]["vals"] != known["misc"]["vals"]:
        return False
    if ours or doc["state"] not in ENDED:
        return True
    mine, there = doc["result"], known["result"]
    return doc["state"] == known["state"] and all(
        mine.get(key) == there.get(key) for key in ("loss", "status")
    )


def _stream(contents: Contents | None, rstate: Any) -> tuple[Any, int]:
    """Return the state in which the generator of seeds began, and how many it has drawn since."""
    written = None if contents is None else contents.search.get("rstate")
    if contents is not None and written is not None:
        start = decode(written)
        if go_on(rstate, start, contents.draws):
            return start, contents.draws
    return state_of(rstate), 0


# -- what a search is ----------------------------------------------------------------------------


def begin_record(
    keeper: JournalKeeper,
    domain: Domain,
    options: SearchOptions,
    objective: tuple[str, Any],
    info: SearchInfo,
) -> dict[str, Any]:
    """Return the fields of the record with which a search begins."""
    try:
        space = SpaceReader(domain.expr).describe()
    except ValueError:  # too large
        space = None
    start, draws = keeper.stream
    distributions = {p.label: (p.distribution, p.args, p.conditions) for p in domain.space.params}
    settings = {key: value for key, value in info.params.items() if value is not None}
    return {
        "id": info.resumed.uuid if info.resumed else info.uuid,
        "objective": {"name": objective[0], "code": _code_of(objective[1])},
        "settings": encode_entries(settings),
        "maximize": options.maximize,
        "space": space,
        "distributions": _encoded(distributions),
        "rstate": _encoded(start),
        "draws": draws,
        **({"points": keeper.points} if keeper.points else {}),
    }


def _encoded(value: Any) -> Any:
    try:
        return encode(value, math.inf, math.inf)
    except Inexpressible:
        return None


def _check_objective(journal: Journal, contents: Contents, name: str, fn: Any) -> None:
    """Check that a journal belongs to an objective, and warn if that has changed."""
    before = contents.search.get("objective") or {}
    known = before.get("name")
    if known and name and known != name:
        raise InvalidArgument(
            f"`journal` must belong to the objective; {journal.place!r} belongs to {known!r}, and "
            f"the objective is {name!r}. Hint: choose another path for another objective."
        )
    code = _code_of(fn)
    if code and before.get("code") not in (None, code):
        logger.warning(
            "The code of the objective has changed since the search of the journal %r began. The "
            "losses of its trials are kept. Hint: for an objective that gives other losses, choose "
            "another path.", journal.place,
        )  # fmt: skip


def _code_of(fn: Any) -> str | None:
    """Return a digest of the code of a function; None if it has none."""
    code = getattr(fn, "__code__", None)
    if code is None:
        return None
    digest = hashlib.sha256(platform.python_version().encode())
    _feed(digest, code)
    return digest.hexdigest()[:16]


def _feed(digest: Any, code: CodeType) -> None:
    digest.update(code.co_code)
    digest.update(repr(code.co_names).encode())
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            _feed(digest, constant)
        elif isinstance(constant, (int, float, complex, str, bytes, tuple, type(None))):
            digest.update(repr(constant).encode())
