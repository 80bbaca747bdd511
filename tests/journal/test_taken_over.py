"""A search whose journal another process has taken over."""

import json
import time

from sparktune import Trials, fmin, hp, rand
from sparktune._journal import journal as journal_module
from sparktune._journal.folders import LocalFolder
from sparktune._journal.segments import SegmentStore


def test_it_goes_on_without_the_journal(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(
        journal_module,
        "store_at",
        lambda path, options: SegmentStore(
            LocalFolder(str(tmp_path)), renew=0.05, expires=0.2, settle=0.01
        ),
    )
    taken = []

    def callback(trials, trial):
        if trial["tid"] == 2:
            (holder,) = tmp_path.glob("holder-*")
            other = json.loads(holder.read_text())
            other["token"] = "of another process"
            holder.write_text(json.dumps(other))
            taken.append(holder)
            time.sleep(1.2)

    trials = Trials()
    fmin(abs, hp.uniform("x", -1, 1), rand.suggest, 8, verbose=False, rstate=0, trials=trials,
         journal=tmp_path, callbacks=[callback])  # fmt: skip
    assert taken
    assert len(trials) == 8
    told = [r.message for r in caplog.records if "journal" in r.message]
    assert [each for each in told if "is not written any more" in each] == told
    assert len(told) == 1
    read = Trials.from_journal(tmp_path)
    assert read.losses()[:3] == trials.losses()[:3]


def test_each_result_is_in_its_store_before_the_search_acts_on_it(tmp_path, monkeypatch):
    monkeypatch.setattr(
        journal_module,
        "store_at",
        lambda path, options: SegmentStore(LocalFolder(str(tmp_path)), settle=0.01),
    )
    seen = []

    def callback(trials, trial):
        seen.append(Trials.from_journal(tmp_path).losses()[trial["tid"]] == trial["result"]["loss"])

    fmin(abs, hp.uniform("x", -1, 1), rand.suggest, 6, verbose=False, rstate=0,
         journal=tmp_path, callbacks=[callback])  # fmt: skip
    assert seen == [True] * 6
