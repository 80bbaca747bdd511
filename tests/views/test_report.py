"""`trials.report`: one file, what it holds, and that no text in it is markup."""

import ast
import html
import logging
import math
import os
import re

import numpy as np
import pytest
from report_kit import AWKWARD, Page, awkward, document, failed, made, mixed, page_of, search

from sparktune import Trials, fmin, hp, rand, space_eval
from sparktune._views import report_charts
from sparktune._views.report import report_html
from sparktune.exceptions import InvalidArgument, InvalidArgumentType

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
    shown = page.sections["failures"]
    assert "9 ValueError: x is 0 and too largeTrials 0, 1, 2, 3, 4, 5, 6, 7, 8; the first:" in shown
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
