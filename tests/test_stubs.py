"""The stub of the extension describes exactly what the binary has."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy")
ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_stub_matches_the_binary(tmp_path):
    answer = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "sparktune._core"],
        cwd=tmp_path,  # nothing but the installed or pointed-to package is found from here
        env={**os.environ, "MYPYPATH": str(ROOT / "python")},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_the_types_are_shipped():
    import sparktune

    package = Path(sparktune.__path__[0])
    assert (package / "py.typed").is_file()
    assert (package / "_core.pyi").is_file()
