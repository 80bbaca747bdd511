"""What MLflow shows at the top of a search's page: Markdown for the tag ``mlflow.note.content``.

Texts of the user's (labels, values, messages) stand in code blocks only, one per line and never at
its beginning, so that no Markdown or HTML in them has an effect.
"""

from __future__ import annotations

import json
import re
import urllib.parse
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sparktune._space.reader import SpaceReader
from sparktune._tracking.base import SearchInfo
from sparktune._tracking.records import MAX_TAG, TrialRecord, cut
from sparktune._trials.findings import without_numbers

__all__ = ["NOTE_TAG", "Failures", "Note", "Outcome", "code_to_go_on", "with_note"]

NOTE_TAG = "mlflow.note.content"

_CODE_CHARACTERS = 1_500  # of the code with the best parameters
_COMMENT = 60
_LINE = 150
_WIDTH = 70  # of code
_SHOWN_ERRORS = 5
_MAX_ERRORS = 1_000  # told apart, so that memory stays bounded
_OTHER = "other errors"


class Failures:
    """Counts failed trials by their error; the numbers in a message make no difference."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def add(self, error: str) -> None:
        """Count one trial with this error."""
        key = without_numbers(error)
        if key not in self._first and len(self._first) >= _MAX_ERRORS:
            key = error = _OTHER
        self._first.setdefault(key, error)
        self._counts[key] += 1

    def commonest(self) -> list[str]:
        """Return lines with the commonest errors, each the first of its kind, and their counts."""
        shown = self._counts.most_common(_SHOWN_ERRORS)
        left = self._counts.total() - sum(count for _, count in shown)
        rows = [(count, self._first[key]) for key, count in shown]
        if left:
            rows.append((left, _OTHER))
        return [f"{count:5d}  {cut(_plain(text), _LINE)}" for count, text in rows]


@dataclass(frozen=True)
class Outcome:
    """How a search ended."""

    status: str  # FINISHED, FAILED, KILLED
    counts: Mapping[str, int]  # of trials: ok, failed, cancelled
    errors: list[str]  # see `Failures.commonest`
    best: str = "no trial has a loss"
    code: str = ""  # the best parameters
    report: str = ""  # a link to it

    def with_best(
        self, note: Note, best: TrialRecord, run_id: str | None, is_here: bool, space: SpaceReader
    ) -> Outcome:
        """Return this outcome with the best trial; `is_here` says whether this search ran it."""
        if best.loss is None:
            return self
        trial = f"trial {best.tid}"
        if run_id is not None:
            # A trial of an earlier search may be in its experiment.
            elsewhere = note.earlier[0] if note.earlier is not None and not is_here else ""
            trial = note.link(trial, run_id, elsewhere)
        what, value = ("loss", best.loss) if best.score is None else ("score", best.score)
        literals = {
            label: repr(value) if isinstance(value, str) else space.value(label, value)
            for label, value in best.vals.items()
        }
        chosen = {label: space.readable(label, best.vals) for label in best.vals}
        comments = {label: text for label, text in chosen.items() if text is not None}
        code = _code_of(literals, comments, "the params best_... of this run")
        return replace(self, best=f"best is {trial}, {what} {value:.6g}", code=code)


@dataclass(frozen=True)
class Note:
    """The part of a description that is about one search."""

    tracking_uri: str
    experiment_id: str
    uuid: str
    go_on: str  # code that continues the search
    earlier: tuple[str, str] | None = None  # experiment and parent run of the search it continues

    @property
    def _mark(self) -> str:
        return re.sub(r"\W", "", self.uuid)[:6]

    def link(self, text: str, run_id: str, experiment_id: str = "", file: str = "") -> str:
        """Return a link to a run or an artifact of it, which works on the page of another run."""
        place = "/ml" if self.tracking_uri.partition(":")[0] == "databricks" else "#"
        ids = (experiment_id or self.experiment_id, run_id)
        experiment, run = (urllib.parse.quote(each, safe="") for each in ids)
        end = f"/artifacts/{urllib.parse.quote(file, safe='')}" if file else ""
        return f"[{text}]({place}/experiments/{experiment}/runs/{run}{end})"

    def running(self) -> list[str]:
        """Return the paragraphs for a search that has begun, the most important first."""
        first = f"**Search {self._mark}** is running; how it ended will be written here."
        code = _block("python", self.go_on)
        return [
            first,
            *self._continues(),
            f"If its driver has died, this goes on with it:\n\n{code}",
        ]

    def ended(self, outcome: Outcome) -> list[str]:
        """Return the paragraphs for a search that has ended, the most important first.

        MLflow's page shows the first few lines, and the others when asked.
        """
        how = {"FAILED": " was ended by an exception", "KILLED": " was interrupted"}
        total = sum(outcome.counts.values())
        counts = ", ".join(f"{n} {name}" for name, n in outcome.counts.items() if n or name == "ok")
        trials = f"{total} {'trial' if total == 1 else 'trials'}: {counts}."
        first = f"**Search {self._mark}**{how.get(outcome.status, '')}: {outcome.best}. {trials}"
        paragraphs = [first, *self._continues()]
        if outcome.report:
            what = "charts, all trials, failures with their tracebacks, settings"
            paragraphs[0] += f" The {outcome.report} has {what}."
        if outcome.errors:
            lines = "\n".join(outcome.errors)
            paragraphs.append(f"Why trials failed:\n\n{_block('text', lines)}")
        if outcome.code:
            use = "for `space_eval(space, best)` or `points_to_evaluate=[best]`"
            paragraphs.append(f"The best parameters, {use}:\n\n{_block('python', outcome.code)}")
        paragraphs.append(f"To go on with this search:\n\n{_block('python', self.go_on)}")
        return paragraphs

    def _continues(self) -> list[str]:
        if self.earlier is None:
            return []
        experiment, run = self.earlier
        link = self.link("an earlier search", run, experiment)
        return [f"It continues {link}. (`from_mlflow` reads the trials of one run only.)"]

    def _section(self, paragraphs: list[str]) -> str:
        end = f"[sparktune-{self._mark}]: # (end of what sparktune writes here)"
        return "\n\n".join([*paragraphs, end])

    def _pattern(self) -> re.Pattern[str]:
        mark = re.escape(self._mark)
        return re.compile(rf"\*\*Search {mark}\*\*.*?\n\[sparktune-{mark}\]: # \(.*?\)", re.DOTALL)

    def put_into(self, description: str, paragraphs: list[str]) -> str:
        """Return a description with the paragraphs in place of what this search wrote before.

        What others wrote is kept. If there is not enough room, the last paragraphs are left out.
        """
        old = self._pattern().search(description)
        before = description[: old.start()] if old else description and f"{description}\n\n"
        after = description[old.end() :] if old else ""
        for count in range(len(paragraphs), 0, -1):
            new = before + self._section(paragraphs[:count]) + after
            if len(new) <= MAX_TAG:
                return new
        return (before + after).strip() if old else description


def with_note(description: str | None, note: Note, paragraphs: list[str]) -> dict[str, str]:
    """Return the tag of a description that has the paragraphs, nothing if there is no room."""
    text = note.put_into(description or "", paragraphs)
    return {} if text == (description or "") else {NOTE_TAG: text}


def _code_of(values: Mapping[str, str], comments: Mapping[str, str], more: str) -> str:
    """Return code for a dict of literals by label; `more` says where those are that do not fit."""
    lines, length = ["best = {"], 0
    for number, (label, literal) in enumerate(values.items()):
        line = f"    {_harmless(repr(label))}: {_harmless(literal)},"
        if label in comments:
            line += f"  # {cut(_plain(comments[label]), _COMMENT)}"
        length += len(line) + 1
        if length > _CODE_CHARACTERS:
            lines.append(f"    # {len(values) - number} more: {more}")
            break
        lines.append(line)
    return "\n".join([*lines, "}"])


def code_to_go_on(info: SearchInfo, run_id: str, uuid: str | None) -> str:
    """Return code that continues the search; `uuid` chooses it if its run may hold others."""
    params = info.params
    where = [_harmless(json.dumps(run_id))]
    if uuid is not None:
        where.append(f"fmin_uuid={_harmless(json.dumps(uuid))}")
    if params.get("parallelism") is not None:
        where.append(f"parallelism={params['parallelism']}")
    arguments = ", ".join(where)
    if len(arguments) > _WIDTH:
        arguments = "\n    " + ",\n    ".join(where) + ",\n"
    how, names = ["trials=trials"], [info.trials_class, "fmin"]
    if isinstance(params.get("max_evals"), int):
        how.append(f"max_evals={2 * params['max_evals']}")
    elif isinstance(params.get("timeout"), (int, float)):
        how.append(f"timeout={params['timeout']}")
    algo = re.fullmatch(r"sparktune\.(\w+)\.(\w+)", str(params.get("algo")))
    if algo and algo[0] != "sparktune.tpe.suggest":
        names.append(algo[1])
        how.append(f"algo={algo[1]}.{algo[2]}")
    flags = {"maximize": info.maximize, "avoid_duplicates": params.get("avoid_duplicates")}
    how += [f"{name}=True" for name, is_set in flags.items() if is_set]
    objective = _plain(info.objective)[:_COMMENT] or "objective"
    return (
        f"from sparktune import {', '.join(names)}\n"
        f"trials = {info.trials_class}.from_mlflow({arguments})\n"
        f"fmin({objective}, space, {', '.join(how)})"
    )


def _block(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"


def _plain(text: str) -> str:
    """Return a text in one line, without what could end a code block."""
    shown = "".join(char if char.isprintable() else " " for char in text)
    return shown.replace("`", "'").strip()


def _harmless(literal: str) -> str:
    """Return a literal of Python, without what could end a code block."""
    return literal.replace("`", "\\x60")
