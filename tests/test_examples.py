"""The examples run, each where its packages are installed, and find something."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def load(name):
    # Not imported: workers could not import it, and get its functions by value, as of a script.
    return runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="example")["main"]


def test_scikit_learn(capsys):
    assert load("scikit_learn")(max_evals=12) > 0.2
    assert "Best: R^2" in capsys.readouterr().out


def test_xgboost(capsys):
    pytest.importorskip("xgboost")
    assert load("xgboost_rounds")(max_evals=10) < 0.2
    assert "rounds" in capsys.readouterr().out


@pytest.mark.spark
def test_lightgbm_on_spark(spark, monkeypatch):
    pytest.importorskip("lightgbm")
    monkeypatch.setenv("SPARKTUNE_MLFLOW", "0")
    assert load("lightgbm_spark")(max_evals=8) < 200


def test_pytorch():
    pytest.importorskip("torch")
    assert load("pytorch")(max_evals=3) < 2.3


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_each_fits_on_a_page_and_says_how_to_run_it(path):
    text = path.read_text()
    assert f"python examples/{path.name}" in text or path.name == "model_search.py"
    assert len(text.splitlines()) < 80 or path.name == "model_search.py"
