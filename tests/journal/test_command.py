"""``python -m sparktune journal``."""

import subprocess
import sys
import threading

import pytest

from sparktune import STATUS_OK, Journal, Trials, fmin, hp, rand
from sparktune.__main__ import main
from sparktune._journal.page import events_of


@pytest.fixture
def journal(tmp_path):
    def loss(x):
        if x > 0.5:
            raise ValueError(f"x is too large: {x}")
        return {"status": STATUS_OK, "loss": x, "model": {1}}

    fmin(loss, hp.uniform("x", -1, 1), rand.suggest, 12, verbose=False, rstate=0,
         catch_eval_exceptions=True, journal=tmp_path / "j")  # fmt: skip
    return tmp_path / "j"


def test_it_shows_the_state(journal, capsys):
    assert main(["journal", str(journal)]) == 0
    shown = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()[:6])
    assert shown["journal"].startswith(f"{journal}, begun 20")
    assert shown["search"] == "loss, algo sparktune.rand.suggest, max_evals 12"
    assert shown["state"].endswith("UTC: all trials have ended")
    assert shown["trials"].startswith("12 trials: ")
    assert "failed; best loss -" in shown["trials"]


def test_it_names_the_best_and_the_failures(journal, capsys):
    main(["journal", str(journal)])
    rows = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    best = Trials.from_journal(journal).argmin["x"]
    assert ["best", f"x = {best!r}"] in rows
    assert [row for row in rows if row[0] == "failures"]


def test_it_runs_as_a_module_and_says_what_is_wrong(journal, tmp_path):
    command = [sys.executable, "-m", "sparktune", "journal"]
    done = subprocess.run([*command, str(journal)], capture_output=True, text=True, check=True)
    assert "12 trials" in done.stdout
    wrong = subprocess.run([*command, str(tmp_path / "no")], capture_output=True, text=True)
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert wrong.stderr.startswith("`journal` must be the path of a journal; there is none in")


def test_a_torn_end_is_noted(journal, capsys):
    file = journal / "journal.log"
    file.write_bytes(file.read_bytes()[:-5])
    assert main(["journal", str(journal)]) == 0
    shown = capsys.readouterr().out
    assert "is incomplete: its search was killed there" in shown
    assert "running, or killed: the last record is of 20" in shown


def test_follow_shows_events_while_they_are_written(tmp_path):
    waits, searching = [], threading.Event()

    def search():
        searching.wait()
        fmin(abs, hp.uniform("x", -1, 1), rand.suggest, 5, verbose=False, rstate=0,
             journal=tmp_path / "j")  # fmt: skip

    thread = threading.Thread(target=search)
    thread.start()

    def wait(seconds):
        waits.append(seconds)
        searching.set()
        thread.join(0.01)

    lines = [line.partition("UTC  ")[2] for line in events_of(Journal(tmp_path / "j"), wait)]
    thread.join()
    assert waits
    assert lines[0].startswith("process ")
    assert lines[1] == "a search begins"
    assert [line.partition(",")[0] for line in lines[2:7]] == [
        f"trial {tid} finished" for tid in range(5)
    ]
    assert lines[2].endswith("the best so far")
    assert lines[7:] == ["the search ends: all trials have ended"]


def test_follow_ends_with_the_search(journal, capsys):
    assert main(["journal", str(journal), "--follow"]) == 0
    assert "failed: ValueError: x is too large" in capsys.readouterr().out


def test_salvage_writes_what_can_be_read(journal, tmp_path, capsys):
    file = journal / "journal.log"
    data = bytearray(file.read_bytes())
    damaged = [data.index(b'"finished"'), data.index(b'"failed"')]
    for at in damaged:
        data[at + 1] ^= 1
    file.write_bytes(data)
    assert main(["journal", str(journal)]) == 1
    assert "10 trials that ended can be saved" in capsys.readouterr().err
    assert main(["journal", str(journal), "--salvage", str(tmp_path / "new")]) == 0
    assert "with 12 trials, 10 of which ended; 2 places were damaged" in capsys.readouterr().out
    saved = Trials.from_journal(tmp_path / "new", allow_pickle=True)
    assert [doc["state"] for doc in saved._dynamic_trials].count(1) == 2
    assert {1} in [trial["result"].get("model") for trial in saved.trials]
    assert main(["journal", str(journal), "--salvage", str(tmp_path / "new")]) == 1
    assert "must be the path of a new journal" in capsys.readouterr().err


def test_salvage_when_the_first_record_is_gone(journal, tmp_path, capsys):
    file = journal / "journal.log"
    file.write_bytes(b"x" + file.read_bytes())
    assert main(["journal", str(journal), "--salvage", str(tmp_path / "new")]) == 0
    assert "12 of which ended" in capsys.readouterr().out
