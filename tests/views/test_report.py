"""`trials.report`: one file, what it holds, and that no text in it is markup."""

import ast
import html
import json
import logging
import math
import os
import pickle
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from report_kit import AWKWARD, awkward, document, failed, made, mixed

from sparktune import Journal, Trials, fmin, hp, rand, space_eval, trials_from_docs
from sparktune._search.remembered import seed_of
from sparktune._views import report_charts
from sparktune._views.report import report_html
from sparktune._views.report_facts import code_of, duration, go_on
from sparktune.exceptions import InvalidArgument, InvalidArgumentType


class Page(HTMLParser):
    """Reads a report: its sections as text, its code blocks, its tags."""

    def __init__(self, text):
        super().__init__()
        self.sections, self.codes, self.tags, self.links = {}, [], [], []
        self._section = self._in = None
        self.data = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        self.links += [attrs[key] for key in ("src", "href") if key in attrs]
        if tag == "section":
            self._section = attrs["id"]
            self.sections[self._section] = ""
        if tag == "pre":
            self.codes.append("")
        self._in = "data" if attrs.get("id") == "data" else tag

    def handle_endtag(self, tag):
        self._section = None if tag == "section" else self._section
        self._in = None if tag == "pre" else self._in

    def handle_data(self, data):
        if self._in == "data":
            self.data = json.loads(data)
            self._in = None
        elif self._in == "pre":
            self.codes[-1] += data
        if self._section:
            self.sections[self._section] += data


def page_of(trials, **more):
    return Page(report_html(trials, **more))


def search(fn=None, max_evals=40, trials=None, **more):
    def objective(point):
        if point["x"] > 0.8:
            raise ValueError(f"{point['x']} is too large")
        return point["x"] ** 2

    trials = Trials() if trials is None else trials
    space = {
        "x": hp.uniform("x", -1, 1),
        "model": hp.choice(
            "m", [{"type": "svm", "C": hp.loguniform("C", -3, 3)}, {"type": "tree"}]
        ),
    }
    more = {"rstate": 7, "catch_eval_exceptions": True, **more}
    fmin(fn or objective, space, rand.suggest, max_evals, trials=trials, verbose=False, **more)
    return trials, space


SECTIONS = [
    "best", "history", "importance", "slices", "parallel", "distribution", "curves", "timeline",
    "trials", "failures", "search",
]  # fmt: skip


def test_a_report_of_a_search(tmp_path):
    trials, space = search()
    path = trials.report(tmp_path / "search.html")
    assert path == tmp_path / "search.html"
    assert [each.name for each in tmp_path.iterdir()] == ["search.html"]
    page = Page(path.read_text("utf-8"))
    assert list(page.sections) == SECTIONS
    assert f"loss {trials.best_loss!r}" in page.sections["best"]
    assert f"{trials.count_failed_trials()} " in page.sections["failures"]
    assert "is too large" in page.sections["failures"]
    assert page.tags.count("svg") >= 6
    assert all(link.startswith("#") for link in page.links)
    # The code gives the best parameters exactly.
    point = ast.literal_eval(page.codes[0].removeprefix("best_params = "))
    assert point == trials.best_params
    best = ast.literal_eval(page.codes[1].removeprefix("best = "))
    assert best == trials.argmin
    assert space_eval(space, best) == point


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
    text = go_on(settings, "SparkTrials" if len(settings) == 1 else "Trials").replace(
        "'abc'", '"abc"'
    )
    assert code in text
    ast.parse(text)


