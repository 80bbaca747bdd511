"""`trials=`, `trials_save_file=` and the same object again, together with a journal."""

import pytest
from kill_kit import POINTS, SPACE, check_journal, copy_up_to, documents, log_of, loss_of

from sparktune import Trials, fmin, rand
from sparktune._journal import file_store
from sparktune.exceptions import InvalidArgument
from sparktune.fmin import generate_trials_to_calculate


def search(trials, journal, fn=loss_of, max_evals=6, **more):
    fmin(fn, SPACE, algo=rand.suggest, max_evals=max_evals, trials=trials, journal=journal,
         rstate=3, verbose=False, **more)  # fmt: skip
    return trials


def each_record(folder):
    data = log_of(folder)
    return [at + 1 for at in range(len(data)) if data[at : at + 1] == b"\n"]


def test_a_script_that_makes_its_first_trials_can_be_started_again(tmp_path):
    whole = search(generate_trials_to_calculate(POINTS), tmp_path / "whole")
    for number, size in enumerate(each_record(tmp_path / "whole")):
        copy = copy_up_to(tmp_path / "whole", size, tmp_path / str(number))
        trials = search(generate_trials_to_calculate(POINTS), copy)
        assert documents(trials) == documents(whole)
        assert documents(check_journal(copy)) == documents(whole)


def test_a_warm_start_can_be_started_again(tmp_path):
    past = search(Trials(), None, max_evals=3)

    def warm():
        trials = Trials()
        trials.insert_trial_docs([dict(doc) for doc in past._dynamic_trials])
        trials.refresh()
        return trials

    whole = search(warm(), tmp_path / "whole")
    for number, size in enumerate(each_record(tmp_path / "whole")):
        copy = copy_up_to(tmp_path / "whole", size, tmp_path / str(number))
        trials = search(warm(), copy)
        assert documents(trials) == documents(whole)
        assert documents(check_journal(copy)) == documents(whole)


def test_other_trials_are_refused(tmp_path):
    search(Trials(), tmp_path / "journal")
    others = fmin_others()
    before = log_of(tmp_path / "journal")
    with pytest.raises(InvalidArgument, match=r"`trials` must .*journal.*Hint"):
        search(others, tmp_path / "journal")
    assert log_of(tmp_path / "journal")[: len(before)] == before


def test_the_same_points_with_other_losses_are_refused(tmp_path):
    """Two searches with one seed suggest the same, but of other data."""
    search(Trials(), tmp_path / "journal", max_evals=3)
    others = search(Trials(), tmp_path / "other", max_evals=3, fn=lambda _: 7.0)
    others._journal = ""
    with pytest.raises(InvalidArgument, match=r"`trials` must .*journal.*Hint"):
        search(others, tmp_path / "journal")


def fmin_others():
    trials = Trials()
    fmin(loss_of, SPACE, algo=rand.suggest, max_evals=3, trials=trials, rstate=77, verbose=False)
    return trials


def test_the_same_object_again(tmp_path):
    trials = search(Trials(), tmp_path / "journal", max_evals=3)
    objects = list(trials._dynamic_trials)
    search(trials, tmp_path / "journal", max_evals=6)
    assert all(a is b for a, b in zip(objects, trials._dynamic_trials))  # noqa: B905 - more came
    assert documents(check_journal(tmp_path / "journal")) == documents(trials)


def test_a_save_file_may_lag_behind(tmp_path):
    """A save file is written once per second, so a driver that is killed leaves an old one."""
    whole = search(Trials(), tmp_path / "whole")
    save = tmp_path / "trials.pkl"

    class Killed(BaseException):
        pass

    def fn(point):
        if len(runs) == 2:
            raise Killed
        runs.append(point)
        return loss_of(point)

    runs = []
    fn.__name__ = "loss_of"
    with pytest.raises(Killed):
        search(None, tmp_path / "short", fn=fn, trials_save_file=save)
    saved, old = len(each_record(tmp_path / "short")), save.read_bytes()
    search(Trials(), tmp_path / "short")  # the journal goes on, the save file does not
    for number, size in enumerate(each_record(tmp_path / "short")[saved - 1 :]):
        copy = copy_up_to(tmp_path / "short", size, tmp_path / str(number))
        save.write_bytes(old)
        search(None, copy, trials_save_file=save)
        assert documents(check_journal(copy)) == documents(whole)


def test_what_a_full_disk_kept_out_is_written_by_the_next_call(tmp_path, monkeypatch):
    trials, real = Trials(), file_store._write_at
    count = {"left": 4}

    def full(file, data, at):
        count["left"] -= 1
        if count["left"] < 0:
            raise OSError(28, "No space left on device")
        return real(file, data, at)

    monkeypatch.setattr(file_store, "_write_at", full)
    search(trials, tmp_path / "journal", max_evals=5)
    monkeypatch.setattr(file_store, "_write_at", real)
    assert len(Trials.from_journal(tmp_path / "journal").losses()) < 5
    search(trials, tmp_path / "journal", max_evals=8)
    assert documents(check_journal(tmp_path / "journal")) == documents(trials)
    assert len(trials) == 8
