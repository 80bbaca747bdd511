"""Notebooks written for Hyperopt end alike with the import changed: same outcome, same types.

Each script in `notebooks` is one idiom of public notebooks. It runs as it is with Hyperopt and,
with `hyperopt` replaced in its import lines, with sparktune, and prints what `notebooks/report.py`
makes of its findings.
"""

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import sparktune

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

HERE = Path(__file__).parent / "notebooks"
MARKS = {
    "mlflow_runs": [pytest.mark.mlflow],
    "spark_per_group": [pytest.mark.spark],
    "spark_trials": [pytest.mark.spark],
}
NOTEBOOKS = [
    pytest.param(path.stem, marks=MARKS.get(path.stem, []))
    for path in sorted(HERE.glob("*.py"))
    if path.stem != "report"
]
# Hyperopt converts NumPy's numbers in documents only if it finds PyMongo; it needs two names.
PYMONGO = {
    "bson/__init__.py": "class BSON:\n    encode = staticmethod(lambda doc: b'')\n",
    "bson/objectid.py": "class ObjectId:\n    pass\n",
}
MISSING = "(missing)"
# Where we differ on purpose: see the table in docs/migrating.md.
KNOWN = {
    "failing_trials": [
        # A result without a status is an error of the objective, not of the library.
        ("/equal/raised/1", "KeyError", "InvalidResult"),
        ("/types/caught/list/each/dict/'misc'/dict/'traceback'/absent", MISSING, {}),
        ("/types/caught/list/each/dict/'misc'/dict/'traceback'/str", MISSING, {}),
        ("/types/stopped/list/each/dict/'misc'/dict/'traceback'/str", MISSING, {}),
    ],
    "mlflow_runs": [
        ("/types/nested/list/each/dict/'misc'/dict/'run_id'/str", MISSING, {}),
    ],
    "reading_trials": [
        # With PyMongo, Hyperopt converts the results of documents that are inserted as well.
        (
            "/types/copied/list/each/dict/'result'/dict/'history'/list/each/numpy.float32",
            MISSING,
            {},
        ),
    ],
    "spark_trials": [
        ("/types/docs/list/each/dict/'misc'/dict/'traceback'/absent", MISSING, {}),
        ("/types/docs/list/each/dict/'misc'/dict/'traceback'/str", MISSING, {}),
    ],
}


def with_sparktune(text):
    """Return the script with its import lines changed."""
    text = re.sub(r"^import hyperopt$", "import sparktune as hyperopt", text, flags=re.MULTILINE)
    return re.sub(r"^(from|import) hyperopt\b", r"\1 sparktune", text, flags=re.MULTILINE)


def run(name, library, folder):
    """Run a notebook in a folder of its own, and return what it reports."""
    for path, text in PYMONGO.items():
        (folder / "packages" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "packages" / path).write_text(text)
    script = folder / "packages" / "notebook.py"
    text = (HERE / f"{name}.py").read_text()
    script.write_text(with_sparktune(text) if library == "sparktune" else text)
    (folder / "work").mkdir()
    environment = dict(os.environ)
    if name != "mlflow_runs":
        environment["SPARKTUNE_MLFLOW"] = "0"  # which would record searches on Spark
    paths = [folder / "packages", Path(sparktune.__file__).parent.parent, HERE]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(script)],
        cwd=folder / "work",
        env={**environment, "PYTHONPATH": os.pathsep.join(map(str, paths))},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("REPORT "))
    return json.loads(line.removeprefix("REPORT "))


def leaves(value, path=""):
    """Yield the paths of what is in nested dicts and lists, and what is there."""
    if isinstance(value, (dict, list)) and value:
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(each, f"{path}/{key}")
    else:
        yield path, value


def differences(theirs, ours):
    """Return where two reports differ: paths, and what each has there."""
    theirs, ours = dict(leaves(theirs)), dict(leaves(ours))
    pairs = {path: (theirs.get(path, MISSING), ours.get(path, MISSING)) for path in theirs | ours}
    return [(path, *pair) for path, pair in sorted(pairs.items()) if pair[0] != pair[1]]


def compare(name, tmp_path):
    """Run a notebook with both libraries at once, and return where they differ."""
    libraries = ("hyperopt", "sparktune")
    with ThreadPoolExecutor() as pool:
        both = pool.map(lambda library: run(name, library, tmp_path / library), libraries)
    return differences(*both)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook(name, tmp_path):
    assert compare(name, tmp_path) == KNOWN.get(name, [])


def test_a_difference_is_found():
    sys.path.insert(0, str(HERE))
    try:
        from report import shape
    finally:
        sys.path.remove(str(HERE))
    theirs, ours = ({"best": {"x": x}, "docs": [{"tid": 0}]} for x in (1.0, np.float64(1)))
    assert differences(shape(theirs), shape(theirs)) == []
    assert differences(shape(theirs), shape(ours)) == [
        ("/dict/'best'/dict/'x'/float", {}, MISSING),
        ("/dict/'best'/dict/'x'/numpy.float64", MISSING, {}),
    ]
    assert differences({"a": [1, 2]}, {"a": [1]}) == [("/a/1", 2, MISSING)]
