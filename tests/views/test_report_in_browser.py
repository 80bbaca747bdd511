"""The report in a real browser: nothing complains, is cut or overlaps, and the table works."""

import json

import pytest
from browser import Browser, find_browser
from report_kit import AWKWARD, awkward, document, failed, made, mixed

from sparktune import Trials, fmin, hp, rand

PROGRAM = find_browser()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        PROGRAM is None, reason="there is no Chromium (apt-get install chromium has one)"
    ),
]

SIZES = [(1000, False), (1000, True), (375, False), (375, True)]

# What is drawn beyond its picture, and texts that lie over each other. Texts that stand aslant have
# boxes that overlap though they do not touch.
CUT = """
(() => {
  const found = [];
  const upright = (node) => !(node.getAttribute("transform") || "").includes("rotate");
  for (const svg of document.querySelectorAll("svg")) {
    if (svg.ownerSVGElement) continue;
    const outer = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll("text")]
      .map((node) => [node, node.getBoundingClientRect()]);
    for (const [node, box] of texts) {
      if (box.left < outer.left - 1.5 || box.right > outer.right + 1.5
          || box.top < outer.top - 1.5 || box.bottom > outer.bottom + 1.5)
        found.push("cut: " + node.textContent + " in " + svg.getAttribute("aria-label"));
    }
    const flat = texts.filter(([node]) => upright(node));
    flat.forEach(([one, a], i) => flat.slice(i + 1).forEach(([other, b]) => {
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      const size = outer.width / svg.viewBox.baseVal.width;
      if (wide > 2 * size && high > 4 * size)
        found.push("overlap: " + one.textContent + " | " + other.textContent + " in "
                   + svg.getAttribute("aria-label"));
    }));
  }
  return found;
})()
"""

# What makes the page wider than the window; tables, code and wide charts scroll by themselves.
WIDE = """
(() => {
  const found = [];
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) found.push("the page");
  for (const node of document.querySelectorAll("body *")) {
    if (node.closest(".scroll, .chart, pre, svg, table, [hidden]")) continue;
    if (node.getBoundingClientRect().right > width + 1) found.push(node.tagName + node.className);
  }
  return found;
})()
"""

# Texts whose contrast with the page is below 4.5, as the WCAG ask for.
FAINT = """
(() => {
  const rgb = (text) => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const light = (color) => {
    const [r, g, b] = rgb(color).map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92
      : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = light(getComputedStyle(document.body).backgroundColor);
  const contrast = (color) => {
    const one = light(color);
    return (Math.max(one, ground) + 0.05) / (Math.min(one, ground) + 0.05);
  };
  const found = new Set();
  for (const node of document.querySelectorAll("p, h1, h2, h3, dt, dd, td, th, pre, a, small"))
    if (contrast(getComputedStyle(node).color) < 4.5) found.add(node.tagName);
  for (const node of document.querySelectorAll("svg text"))
    if (contrast(getComputedStyle(node).fill) < 3) found.add("text " + node.textContent);
  return [...found];
})()
"""


# Where the first mark of a section is on the screen.
MARK = """
(() => {
  const marks = [...document.querySelectorAll("#%s :is([data-ts], [data-t], [data-h])")];
  const mark = marks.find((node) => node.getBoundingClientRect().width > 0 || node.dataset.ts);
  mark.scrollIntoView({block: "center"});
  const root = mark.ownerSVGElement.ownerSVGElement || mark.ownerSVGElement;
  const [, x, y] = (mark.getAttribute("d") || "").match(/M([-\\d.]+) ([-\\d.]+)/) || [];
  if (x === undefined) {
    const box = mark.getBoundingClientRect();
    return [box.left + box.width / 2, box.top + box.height / 2];
  }
  const at = new DOMPoint(Number(x) + 1, Number(y) + 1).matrixTransform(root.getScreenCTM());
  return [at.x, at.y];
})()
"""

# A page that shows a report as MLflow does.
VIEWER = """<!doctype html><meta charset="utf-8">
<iframe id="f" sandbox="allow-scripts" width="900" height="700"></iframe><script>
const text = JSON.parse(%s);
document.getElementById("f").src = URL.createObjectURL(new Blob([text], {type: "text/html"}));
</script>"""


