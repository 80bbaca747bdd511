"""What is recorded of a trial: plain names, params, metrics and tags, within MLflow's limits."""

from __future__ import annotations

import contextlib
import datetime
import math
import numbers
import os
import posixpath
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparktune._pruning.curves import curve_of
from sparktune._space.reader import SpaceReader
from sparktune._tracking.exact import encode_trial, to_tags
from sparktune._tracking.store import redacted, without_credentials
from sparktune._trials.attempts import attempts_of
from sparktune._trials.documents import (
    JOB_STATE_CANCEL,
    JOB_STATE_DONE,
    STATUS_FAIL,
    STATUS_OK,
    STATUS_PRUNED,
    Trial,
    spec_from_misc,
)
from sparktune._trials.findings import error_of
from sparktune._trials.large import small_items

__all__ = [
    "MAX_PARAM",
    "MAX_TAG",
    "KeyNames",
    "TrialRecord",
    "clean_key",
    "cut",
    "milliseconds",
    "tags_of_attempts",
]

# MLflow's limits in characters: 250 per name; 6,000 per value of a param, but 500 on servers before
# 2.8; 8,000 per value of a tag, but 5,000 on servers before 2.15.
MAX_KEY = 250
MAX_PARAM = 500
MAX_TAG = 5000
_MAX_ERROR = 250  # of the tag `error`, a column of MLflow's table
_UUID_ROOM = 33  # "_" and 32 digits, which a clash appends

# MLflow takes 1,000 metrics per call, and the trial has other ones.
MAX_POINTS = 800

_FORBIDDEN = re.compile(r"[^/\w.\- ]" if os.name == "nt" else r"[^/\w.\- :]")


def cut(text: str, limit: int) -> str:
    """Return `text`, shortened to at most `limit` characters with an ellipsis."""
    return text if len(text) <= limit else text[: limit - 3] + "..."


def milliseconds(moment: datetime.datetime | None) -> int:
    """Return a UTC time of a document, or now, as MLflow has it: milliseconds since 1970."""
    if moment is None:
        return int(time.time() * 1000)
    return round(moment.replace(tzinfo=datetime.timezone.utc).timestamp() * 1000)


def clean_key(name: str) -> str:
    """Return the nearest name that MLflow accepts for a param, metric or tag.

    Characters that it refuses become underscores. Slashes do too, unless the name is a normalized
    relative path, because some stores use names as paths.
    """
    key = _FORBIDDEN.sub("_", name)[: MAX_KEY - _UUID_ROOM]
    if posixpath.normpath(key) != key or key.startswith(("/", "..")):
        key = key.replace("/", "_")
    return "_" + key.lstrip(".") if key in ("", ".") or key.startswith("..") else key


class KeyNames:
    """Gives each label a unique name.

    All labels of the space should be given; others get a name when first asked for.
    """

    def __init__(self, labels: Iterable[str] = ()) -> None:
        self._keys: dict[str, str] = {}
        self._taken: set[str] = set()
        # Labels that need no change keep their names whatever the order.
        for label in sorted(labels, key=lambda label: (clean_key(label) != label, label)):
            self[label]

    def __getitem__(self, label: str) -> str:
        if label not in self._keys:
            base = key = clean_key(label)
            number = 2
            while key in self._taken:
                key = f"{base}_{number}"
                number += 1
            self._taken.add(key)
            self._keys[label] = key
        return self._keys[label]


