"""A trial that runs in another process is in the journal before it starts."""

from kill_kit import SPACE, loss_of

from sparktune import ProcessTrials, Trials, fmin, rand


def test_trials_are_known_before_they_run(tmp_path, monkeypatch):
    known = []
    make = ProcessTrials.make_runner

    def make_runner(trials, domain, options):
        runner = make(trials, domain, options)
        start = runner.start

        def noting(trial, tracked=None):
            read = Trials.from_journal(tmp_path / "j")
            known.append({doc["tid"]: doc["state"] for doc in read._dynamic_trials}[trial["tid"]])
            start(trial, tracked)

        runner.start = noting
        return runner

    monkeypatch.setattr(ProcessTrials, "make_runner", make_runner)
    fmin(loss_of, SPACE, algo=rand.suggest, max_evals=6, trials=ProcessTrials(parallelism=2),
         verbose=False, journal=tmp_path / "j")  # fmt: skip
    assert known == [1] * 6
