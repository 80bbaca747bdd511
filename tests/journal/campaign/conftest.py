"""What the tests of a journal that survives kills share."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.append(str(HERE.parents[1] / "parallel" / "spark"))  # for `modes`


@pytest.fixture(autouse=True)
def _untracked(monkeypatch):
    monkeypatch.setenv("SPARKTUNE_MLFLOW", "0")
    monkeypatch.delenv("SPARKTUNE_SEED", raising=False)
