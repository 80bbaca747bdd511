"""Charts as SVG: what is drawn where, that it is small, and that no text is markup."""

import math
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from sparktune._views.chart import (
    Axis,
    Bars,
    Cells,
    Chart,
    Line,
    Panel,
    Points,
    Rails,
    Shades,
    Spans,
    Ticks,
)
from sparktune._views.draw.markup import Look, joined, plain
from sparktune._views.draw.scale import Scale, cut_to, text_width
from sparktune._views.draw.svg import chart_svg, legend_svg, panel_svg
from sparktune._views.ticks import log_ticks, nice_ticks, number, time_ticks

SPACE = "{http://www.w3.org/2000/svg}"
FIXED = Look(fixed=True)


def drawn(*layers, x=None, y=None, look=FIXED, **more):
    panel = Panel(x or Axis(), y or Axis(), layers, **more)
    return ET.fromstring(chart_svg(Chart("title", (panel,)), look))


def texts(root):
    nodes = [node for node in root.iter() if node.tag.endswith("text")]
    # A title before the text says what was cut.
    return [node.text or "".join(child.tail or "" for child in node) for node in nodes]


def paths(root, role=None):
    color = None if role is None else FIXED.paint(role)
    nodes = [node for node in root.iter() if node.tag.endswith("path")]
    if color is not None:
        nodes = [node for node in nodes if color in (node.get("stroke"), node.get("fill"))]
    return [node.get("d") for node in nodes]


def places(data):
    """Return the starts of the parts of a path."""
    pairs = [part.replace("H", " ").replace("h", " ").split() for part in data.split("M")[1:]]
    return [(float(pair[0]), float(pair[1].split("v")[0].split("m")[0])) for pair in pairs]


# -- scales ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.13, 0.97, [0.2, 0.4, 0.6, 0.8]),
        (-3.0, 17.0, [0, 5, 10, 15]),
        (0.1, 0.3, [0.1, 0.15, 0.2, 0.25, 0.3]),
        (5, 5, []),
        (-1e308, 1e308, []),
    ],
)
def test_ticks_are_round(low, high, expected):
    assert nice_ticks(low, high, 6) == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.9, 40.0, [1, 2, 5, 10, 20]),
        (6e-5, 60.0, [1e-4, 1e-2, 1]),
        (1e-300, 1e300, [1e-200, 1e-100, 1, 1e100, 1e200]),
        (2.1, 3.9, [2.5, 3, 3.5]),
    ],
)
def test_logarithmic_ticks_are_powers_or_round(low, high, expected):
    found = log_ticks(math.log10(low), math.log10(high), 6)
    assert found == pytest.approx(expected, rel=1e-9) or set(expected) <= set(found)
    assert len(found) <= 9


def test_times_are_round_moments():
    start = 1_700_000_000.0
    assert [text for _, text in time_ticks(start, start + 50, 5)][:2] == ["22:13:20", "22:13:30"]
    assert time_ticks(start, start + 3600, 6)[0][1] == "22:20"
    assert time_ticks(start, start + 20 * 86400, 6)[0][1] == "2023-11-15"
    assert time_ticks(start, start, 6) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.25, "0.25"), (1e-6, "1e-6"), (120000.0, "120000"), (1e20, "1e20"), (-0.0, "-0"), (3, "3")],
)
def test_numbers_are_short(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    "values",
    [[], [math.nan], [1.0], [0.0, 5e-324], [-1e308, 1e308], [1e16, 1e16 + 2], [math.inf, 0.0, 2.0]],
    ids=str,
)
@pytest.mark.parametrize("log", [False, True])
def test_whatever_the_values_places_are_on_the_axis(values, log):
    scale = Scale(Axis(log=log), [np.array(values, float)], 0.0, 100.0)
    at = scale(values)
    known = [i for i, v in enumerate(values) if math.isfinite(v) and (v > 0 or not log)]
    assert all(-1e-6 <= at[i] <= 100 + 1e-6 for i in known)
    assert all(math.isnan(at[i]) for i in set(range(len(values))) - set(known))
    assert all(-1e-6 <= place <= 100 + 1e-6 for place, _ in scale.ticks(20))


