"""What the report says in words: the best trial as code, settings, versions, time, failures."""

from __future__ import annotations

import ast
import importlib.metadata
import math
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparktune._core import __version__
from sparktune._space.compile import evaluate_assignment
from sparktune._space.reader import SpaceReader
from sparktune._trials.documents import Trial, plain, spec_from_misc
from sparktune._trials.findings import docs_of
from sparktune._trials.table import named
from sparktune._views.trial_data import TrialData

__all__ = [
    "Cause",
    "best_code",
    "causes_of",
    "code_of",
    "duration",
    "go_on",
    "timing",
    "versions",
]

_COMMENT = 60
_PACKAGES = ("numpy", "pandas", "scikit-learn", "pyspark", "mlflow")
_MODULES = {"scikit-learn": "sklearn"}


# -- the best trial ----------------------------------------------------------------------------


def best_code(trials: Any, data: TrialData, evaluate: bool) -> list[tuple[str, str]]:
    """Return what the best parameters are for, and code for them; nothing without a best trial.

    Parameters
    ----------
    evaluate : bool
        Whether the space may be evaluated, which runs the user's functions in it.
    """
    if data.best is None:
        return []
    tid = data.tids[data.best]
    doc = next(doc for doc in docs_of(trials) if doc["tid"] == tid)
    space = getattr(trials, "_space", None)
    found = []
    if space is not None and evaluate:
        try:
            point = evaluate_assignment(space, doc["misc"]["vals"])
        except Exception:  # the user's functions
            point = None
        if point is not None and (code := code_of(point)):
            found.append(("The point as the objective saw it", f"best_params = {code}"))
    reader = SpaceReader(None if space is None else space.expr)
    use = "By label, for space_eval(space, best) or points_to_evaluate=[best]"
    found.append((use, _labelled(doc, reader)))
    return found


def _labelled(doc: Trial, reader: SpaceReader) -> str:
    """Return code for a dict of values by label, choices by position."""
    vals = {label: plain(value) for label, value in spec_from_misc(doc["misc"]).items()}
    names = reader.names()
    lines = ["best = {"]
    for label, value in vals.items():
        literal = repr(value) if isinstance(value, str) else reader.value(label, value)
        line = f"    {label!r}: {_float_code(literal)},"
        if label in names:
            chosen = str(named(names[label], value))
            shown = "".join(char if char.isprintable() else " " for char in chosen)
            line += f"  # {shown if len(shown) <= _COMMENT else shown[: _COMMENT - 3] + '...'}"
        lines.append(line)
    return "\n".join([*lines, "}"])


def _float_code(literal: str) -> str:
    return f'float("{literal}")' if literal in ("nan", "inf", "-inf") else literal


def code_of(value: Any, indent: int = 0) -> str:
    """Return a value as Python code over several lines; empty if it is not plain data."""
    value = plain(value)
    pad = "    " * (indent + 1)
    if isinstance(value, Mapping) and value:
        items = [(repr(key), code_of(each, indent + 1)) for key, each in value.items()]
        if not all(code and _is_literal(key) for key, code in items):
            return ""
        lines = "".join(f"{pad}{key}: {code},\n" for key, code in items)
        return f"{{\n{lines}{'    ' * indent}}}"
    if type(value) in (list, tuple) and value:
        codes = [code_of(each, indent + 1) for each in value]
        if not all(codes):
            return ""
        inside = ", ".join(codes) + ("," if isinstance(value, tuple) and len(codes) == 1 else "")
        return f"[{inside}]" if isinstance(value, list) else f"({inside})"
    if isinstance(value, float) and not math.isfinite(value):
        return _float_code(repr(value))
    code = repr(value)
    return code if _is_literal(code) else ""


def _is_literal(code: str) -> bool:
    try:
        ast.literal_eval(code)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


# -- the search --------------------------------------------------------------------------------


def versions() -> dict[str, str]:
    """Return the versions of this package, of Python, and of packages that are in use."""
    found = {"sparktune": __version__, "Python": platform.python_version()}
    for name in _PACKAGES:
        if _MODULES.get(name, name) in sys.modules:
            try:
                found[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                continue
    return {**found, "platform": platform.platform(terse=True)}


def duration(seconds: float) -> str:
    """Return a time as people say it: 0.12 s, 34 s, 5 min 6 s, 2 h 3 min, 4 d 5 h."""
    if not math.isfinite(seconds):
        return "unknown"
    if seconds < 10:
        return f"{seconds:.2g} s"
    rest = round(seconds)
    parts = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, rest = divmod(rest, size)
        parts.append((count, unit))
    first = next(i for i, (count, _) in enumerate(parts) if count)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count)


