"""Suggestions are what they were, bit for bit: ``tests/golden/make.py`` says what that means."""

from __future__ import annotations

import json

import pytest

from golden import make
from sparktune import _core

GOLDEN = json.loads(make.FILE.read_text())


@pytest.mark.parametrize("name", GOLDEN["suggesters"])
@pytest.mark.parametrize("space", GOLDEN["spaces"])
def test_answers_to_given_histories(space, name):
    assert make.answers(GOLDEN, space, name) == GOLDEN["answers"][space][name]


@pytest.mark.parametrize("name", make.SEARCHES)
@pytest.mark.parametrize("space", GOLDEN["spaces"])
def test_searches_whose_history_grows(space, name):
    assert make.search(GOLDEN, space, name) == GOLDEN["searches"][space][name]


@pytest.mark.skipif(not hasattr(_core, "explain"), reason="built without the feature `inspect`")
@pytest.mark.parametrize("space", GOLDEN["spaces"])
def test_densities_of_candidates(space):
    assert make.densities(GOLDEN, space) == GOLDEN["densities"][space]


@pytest.mark.parametrize("name", make.PUBLIC)
def test_public_functions(name):
    assert make.public(GOLDEN, name) == GOLDEN["public"][name]


@pytest.mark.parametrize("name", make.PUBLIC)
def test_searches_by_fmin(name):
    assert make.run(name) == GOLDEN["fmin"][name]


def test_the_file_holds_what_is_asked_for():
    """So that no row gets lost when the file is written."""
    assert GOLDEN["spaces"] == make.SPACES
    assert GOLDEN["suggesters"] == make.SUGGESTERS
    for asked, held in ((make.PUBLIC, GOLDEN["public"]), (make.PUBLIC, GOLDEN["fmin"])):
        assert held.keys() == asked.keys()
