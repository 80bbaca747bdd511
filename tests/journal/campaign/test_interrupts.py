"""Ctrl-C, or a signal handler that raises, at any line of the code that writes a journal."""

import shutil
import sys
from pathlib import Path

import pytest
from kill_kit import SPACE, check_journal, documents, log_of, loss_of, records_in

from sparktune import Journal, Trials, _journal, fmin, rand

ROOM = str(Path(_journal.__file__).parent)


class Interrupt:
    """Raises `KeyboardInterrupt` at the line with a number of those that run in the room."""

    def __init__(self, at):
        self.at = at
        self.count = 0
        self.where = None

    def __call__(self, frame, event, argument):
        if not frame.f_code.co_filename.startswith(ROOM):
            return None
        return self.line

    def line(self, frame, event, argument):
        if event == "line":
            self.count += 1
            if self.count == self.at:
                self.where = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
                raise KeyboardInterrupt
        return self.line


def search(folder, trials, interrupt=None, acted=None):
    acted = [] if acted is None else acted
    journal = Journal(folder, fsync=False)
    if interrupt is not None:
        sys.settrace(interrupt)
    try:
        fmin(
            loss_of, SPACE, algo=rand.suggest, max_evals=4, max_queue_len=2, trials=trials,
            rstate=1, verbose=False, journal=journal,
            callbacks=[lambda _, trial: acted.append(trial["tid"])],
        )  # fmt: skip
    finally:
        sys.settrace(None)


def interrupted(folder, at):
    """Interrupt a search; return where that was, None if it ended before."""
    interrupt, trials, acted = Interrupt(at), Trials(), []
    try:
        search(folder, trials, interrupt, acted)
    except KeyboardInterrupt:
        pass
    else:
        assert interrupt.where is None, f"interrupted at {interrupt.where}, which nobody noticed"
        return None
    return interrupt.where, trials, acted


def seed_was_lost(folder):
    """Whether trials were suggested, and Ctrl-C came before the journal was told of their seed."""
    return any(record["kind"] == "added" for record in records_in(log_of(folder)))


@pytest.mark.skipif(sys.gettrace() is not None, reason="a debugger or coverage traces")
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.parametrize(
    ("first", "step"), [(3, 41), *(pytest.param(n, 4, marks=pytest.mark.slow) for n in range(4))]
)
def test_at_each_line(tmp_path, first, step):
    whole = Trials()
    search(tmp_path / "whole", whole)
    number, problems = first, []
    while (found := interrupted(tmp_path / str(number), number + 1)) is not None:
        where, trials, acted = found
        try:
            folder, there = tmp_path / str(number), {}
            if (folder / "journal.log").exists() and (folder / "journal.log").stat().st_size:
                there = {doc["tid"]: doc for doc in Trials.from_journal(folder).trials}
                shutil.copytree(folder, tmp_path / f"{number}-copy")
            assert all(there[tid]["state"] == 2 for tid in acted), "a trial is lost"
            again = Trials()
            search(tmp_path / f"{number}-copy", again)
            assert len(again.losses()) == 4
            if not seed_was_lost(tmp_path / f"{number}-copy"):
                assert documents(again) == documents(whole), "the end is another"
            check_journal(tmp_path / f"{number}-copy")
            search(folder, trials)
            assert documents(check_journal(folder)) == documents(trials)
            assert len(trials.losses()) == 4
        except Exception as error:
            problems.append(f"{where}: {type(error).__name__}: {str(error)[:150]}")
        number += step
    assert number > 500
    assert not problems, f"{len(problems)} problems: " + "\n".join(sorted(set(problems))[:60])
