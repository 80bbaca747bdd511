"""Real kills of real drivers: a small campaign for each mode; `make campaign` runs the long one."""

import random
import subprocess
import sys

import campaign
import killed_search
import pytest
from kill_kit import copy_up_to, log_of
from killed_search import KilledSearch, Tally

SPARK = [pytest.mark.slow, pytest.mark.spark, pytest.mark.timeout(1200)]
MLFLOW = [
    pytest.mark.slow,
    pytest.mark.mlflow,
    pytest.mark.timeout(600),
    # MLflow's SQLite store uses a loader that SQLAlchemy 2.1 deprecates.
    pytest.mark.filterwarnings("ignore:The ``noload`` loader:DeprecationWarning"),
]
COLUMNS = ("lost", "doubled", "changed", "unknown", "runs", "unreadable", "hangs", "leftovers")


@pytest.fixture(scope="module")
def connect_server(tmp_path_factory):
    from modes import ConnectServer

    server = ConnectServer(tmp_path_factory.mktemp("server"), "local[2]")
    yield server
    server.close()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return campaign.mlflow_store(tmp_path_factory.mktemp("mlflow"))


@pytest.mark.parametrize(
    ("mode", "kills"),
    [
        ("serial", 4),
        ("processes", 3),
        pytest.param("classic", 3, marks=SPARK),
        pytest.param("connect", 3, marks=SPARK),
    ],
)
def test_kills(mode, kills, tmp_path, request):
    address = request.getfixturevalue("connect_server").address if mode == "connect" else None
    tally = campaign.kill_in_mode(
        Tally(mode, False), kills, tmp_path, random.Random(), address, max_evals=15
    )
    assert tally.problems == []
    assert tally.kills == kills


@pytest.mark.parametrize(
    "mode", [pytest.param("serial", marks=MLFLOW), pytest.param("processes", marks=MLFLOW),
             pytest.param("classic", marks=[*SPARK, *MLFLOW])]
)  # fmt: skip
def test_kills_with_mlflow(mode, tmp_path, store):
    tally = campaign.kill_in_mode(
        Tally(mode, True), 2, tmp_path, random.Random(), store=store, max_evals=10
    )
    assert tally.problems == []
    assert tally.kills == 2


@pytest.mark.parametrize("dies_after", [pytest.param([1, 7], marks=MLFLOW)])
def test_a_kill_after_the_last_trial_leaves_no_open_run(dies_after, tmp_path, store):
    """Nothing is left to evaluate then, but MLflow has not been told of the last trials."""
    search = KilledSearch(
        Tally("serial", True), tmp_path, random.Random(1), max_evals=8, milliseconds=1, store=store
    )
    search.plan["dies_after"] = dies_after
    assert search._start().wait(60) == -9
    search.run(0)
    assert search.tally.problems == []


# -- what the campaign would notice --------------------------------------------------------------


@pytest.fixture
def search(tmp_path):
    """A search that nobody killed, and that has been checked once."""
    (tmp_path / "search").mkdir()
    found = KilledSearch(
        Tally("processes", False), tmp_path / "search", random.Random(1), max_evals=4
    )
    assert found.run(0) == 0
    assert found.tally.problems == []
    return found


def wrong(search):
    """Return the columns in which something is wrong now."""
    search._check()
    search._check_end()
    return {column for column in COLUMNS if getattr(search.tally, column)}


def test_it_notices_that_a_trial_is_lost(search, tmp_path):
    data = log_of(search.journal)
    copy_up_to(search.journal, data.rfind(b"\n", 0, data.rfind(b'"finished"')) + 1, tmp_path / "j")
    (tmp_path / "j" / "journal.log").replace(search.journal / "journal.log")
    assert wrong(search) == {"lost", "changed"}


def test_it_notices_that_a_trial_ran_again(search):
    line = next(line for line in search.events.read_text().splitlines() if line[:5] == "start")
    with search.events.open("a") as file:
        file.write(f"start 2 {line.split()[2]}\n")
    assert wrong(search) == {"doubled"}


def test_it_notices_that_the_search_acted_twice(search):
    with search.events.open("a") as file:
        file.write("acted 2 1\n")
    assert wrong(search) == {"doubled"}


def test_it_notices_runs_of_unknown_trials(search):
    with search.events.open("a") as file:
        file.write("start 1 0.123\n")
    assert wrong(search) == {"unknown"}


def test_it_notices_a_damaged_journal(search):
    path = search.journal / "journal.log"
    data = path.read_bytes()
    path.write_bytes(data[:100] + b"#" + data[101:])
    search._check()
    assert search.tally.unreadable == 1


def test_it_notices_what_is_left(search, monkeypatch):
    monkeypatch.setattr(killed_search, "END_LIMIT", 0.2)
    (search.journal / "journal.log.tmp").touch()
    (search.temporary / "sparktune-values").mkdir()
    left = subprocess.Popen(
        [sys.executable, "-c", "print('here', flush=True); import time; time.sleep(600)"],
        env=search.environment, stdout=subprocess.PIPE,
    )  # fmt: skip
    with left:
        left.stdout.readline()
        assert wrong(search) == {"leftovers"}
        assert left.wait(10) != 0
    (problem,) = search.tally.problems
    assert search.tally.leftovers == 3
    assert "journal.log.tmp" in problem


def test_it_notices_a_hang(search, monkeypatch):
    monkeypatch.setitem(killed_search.LIMITS, "processes", 0.3)
    search.plan = {**search.plan, "max_evals": 10_000, "milliseconds": 100}
    search._drive(kill=False)
    assert search.tally.hangs == 1
    assert "did not end" in search.tally.problems[0]
