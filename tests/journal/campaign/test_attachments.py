"""What callers do with `trials.attachments` while a journal follows."""

import pytest
from kill_kit import CASES, SPACE, check_journal, loss_of

from sparktune import Trials, fmin, rand


def search(folder, callback, fn=CASES["rich results"].fn):
    trials = Trials()
    fmin(fn, SPACE, algo=rand.suggest, max_evals=6, trials=trials, rstate=3, verbose=False,
         journal=folder, callbacks=[callback])  # fmt: skip
    return trials


def test_attachments_that_a_callback_deletes_hide_no_others(tmp_path):
    def forget(trials, trial):
        for key in [key for key in trials.attachments if key.startswith("ATTACH")][:-2]:
            del trials.attachments[key]

    trials = search(tmp_path / "j", forget)
    read = check_journal(tmp_path / "j").attachments
    assert {key for key in trials.attachments if key.startswith("ATTACH")} <= set(read)
    assert len(read) >= 10


def test_attachments_of_the_whole_search(tmp_path):
    def note(trials, trial):
        trials.attachments[f"note {trial['tid']}"] = trial["tid"]
        trials.attachments["latest"] = trial["tid"]

    search(tmp_path / "j", note, loss_of)
    read = check_journal(tmp_path / "j").attachments
    assert [read[f"note {tid}"] for tid in range(6)] == list(range(6))


@pytest.mark.parametrize("key", [5, None, ("a", 1), b"x"])
def test_keys_that_are_not_text_are_left_out(key, tmp_path, caplog):
    def note(trials, trial):
        trials.attachments[key] = 1
        trials.attachments[f"note {trial['tid']}"] = 1

    search(tmp_path / "j", note, loss_of)
    assert sorted(check_journal(tmp_path / "j").attachments) == [f"note {n}" for n in range(6)]
    (message,) = [r.getMessage() for r in caplog.records if r.name == "sparktune.journal"]
    assert repr(key) in message
    search(tmp_path / "j", note, loss_of)
