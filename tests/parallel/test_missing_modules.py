"""A module that is missing where trials run ends the search, unless trials can do without."""

import pytest

from sparktune import ProcessTrials, fmin, hp, rand
from sparktune.exceptions import ObjectiveNotLoaded


class TestAModuleThatWorkersLack:
    @staticmethod
    def objective(x):
        import a_module_that_is_nowhere  # noqa: F401

    def test_it_ends_the_search_at_the_first_trial(self):
        trials = ProcessTrials(2)
        with pytest.raises(ObjectiveNotLoaded, match=r"a_module_that_is_nowhere.*Hint: install"):
            fmin(self.objective, hp.uniform("x", 0, 1), max_evals=50, trials=trials, verbose=False)
        assert len(trials._dynamic_trials) <= 6

    def test_not_if_others_can_do_without(self):
        def objective(x):
            if x > 0.5:
                import a_module_that_is_nowhere  # noqa: F401
            return x

        trials = ProcessTrials(2)
        fmin(
            objective, hp.uniform("x", 0, 1), rand.suggest, 20, trials=trials, rstate=0,
            catch_eval_exceptions=True, verbose=False,
        )  # fmt: skip
        assert 0 < trials.count_failed_trials() < len(trials._dynamic_trials)