@pytest.fixture(scope="module")
def browser():
    opened = Browser(PROGRAM)
    yield opened
    opened.close()


def searched():
    """Return the trials of a real search: conditional, with failures, and a score."""

    def objective(point):
        if point["model"].get("C", 0) > 8:
            raise ValueError(f"C={point['model']['C']} is <b>too large</b>")
        return {
            "score": -((point["x"] - 0.3) ** 2) + point["model"].get("C", 1) / 9,
            "status": "ok",
        }

    options = [
        {"type": "support vector machine", "C": hp.loguniform("C", -3, 3)},
        {"type": "forest", "depth": hp.uniformint("depth", 1, 20)},
        {"type": "nearest neighbours", "k": hp.quniform("k", 1, 50, 1)},
    ]
    space = {"x": hp.uniform("x", -1, 1), "model": hp.choice("model", options)}
    trials = Trials()
    fmin(objective, space, rand.suggest, 80, trials=trials, rstate=3, verbose=False,
         catch_eval_exceptions=True, maximize=True)  # fmt: skip
    return trials


def many_options():
    space = {f"p{i}": hp.uniform(f"a rather long parameter name {i}", 0, 1) for i in range(50)}
    space["c"] = hp.choice("c", [f"option with a long name {i}" for i in range(100)])
    trials = Trials()
    fmin(lambda p: p["p0"], space, rand.suggest, 80, trials=trials, rstate=0, verbose=False)
    return trials


CASES = {
    "searched": searched,
    "mixed": lambda: made(mixed(300), objective="train", algo="tpe.suggest", parallelism=4),
    "none": Trials,
    "one": lambda: made([document(0, {"x": 0.5}, 0.25)]),
    "failures": lambda: made([failed(i, {"x": float(i)}, "no " * 90) for i in range(5)]),
    "not finite": lambda: made([document(i, {"x": 1.0}, float("nan")) for i in range(3)]),
    "huge": lambda: made(
        [document(i, {"x": 10.0 ** (30 * i)}, 10.0 ** (30 * i)) for i in range(9)]
    ),
    "many options": many_options,
    "awkward": lambda: made(awkward(), objective=AWKWARD, algo=AWKWARD),
    "large": lambda: made(mixed(20_000, 12)),
}


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """Return a function that writes the report of a case once."""
    folder, written = tmp_path_factory.mktemp("reports"), {}

    def report(case):
        if case not in written:
            path = folder / f"{case.replace(' ', '_')}.html"
            written[case] = CASES[case]().report(path)
        return written[case]

    return report


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("width", "dark"), SIZES)
def test_it_looks_well(case, width, dark, browser, reports):
    path = reports(case)
    browser.open(path, width, dark=dark)
    assert browser.complaints() == []
    assert browser.requests() == [path.as_uri()]
    assert browser.run(WIDE) == []
    assert browser.run(CUT) == []
    assert browser.run(FAINT) == []
    ground = browser.run("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(22, 25, 29)" if dark else "rgb(255, 255, 255)")


def cells(browser, column):
    script = "[...document.querySelectorAll('#t tbody tr')].map((row) => row.cells[%d].textContent)"
    return browser.run(script % column)


def click(browser, selector):
    browser.run(f"document.querySelector({selector!r}).click()")


def find(browser, text):
    browser.run(
        f"(() => {{ const find = document.getElementById('find'); find.value = {text!r};"
        "find.dispatchEvent(new Event('input')); })()"
    )


def test_the_table_can_be_sorted_searched_and_paged(browser, reports):
    browser.open(reports("mixed"))
    losses = [float(text) for text in cells(browser, 2)]
    assert len(losses) == 50
    assert losses == sorted(losses)
    assert browser.run("document.getElementById('count').textContent") == "300 of 300, page 1 of 6"
    click(browser, "#t th:nth-child(3) button")
    assert cells(browser, 2)[0] == "Infinity"
    assert float(cells(browser, 2)[20]) > losses[-1]
    click(browser, "#t th:nth-child(1) button")
    assert cells(browser, 0) == [str(tid) for tid in range(50)]
    click(browser, "#next")
    assert cells(browser, 0)[0] == "50"
    find(browser, "fail VALUE")
    assert set(cells(browser, 1)) == {"fail"}
    assert len(cells(browser, 0)) == 30
    find(browser, "nothing has this")
    assert cells(browser, 0) == []
    assert browser.run("document.getElementById('count').textContent") == "0 of 300"
    assert browser.complaints() == []


