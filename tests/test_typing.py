"""What a user's script sees of the types under ``mypy --strict``."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
ROOT = Path(__file__).resolve().parent.parent

SCRIPT = """
from typing import Any

from sparktune import ProcessTrials, SparkTrials, Trials, fmin, hp, no_progress_loss, partial
from sparktune import rand, space_eval, tpe
from sparktune.base import Domain, EarlyStop, Objective, SuggestFunction, Trial, TrialHandle


def objective(params: dict[str, Any]) -> float:
    return float(params["x"]) ** 2


def detailed(params: dict[str, Any]) -> dict[str, Any]:
    return {"loss": objective(params), "status": "ok"}


def trained(params: dict[str, Any], trial: TrialHandle) -> float:
    return objective(params) + trial.attempt + len(trial.checkpoint_dir)


def algo(new_ids: list[int], domain: Domain, trials: Trials, seed: int) -> list[Trial]:
    return rand.suggest(new_ids, domain, trials, seed)


def stop(trials: Trials, count: int = 0) -> tuple[bool, list[int]]:
    return count > 3, [count + 1]


class Logged(Trials):
    def refresh(self) -> None:
        super().refresh()


space = {"x": hp.uniform("x", -1, 1), "rate": hp.float("rate", 1e-4, 1, log=True)}
integers = [hp.int("n", 1, 9, step=1), hp.ordinal("o", [1, 2]), hp.categorical("c", "ab")]
reveal_type(fmin(objective, space, max_evals=3))
reveal_type(fmin(objective, space, return_argmin=False))
reveal_type(fmin(detailed, space, algo, 9, trials=SparkTrials(parallelism=2)))
reveal_type(fmin(detailed, space, partial(tpe.suggest, gamma=0.3), trials=Logged()))
reveal_type(fmin(lambda p: p["x"], space, early_stop_fn=stop, trials=ProcessTrials(2)))
reveal_type(no_progress_loss(3))
fmin(objective, space, early_stop_fn=no_progress_loss(3))
kinds: tuple[Objective, SuggestFunction, EarlyStop] = (detailed, tpe.suggest, stop)
more: Objective = trained
"""

WRONG = """
from sparktune import fmin, hp

space = hp.uniform("x", -1, 1)

def silent(x: float) -> None: ...
def no_seed(new_ids: list[int]) -> list[dict[str, object]]: return []

fmin(silent, space)
fmin(abs, space, no_seed)
fmin(abs, space, early_stop_fn=lambda trials: True)
fmin(abs, space, max_eval=10)
fmin(abs, space, max_evals="10")
"""


def mypy(tmp_path, text):
    """Return what mypy says, by line of the script."""
    script = tmp_path / "script.py"
    script.write_text(text)
    config = tmp_path / "mypy.ini"
    config.write_text("[mypy]")
    answer = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(ROOT / ".mypy_cache"),
         "--config-file", str(config), str(script)],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(ROOT / "python")},
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert answer.stderr == ""
    return re.findall(r"script\.py:(\d+): (\w+): (.*)", answer.stdout)


def test_a_users_script_sees_useful_types(tmp_path):
    said = mypy(tmp_path, SCRIPT)
    assert [text for _, kind, text in said if kind == "error"] == []
    revealed = [re.search('"(.*)"', text)[1] for _, _, text in said]
    best = "builtins.dict[builtins.str, Any]"
    assert [text.replace("dict[str,", "builtins.dict[builtins.str,") for text in revealed[:5]] == [
        best, "Any", best, best, best
    ]  # fmt: skip
    assert "tuple[bool, " in revealed[5].replace("builtins.", "")


def test_mistakes_are_found(tmp_path):
    lines = {int(line) for line, kind, _ in mypy(tmp_path, WRONG) if kind == "error"}
    wrong = [n for n, text in enumerate(WRONG.splitlines(), 1) if text.startswith("fmin(")]
    assert lines == set(wrong)