@dataclass(frozen=True)
class TrialRecord:
    """What is recorded of a finished trial: a copy, so that its document may change meanwhile."""

    tid: int
    run_status: str  # MLflow's: FINISHED, FAILED, KILLED
    trial_status: str  # ok, fail, error, cancelled, or another status of the objective's
    vals: Mapping[str, Any]
    metrics: Mapping[str, float]
    error: str  # the traceback if there is one, else type and message
    brief_error: str  # type and first line of the message, empty if the objective did not raise
    document: str  # see `sparktune._tracking.exact`
    ended: int  # milliseconds since 1970
    attempts: int = 1  # how often the trial was started
    run_id: str | None = None  # if it is known already
    curve: Sequence[tuple[int, float]] = ()  # what the trial reported, by step

    @classmethod
    def of(cls, trial: Trial) -> TrialRecord:
        """Read a document whose state is DONE, ERROR or CANCEL."""
        result = trial.get("result") or {}
        misc = trial["misc"]
        run_status, trial_status, error, brief = "FAILED", "error", "", ""
        if trial["state"] == JOB_STATE_CANCEL:
            run_status, trial_status = "KILLED", "cancelled"
        elif trial["state"] == JOB_STATE_DONE:
            trial_status = str(result.get("status", STATUS_OK))
            run_status = "FAILED" if trial_status == STATUS_FAIL else "FINISHED"
        if run_status == "FAILED":
            error = str(misc.get("traceback") or "")
            if not error and misc.get("error"):
                error = ": ".join(str(part) for part in misc["error"])
            brief = error_of(trial) or ""
        metrics = _numbers(result)
        if trial_status == STATUS_PRUNED and "loss" in metrics:
            metrics["estimated_loss"] = metrics.pop("loss")
        return cls(
            tid=int(trial["tid"]),
            run_status=run_status,
            trial_status=trial_status,
            vals=spec_from_misc(misc),
            metrics=metrics,
            error=redacted(error),
            brief_error=cut(redacted(brief), _MAX_ERROR),
            document=without_credentials(encode_trial(trial, redacted)),
            ended=milliseconds(trial.get("refresh_time")),
            attempts=attempts_of(trial),
            run_id=misc.get("run_id"),
            curve=_curve(int(trial["tid"]), result),
        )

    @property
    def loss(self) -> float | None:
        """The loss if the trial can be the best one, else None."""
        loss = self.metrics.get("loss")
        if self.trial_status != STATUS_OK or loss is None or not math.isfinite(loss):
            return None
        return loss

    @property
    def score(self) -> float | None:
        """The score if the search maximizes one, its loss being the negative; else None."""
        loss, score = self.loss, self.metrics.get("score")
        return score if loss is not None and score == -loss else None

    def params(self, space: SpaceReader, names: KeyNames) -> dict[str, str]:
        """Return the values of the active parameters, as text, by name."""
        return {
            names[label]: cut(space.value(label, value), MAX_PARAM)
            for label, value in self.vals.items()
        }

    def choices(self, space: SpaceReader, names: KeyNames) -> dict[str, str]:
        """Return the chosen option of each active choice, as text, by the name of its param."""
        chosen = {label: space.readable(label, self.vals) for label in self.vals}
        return {
            names[label]: cut(text, MAX_TAG) for label, text in chosen.items() if text is not None
        }

    def tags(self, space: SpaceReader, names: KeyNames) -> dict[str, str]:
        """Return the tags that are known at the end of the trial."""
        tags = {"trial_status": cut(self.trial_status, MAX_TAG), **to_tags(self.document)}
        for name, text in self.choices(space, names).items():
            tags[clean_key(f"choice.{name}")] = text
        if self.brief_error:
            tags["error"] = self.brief_error
        if self.attempts > 1:
            tags["attempts"] = str(self.attempts)
        loss = self.metrics.get("loss")
        if loss is not None and not math.isfinite(loss):
            # Stores treat such a metric differently; the tag can be searched.
            tags["loss_not_finite"] = str(loss)
        return tags


def tags_of_attempts(trial: Trial) -> dict[str, str]:
    """Return the tags of a trial that was lost and runs again."""
    document = without_credentials(encode_trial(trial, redacted))
    return {"attempts": str(attempts_of(trial)), **to_tags(document)}


def _curve(tid: int, result: Mapping[str, Any]) -> list[tuple[int, float]]:
    """Return what a trial reported, as MLflow can have it: with whole steps, and not too much."""
    known = curve_of(tid, result)
    if known is None:
        return []
    points = [
        (int(step), loss)
        for step, loss in zip(known.steps, known.losses, strict=True)
        if math.isfinite(loss) and step == int(step) and abs(step) < 2**63
    ]
    apart = -(-len(points) // MAX_POINTS) or 1
    return points[::-apart][::-1]


def _numbers(result: Mapping[str, Any]) -> dict[str, float]:
    """Return the numeric entries of a result document, `loss` among them."""
    found: dict[str, float] = {}
    names = KeyNames()
    for key, value in small_items(result):
        # A loss is whatever float() accepts; of the other entries, only numbers are metrics.
        if key != "loss" and not isinstance(value, numbers.Real):
            continue
        if value is not None and type(value).__name__ not in ("bool", "bool_"):
            with contextlib.suppress(Exception):
                found[names[str(key)]] = float(value)
    return found