def test_missing_values_come_last_both_ways(browser, reports):
    browser.open(reports("mixed"))
    heads = browser.run("[...document.querySelectorAll('#t th')].map((cell) => cell.title)")
    column = heads.index("param_1")
    for _ in range(2):
        click(browser, f"#t th:nth-child({column + 1}) button")
        assert "" not in cells(browser, column)


def test_a_click_on_a_trial_shows_its_parameters(browser, reports):
    browser.open(reports("mixed"))
    click(browser, "#t tbody tr")
    code = browser.run("document.querySelector('tr.more pre').textContent")
    assert code.startswith("trial_")
    assert '"param_0": ' in code
    click(browser, "#t tbody tr")
    assert browser.run("document.querySelector('tr.more')") is None


def test_code_can_be_copied(browser, reports):
    browser.open(reports("searched"))
    copied = "{ window.copied = String(getSelection()); return true; }"
    browser.run(f"document.execCommand = () => {copied}")
    browser.run("navigator.clipboard.writeText = () => Promise.reject(new Error('no'))")
    click(browser, ".copy")
    browser.run("new Promise((done) => setTimeout(done, 100))")
    assert browser.run("window.copied").startswith("best_params = {")
    assert browser.run("document.querySelector('.copy').textContent") == "Copied"


@pytest.mark.parametrize("section", ["history", "slices", "parallel", "timeline", "failures"])
def test_hovering_says_what_is_there(section, browser, reports):
    browser.open(reports("mixed"), height=900)
    browser.move(*browser.run(MARK % section))
    tip = browser.run("(({hidden, textContent}) => hidden ? '' : textContent)(tip)")
    assert "trial" in tip
    box = browser.run("(({left, right}) => [left, right])(tip.getBoundingClientRect())")
    assert 0 <= box[0] < box[1] <= 1000
    assert browser.complaints() == []


def test_texts_of_the_users_stay_texts(browser, reports):
    browser.open(reports("awkward"))
    browser.run("window.alert = () => { throw new Error('a text has run'); }")
    click(browser, "#t tbody tr")
    find(browser, "alert")
    browser.run("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert browser.run("document.scripts.length") == 2
    assert browser.complaints() == []
    assert len(cells(browser, 0)) == 10


def test_where_scripts_are_refused_the_best_and_the_charts_are_there(browser, reports):
    browser.open(reports("searched"), scripts=False)
    found = browser.run(
        "[document.querySelectorAll('#t tbody tr').length, document.querySelectorAll('svg').length,"
        " getComputedStyle(document.getElementById('bar')).display,"
        " document.querySelector('#best pre').textContent.slice(0, 11)]"
    )
    assert found[0] == 20
    assert found[1] >= 8
    assert found[2:] == ["none", "best_params"]


def test_in_a_frame_without_rights_it_works_too(browser, reports, tmp_path):
    """As MLflow shows artifacts: from a blob, in a frame that has scripts only."""
    page = tmp_path / "viewer.html"
    content = json.dumps(reports("searched").read_text("utf-8")).replace("<", "\\u003c")
    page.write_text(VIEWER % json.dumps(content), "utf-8")
    browser.open(page)
    browser.wait_for_frame("document.querySelectorAll('#t tbody tr').length === 50")
    assert browser.run("document.querySelectorAll('svg').length", in_frame=True) >= 8
    assert browser.complaints() == []


def test_the_summary_of_a_notebook(browser, tmp_path):
    page = tmp_path / "notebook.html"
    for dark in (False, True):
        style = "background:#111;color:#eee" if dark else "background:#fff;color:#111"
        page.write_text(
            f"<!doctype html><meta charset=utf-8><body style='{style}'>{searched()._repr_html_()}",
            "utf-8",
        )
        browser.open(page, 800, dark=dark)
        assert browser.complaints() == []
        assert browser.run(CUT) == []
        assert browser.run(FAINT) == []
        assert browser.run("document.querySelectorAll('svg title').length") > 40
