"""Hyperopt's own tests, run against sparktune under the name `hyperopt`.

They are in Hyperopt's wheel. A separate pytest runs them with `upstream_plugin.py`; tests that do
not run, and why, are in `upstream_skips.py`.
"""

import importlib.metadata
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import pytest
import upstream_skips

import sparktune

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
HYPEROPT = Path(importlib.metadata.distribution("hyperopt").locate_file("hyperopt"))


def run(tmp_path, *tests, timeout):
    """Run some of Hyperopt's tests; returns outcome and message of each, and all output."""
    report = tmp_path / "report.xml"
    package = Path(sparktune.__file__).parent.parent
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(package), str(HERE)]),
        "PY_IGNORE_IMPORTMISMATCH": "1",  # the files are not part of the package that contains them
        "SPARKTUNE_UPSTREAM": "sparktune",
        "SPARKTUNE_MLFLOW": "0",
        "MPLBACKEND": "agg",
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    command = [sys.executable, "-m", "pytest", "-p", "upstream_plugin", "-p", "no:cacheprovider"]
    command += ["-c", os.devnull, f"--rootdir={HYPEROPT}", f"--junitxml={report}", "-q"]
    command += ["-W", "ignore"]  # Hyperopt's tests cause warnings, numpy's and their own
    done = subprocess.run(
        [*command, *(str(HYPEROPT / test) for test in tests)],
        cwd=tmp_path,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert report.exists(), done.stdout[-5000:]
    outcomes = {}
    for case in ET.parse(report).iter("testcase"):
        found = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
        name = f"{case.get('classname')}::{case.get('name')}"
        outcomes[name] = found[0] if found else "passed"
    return outcomes, done.stdout


def bad(outcomes):
    return sorted(name for name, how in outcomes.items() if how in ("failure", "error"))


@pytest.mark.timeout(900)
def test_unit_tests(tmp_path):
    outcomes, output = run(tmp_path, "tests/unit", "tests/test_base.py", "pyll/tests", timeout=850)
    assert not bad(outcomes), output[-10000:]
    skipped = [name for name, how in outcomes.items() if how == "skipped"]
    assert Counter(outcomes.values()) == {"passed": 170, "skipped": 13}, skipped


@pytest.mark.spark
@pytest.mark.timeout(600)
def test_spark_tests(tmp_path):
    outcomes, output = run(tmp_path, "tests/integration/test_spark.py", timeout=550)
    assert not bad(outcomes), output[-10000:]
    # Sixteen, and one of the unit tests that the file imports.
    assert Counter(outcomes.values()) == {"passed": 11, "skipped": 6}, output[-3000:]


def test_the_lists_name_tests_that_exist(tmp_path):
    """A pattern that matches nothing would hide that a test was removed or renamed."""
    for name in upstream_skips.FILES:
        assert (HYPEROPT / name).is_file(), name
    for pattern in [*upstream_skips.SKIPS, *upstream_skips.PINNED]:
        file, *rest = pattern.split("::")
        text = (HYPEROPT / file).read_text()
        for part in rest:
            # `many_distsTester` is made by a function, from `many_dists`.
            assert part.rstrip("*").removesuffix("Tester") in text, pattern
