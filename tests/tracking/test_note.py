"""The description of a search: what it says, that nothing in it is markup, and that it is short."""

import ast
import re

import pytest

from sparktune import hp
from sparktune._space.expr import as_apply
from sparktune._space.reader import SpaceReader
from sparktune._tracking.base import SearchInfo
from sparktune._tracking.note import Failures, Note, Outcome, code_to_go_on, with_note
from sparktune._tracking.records import TrialRecord

COUNTS = {"ok": 27, "failed": 13, "cancelled": 0}


def note(uri="sqlite:///x.db", uuid="5a1cb1" + "0" * 26, **more):
    return Note(uri, "1", uuid, "fmin(...)", **more)


def outside_blocks(text):
    return re.sub(r"(?s)^```\w+\n.*?\n```$", "", text, flags=re.MULTILINE)


def best_of(documents, space, loss=0.5, **vals):
    record = TrialRecord.of(documents.done(documents.running(7, **vals), loss))
    plain = Outcome("FINISHED", COUNTS, [])
    return plain.with_best(note(), record, "b" * 32, True, SpaceReader(as_apply(space)))


def test_the_first_paragraph_answers_at_a_glance(documents):
    outcome = best_of(documents, hp.uniform("x", 0, 1), loss=6.616e-05, x=0.25)
    first, *_ = note().ended(outcome)
    assert first == (
        f"**Search 5a1cb1**: best is [trial 7](#/experiments/1/runs/{'b' * 32}), loss 6.616e-05. "
        "40 trials: 27 ok, 13 failed."
    )


@pytest.mark.parametrize(
    ("status", "words"),
    [("FAILED", "was ended by an exception: no trial"), ("KILLED", "was interrupted: no trial")],
)
def test_how_a_search_ended_that_did_not_finish(status, words):
    (first, _) = note().ended(Outcome(status, {"ok": 0, "failed": 0, "cancelled": 1}, []))
    assert words in first
    assert "1 trial: 0 ok, 1 cancelled." in first


@pytest.mark.parametrize(
    ("uri", "start"),
    [
        ("sqlite:///x.db", "#/experiments/1"),
        ("http://host:5000", "#/experiments/1"),
        ("databricks", "/ml/experiments/1"),
        ("databricks://profile", "/ml/experiments/1"),
    ],
)
def test_links_are_those_of_the_place(uri, start):
    assert note(uri).link("t", "b") == f"[t]({start}/runs/b)"
    assert note(uri).link("t", "b) <i>", "2") == f"[t]({start[:-1]}2/runs/b%29%20%3Ci%3E)"


AWKWARD = "a`b```\n```\n<b>**c**\u202e"


def test_the_best_parameters_are_code_with_the_exact_values(documents):
    space = {
        "x": hp.uniform(AWKWARD, 0, 1),
        "k": hp.choice("k", ["rbf", {"name": AWKWARD, "n": hp.uniformint("n", 0, 9)}]),
    }
    value = 0.1 + 0.2
    outcome = best_of(documents, space, **{AWKWARD: value, "k": 1, "n": 3.0})
    assert "\n```" not in outcome.code
    assert "# {" in outcome.code
    found = ast.literal_eval(outcome.code.removeprefix("best = "))
    assert found == {AWKWARD: value, "k": 1, "n": 3}


def test_many_parameters_are_cut(documents):
    space = {f"p{i}": hp.uniform(f"parameter number {i}", 0, 1) for i in range(300)}
    outcome = best_of(documents, space, **{f"parameter number {i}": 0.5 for i in range(300)})
    assert len(outcome.code) < 1700
    assert "more: the params best_" in outcome.code
    assert len(ast.literal_eval(outcome.code.removeprefix("best = "))) > 20


def test_a_score_is_shown_in_place_of_the_loss(documents):
    trial = documents.done(documents.running(3, x=1.0), -0.75, score=0.75)
    outcome = Outcome("FINISHED", COUNTS, []).with_best(
        note(), TrialRecord.of(trial), None, True, SpaceReader(None)
    )
    assert outcome.best == "best is trial 3, score 0.75"


def test_failures_that_differ_in_numbers_count_together():
    failures = Failures()
    for x in range(9):
        failures.add(f"ValueError: {x / 7} is too large")
    failures.add("KeyError: 'y'")
    assert failures.commonest() == [
        "    9  ValueError: 0.0 is too large",
        "    1  KeyError: 'y'",
    ]


