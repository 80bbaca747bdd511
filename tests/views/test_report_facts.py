"""What the report says in words: settings, seeds, how to go on, values as code, times."""

import ast
import math
import pickle

import numpy as np
import pytest
from report_kit import page_of, search

from sparktune import Journal, trials_from_docs
from sparktune._search.remembered import seed_of
from sparktune._views.report_facts import code_of, duration, go_on


def test_the_settings_of_the_search_are_kept(tmp_path):
    file = str(tmp_path / "trials.pkl")
    trials, _ = search(rstate=7, max_failures=30, trials_save_file=file)
    settings = trials._settings
    assert settings["algo"] == "rand.suggest"
    assert settings["max_evals"] == 40
    assert settings["seed"] == 7
    assert settings["max_failures"] == 30
    assert settings["objective"] == "objective"
    shown = page_of(trials).sections["search"]
    assert "rand.suggest" in shown
    assert f"trials_save_file={file!r}, max_evals=80, algo=rand.suggest" in shown
    assert "numpy" in shown
    again = pickle.loads(pickle.dumps(trials))
    assert again._settings == settings
    with open(file, "rb") as saved:  # noqa: PTH123
        assert pickle.load(saved)._settings == settings
    assert page_of(trials_from_docs(trials._dynamic_trials)).sections["search"].count("not known")


def test_the_seed_of_a_search_that_was_given_none_repeats_it():
    trials, _ = search(rstate=None)
    again, _ = search(rstate=trials._settings["seed"])
    assert again.vals == trials.vals


@pytest.mark.parametrize(
    ("rstate", "seed"),
    [
        (np.random.default_rng(42), 42),
        (np.random.Generator(np.random.MT19937(1)), None),
        (np.random.RandomState(1), None),
        (object(), None),
    ],
)
def test_seeds_of_generators(rstate, seed):
    assert seed_of(rstate) == seed


def test_a_generator_that_has_drawn_has_no_seed():
    used = np.random.default_rng(42)
    used.random()
    assert seed_of(used) is None


def test_a_journal_is_the_way_to_go_on(tmp_path):
    trials, _ = search(journal=Journal(tmp_path / "journal"))
    assert (
        f"fmin(objective, space, journal='{tmp_path}/journal', max_evals=80"
        in (page_of(trials).codes[-1])
    )


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({}, "fmin(objective, space, trials=trials, max_evals=...)"),
        (
            {"objective": "f", "max_evals": 5, "maximize": True, "algo": "tpe.suggest"},
            "fmin(f, space, trials=trials, max_evals=10, maximize=True)",
        ),
        ({"mlflow_run": "abc"}, "trials = SparkTrials.from_mlflow('abc')"),
        ({"journal": "s3://a/b"}, "trials=SparkTrials(...), journal='s3://a/b', max_evals=...)"),
    ],
)
def test_how_to_go_on(settings, code):
    text = go_on(settings, "SparkTrials" if len(settings) == 1 else "Trials")
    assert code in text
    ast.parse(text)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (1, "1"),
        (np.float64(0.1), "0.1"),
        (math.nan, 'float("nan")'),
        (None, "None"),
        ([1, (2,), "a"], "[1, (2,), 'a']"),
        ({"a": {}, "b": [True]}, "{\n    'a': {},\n    'b': [True],\n}"),
        (len, ""),
        ({"f": len}, ""),
        ({len: 1}, ""),
    ],
)
def test_values_as_code(value, code):
    assert code_of(value) == code


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0123, "0.012 s"),
        (34.2, "34 s"),
        (306, "5 min 6 s"),
        (7380, "2 h 3 min"),
        (360_000, "4 d 4 h"),
        (math.nan, "unknown"),
    ],
)
def test_times_as_people_say_them(seconds, text):
    assert duration(seconds) == text