def timing(data: TrialData, parallelism: Any = None) -> dict[str, str]:
    """Return how long the search took, and how busy its slots were."""
    ended = np.isfinite(data.starts) & np.isfinite(data.ends)
    if not ended.any():
        return {}
    spans = np.column_stack([data.starts[ended], np.maximum(data.ends[ended], data.starts[ended])])
    lost = [(each.start, max(each.end, each.start)) for each in data.lost]
    every = np.vstack([spans, lost]) if lost else spans
    wall = float(every[:, 1].max() - every[:, 0].min())
    seconds = spans[:, 1] - spans[:, 0]
    found = {
        "from the first start to the last end": duration(wall),
        "one trial": f"{duration(float(np.median(seconds)))} (median), "
        f"{duration(float(seconds.max()))} (longest)",
    }
    work = float((every[:, 1] - every[:, 0]).sum())
    most = _side_by_side(every)
    slots = parallelism if isinstance(parallelism, int) and parallelism >= most else most
    if wall > 0:
        share = min(1.0, work / (wall * slots))
        of = f"{slots} slots" if slots > 1 else "one slot"
        found["slots busy"] = f"{share:.0%} of the time of {of}"
        found["trials per minute"] = f"{len(spans) / wall * 60:.3g}"
    return found


def _side_by_side(spans: Any) -> int:
    """Return how many spans overlap at most."""
    # At one time, ends come before starts.
    times = np.concatenate([spans[:, 1], spans[:, 0]])
    steps = np.concatenate([np.full(len(spans), -1), np.full(len(spans), 1)])
    order = np.lexsort((steps, times))
    return max(1, int(np.cumsum(steps[order]).max()))


def go_on(settings: Mapping[str, Any], trials_class: str) -> str:
    """Return code that continues the search from what keeps its trials."""
    objective = settings.get("objective") or "objective"
    limit = settings.get("max_evals")
    more = f"max_evals={2 * limit}" if isinstance(limit, int) and limit else "max_evals=..."
    algo = str(settings.get("algo", ""))
    names, how = ["fmin"], [more]
    module, _, name = algo.partition(".")
    if name == "suggest" and module in ("rand", "anneal", "mix"):
        names.append(module)
        how.append(f"algo={algo}")
    if settings.get("maximize"):
        how.append("maximize=True")
    for key in ("journal", "trials_save_file"):
        if settings.get(key):
            how.insert(0, f"{key}={settings[key]!r}")
            if trials_class != "Trials":
                names.append(trials_class)
                how.insert(0, f"trials={trials_class}(...)")
            break
    else:
        how.insert(0, "trials=trials")
    before = f"from sparktune import {', '.join(sorted(names))}\n"
    if settings.get("mlflow_run") and "trials=trials" in how:
        before = f"from sparktune import {', '.join(sorted({*names, trials_class}))}\n"
        before += f"trials = {trials_class}.from_mlflow({str(settings['mlflow_run'])!r})\n"
    return f"{before}fmin({objective}, space, {', '.join(how)})"


# -- failures ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cause:
    """Trials that failed for the same reason."""

    error: str
    tids: Sequence[Any]
    traceback: str  # of the first


def causes_of(trials: Any, by_cause: Mapping[str, Sequence[int]], data: TrialData) -> list[Cause]:
    """Return the causes with the traceback of the first trial of each that has one."""
    if not by_cause:
        return []
    wanted = {data.tids[row] for rows in by_cause.values() for row in rows[:20]}
    tracebacks = {
        doc["tid"]: str(doc["misc"].get("traceback") or "")
        for doc in docs_of(trials)
        if doc["tid"] in wanted
    }
    found = []
    for error, rows in by_cause.items():
        tids = [data.tids[row] for row in rows]
        first = next((text for tid in tids[:20] if (text := tracebacks.get(tid))), "")
        found.append(Cause(error, tids, first))
    return found