def test_failures_of_very_many_kinds_take_bounded_room():
    failures = Failures()
    for x in range(5000):
        failures.add("E: " + "x" * x)
    lines = failures.commonest()
    assert len(lines) == 6
    assert all(len(line) <= 160 for line in lines)
    assert sum(int(line.split()[0]) for line in lines) == 5000
    assert len(failures._counts) <= 1001


def test_no_text_of_the_users_is_markup(documents):
    failures = Failures()
    failures.add(AWKWARD)
    failures.add("```\n# Title\n<script>[x](y)")
    space = hp.choice(AWKWARD, [AWKWARD])
    outcome = best_of(documents, space, **{AWKWARD: 0})
    outcome = Outcome("FINISHED", COUNTS, failures.commonest(), outcome.best, outcome.code)
    info = SearchInfo({}, objective="train```", trials_class="Trials")
    page = Note("sqlite:///", "1", "b" * 32, code_to_go_on(info, 'a"\n```', None))
    (tag,) = with_note(None, page, page.ended(outcome)).values()
    assert tag.count("```") == 6
    plain = outside_blocks(tag)
    for text in ("<", "# Title", "**c**", "[x]", "\u202e"):
        assert text not in plain
    assert "\u202e" not in tag


def test_the_code_to_go_on_has_the_arguments_that_matter():
    params = {"max_evals": 40, "algo": "sparktune.rand.suggest", "parallelism": 8}
    info = SearchInfo(params, objective="train", trials_class="SparkTrials", maximize=True)
    assert code_to_go_on(info, "abc", None) == (
        "from sparktune import SparkTrials, fmin, rand\n"
        'trials = SparkTrials.from_mlflow("abc", parallelism=8)\n'
        "fmin(train, space, trials=trials, max_evals=80, algo=rand.suggest, maximize=True)"
    )
    info = SearchInfo({"timeout": 60, "algo": "sparktune.tpe.suggest"})
    assert code_to_go_on(info, "abc", "u").splitlines()[1:] == [
        'trials = Trials.from_mlflow("abc", fmin_uuid="u")',
        "fmin(objective, space, trials=trials, timeout=60)",
    ]
    ast.parse(code_to_go_on(SearchInfo({"parallelism": 4}), "a" * 32, "b" * 32))


# -- beside what others wrote ----------------------------------------------------------------------


def described(before, page, paragraphs):
    return with_note(before, page, paragraphs).get("mlflow.note.content", before)


def test_what_others_wrote_is_kept():
    first, second = note(), note(uuid="c" * 32)
    text = described("Mine.", first, first.running())
    assert text.startswith("Mine.\n\n**Search 5a1cb1** is running")
    text = described(text + "\n\nLater.", second, second.running())
    text = described(text, first, first.ended(Outcome("FINISHED", COUNTS, [])))
    assert text.startswith("Mine.\n\n**Search 5a1cb1**: no trial")
    assert "\n\nLater.\n\n**Search cccccc** is running" in text
    assert "5a1cb1** is running" not in text
    again = described(text, first, first.ended(Outcome("FINISHED", COUNTS, [])))
    assert again == text


def test_a_part_that_the_user_has_changed_is_not_written_over():
    page = note()
    text = described(None, page, page.running()).replace("[sparktune-5a1cb1]", "gone")
    new = described(text, page, page.ended(Outcome("FINISHED", COUNTS, [])))
    assert new.startswith(text)


@pytest.mark.parametrize("length", [0, 3000, 4500, 4800, 4990, 5000, 7000])
def test_the_description_stays_within_the_limit(length, documents):
    outcome = best_of(
        documents, {f"p{i}": hp.uniform(f"p{i}", 0, 1) for i in range(99)},
        **{f"p{i}": 0.123456789 for i in range(99)},
    )  # fmt: skip
    errors = ["x" * 150] * 6
    outcome = Outcome("FINISHED", COUNTS, errors, outcome.best, outcome.code)
    page, own = note(), "u" * length
    text = described(own, page, page.running())
    assert text.startswith(own)
    assert len(text) <= max(5000, length)
    text = described(text, page, page.ended(outcome))
    assert text.startswith(own)
    assert len(text) <= max(5000, length)
    assert "is running" not in text
    assert ("trial 7" in text) == (length <= 4800)
