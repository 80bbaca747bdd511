"""Trial documents in MLflow's tags, with exact values and types: what a search resumes from.

MLflow's params are text for people, and the objective may add its own. So the run of each trial
also has its document as JSON, in one tag, or in several if one is too short.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from sparktune._trials.documents import Trial
from sparktune._trials.large import small_items
from sparktune._trials.plain_data import Unreadable, encode_entries, encode_or_none
from sparktune._trials.plain_document import (
    KNOWN_MISC,
    TIMES_AND_OWNER,
    encode_error,
    encode_vals,
    read_document,
)
from sparktune._trials.table import STATE_NAMES

__all__ = ["TAG", "Unreadable", "decode_trial", "encode_trial", "from_tags", "to_tags"]

# MLflow's page shows no tags with the prefix "mlflow."; this one is long and not for people.
TAG = "mlflow.sparktune.trial"
# Servers before 2.15 accept 5,000 characters per tag. Of a document that exceeds the second limit,
# only scalar results are kept.
_TAG_CHARACTERS = 5000
_MAX_CHARACTERS = 60_000


def encode_trial(trial: Trial, clean: Callable[[str], str] = str) -> str:
    """Return a document as JSON; `clean` removes secrets from the texts of errors.

    Values of `result` that are not plain data (numbers, text, lists, dicts, small numeric arrays)
    are left out; `vals` must be scalars.
    """
    misc = trial["misc"]
    found: dict[str, Any] = {
        "state": STATE_NAMES[trial["state"]],
        **encode_vals(misc),
        **{key: encode_or_none(trial.get(key)) for key in TIMES_AND_OWNER},
        "version": trial.get("version", 0),
        **encode_error(misc, clean),
        "misc": encode_entries({k: v for k, v in misc.items() if k not in KNOWN_MISC}),
    }
    result = dict(small_items(trial.get("result") or {}))
    found["result"] = encode_entries(result)
    text = _dump(found)
    if len(text) > _MAX_CHARACTERS:
        found["misc"] = {}
        scalars = (int, float, np.number, np.bool_)
        kept = {k: v for k, v in result.items() if k == "status" or isinstance(v, scalars)}
        found["result"] = encode_entries(kept)
        text = _dump(found)
    return text


def decode_trial(text: str, tid: int) -> Trial:
    """Return the document that `encode_trial` was given, without what it left out.

    Anyone who may write to the store may have changed the text, so nothing in it is trusted.

    Raises
    ------
    Unreadable
        If the text is not such a document.
    """
    try:
        return read_document(json.loads(text), tid)
    except Exception as error:  # whatever json, NumPy and datetime raise for what they do not take
        raise Unreadable(f"{type(error).__name__}: {error!s:.200}") from error


def to_tags(text: str) -> dict[str, str]:
    """Return tags that hold a text of any length."""
    if len(text) <= _TAG_CHARACTERS:
        return {TAG: text}
    size = _TAG_CHARACTERS - 10
    parts = [text[i : i + size] for i in range(0, len(text), size)]
    tags = {f"{TAG}.{number}": part for number, part in enumerate(parts[1:], 2)}
    # How many there are: a shorter text may have replaced a longer one.
    return {TAG: f"{len(parts)}|{parts[0]}", **tags}


def from_tags(tags: Mapping[str, str]) -> str | None:
    """Return the text that `to_tags` was given; None if a part of it is missing."""
    first = tags.get(TAG)
    if first is None or first.startswith("{"):
        return first
    count, _, start = first.partition("|")
    if not re.fullmatch("[0-9]{1,9}", count) or int(count) > len(tags):
        return None
    names = [f"{TAG}.{number}" for number in range(2, int(count) + 1)]
    if not all(name in tags for name in names):
        return None
    return start + "".join(tags[name] for name in names)


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True)