# -- the file ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "error", "said"),
    [
        (3, InvalidArgumentType, r"`path` must be a str or os.PathLike; got 3"),
        (None, InvalidArgumentType, r"got None. Hint: trials.report\("),
        (b"a.html", InvalidArgumentType, "must be a str"),
        ("", InvalidArgument, "must be the name of a file"),
        ("a\0b", InvalidArgument, "must be the name of a file"),
        ("no/such/a.html", InvalidArgument, "no folder 'no/such'. Hint: os.makedirs"),
        (".", InvalidArgument, "'.' is a folder"),
        ("new/", InvalidArgument, "is a folder"),
    ],
)
def test_wrong_paths(path, error, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=said):
        Trials().report(path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_replaced_as_a_whole(tmp_path, monkeypatch):
    path = tmp_path / "a.html"
    path.write_text("old")

    def full(self, target):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.replace", full)
        with pytest.raises(InvalidArgument, match="No space left"):
            Trials().report(str(path))
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1
    assert Trials().report(str(path)) == path
    assert path.read_text().startswith("<!doctype html>")
    plain = tmp_path / "plain"
    plain.touch()
    assert path.stat().st_mode == plain.stat().st_mode


def test_a_relative_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert os.fspath(Trials().report("a.html")) == "a.html"
    assert (tmp_path / "a.html").exists()


# -- whatever the trials -----------------------------------------------------------------------


def losses_of(*losses):
    return [document(tid, {"x": tid / 10}, loss) for tid, loss in enumerate(losses)]


@pytest.mark.parametrize(
    ("docs", "best", "history"),
    [
        ([], "No trial ended", "There are no trials yet."),
        (losses_of(0.25), "Trial 0, loss 0.25", "best"),
        ([failed(0, {"x": 1.0}), failed(1, {"x": 2.0})], "No trial ended", "No trial has a finite"),
        (losses_of(math.nan, math.inf, -math.inf), "No trial ended", "No trial has a finite loss"),
        (losses_of(math.nan, 2.0, math.inf), "Trial 1, loss 2.0", "best"),
        (losses_of(1e308, -1e308), "Trial 1, loss -1e+308", "best"),
        (losses_of(5.0, 5.0, 5.0), "Trial 0, loss 5.0", "best"),
        ([document(0, {}, 1.0)], "Trial 0, loss 1.0", "best"),
        ([document("a", {"x": 1}, 1.0), document(2, {"x": 1}, 2.0)], "Trial a", "best"),
    ],
    ids=range(9),
)  # fmt: skip
def test_whatever_the_trials_there_is_a_report(docs, best, history, caplog):
    page = page_of(made(docs))
    assert list(page.sections) == SECTIONS
    assert best in page.sections["best"]
    assert history in page.sections["history"]
    assert [r.message for r in caplog.records if "'importance'" not in r.message] == []
    assert len(page.data["tid"]) == len(docs)


def test_all_kinds_of_trials():
    page = page_of(made(mixed(200)))
    for name in ("history", "slices", "parallel", "distribution", "curves", "timeline"):
        assert "could not be drawn" not in page.sections[name]
    assert set(page.data["statuses"]) == {"ok", "fail", "cancelled", "running", "pruned"}
    assert None in page.data["loss"]
    assert "inf" in page.data["loss"]
    assert "busy" not in page.sections["search"] or "4 slots" in page.sections["search"]
    assert page.sections["failures"].count("ValueError: bad value 7") >= 1


def test_failures_are_grouped_with_the_first_traceback_and_their_count():
    docs = [failed(tid, {"x": 1.0}, f"x is {tid} and too large") for tid in range(9)]
    docs += [failed(9, {"x": 1.0}, "other"), document(10, {"x": 1.0}, 1.0)]
    page = page_of(made(docs))
    assert page.tags.count("details") == 2
    shown = " ".join(page.sections["failures"].split())
    assert (
        "9 ValueError: x is 0 and too large Trials 0, 1, 2, 3, 4, 5, 6, 7, 8; the first:" in shown
    )
    assert sum("Traceback" in code for code in page.codes) == 2


def test_many_hyperparameters_and_options():
    space = {f"p{i}": hp.uniform(f"parameter number {i}", 0, 1) for i in range(50)}
    space["c"] = hp.choice("c", [f"option {i}" for i in range(100)])
    trials = Trials()
    fmin(lambda p: p["p0"], space, rand.suggest, 60, trials=trials, rstate=0, verbose=False)
    page = page_of(trials)
    assert len(page.data["labels"]) == 51
    assert len(page.data["names"][page.data["labels"].index("c")]) == 100
    assert "could not be drawn" not in "".join(
        text for name, text in page.sections.items() if name != "importance"
    )


def test_no_text_is_markup():
    trials = made(awkward(), objective=AWKWARD, algo=AWKWARD, journal=AWKWARD)
    text = report_html(trials)
    page = Page(text)
    assert text.count("<script") == text.count("</script>") == 2
    assert "alert('" not in re.sub(r'(?s)id="data">.*?</script>', "", text)
    assert "\u202e" not in text
    assert "\x00" not in text
    text.encode("utf-8")
    assert page.data["labels"][0].startswith("</script><script>alert")
    assert "default-src 'none'" in html.unescape(text)
    for code in page.codes[:1]:
        best = ast.literal_eval(code.removeprefix("best = "))
        assert len(best) == 2


def test_the_script_is_the_one_that_the_policy_allows():
    import base64
    import hashlib

    text = report_html(Trials())
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text


def test_texts_are_cleaned():
    docs = [failed(0, {"x": 1.0}, "password=hunter2"), document(1, {"x": 1.0}, 1.0)]
    trials = made(docs, journal="s3://hunter2@bucket")
    text = report_html(trials, clean=lambda text: text.replace("hunter2", "***"))
    assert "hunter2" not in text
    assert text.count("password=***") >= 3


def test_spaces_are_not_evaluated_where_they_must_not_be():
    trials, _ = search()
    page = page_of(trials, evaluate=False)
    assert not any(code.startswith("best_params") for code in page.codes)
    assert page.codes[0].startswith("best = {")


def test_a_chart_that_fails_is_a_sentence(monkeypatch, caplog):
    def broken(data):
        raise RuntimeError("no <b>colours</b> left")

    monkeypatch.setattr(report_charts, "history", broken)
    page = page_of(made(mixed(20)))
    assert "could not be drawn (RuntimeError: no <b>colours</b> left)" in page.sections["history"]
    assert "The report lacks 'history'" in caplog.text


class Ranked(Trials):
    def importance(self):
        logging.getLogger("sparktune.importance").warning("Importances of few trials are rough.")
        return {
            "parameter": ["param_0", "param_3"],
            "importance": [0.1, 0.8],
            "low": [0.0, 0.7],
            "high": [0.3, 0.9],
        }


class Unranked(Trials):
    def importance(self):
        raise InvalidArgument("Importance needs losses that differ; all 3 are 1.0.")


def test_importance_orders_the_slices(caplog):
    trials = Ranked()
    trials._insert_trial_docs(mixed(40))
    text = report_html(trials)
    page = Page(text)
    assert "0.8" in text[text.index('id="importance"') : text.index('id="slices"')]
    assert page.sections["importance"].index("param_0") < page.sections["importance"].index(
        "param_3"
    )
    slices = page.sections["slices"]
    assert slices.index("param_3") < slices.index("param_0")
    assert "importances are rough" in page.sections["importance"]
    assert caplog.text == ""
    trials = Unranked()
    trials._insert_trial_docs(mixed(40))
    assert "all 3 are 1.0." in page_of(trials).sections["importance"]
    assert caplog.text == ""


def test_a_large_search_is_a_file_that_mails(tmp_path):
    path = made(mixed(10_000, 10)).report(tmp_path / "large.html")
    assert path.stat().st_size < 2_000_000
    page = Page(path.read_text("utf-8"))
    assert len(page.data["tid"]) == 10_000


def test_a_huge_table_has_the_best_and_some_of_the_others():
    docs = mixed(20_000, 30)
    page = page_of(made(docs))
    tids = page.data["tid"]
    assert 10_000 < len(tids) < 15_000
    assert "evenly some of the others" in page.sections["trials"]
    ok = [doc for doc in docs if doc["state"] == 2 and doc["result"]["status"] == "ok"]
    best = sorted(ok, key=lambda doc: np.nan_to_num(doc["result"]["loss"], nan=math.inf))[:1000]
    assert {doc["tid"] for doc in best} <= set(tids)


def test_the_first_rows_need_no_script():
    trials, _ = search()
    shown = page_of(trials).sections["trials"]
    assert f"{trials.best_loss:.6g}" in shown
    assert "svm" in shown


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
