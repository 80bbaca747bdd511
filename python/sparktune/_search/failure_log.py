"""Logs failed trials: each traceback once, how often it came again, and hints."""

from __future__ import annotations

import difflib
import logging
import re
from dataclasses import dataclass
from typing import Any

from sparktune._search.calls import keys_of
from sparktune._search.runner import TrialError
from sparktune._space.reader import SpaceReader
from sparktune._suggest.suggestion import space_of
from sparktune._trials.documents import Trial, spec_from_misc
from sparktune._trials.findings import brief_error, class_name, without_numbers

__all__ = ["FailureLog"]

logger = logging.getLogger("sparktune.fmin")

_INTEGER_WANTED = re.compile(r"\bint(eger)?s?\b", re.IGNORECASE)
_DICT_GIVEN = re.compile(r"\bdict\b")
_FLOAT_GIVEN = re.compile(r"\bfloat(32|64)?\b|\d\.0\b", re.IGNORECASE)

# Keys that a hint shows.
_SHOWN = 8


@dataclass
class _Alike:
    """Failures with the same traceback, apart from the numbers in the message."""

    title: str
    count: int = 1
    last: Any = None


class FailureLog:
    """The failures of one search, as users see them in the log.

    Parameters
    ----------
    domain : Domain
        The space, for hints.
    """

    def __init__(self, domain: Any) -> None:
        self._domain = domain
        self._groups: dict[int, _Alike] = {}
        self._shown: set[int] = set()  # tracebacks, by where they went through
        self._reader: SpaceReader | None = None

    def note(self, trial: Trial, error: TrialError, raised: bool) -> None:
        """Log a failure; the traceback only if it is new, and not `raised` by the search anyway."""
        message, frames = error.message.strip(), _frames(error.traceback)
        key = hash((error.type_name, frames, without_numbers(message)))
        group = self._groups.get(key)
        if group is not None:
            group.count, group.last = group.count + 1, trial["tid"]
            logger.debug("Trial %s failed as others did: %s", trial["tid"], message)
            return
        self._groups[key] = _Alike(brief_error(error.type_name, error.message), last=trial["tid"])
        text = f"{class_name(error.type_name)}: {message}{self._hint(trial, error)}"
        if frames and not raised and hash(frames) not in self._shown:
            self._shown.add(hash(frames))
            text += "\n" + error.traceback.rstrip()
        logger.error("Trial %s failed: %s", trial["tid"], text)

    def commonest(self) -> str:
        """Return type and message of what most trials failed with, an empty string if none did."""
        groups = self._groups.values()
        return max(groups, key=lambda group: group.count).title if groups else ""

    def summarize(self) -> None:
        """Log how often each failure came, if one came more than once; then forget them."""
        lines = [
            f"{group.title} ({group.count} trials, last {group.last})"
            for group in self._groups.values()
            if group.count > 1
        ]
        self._groups.clear()
        self._shown.clear()
        if lines:
            logger.error("Trials failed alike: %s", "\n".join(lines))

    def _hint(self, trial: Trial, error: TrialError) -> str:
        """Return a hint if the error is one of those that newcomers meet, else an empty text."""
        try:
            return self._about_the_point(error) or self._about_floats(trial, error.message.strip())
        except Exception:  # the failure matters, not the hint
            logger.debug("No hint for the failure of a trial.", exc_info=True)
            return ""

    def _about_the_point(self, error: TrialError) -> str:
        """Return a hint for an objective that takes the point for one of its values, or a key."""
        keys = keys_of(self._domain.expr)
        kind, message = class_name(error.type_name), error.message.strip()
        if not keys:
            return ""
        shown = ", ".join(map(repr, keys[:_SHOWN])) + (", ..." if len(keys) > _SHOWN else "")
        if kind == "KeyError" and (key := message.strip("'\"")) not in keys:
            meant = difflib.get_close_matches(key, keys, 1) or key in space_of(self._domain).labels
            return f". Hint: the keys of the point are {shown}." if meant else ""
        if kind in ("TypeError", "ValueError") and _DICT_GIVEN.search(message):
            code: Any = getattr(self._domain.fn, "__code__", None)
            name = code.co_varnames[0] if code is not None and code.co_argcount == 1 else None
            if name in keys:
                return (
                    f". Hint: the objective gets the point, a dict with {shown}; "
                    f"write {name} = point[{name!r}] in it."
                )
        return ""

    def _about_floats(self, trial: Trial, message: str) -> str:
        """Return a hint if the message is about a float without a fraction in place of an int."""
        if not (_INTEGER_WANTED.search(message) and _FLOAT_GIVEN.search(message)):
            return ""
        if self._reader is None:
            self._reader = SpaceReader(self._domain.expr)
        found = self._float_labels(self._reader, spec_from_misc(trial["misc"]))
        # Those whose value the message shows, if it shows one.
        shown = {label: text for label, text in found.items() if text in message} or found
        if not shown:
            return ""
        labels = ", ".join(map(repr, shown))
        return (
            f" Hint: the values of {labels} are floats; use hp.int(...) or "
            "scope.int(hp.quniform(...)) where the objective needs an int."
        )

    def _float_labels(self, reader: SpaceReader, vals: dict[str, Any]) -> dict[str, str]:
        """Return the labels of multiples of q that the objective sees as floats, with its text."""
        found = {}
        for param in space_of(self._domain).params:
            value = vals.get(param.label)
            if value is not None and param.distribution.startswith("q"):
                text = reader.value(param.label, value)
                if text.endswith(".0"):
                    found[param.label] = text
        return found


def _frames(traceback: str) -> str:
    """Return where a traceback went through, without the text of the exception."""
    return "\n".join(line for line in traceback.splitlines() if line.lstrip().startswith("File "))
