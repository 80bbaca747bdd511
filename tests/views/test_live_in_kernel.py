"""The live view in a real Jupyter kernel: outputs of cells, and what the front end got."""

import re
import textwrap

import pytest

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]

SETUP = """
    import os, time
    os.environ["SPARKTUNE_MLFLOW"] = "0"
    from sparktune import ProcessTrials, Trials, fmin, hp, progress, rand
    X = hp.uniform("x", 0, 1)
    def search(objective, max_evals=20, **arguments):
        given = {"trials": Trials(), "rstate": 0, "algo": rand.suggest, **arguments}
        fmin(objective, X, max_evals=max_evals, **given)
"""
CELLS = {
    "serial": """
        def objective(x):
            print("hello")
            time.sleep(0.1)
            return x
        search(objective)
    """,
    "processes": """
        def objective(x):
            time.sleep(0.1)
            if x > 0.6:
                raise ValueError(f"<b>{x} is too large</b>")
            return x
        search(objective, trials=ProcessTrials(2), catch_eval_exceptions=True)
    """,
    "error": """
        def fails(x):
            if x > 0.7:
                raise ValueError("wrong")
            return x
        search(fails, 100)
    """,
    "inner bar": """
        from tqdm import tqdm
        search(lambda x: sum(x for _ in tqdm(range(3))), 2)
    """,
    "not shown": "search(abs, show_progressbar=False); search(abs, verbose=False)",
    "own bar": "search(abs, show_progressbar=progress.tqdm_progress_callback)",
    "drawing fails": """
        from sparktune._views import live_view
        live_view.live_html = lambda *args: 1 / 0
        search(abs)
    """,
}


class Client(nbclient.NotebookClient):
    """A front end that keeps the messages about displays."""

    def process_message(self, message, cell, index):
        if "display_data" in message["msg_type"]:
            self.got.setdefault(index, []).append(message)
        return super().process_message(message, cell, index)


class Cell:
    """A cell after it ran."""

    def __init__(self, cell, messages):
        self.messages = messages
        self.streams = {"stdout": "", "stderr": ""}
        self.shown, self.tracebacks = [], []
        for output in cell.outputs:
            if output.output_type == "stream":
                self.streams[output.name] += output.text
            elif output.output_type == "error":
                self.tracebacks.append(output.traceback)
            else:
                self.shown.append(output.data)


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [
        nbformat.v4.new_code_cell(textwrap.dedent(code).strip())
        for code in (SETUP, *CELLS.values())
    ]
    folder = str(tmp_path_factory.mktemp("live"))
    client = Client(
        notebook, timeout=150, allow_errors=True, resources={"metadata": {"path": folder}}
    )
    client.got = {}
    client.execute()
    setup, *ran = [
        Cell(cell, client.got.get(index, [])) for index, cell in enumerate(notebook.cells)
    ]
    assert not setup.tracebacks
    return dict(zip(CELLS, ran, strict=True))


@pytest.mark.parametrize("name", ["serial", "processes"])
def test_one_output_that_is_updated(cells, name):
    cell = cells[name]
    assert cell.tracebacks == []
    assert [m["msg_type"] for m in cell.messages] == (
        ["display_data"] + ["update_display_data"] * (len(cell.messages) - 1)
    )
    assert 3 <= len(cell.messages) < 20
    assert len({m["content"]["transient"]["display_id"] for m in cell.messages}) == 1
    (shown,) = cell.shown
    assert shown["text/plain"].startswith("20 of 20 trials (100 %)")
    assert "<svg" in shown["text/html"]
    assert len(shown["text/html"]) < 30_000


def test_prints_of_the_objective_are_apart(cells):
    assert cells["serial"].streams == {"stdout": "hello\n" * 20, "stderr": ""}


def test_slots_and_failures(cells):
    texts = [m["content"]["data"]["text/plain"] for m in cells["processes"].messages]
    assert any("2 of 2 slots busy" in text for text in texts)
    assert re.search(
        r"^trial \d+: ValueError: <b>0\.\d+ is too large</b>$", texts[-1], re.MULTILINE
    )
    assert "<b>0." not in cells["processes"].shown[0]["text/html"]


def test_after_an_error_the_last_state_stays(cells):
    cell = cells["error"]
    assert len(cell.tracebacks) == 1
    (shown,) = cell.shown
    assert re.search(r"^trial \d+: ValueError: wrong$", shown["text/plain"], re.MULTILINE)
    assert shown["text/plain"].endswith("The search ended: ValueError was raised.")


def test_inner_bars_stay(cells):
    assert cells["inner bar"].streams["stderr"].count("3/3") >= 2
    assert len(cells["inner bar"].shown) == 1


def test_it_is_off_with_the_bar(cells):
    cell = cells["not shown"]
    assert (cell.shown, cell.messages, cell.streams) == ([], [], {"stdout": "", "stderr": ""})


@pytest.mark.parametrize("name", ["own bar", "drawing fails"])
def test_the_bar_in_its_place(cells, name):
    cell = cells[name]
    assert cell.tracebacks == []
    assert "20/20" in cell.streams["stderr"] + str(cell.shown)
    assert not [data for data in cell.shown if "20 of 20" in data.get("text/plain", "")]