def test_texts_are_cut_to_their_room():
    assert cut_to("short", 100, 12) == "short"
    long = "learning_rate_of_the_second_layer" * 20
    short = cut_to(long, 100, 12)
    assert short.endswith("\u2026")
    assert text_width(short, 12) <= 100
    assert text_width("\u6df1\u5ea6", 12) > text_width("ab", 12)


# -- layers ------------------------------------------------------------------------------------


def test_points_stand_where_their_values_are():
    root = drawn(Points([0, 5, 10], [1.0, 10.0, 100.0], "ok"), y=Axis(log=True))
    (data,) = [d for d in paths(root, "ok") if d.count("M") == 3]
    (x0, y0), (x1, y1), (x2, y2) = places(data)
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)
    assert y0 - y1 == pytest.approx(y1 - y2, abs=0.2)
    assert y0 > y2
    assert {"1", "10", "100"} <= set(texts(root))


def test_points_without_a_place_are_left_out():
    root = drawn(Points([0, 1, 2, math.nan], [1.0, math.inf, -1.0, 1.0]), y=Axis(log=True))
    assert [d.count("M") for d in paths(root, "ok") if "h0" in d] == [1]


@pytest.mark.parametrize("count", [10_000, 100_000])
def test_very_many_points_are_thinned_and_the_best_stay(count):
    random = np.random.default_rng(0)
    x, y = random.random(count), random.random(count)
    layer = Points(x, y, shades=Shades((y.argsort().argsort() / count).tolist()))
    markup = chart_svg(Chart("", (Panel(layers=(layer,)),)), FIXED)
    kept = sum(d.count("M") for d in paths(ET.fromstring(markup)) if "h0" in d)
    assert 500 < kept <= 3000
    assert len(markup) < 60_000
    best = Points([x[y.argmin()]], [y.min()], color="best")
    root = drawn(Points(x, y), best)
    (best,) = [places(d)[0] for d in paths(root, "best")]
    assert best in [place for d in paths(root, "ok") for place in places(d)]


def test_few_points_are_all_drawn_even_on_the_same_place():
    root = drawn(Points([1] * 50, [1] * 50))
    assert sum(d.count("h0") for d in paths(root, "ok")) == 50


def test_shades_draw_the_best_above_the_others():
    shades = Shades([0.0, 1.0, 0.5])
    root = drawn(Points([1, 2, 3], [1, 1, 1], shades=shades))
    colors = [node.get("stroke") for node in root.iter() if "h0" in (node.get("d") or "")]
    assert colors == [FIXED.shade(14), FIXED.shade(7), FIXED.shade(0)]


def test_lines_are_interrupted_and_stepped():
    root = drawn(
        Line([0, 1, 2, 3], [1, math.nan, 2, 3], color="line"),
        Line([0, 1], [3, 1], color="best", step=True, dashed=True),
    )
    (plain_line,) = [d for d in paths(root, "line") if "L" in d]
    assert plain_line.count("M") == 2
    (step,) = paths(root, "best")
    assert "H" in step
    assert "V" in step
    assert any(node.get("stroke-dasharray") for node in root.iter())


def test_a_long_line_keeps_its_extremes():
    y = np.zeros(200_000)
    y[77_777] = 1.0
    root = drawn(Line(np.arange(200_000), y, color="best"))
    (data,) = paths(root, "best")
    assert len(data) < 30_000
    heights = {pair.split()[1] for pair in data[1:].replace("M", "L").split("L")}
    assert len(heights) == 2


