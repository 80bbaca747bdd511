"""A first hour in a notebook: what a user sees in each cell, run by a real kernel."""

import re

import pytest

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")

pytestmark = [pytest.mark.slow, pytest.mark.spark, pytest.mark.timeout(300)]

CELLS = {
    "imports": """
        import os, warnings
        os.environ["SPARKTUNE_MLFLOW"] = "0"
        from sparktune import SparkTrials, Trials, fmin, hp, tpe
        space = {
            "model": hp.choice("model", [
                {"type": "tree", "depth": hp.uniformint("depth", 1, 9)},
                {"type": "linear", "alpha": hp.loguniform("alpha", -5, 0)},
            ]),
            "x": hp.uniform("x", -5, 5),
        }
        def objective(point):
            if point["x"] > 2:
                raise ValueError("x is too large")
            return {"loss": (point["x"] - 1) ** 2, "status": "ok", "accuracy": 0.5}
    """,
    "spark": """
        trials = SparkTrials(2)
        best = fmin(objective, space, tpe.suggest, max_evals=20, trials=trials, rstate=0)
    """,
    "best": "best",
    "table": "trials.to_pandas()",
    "rerun": "fmin(objective, space, tpe.suggest, max_evals=10, trials=trials, rstate=0) == best",
    "error": """
        fmin(objective, space, tpe.suggest, max_evals=100, trials=Trials(), rstate=0, verbose=False)
    """,
    "interrupt": """
        import _thread
        seen = []
        def interrupted(point):
            seen.append(point)
            if len(seen) == 6:
                raise KeyboardInterrupt
            return point["x"] ** 2
        kept = Trials()
        fmin(interrupted, space, tpe.suggest, max_evals=100, trials=kept, rstate=0, verbose=False)
    """,
    "go on": """
        fmin(interrupted, space, tpe.suggest, max_evals=20, trials=kept, rstate=0, verbose=False)
        len(kept)
    """,
}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """Return what each cell shows: its text, standard error and traceback."""
    import textwrap

    notebook = nbformat.v4.new_notebook()
    notebook.cells = [
        nbformat.v4.new_code_cell(textwrap.dedent(code).strip()) for code in CELLS.values()
    ]
    folder = tmp_path_factory.mktemp("notebook")
    client = nbclient.NotebookClient(
        notebook, timeout=200, allow_errors=True, resources={"metadata": {"path": str(folder)}}
    )
    client.execute()
    shown = {}
    for name, cell in zip(CELLS, notebook.cells, strict=True):
        parts = {"text": "", "stderr": "", "stdout": "", "traceback": "", "html": ""}
        for output in cell.outputs:
            if output.output_type == "stream":
                parts[output.name] += output.text
            elif output.output_type == "error":
                parts["traceback"] = "\n".join(output.traceback)
            else:
                parts["text"] += output.data.get("text/plain", "")
                parts["html"] += output.data.get("text/html", "")
        shown[name] = parts
    return shown


def lines(text):
    """Return lines as a terminal shows them: without colours, and only the last state of a bar."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return [line.split("\r")[-1] for line in text.splitlines() if line.strip()]


def test_a_search_on_spark_draws_one_view_and_says_what_failed(outputs):
    shown = outputs["spark"]
    said = lines(shown["stderr"])
    assert shown["traceback"] == shown["stdout"] == ""
    ours = [line for line in said if line.startswith("sparktune: ")]
    assert any("ValueError: x is too large" in line for line in ours)
    assert not [line for line in said if "WARN" in line or "Stage" in line or "\tat " in line]
    assert not [line for line in said if "trial/s" in line or "s/trial" in line]
    assert re.match(r"20 of 20 trials \(100 %\), .* took \d", shown["text"])
    best = r"^best loss [\d.e-]{1,12} \(trial \d+\): .*model=(tree|linear)"
    assert re.search(best, shown["text"], re.MULTILINE)
    assert re.search(r"^\d+ failed$", shown["text"], re.MULTILINE)
    assert "<svg" in shown["html"]


def test_the_best_values_are_plain_numbers(outputs):
    assert "np." not in outputs["best"]["text"]
    assert re.match(r"\{'(alpha|depth|model)': ", outputs["best"]["text"])


def test_the_table_says_what_became_of_each_trial(outputs):
    html = outputs["table"]["html"]
    for column in ("status", "error", "duration", "result.accuracy", "params.model"):
        assert f"<th>{column}</th>" in html
    assert "ValueError: x is too large" in html
    assert ">tree<" in html or ">linear<" in html


def test_running_the_cell_again_evaluates_nothing(outputs):
    assert outputs["rerun"]["text"] == "True"
    assert " trials are done, so none was evaluated" in outputs["rerun"]["stderr"]


def test_an_error_of_the_objective_comes_without_our_frames(outputs):
    traceback = lines(outputs["error"]["traceback"])
    assert traceback[-1] == "ValueError: x is too large"
    assert not [line for line in traceback if "sparktune/_" in line]
    assert len(traceback) < 30


def test_an_interrupted_search_says_what_is_kept_and_goes_on(outputs):
    shown = outputs["interrupt"]
    assert "5 trials are kept in `trials`; call fmin again" in shown["stderr"]
    assert lines(shown["traceback"])[-1].startswith("KeyboardInterrupt")
    assert len(lines(shown["traceback"])) < 30
    assert outputs["go on"]["text"] == "20"
