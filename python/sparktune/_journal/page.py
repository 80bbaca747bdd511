"""What ``python -m sparktune journal`` does: show the state or events, or save what is left."""

from __future__ import annotations

import math
import re
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, Final

from sparktune._journal.contents import FORMAT, VERSION, Contents
from sparktune._journal.events import read_time
from sparktune._journal.journal import Journal
from sparktune._journal.record import Log, Record, line_of
from sparktune._journal.store import Store
from sparktune._trials.documents import JOB_STATE_DONE, STATUS_OK
from sparktune._trials.findings import best_of, brief_error
from sparktune._trials.summary import common_errors, summarized
from sparktune.exceptions import InvalidArgument

__all__ = ["events_of", "salvaged", "state_of"]

_RECENT: Final = 50  # trials that the rate is taken of
_POLL_SECONDS: Final = 1.0
_VALUE: Final = re.compile(r'"\$value":"([0-9a-f]{64}\.[a-z]{3})"')
_ENDS: Final = ("finished", "pruned", "failed", "cancelled")


def state_of(journal: Journal) -> str:
    """Return what a journal holds, in some lines."""
    log = journal.log()
    contents = journal.contents(log)
    docs, _ = journal.trials(contents, journal.values_of(unpickle=False))
    search, opened = contents.search, contents.opened
    settings = search.get("settings", {})
    rows = [
        ("journal", f"{journal.place}, begun {_utc(contents.began)}, {log.next:,} records"),
        ("search", _search(search, settings)),
        ("process", f"{opened.get('pid')} on {opened.get('host')} since {_utc(opened.get('at'))}"),
        ("state", _state(contents, log)),
        ("trials", summarized(docs)),
        ("rate", _rate(log)),
    ]
    best = best_of(doc for doc in docs if doc["state"] == JOB_STATE_DONE)
    if best is not None:
        vals = {label: some[0] for label, some in best["misc"]["vals"].items() if some}
        rows.append(("best", ", ".join(f"{label} = {value!r}" for label, value in vals.items())))
    rows += [("failures", text) for text in common_errors(docs)]
    if contents.tracking:
        rows.append(("MLflow", "run {run_id} of {uri}".format(**contents.tracking)))
    if log.torn:
        rows.append(("note", f"record {log.next} is incomplete: its search was killed there"))
    return "\n".join(f"{name:<9} {text}" for name, text in rows if text)


def _search(search: Record, settings: Any) -> str:
    if not search:
        return "none has begun"
    name = search.get("objective", {}).get("name") or "an objective"
    kept = ("algo", "max_evals", "parallelism")
    more = ", ".join(f"{key} {settings[key]}" for key in kept if key in settings)
    return f"{name}, {more}" if more else name


def _state(contents: Contents, log: Log) -> str:
    if contents.end:
        return f"ended {_utc(contents.end['at'])}: {contents.end['message']}"
    last = next((record["at"] for record in reversed(log.records) if "at" in record), None)
    return f"running, or killed: the last record is of {_utc(last)}"


def _rate(log: Log) -> str:
    times = [each["at"] for each in log.records if each["kind"] in _ENDS and _is_time(each["at"])]
    recent = times[-_RECENT:]
    seconds = (recent[-1] - recent[0]) / 1000 if len(recent) > 1 else 0
    if seconds <= 0:
        return ""
    return f"{60 * (len(recent) - 1) / seconds:,.4g} trials per minute, the last {len(recent)}"


def _is_time(value: Any) -> bool:
    return type(value) is int


def _utc(written: Any) -> str:
    moment = read_time(written)
    return "at an unknown time" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"


# -- following -------------------------------------------------------------------------------------


def events_of(journal: Journal, wait: Callable[[float], object] = time.sleep) -> Iterator[str]:
    """Yield one line for each event of the search, as they are written, until the search ends.

    `wait` is called with seconds before each further look.
    """
    log, offset, seen = Log(), 0, 0
    best = math.inf
    while True:
        parts = journal.parts() if journal.exists() else []
        if [part.is_open for part in parts] == [True]:
            part = parts[0]
            log.read([part._replace(data=part.data[offset:])])
            offset += log.size
        else:  # sealed parts may have been merged
            log = Log().read(parts)
        if log.damage:
            raise journal.damaged(log)
        for record in log.records[seen:]:
            text, best = _event(record, best)
            if text:
                yield f"{_utc(record['at'])}  {text}"
        seen = len(log.records)
        if seen and log.records[-1]["kind"] == "ended":
            return
        wait(_POLL_SECONDS)


def _event(record: Record, best: float) -> tuple[str, float]:
    """Return what to say of a record, empty for nothing, and the lowest loss so far."""
    kind, text = record["kind"], ""
    if kind == "opened":
        text = f"process {record['pid']} on {record['host']} writes the journal"
    elif kind == "search":
        text = "a search begins"
    elif kind == "ended":
        text = f"the search ends: {record['message']}"
    elif kind == "failed":
        error = record.get("error") or ("", "an error")
        text = f"trial {record['tid']} failed: {brief_error(*error)}"
    elif kind == "pruned":
        text = f"trial {record['tid']} was pruned"
    elif kind == "cancelled":
        text = f"trial {record['tid']} was cancelled"
    elif kind == "finished":
        loss, status = (record["result"].get(key) for key in ("loss", "status"))
        text = f"trial {record['tid']} finished, {status}"
        if isinstance(loss, float) and status == STATUS_OK:
            text += f", loss {loss:.6g}{', the best so far' if loss < best else ''}"
            best = min(loss, best)
    return text, best


# -- saving ----------------------------------------------------------------------------------------


def salvaged(journal: Journal, target: Journal) -> str:
    """Write what can be read of a journal into a new one, and say what that is.

    Raises
    ------
    InvalidArgument
        If there is a journal in `target`.
    """
    if target.exists():
        raise InvalidArgument(
            f"`--salvage` must be the path of a new journal; there is one in {target.place!r}."
        )
    log = journal.log()
    records = [record for record in log.records if record["kind"] != "journal"]
    header = {"format": FORMAT, "version": VERSION, "id": uuid.uuid4().hex,
              "at": time.time_ns() // 1_000_000}  # fmt: skip
    records.insert(0, {"kind": "journal", **header})
    lines = [
        line_of(number, record["kind"], {k: v for k, v in record.items() if k not in ("n", "kind")})
        for number, record in enumerate(records)
    ]
    source, store = journal.store, target.open()
    try:
        names = sorted(set(_VALUE.findall(b"".join(lines).decode())))
        missing = sum(not _copied(name, source, store) for name in names)
        store.append(b"".join(lines), 0, len(lines) - 1)
        store.sync()
    finally:
        store.close()
    contents = target.contents()
    ended = sum(trial.get("state") in ("done", "error") for trial in contents.trials.values())
    lost = f"; {missing} values are missing" if missing else ""
    return (
        f"{len(records) - 1} records are in {target.place!r}, with {len(contents.trials)} trials, "
        f"{ended} of which ended; {len(log.damage)} places were damaged{lost}"
    )


def _copied(name: str, source: Store, target: Store) -> bool:
    """Copy a value, if it is there."""
    try:
        target.put_value(name, source.get_value(name))
    except OSError:
        return False
    return True
