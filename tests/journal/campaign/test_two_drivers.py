"""One journal, one writer: who else tries, what forks, and what reads meanwhile."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kill_kit import SPACE, check_journal, documents, loss_of

import sparktune
from sparktune import Trials, fmin, rand
from sparktune.exceptions import InvalidArgument

PYTHON = str(Path(sparktune.__file__).parents[1])
SECONDS = 60

DRIVER = """
import os, sys, time
from sparktune import fmin, hp, rand
folder, at = sys.argv[1], int(sys.argv[2])
runs = []
def objective(x):
    runs.append(x)
    if len(runs) == at:
        {act}
        print("ready", flush=True)
        time.sleep(600)
    return x * x
fmin(objective, hp.uniform("x", -5, 5), algo=rand.suggest, max_evals=5, rstate=1, verbose=False,
     journal=folder)
print("done", flush=True)
"""


@contextlib.contextmanager
def driver(folder, at=3, act="pass", line="ready"):
    """Start a search that waits in a trial; `act` is what that trial does before."""
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER.format(act=act), str(folder), str(at)],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": PYTHON},
        start_new_session=True,
    )  # fmt: skip
    try:
        assert process.stdout.readline() == f"{line}\n"
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(SECONDS)
        process.stdout.close()


def search(folder, **more):
    trials = Trials()
    fmin(lambda x: x * x, sparktune.hp.uniform("x", -5, 5), algo=rand.suggest, max_evals=5,
         trials=trials, rstate=1, verbose=False, journal=folder, **more)  # fmt: skip
    return trials


def refused(folder):
    with pytest.raises(InvalidArgument) as caught:
        search(folder)
    message = str(caught.value)
    assert "`journal` must not be in use" in message
    assert str(folder) in message
    assert "Hint" in message
    return message


def test_the_second_is_told_who_the_first_is(tmp_path):
    with driver(tmp_path / "j") as first:
        message = refused(tmp_path / "j")
        assert f"by process {first.pid} on {os.uname().nodename} since 2" in message
        read = Trials.from_journal(tmp_path / "j")
        assert [doc["state"] for doc in read._dynamic_trials] == [2, 2, 1]
        first.kill()
        first.wait(SECONDS)
        trials = search(tmp_path / "j")
        assert len(trials.losses()) == 5
    check_journal(tmp_path / "j", None)


def test_the_third_is_told_who_the_second_is_before_that_has_a_result(tmp_path):
    with driver(tmp_path / "j") as first:
        first.kill()
        first.wait(SECONDS)
    slow = (
        "import sparktune._search.search as s\n"
        'def slow(**_): print("ready", flush=True); time.sleep(600)\n'
        "s.make_tracker = slow"
    )
    code = DRIVER.replace("runs = []", f"runs = []\n{slow}", 1)
    second = subprocess.Popen(
        [sys.executable, "-c", code.format(act="pass"), str(tmp_path / "j"), "99"],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": PYTHON},
    )  # fmt: skip
    try:
        assert second.stdout.readline() == "ready\n"
        assert f"by process {second.pid} " in refused(tmp_path / "j")
    finally:
        second.kill()
        second.wait(SECONDS)
        second.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGHUP])
def test_signals(number, tmp_path):
    with driver(tmp_path / "j") as first:
        before = documents(Trials.from_journal(tmp_path / "j"))
        first.send_signal(number)
        assert first.wait(SECONDS) == -number
        assert documents(Trials.from_journal(tmp_path / "j")) == before
        trials = search(tmp_path / "j")
    assert documents(trials)[:2] == before[:2]
    assert documents(trials)[2]["misc"]["vals"] == before[2]["misc"]["vals"]
    never_killed = search(tmp_path / "other")
    assert documents(trials) == documents(never_killed)


def test_ctrl_c(tmp_path):
    with driver(tmp_path / "j") as first:
        first.send_signal(signal.SIGINT)
        assert first.wait(SECONDS) not in (0, None)
        assert len(search(tmp_path / "j").losses()) == 5


# Each makes the file "child" beside the journal once it runs by itself.
RUN = "os.close(1), os.setsid(), open(folder + '-child', 'x'), time.sleep(60)"
SCRIPT = "touch $0-child; exec sleep 60"
FORKS = {
    "fork": f"os.fork() or ({RUN}, os._exit(0))",
    "multiprocessing": "import multiprocessing as m; m.set_start_method('fork'); "
    f"m.Process(target=lambda: ({RUN})).start()",
    "popen": f"import subprocess as s; s.Popen(['sh', '-c', '{SCRIPT}', folder], "
    "start_new_session=True, stdout=s.DEVNULL, close_fds=False)",
    "system": f"os.system(f\"setsid sh -c '{SCRIPT}' {{folder}} >/dev/null &\")",
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("how", FORKS)
def test_a_child_that_outlives_the_driver_does_not_keep_the_lock(how, tmp_path, monkeypatch):
    monkeypatch.setenv("CHILD_OF", str(tmp_path))
    try:
        with driver(tmp_path / "j", act=FORKS[how]) as first:
            end = time.monotonic() + SECONDS
            while not (tmp_path / "j-child").exists():
                assert time.monotonic() < end, "the child does not start"
                time.sleep(0.01)
            os.kill(first.pid, signal.SIGKILL)
            first.wait(SECONDS)
            assert len(children(tmp_path)) > 0
            assert len(search(tmp_path / "j").losses()) == 5
            assert len(children(tmp_path)) > 0
    finally:
        for pid in children(tmp_path):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def children(folder):
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"CHILD_OF={folder}".encode() in (each / "environ").read_bytes().split(b"\0"):
                found.append(int(each.name))
    return [pid for pid in found if pid != os.getpid()]


def test_reading_in_the_same_process_does_not_let_go_of_the_lock(tmp_path):
    """Locks of POSIX would end when any descriptor of the file is closed."""
    seen = []

    def look(trials, trial):
        read = Trials.from_journal(tmp_path / "j")
        seen.append(len(read.losses()))
        (tmp_path / "j" / "journal.log").read_bytes()
        place = str(tmp_path / "j")
        code = f"from kill_kit import *; fmin(loss_of, SPACE, max_evals=1, journal={place!r})"
        if len(seen) in (2, 5):
            other = subprocess.run(
                [sys.executable, "-c", code], capture_output=True, text=True, check=False,
                env={**os.environ, "PYTHONPATH": f"{PYTHON}:{Path(__file__).parent}"},
            )  # fmt: skip
            assert re.search(rf"`journal` must not be in use.* by process {os.getpid()} ",
                             other.stderr), other.stderr  # fmt: skip

    fmin(loss_of, SPACE, algo=rand.suggest, max_evals=5, rstate=1, verbose=False,
         journal=tmp_path / "j", callbacks=[look])  # fmt: skip
    assert seen == [1, 2, 3, 4, 5]


def test_two_searches_of_one_process(tmp_path):
    def nested(point):
        message = refused(tmp_path / "j")
        assert f"by process {os.getpid()} " in message
        return loss_of(point)

    fmin(nested, SPACE, algo=rand.suggest, max_evals=2, verbose=False, journal=tmp_path / "j")
    check_journal(tmp_path / "j")


def test_threads_search_in_their_own_journals(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        ends = list(pool.map(search, [tmp_path / str(number) for number in range(4)]))
    assert all(documents(end) == documents(ends[0]) for end in ends)
    for number in range(4):
        assert documents(check_journal(tmp_path / str(number))) == documents(ends[0])


def test_many_readers_of_a_growing_journal(tmp_path):
    """A reader sees whole records only, each time at least as many as before."""
    with subprocess.Popen(
        [sys.executable, "-c", DRIVER.format(act="pass").replace("max_evals=5", "max_evals=300"),
         str(tmp_path / "j"), "-1"],
        stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": PYTHON},
    ) as first:  # fmt: skip
        counts, end = [], time.monotonic() + SECONDS
        while first.poll() is None:
            assert time.monotonic() < end, "the search does not end"
            with contextlib.suppress(InvalidArgument):  # there is none yet
                counts.append(len(Trials.from_journal(tmp_path / "j").losses()))
    assert counts == sorted(counts)
    assert len(check_journal(tmp_path / "j").losses()) == 300
