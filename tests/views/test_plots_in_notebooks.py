"""What a notebook shows of a plot, run by a real kernel: each figure once."""

import pytest

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")
pytest.importorskip("plotly")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]

CELLS = [
    """
        from sparktune import Trials, fmin, hp, rand
        trials = Trials()
        fmin(lambda x: x, hp.uniform("x", 0, 1), rand.suggest, 5, trials=trials, verbose=False,
             show_progressbar=False, mlflow=False)
    """,
    "trials.plot.history()",
    "trials.plot.history(backend='matplotlib')",
    "figure = trials.plot.history(backend='matplotlib')",
]


def test_each_figure_is_shown_once(tmp_path):
    import textwrap

    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(textwrap.dedent(cell).strip()) for cell in CELLS]
    client = nbclient.NotebookClient(
        notebook, timeout=150, resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    _, plotly, matplotlib, kept = (
        [output["data"] for output in cell.outputs if "data" in output] for cell in notebook.cells
    )
    (figure,) = plotly
    assert "application/vnd.plotly.v1+json" in figure
    (picture,) = matplotlib
    assert "image/png" in picture
    assert kept == []
