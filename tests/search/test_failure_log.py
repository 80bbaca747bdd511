"""What users see of failed trials: each traceback once, a count, and hints."""

import logging

import pytest

from sparktune import ProcessTrials, SparkTrials, Trials, fmin, hp, rand
from sparktune.pyll import scope

SPACE = hp.choice("kind", [hp.uniform("x", 0, 1), hp.uniform("y", 0, 1)])


def failures(caplog, level=logging.WARNING):
    """Return what was logged about failures, without the rest."""
    records = [r for r in caplog.records if r.name == "sparktune.fmin" and r.levelno >= level]
    return [r.getMessage() for r in records if "failed" in r.getMessage()]


def search(fn, space=SPACE, trials=None, max_evals=20, **arguments):
    arguments = {"catch_eval_exceptions": True, "verbose": False, "rstate": 3} | arguments
    trials = Trials() if trials is None else trials
    fmin(fn, space, rand.suggest, max_evals, trials=trials, **arguments)
    return trials


def in_two_ways():
    def objective(value):
        if value > 0.7:
            raise ValueError(f"x is {value}, too large")
        if value < 0.2:
            raise KeyError("small")
        return value

    return objective


def check_two_ways(trials, messages):
    errors = [doc for doc in trials._dynamic_trials if doc["state"] == 3]
    large = [doc["tid"] for doc in errors if "ValueError" in doc["misc"]["error"][0]]
    small = [doc["tid"] for doc in errors if "KeyError" in doc["misc"]["error"][0]]
    assert min(len(large), len(small)) > 1
    *logged, summary = messages
    assert len(logged) == 2
    for message in logged:
        assert message.startswith("Trial ")
        assert message.count("Traceback (most recent call last)") == 1
        assert message.count("in objective") == 1
    assert sorted("too large" in message for message in logged) == [False, True]
    lines = summary.removeprefix("Trials failed alike: ").splitlines()
    assert len(lines) == 2
    for line in lines:
        tids = large if line.startswith("ValueError: x is 0.") else small
        assert line.startswith(("ValueError: x is 0.", "KeyError: 'small' ("))
        assert f"({len(tids)} trials, last " in line
        assert int(line.rpartition(" ")[2].rstrip(")")) in tids


@pytest.mark.parametrize("make", [Trials, lambda: ProcessTrials(2)], ids=["serial", "processes"])
def test_a_traceback_is_logged_once(make, caplog):
    trials = search(in_two_ways(), trials=make(), max_evals=40)
    check_two_ways(trials, failures(caplog))


@pytest.mark.spark
def test_a_traceback_is_logged_once_on_spark(spark, caplog, monkeypatch):
    monkeypatch.setenv("SPARKTUNE_MLFLOW", "0")
    trials = search(in_two_ways(), trials=SparkTrials(4, spark_session=spark), max_evals=40)
    check_two_ways(trials, failures(caplog))


def test_single_failures_have_no_summary(caplog):
    calls = []

    def objective(value):
        calls.append(value)
        if len(calls) == 3:
            raise ValueError("third")
        return value

    search(objective)
    (message,) = failures(caplog)
    assert message.startswith("Trial 2 failed: ValueError: third\nTraceback")
    assert "in objective" in message
    assert "sparktune" not in message.replace(__file__, "")  # none of our own frames


def test_other_messages_from_the_same_place_are_logged_without_the_traceback(caplog):
    def objective(value):
        raise ValueError("abc"[int(value * 3)] + " is wrong")

    with pytest.raises(Exception, match="is wrong"):
        search(objective, hp.uniform("x", 0, 1), max_evals=40)
    *logged, summary = failures(caplog)
    lines = [message.splitlines()[0] for message in logged if message.startswith("Trial ")]
    assert {line.split(": ")[2] for line in lines} == {f"{each} is wrong" for each in "abc"}
    assert ["Traceback" in message for message in logged] == [True, False, False, False]
    assert "of the last" in logged[3]
    assert len(summary.splitlines()) == 3


def test_what_the_search_raises_is_not_logged_whole(caplog):
    def objective(value):
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        search(objective, catch_eval_exceptions=False)
    assert failures(caplog) == ["Trial 0 failed: ValueError: wrong"]


def test_a_summary_is_logged_when_the_search_is_interrupted(caplog):
    calls = []

    def objective(value):
        calls.append(value)
        if len(calls) == 5:
            raise KeyboardInterrupt
        raise ValueError("wrong")

    with pytest.raises(KeyboardInterrupt):
        search(objective)
    assert failures(caplog)[-1] == "Trials failed alike: ValueError: wrong (4 trials, last 3)"


INTEGER_MESSAGES = [
    "The 'max_depth' parameter of Forest must be an int in the range [1, inf). Got {d} instead.",
    "'float' object cannot be interpreted as an integer",
    "slice indices must be integers or None or have an __index__ method; got float",
    "can't multiply sequence by non-int of type 'float'",
    "Invalid Parameter format for max_depth expect int but value='{d}'",
    'Parameter num_leaves should be of type int, got "{d}"',
]


@pytest.mark.parametrize("message", INTEGER_MESSAGES)
@pytest.mark.parametrize("distribution", ["quniform", "qnormal", "qloguniform", "qlognormal"])
def test_a_float_where_an_integer_is_needed(distribution, message, caplog):
    args = (3, 9, 1) if distribution == "quniform" else (1, 0.1, 1)
    args = (1, 2, 1) if distribution == "qloguniform" else args
    space = {
        "d": getattr(hp, distribution)("depth", *args),
        "right": scope.int(hp.quniform("right", 3, 9, 1)),
        "also right": hp.uniformint("also right", 3, 9),
        "half": hp.quniform("half", 3.2, 3.8, 0.5),
        "x": hp.uniform("x", 0, 1),
    }

    def objective(point):
        raise TypeError(message.format(**point))

    with pytest.raises(Exception, match="no best"):
        search(objective, space, max_evals=3)
    first = failures(caplog)[0]
    assert "Hint: the values of 'depth' are floats; use hp.int(...) or scope.int(" in first


@pytest.mark.parametrize("message", ["must be a float, got 3.0", "int is wrong", "x must be > 3.0"])
def test_no_hint_for_other_errors(message, caplog):
    def objective(point):
        raise ValueError(message)

    with pytest.raises(Exception, match="no best"):
        search(objective, hp.quniform("depth", 3, 9, 1), max_evals=3)
    assert "Hint" not in failures(caplog)[0]


def test_the_hint_names_the_label_whose_value_the_message_shows(caplog):
    space = [hp.quniform("depth", 3, 4, 4), hp.quniform("width", 7, 8, 8)]

    def objective(point):
        raise ValueError(f"must be an int, got {point[1]}")

    with pytest.raises(Exception, match="no best"):
        search(objective, space, max_evals=3)
    assert "the values of 'width' are floats" in failures(caplog)[0]
