"""Who says what on standard error, in processes of their own, where logging is as users have it."""

import subprocess
import sys

import pytest

SEARCH = """
import logging, sys
{setup}
from sparktune import fmin, hp, rand
def objective(x):
    if x < 0:
        raise ValueError("x is negative")
    return x
fmin(objective, hp.uniform("x", -1, 1), rand.suggest, 20, rstate=0, catch_eval_exceptions=True,
     show_progressbar={bar})
"""


def lines(setup="", bar=False):
    done = subprocess.run(
        [sys.executable, "-c", SEARCH.format(setup=setup, bar=bar)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_warnings_have_our_name_where_logging_is_not_configured():
    first, *rest, last = lines()
    assert first.startswith("sparktune: Trial ")
    assert first.endswith(" failed: ValueError: x is negative")
    assert rest[0] == "Traceback (most recent call last):"
    assert last.startswith("sparktune: Trials failed alike: ValueError: x is negative (")


def test_they_are_lines_of_their_own_beside_a_bar():
    text = "\n".join(lines(bar=True)).replace("\r", "\n")
    assert [line for line in text.splitlines() if "sparktune:" in line] == [
        line for line in text.splitlines() if line.startswith("sparktune:")
    ]
    assert "best loss: " in text


HANDLER = """
handler = logging.StreamHandler()
handler.setFormatter(logging.Formatter("ROOT %(message)s"))
logging.getLogger({!r}).addHandler(handler)
"""


@pytest.mark.parametrize("name", ["", "hyperopt", "hyperopt.fmin", "sparktune.fmin"])
def test_where_it_is_configured_nothing_is_said_twice(name):
    said = lines(HANDLER.format(name))
    assert said[0].startswith("ROOT Trial ")
    assert not [line for line in said if line.startswith("sparktune:")]


def test_it_can_be_silenced():
    assert lines("logging.getLogger('sparktune').setLevel(logging.CRITICAL)") == []
