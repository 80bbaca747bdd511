"""Plotly's charts in a real browser: all are drawn, nothing complains, no text is markup."""

import pytest
from browser import Browser, find_browser
from trials_kit import CASES, searched

pytest.importorskip("plotly")

PROGRAM = find_browser()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        PROGRAM is None, reason="there is no Chromium (apt-get install chromium has one)"
    ),
]

NAMES = ["history", "importance", "slices", "contour", "parallel", "curves", "ranks", "edf",
         "timeline", "failures"]  # fmt: skip
# The number of charts when all are drawn, else nothing.
DRAWN = """
new Promise((done) => {
  const look = () => {
    const charts = [...document.querySelectorAll(".plotly-graph-div")];
    const ready = charts.every((chart) => chart._fullLayout && chart.querySelector(".main-svg"));
    ready ? setTimeout(() => done(charts.length), 300) : setTimeout(look, 100);
  };
  look();
})
"""
# Parts of texts that are beyond their chart.
CUT = """
[...document.querySelectorAll(".plotly-graph-div")].flatMap((chart) => {
  const outer = chart.getBoundingClientRect();
  return [...chart.querySelectorAll("text")].filter((text) => {
    const box = text.getBoundingClientRect();
    return box.width && (box.left < outer.left - 2 || box.right > outer.right + 2);
  }).map((text) => text.textContent);
})
"""


@pytest.fixture(scope="module")
def browser():
    browser = Browser(PROGRAM)
    yield browser
    browser.close()


def page_of(trials, path):
    figures = [getattr(trials.plot, name)(backend="plotly") for name in NAMES]
    parts = [
        figure.to_html(full_html=False, include_plotlyjs=not number)
        for number, figure in enumerate(figures)
    ]
    path.write_text(f"<!doctype html><meta charset='utf-8'>{''.join(parts)}", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("case", "dark"),
    [
        ("searched", False), ("searched", True), ("strange labels", False),
        ("some not finite", False), ("50 hyperparameters", False), ("none", False),
    ],
)  # fmt: skip
def test_every_chart_is_drawn(case, dark, browser, tmp_path):
    trials = searched() if case == "searched" else CASES[case]()
    browser.open(page_of(trials, tmp_path / "charts.html"), width=1000, dark=dark)
    assert browser.run(DRAWN) == len(NAMES)
    assert [each for each in browser.complaints() if "GL" not in each] == []  # it has no GPU
    asked = [each for each in browser.requests() if not each.startswith("data:")]
    assert asked == [(tmp_path / "charts.html").as_uri()]
    assert browser.run("document.querySelectorAll('.plotly-graph-div b, script[src]').length") == 0
    assert browser.run(CUT) == []