def test_bars_begin_at_zero_and_have_intervals():
    axis = Axis(names=("a", "b"))
    root = drawn(Bars([1.0, 3.0], low=[0.5, 2.0], high=[1.5, 4.0]), y=axis)
    bars = [node for node in root.iter() if node.tag.endswith("rect") and node.get("rx")]
    widths = [float(node.get("width")) for node in bars]
    assert widths[1] == pytest.approx(3 * widths[0], rel=0.01)
    assert float(bars[0].get("y")) > float(bars[1].get("y"))  # the first name is at the bottom
    assert sum(d.count("v8m0-4H") for d in paths(root)) == 2


def test_spans_and_ticks():
    rows = Axis(names=("1", "2"))
    root = drawn(
        Spans([0, 1, 1], [0.0, 0.0, 60.0], [50.0, 60.0, 61.0], color="running"),
        Ticks([30.0], color="fail"),
        x=Axis("time", time=True),
        y=rows,
    )
    group = next(node for node in root.iter() if node.get("fill") == FIXED.paint("running"))
    assert len(list(group)) == 3
    assert any("v-9" in d for d in paths(root, "fail"))


def test_cells_of_one_colour_are_one_part():
    z = [[0.0, 0.0, 0.0, math.nan], [1.0, 1.0, 0.0, 0.0]]
    root = drawn(Cells([1, 2, 3, 4], [1, 2], z))
    parts = {node.get("fill"): node.get("d").count("M") for node in root.iter()
             if node.get("fill") in (FIXED.shade(0), FIXED.shade(14))}  # fmt: skip
    assert parts == {FIXED.shade(0): 2, FIXED.shade(14): 1}


