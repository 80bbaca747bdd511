"""What happened to trials, as the fields of records, and back."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Final

from sparktune._journal.values import Values
from sparktune._trials.documents import (
    JOB_STATE_CANCEL,
    JOB_STATE_DONE,
    JOB_STATE_NEW,
    STATUS_NEW,
    STATUS_PRUNED,
    Misc,
    Trial,
    new_trial_doc,
)
from sparktune._trials.large import LargeDict
from sparktune._trials.plain_data import LEAVES, decode, encode_or_none, expect
from sparktune._trials.plain_document import (
    CMD,
    KNOWN_MISC,
    STATE_OF,
    encode_error,
    encode_vals,
    read_document,
)
from sparktune._trials.stored import StoredValue
from sparktune._trials.table import STATE_NAMES

__all__ = ["document_of", "fields_of", "more_of", "outcome_of", "read_time", "written_time"]

_EPOCH: Final = datetime.datetime(1970, 1, 1)
_MILLISECOND: Final = datetime.timedelta(milliseconds=1)

_USUAL: Final = frozenset(
    ("tid", "vals", "state", "began", "at", "result", "misc", "error", "traceback")
)

_PLAIN: Final = frozenset(("tid", "vals", "state", "began", "at", "result"))

KIND_OF_STATE: Final = {JOB_STATE_DONE: "finished", JOB_STATE_CANCEL: "cancelled"}


def written_time(moment: Any) -> Any:
    """Return a time of a document as milliseconds since 1970 in UTC, if that is exact."""
    if type(moment) is datetime.datetime and moment.tzinfo is None:
        count, rest = divmod(moment - _EPOCH, _MILLISECOND)
        if not rest:
            return count
    return encode_or_none(moment)


def read_time(written: Any) -> Any:
    """Return what `written_time` was given."""
    if type(written) is int:
        return _EPOCH + written * _MILLISECOND
    return decode(written)


def fields_of(doc: Trial, values: Values) -> dict[str, Any]:
    """Return a whole document."""
    misc = doc["misc"]
    fields: dict[str, Any] = {"tid": doc["tid"], **encode_vals(misc)}
    if not _has_usual_columns(misc, doc["tid"]):
        fields["columns"] = [values.value(misc["idxs"]), values.value(misc["vals"])]
    if misc["cmd"] != CMD:
        fields["cmd"] = values.value(misc["cmd"])
    if "workdir" not in misc:  # as in derived trials
        fields["absent"] = ["workdir"]
    for key, value in (("workdir", misc.get("workdir")), ("spec", doc["spec"]),
                       ("exp_key", doc["exp_key"])):  # fmt: skip
        if value is not None:
            fields[key] = values.value(value)
    if doc["state"] != JOB_STATE_NEW:
        fields["state"] = STATE_NAMES[doc["state"]]
    if doc["state"] != JOB_STATE_NEW or doc["result"] != {"status": STATUS_NEW}:
        fields.update(_what_came_out(doc, values))
    elif more := more_of(misc, values):
        fields["misc"] = more
    if doc.get("version", 0):
        fields["version"] = doc["version"]
    return fields


def outcome_of(doc: Trial, values: Values) -> tuple[str, dict[str, Any]]:
    """Return the kind of record and its fields for a trial that ended."""
    kind = KIND_OF_STATE.get(doc["state"], "failed")
    if kind == "finished" and doc["result"].get("status") == STATUS_PRUNED:
        kind = "pruned"
    return kind, {"tid": doc["tid"], **_what_came_out(doc, values)}


def _what_came_out(doc: Trial, values: Values) -> dict[str, Any]:
    misc = doc["misc"]
    fields: dict[str, Any] = {
        "began": written_time(doc["book_time"]),
        "at": written_time(doc["refresh_time"]),
        "result": values.entries(doc["result"]),
        **encode_error(misc),
    }
    if doc["owner"] is not None:
        fields["owner"] = encode_or_none(doc["owner"])
    if more := more_of(misc, values):
        fields["misc"] = more
    return fields


def more_of(misc: Misc, values: Values) -> Any:
    """Return what the `misc` of a document has beyond its values; None if it has no more."""
    more = {key: value for key, value in misc.items() if key not in KNOWN_MISC or key == "run_id"}
    return values.entries(more) if more else None


def _has_usual_columns(misc: Misc, tid: Any) -> bool:
    """Whether each label has one value or none, and the id of the trial beside it."""
    idxs = misc["idxs"]
    if len(idxs) != len(misc["vals"]):
        return False
    one = [tid]
    for label, vals in misc["vals"].items():
        if type(vals) is not list or len(vals) > 1 or idxs.get(label) != (one if vals else []):
            return False
    return True


def document_of(fields: Mapping[str, Any], values: Values) -> Trial:
    """Return the document that `fields_of` was given, with what records changed since.

    Raises
    ------
    Exception
        Whatever is raised for fields that were not written here.
    """
    tid, tags = fields["tid"], values.tags
    expect(type(tid) is int)
    if _PLAIN.issuperset(fields) and (plain := _plain_document(fields)) is not None:
        return plain
    found = dict(fields)
    found.setdefault("result", {"status": STATUS_NEW})
    if (began := found.get("began")) is not None:
        found["book_time"] = read_time(began)
    if (ended := found.get("at")) is not None:
        found["refresh_time"] = read_time(ended)
    more = found.pop("misc", None)
    doc = read_document(found, tid, tags)
    if StoredValue in map(type, doc["result"].values()):
        doc["result"] = LargeDict(doc["result"])
    if more is not None:
        doc["misc"].update(decode(more, tags))
    if _USUAL.issuperset(fields):
        return doc
    if "columns" in fields:
        doc["misc"]["idxs"], doc["misc"]["vals"] = (
            _whole(each, tags) for each in fields["columns"]
        )
    if "cmd" in fields:
        doc["misc"]["cmd"] = _whole(fields["cmd"], tags)
    for key in ("spec", "exp_key"):
        if key in fields:
            doc[key] = _whole(fields[key], tags)
    if "absent" in fields:
        doc["misc"].pop("workdir", None)
    if "workdir" in fields:
        doc["misc"]["workdir"] = _whole(fields["workdir"], tags)
    return doc


def _plain_document(fields: Mapping[str, Any]) -> Trial | None:
    """Return the document of a trial with numbers and texts only, as most are; None for others.

    What `document_of` does for all, in half of the time.
    """
    tid, result = fields["tid"], fields.get("result", {"status": STATUS_NEW})
    if not LEAVES.issuperset(map(type, result.values())) or next(iter(result), "")[:1] == "$":
        return None
    vals: dict[str, list[Any]] = {}
    idxs: dict[str, list[int]] = {}
    for label, value in fields["vals"].items():
        if type(value) is float and value - value == 0.0:  # finite
            vals[label], idxs[label] = [value], [tid]
        elif value is None:
            vals[label], idxs[label] = [], []
        else:
            return None
    "".join(vals).encode()  # without halves of surrogate pairs
    expect(type(result.get("status", "")) is str)
    misc: Misc = {"tid": tid, "cmd": CMD, "workdir": None, "idxs": idxs, "vals": vals}
    doc = new_trial_doc(tid, None, result, misc)
    doc["state"] = STATE_OF[fields.get("state", "new")]
    doc["book_time"] = _time_or_none(fields.get("began"))
    doc["refresh_time"] = _time_or_none(fields.get("at"))
    return doc


def _time_or_none(written: Any) -> datetime.datetime | None:
    moment: datetime.datetime | None = read_time(written)
    expect(moment is None or type(moment) is datetime.datetime)
    return moment


def _whole(written: Any, tags: Any) -> Any:
    value = decode(written, tags)
    return value.load() if type(value) is StoredValue else value
