"""Code built on Hyperopt runs on sparktune after `install_as_hyperopt()`.

Each script beside this file is a program that imports `hyperopt` and a package that was built on
it, or, where that package cannot be installed, makes its calls; its first lines say which. Each is
run twice: with Hyperopt, which shows that the script is right, and with sparktune.

The packages are installed without their dependencies, apart from the others (in
`.venv/dependents`), because they pin old versions of Hyperopt and NumPy.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import sparktune

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
PACKAGES = Path(sys.prefix) / "dependents"
SCRIPTS = sorted(path for path in HERE.glob("*.py") if path.stem not in ("run", "test_dependents"))

FAILS_WITH_HYPEROPT = {
    "hyperas_minimize": "gives fmin a RandomState as rstate, which Hyperopt 0.3 refuses",
    "recbole_exhaustive": "draws with a RandomState, which Hyperopt 0.3 refuses",
}

# Packages without a wheel for some of the tested Pythons.
NOT_EVERYWHERE = {"hpsklearn_estimator": "hpsklearn", "ray_searcher": "ray"}


@pytest.mark.timeout(240)
@pytest.mark.parametrize("library", ["sparktune", "hyperopt"])
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_script(script, library, tmp_path):
    if library == "hyperopt" and script.stem in FAILS_WITH_HYPEROPT:
        pytest.skip(FAILS_WITH_HYPEROPT[script.stem])
    needed = NOT_EVERYWHERE.get(script.stem)
    if needed and not (PACKAGES / needed).exists():
        pytest.skip(f"{needed} has no wheel for this Python")
    package = Path(sparktune.__file__).parent.parent
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(package), str(PACKAGES)]),
        "SPARKTUNE_MLFLOW": "0",
    }
    done = subprocess.run(
        [sys.executable, str(HERE / "run.py"), library, str(script)],
        cwd=tmp_path,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=230,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]


def test_there_are_scripts():
    assert len(SCRIPTS) >= 9