def rails(count=3, lines=2, **more):
    places = np.linspace(0, 1, count * lines).reshape(lines, count)
    ticks = [[(0.0, "low"), (1.0, "high")]] * count
    names = [f"p{i}" for i in range(count)]
    return Rails(names, places.tolist(), ticks, Shades([0.0, 1.0] * (lines // 2)), **more)


def test_rails_have_names_and_lines():
    root = drawn(rails())
    assert {"p0", "p1", "p2", "low", "high"} <= set(texts(root))
    assert sum(d.count("L") == 2 for d in paths(root)) == 2


def test_a_line_over_rails_leaves_out_where_it_has_no_place():
    layer = Rails(["a", "b", "c", "d"], [[0.5, math.nan, 0.5, 1.0]], [[]] * 4, Shades([0.0]))
    (data,) = [d for d in paths(drawn(layer)) if "m-4 0h8" in d]
    assert data.count("M") == 2
    assert data.count("L") == 1


def test_very_many_rails_and_lines_stay_small():
    layer = rails(50, 4000)
    markup = chart_svg(Chart("", (Panel(layers=(layer,)),)), Look(hover="trials"))
    width = float(markup.split('viewBox="0 0 ')[1].split(" ")[0])
    assert width > 3000
    assert len(markup) < 1_000_000


# -- the whole ---------------------------------------------------------------------------------


def test_a_fixed_picture_has_a_size_and_a_ground():
    root = drawn(Points([1], [1]))
    assert root.tag == f"{SPACE}svg"
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"
    assert float(root.get("width")) == 720
    ground = next(iter(root))
    assert ground.get("fill") == "#fff"
    assert "var(" not in ET.tostring(root, encoding="unicode")


def test_a_picture_in_a_page_takes_its_colours_and_width():
    markup = chart_svg(Chart("t", (Panel(layers=(Points([1], [1]),)),)))
    root = ET.fromstring(markup)
    assert root.get("width") is None
    assert "width:100%" in root.get("style")
    assert "var(--st-ok,#0072b2)" in markup
    assert "currentColor" in markup


def test_the_legend_names_each_label_once():
    layers = (Points([1], [1], "ok"), Points([2], [2], "ok"), Line([1, 2], [1, 2], "best so far"))
    shades = Shades([0.0], [(0.0, "0.01"), (1.0, "9")], "loss")
    chart = Chart("t", (Panel(layers=layers), Panel(layers=(Points([1], [1], shades=shades),))), 2)
    found = texts(ET.fromstring(legend_svg(chart, FIXED)))
    assert [found.count(each) for each in ("ok", "best so far", "loss", "0.01", "9")] == [1] * 5
    assert legend_svg(Chart("t", (Panel(layers=(Points([1], [1]),)),))) == ""


def test_panels_stand_side_by_side():
    panel = Panel(Axis("x"), Axis("y"), (Points([1], [1]),), "a panel")
    one = ET.fromstring(chart_svg(Chart("t", (panel,) * 4, columns=1), FIXED))
    two = ET.fromstring(chart_svg(Chart("t", (panel,) * 4, columns=2), FIXED))
    assert float(one.get("height")) > 1.8 * float(two.get("height"))
    assert texts(two).count("a panel") == 4
    assert texts(ET.fromstring(panel_svg(panel, FIXED))).count("a panel") == 1


def test_a_chart_without_panels_shows_its_note():
    root = ET.fromstring(chart_svg(Chart("t", note="There are no trials yet."), FIXED))
    assert "There are no trials yet." in texts(root)


def test_many_names_are_thinned_and_long_ones_cut():
    names = tuple(f"a rather long option number {i}" for i in range(100))
    root = drawn(Points(range(100), range(100)), x=Axis("p", names=names))
    shown = [text for text in texts(root) if text.startswith("a rather")]
    assert 10 < len(shown) < 60
    assert all(text.endswith("\u2026") for text in shown)
    titles = [node.text for node in root.iter() if node.tag.endswith("title")]
    assert names[0] in titles


AWKWARD = "<script>alert('&')</script>\x00\x1b\u202e\ud800 \u6df1\u5ea6"


@pytest.mark.parametrize("hover", ["titles", "trials", "none"])
def test_no_text_is_markup(hover):
    layers = (
        Points([1], [1], AWKWARD, hover=[AWKWARD], symbol="star"),
        Points([1], [1], hover=[AWKWARD]),
        Line([1, 2], [1, 2], AWKWARD, hover=AWKWARD),
        Ticks([1], AWKWARD, hover=[AWKWARD]),
        Spans([0], [1], [2], AWKWARD, hover=[AWKWARD]),
        Bars([1], AWKWARD, hover=[AWKWARD]),
    )
    panel = Panel(Axis(AWKWARD), Axis(AWKWARD, names=(AWKWARD,)), layers, AWKWARD)
    shades = Shades([0], [(0, AWKWARD)], AWKWARD)
    other = Rails([AWKWARD], [[0.5]], [[(0, AWKWARD)]], shades, [AWKWARD])
    chart = Chart(AWKWARD, (panel, Panel(layers=(other,))), note=AWKWARD)
    markup = chart_svg(chart, Look(fixed=True, hover=hover))
    ET.fromstring(markup)
    assert "<script" not in markup
    assert "\u202e" not in markup
    markup.encode()


def test_control_characters_are_replaced():
    assert plain("a\x00b\u202e<&'\"") == "a\ufffdb\ufffd&lt;&amp;&#x27;&quot;"


def test_hover_texts_of_trials_are_their_ids():
    hover = [f"trial {tid}\nloss 1" for tid in (3, 4, 5, 9)]
    look = Look(hover="trials")
    assert 'data-ts="3,,,4"' in chart_svg(
        Chart("", (Panel(layers=(Points(range(4), range(4), hover=hover),)),)), look
    )
    assert joined([3, 4, 5, 9]) == "3,,,4"
    other = Points([1], [1], hover=["something else"])
    assert "something else" in chart_svg(Chart("", (Panel(layers=(other,)),)), look)


def test_titles_are_for_few_marks():
    def titles(count):
        layer = Points(range(count), range(count), hover=[f"trial {i}" for i in range(count)])
        return chart_svg(Chart("", (Panel(layers=(layer,)),))).count("<title>trial")

    assert titles(100) == 100
    assert titles(2000) == 0
