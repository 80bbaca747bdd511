"""The live view: what it says, as data, and what happens when it cannot be shown."""

import io
import math
import re
import sys

import pytest
from browser import Browser, find_browser

from sparktune import Trials, fmin, hp, rand
from sparktune._views import live_view
from sparktune._views.live_page import live_html, live_text
from sparktune._views.live_view import live_progress_callback
from sparktune.progress import Facts

IPython = pytest.importorskip("IPython")

MARKUP = "<script>document.title = 'run'</script>\x00\u202e&amp;\"'"


def ended(tid, loss=None, status="ok"):
    if loss is None:
        return {"tid": tid, "state": 3, "result": {"status": "new"}}
    return {"tid": tid, "state": 2, "result": {"loss": loss, "status": status}}


def facts(**given):
    base = {"done": 57, "total": 100, "best": 0.25, "best_tid": 41, "best_params": {"x": 1.5},
            "running": 3, "slots": 4, "per_minute": 34.26, "seconds": 100.0,
            "seconds_left": 76.0}  # fmt: skip
    return Facts(**{**base, **given})


@pytest.fixture
def sent(monkeypatch):
    """What is sent to the front end: pairs of an id and a bundle."""
    found = []

    class Handle:
        def update(self, bundle, raw):
            found.append(("update", bundle))

    def display(bundle, raw, display_id):
        assert raw
        assert display_id is True
        found.append(("display", bundle))
        return Handle()

    monkeypatch.setattr("IPython.display.display", display)
    return found


class TestWhatItSays:
    def test_while_it_runs(self):
        said = live_text(
            facts(pruned=1200, failed=2, failures=((7, "ValueError: a"), (9, "KeyError: b")))
        )
        assert said.splitlines() == [
            "57 of 100 trials (57 %), 34.3 trials per minute, about 2 min left",
            "best loss 0.25 (trial 41): x=1.5",
            "3 of 4 slots busy, 1,200 pruned, 2 failed",
            "trial 9: KeyError: b",
            "trial 7: ValueError: a",
        ]

    def test_at_the_start(self):
        assert live_text(Facts(total=100)) == "0 of 100 trials (0 %)"
        assert live_text(Facts()) == "0 trials"

    def test_at_the_end(self):
        said = live_text(facts(ending="", done=100, seconds=71.2, seconds_left=None))
        assert said.splitlines()[0] == (
            "100 of 100 trials (100 %), 34.3 trials per minute, took 1 min 12 s"
        )
        assert "slots" not in said
        assert live_text(facts(ending="it was interrupted")).endswith(
            "The search ended: it was interrupted."
        )

    @pytest.mark.parametrize(
        ("seconds", "said"),
        [(0, "0 s"), (3, "5 s"), (56, "1 min"), (61, "2 min"), (3600, "1 h 0 min"),
         (90_000, "25 h 0 min")],
    )  # fmt: skip
    def test_the_time_left(self, seconds, said):
        assert f"about {said} left" in live_text(facts(seconds_left=seconds))

    def test_html_has_the_same_facts(self):
        given = facts(pruned=3, failed=1, failures=((7, "ValueError: a"),), ending="it is over")
        html = live_html(given, "")
        text = re.sub(r"<[^>]*>", " ", html)
        for word in re.findall(r"\w+", live_text(given)):
            assert word in text

    def test_nothing_of_the_users_is_markup(self):
        given = facts(
            best_params={MARKUP: MARKUP}, failures=((MARKUP, MARKUP),), failed=1, ending=MARKUP
        )
        html = live_html(given, "")
        assert "<script" not in html
        assert not {"\x00", "\u202e"} & set(html)
        assert "&lt;script&gt;" in html

    def test_much_of_everything_stays_small(self):
        ends = [ended(tid, math.sin(tid) + 2) for tid in range(20_000)]
        given = facts(
            best_params={f"{i} {'label' * 50}": "value" * 100 for i in range(50)},
            failures=tuple((tid, "error " * 1000) for tid in range(3)),
            failed=3,
            ending="because " * 100,
            ended=ends,
        )
        html = live_html(given, live_view.History().draw(given))
        assert len(html) < 30_000
        assert "and 38 more" in html
        assert len(live_text(given)) < 4_000


class TestTheHistory:
    def test_each_trial_is_read_once(self):
        read = []

        class Doc(dict):
            def __getitem__(self, key):
                if key == "tid":
                    read.append(dict.__getitem__(self, key))
                return dict.__getitem__(self, key)

        ends, history = [], live_view.History()
        for tid in range(30):
            ends.append(Doc(ended(tid, 30.0 - tid)))
            if tid % 7 == 0:
                history.draw(facts(ended=ends))
        assert read == list(range(29))

    def test_the_best_of_many_trials_is_drawn(self):
        losses = [10.0 + tid % 7 for tid in range(5_000)]
        losses[3_001] = 1.0
        history = live_view.History()
        for count in (10, 700, 5_000):
            history.draw(facts(ended=[ended(*pair) for pair in enumerate(losses[:count])]))
        rows = history._rows
        assert len(rows) < 450
        assert (3_001, 1.0) in [(row.tid, row.loss) for row in rows]
        assert "best so far (1)" in history._drawn

    @pytest.mark.parametrize(
        "ends",
        [
            [],
            [ended(0, 1.0)],
            [ended(tid) for tid in range(5)],
            [ended(tid, math.nan) for tid in range(5)],
            [ended(tid, math.inf) for tid in range(5)],
        ],
    )
    def test_nothing_to_draw(self, ends):
        assert live_view.History().draw(facts(ended=ends)) == ""

    def test_ids_of_any_type_and_in_any_order(self):
        for tids in ([3, 1, 2], ["c", "a", "b"], [1, "a", 2]):
            ends = [ended(tid, float(i)) for i, tid in enumerate(tids)]
            assert "<svg" in live_view.History().draw(facts(ended=ends))

    def test_outcomes(self):
        ends = [ended(0, 1.0), ended(1, 2.0), ended(2), ended(3, 5.0, "pruned")]
        svg = live_view.History().draw(facts(ended=ends))
        assert {">ok<", ">failed<", ">pruned<"} <= set(re.findall(r">\w+<", svg))


class TestUpdates:
    def test_one_display_and_then_updates(self, sent):
        fmin(lambda x: x, hp.uniform("x", 0, 1), rand.suggest, 50, verbose=False,
             show_progressbar=live_progress_callback)  # fmt: skip
        assert [kind for kind, _ in sent] == ["display"] + ["update"] * (len(sent) - 1)
        assert 2 <= len(sent) < 20
        last = sent[-1][1]
        assert set(last) == {"text/html", "text/plain"}
        assert last["text/plain"].startswith("50 of 50 trials (100 %)")

    def test_nothing_is_sent_when_nothing_changed(self, sent):
        with live_progress_callback(0, 100) as shown:
            for seconds in (1, 2, 3):  # a clock alone is not shown
                shown.show_facts(facts(seconds=seconds))
            assert len(sent) == 1
            shown.show_facts(facts(done=58))
            assert len(sent) == 2


class TestFallingBack:
    def bar(self, monkeypatch, count=30, **arguments):
        """Return what a search writes to standard error when the view fails."""
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        fmin(lambda x: x, hp.uniform("x", 0, 1), rand.suggest, count, verbose=False, rstate=0,
             show_progressbar=live_progress_callback, **arguments)  # fmt: skip
        return stream.getvalue().split("\r")[-1]

    def test_without_ipython(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "IPython.display", None)
        assert re.search(r"30/30 .*best loss: 0\.", self.bar(monkeypatch))

    def test_when_the_first_display_fails(self, monkeypatch):
        def fails(*args, **kwargs):
            raise OSError("no front end")

        monkeypatch.setattr("IPython.display.display", fails)
        assert "30/30" in self.bar(monkeypatch)

    def test_when_drawing_fails_in_the_middle(self, monkeypatch, sent):
        draw = live_view.chart_svg
        count = iter(range(100))
        clock = iter(range(10_000))
        monkeypatch.setattr(
            live_view, "chart_svg", lambda *args: draw(*args) if next(count) < 2 else 1 / 0
        )
        from sparktune._search import watch

        class Clock:
            monotonic = staticmethod(lambda: float(next(clock)))

        monkeypatch.setattr(watch, "time", Clock)
        trials = Trials()
        trials.fmin(lambda x: x, hp.uniform("x", 0, 1), rand.suggest, 10, verbose=False)
        assert "30/30" in self.bar(monkeypatch, trials=trials)
        assert len(sent) == 2
        assert len(trials) == 30

    def test_ctrl_c_is_not_a_failure_of_the_view(self, monkeypatch):
        def interrupted(*args, **kwargs):
            raise KeyboardInterrupt

        monkeypatch.setattr("IPython.display.display", interrupted)
        with pytest.raises(KeyboardInterrupt):
            self.bar(monkeypatch)


@pytest.fixture(scope="module")
def browser():
    program = find_browser()
    if program is None:
        pytest.skip("needs Chromium")
    browser = Browser(program)
    yield browser
    browser.close()


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True])
def test_in_a_browser(browser, tmp_path, dark):
    given = facts(
        best_params={f"{'label' * i}": "value" * i for i in range(1, 20)},
        failures=tuple((tid, f"ValueError: {MARKUP} {'long ' * 99}") for tid in range(3)),
        failed=3,
        ended=[ended(tid, 1 / (tid + 1)) for tid in range(100)],
    )
    colors = "#111;color:#ddd" if dark else "#fff;color:#111"
    page = tmp_path / "page.html"
    html = live_html(given, live_view.History().draw(given))
    meta = "<meta name=viewport content='width=device-width'>"
    page.write_text(f"{meta}<body style='background:{colors}'>{html}", encoding="utf-8")
    for width in (1000, 400):
        browser.open(page, width, dark=dark)
        assert browser.complaints() == []
        assert browser.run("document.title") == ""
        assert browser.run("document.documentElement.scrollWidth") <= width
        lines = "[...document.querySelectorAll('div[title]')].map(e => e.getBoundingClientRect())"
        assert browser.run(f"{lines}.every(box => box.height < 25)")
