"""Both libraries draw every chart of every case, without a warning."""

import math
import re
import sys

import pytest
from trials_kit import CASES, large, searched

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
go = pytest.importorskip("plotly.graph_objects")

from matplotlib import pyplot as plt  # noqa: E402

from sparktune import ProcessTrials, Trials, fmin, hp, rand  # noqa: E402
from sparktune._views.chart import (  # noqa: E402
    COLORS,
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
)  # fmt: skip
from sparktune._views.draw import matplotlib as drawn_by_matplotlib  # noqa: E402
from sparktune._views.draw import plotly as drawn_by_plotly  # noqa: E402
from sparktune.exceptions import InvalidArgument, InvalidArgumentType  # noqa: E402

NAMES = ["history", "slices", "contour", "parallel", "curves", "ranks", "edf", "timeline",
         "failures"]  # fmt: skip


@pytest.fixture(autouse=True)
def close_figures():
    plt.close("all")
    yield
    plt.close("all")


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", [*NAMES, "overview"])
def test_matplotlib_draws_every_case(name, case, tmp_path):
    plot = CASES[case]().plot
    figure = (plot if name == "overview" else getattr(plot, name))(backend="matplotlib")
    figure.savefig(tmp_path / "plot.png", dpi=50)
    assert (tmp_path / "plot.png").stat().st_size > 1_000


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", [*NAMES, "overview"])
def test_plotly_draws_every_case(name, case):
    plot = CASES[case]().plot
    figure = (plot if name == "overview" else getattr(plot, name))(backend="plotly")
    assert isinstance(figure, go.Figure)
    assert not re.search(r"[\[:,] ?(NaN|-?Infinity)", figure.to_json())
    # Nothing that plotly would read as a tag or a formula.
    for text in texts_of(figure.to_plotly_json()):
        assert "$" not in text
        assert "<" not in text.replace("<br>", "").replace("<extra></extra>", "")


def texts_of(part):
    """Every text of a figure but those on rails, which plotly shows as they are."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict):
        for key, value in part.items():
            if key != "dimensions":
                yield from texts_of(value)
    elif isinstance(part, (list, tuple)):
        for each in part:
            yield from texts_of(each)


@pytest.mark.parametrize("name", ["history", "slices", "timeline", "parallel", "edf"])
def test_many_trials_make_a_figure_of_some_megabytes(name):
    figure = getattr(large(6_000).plot, name)(backend="plotly")
    assert len(figure.to_json()) < 4_000_000


EVERY = Chart(
    "Every layer",
    (
        Panel(
            Axis("x", log=True, range=(0.1, 100.0)),
            Axis("y", names=("a", "", "c")),
            (
                Cells([1.0, 10.0], [0.0, 1.0], [[0.0, math.nan], [0.5, 1.0]]),
                Points([1.0, 10.0], [0.0, 2.0], "some", hover=["<b>one</b>\nline", "$two$"]),
                Points([1.0], [1.0], "best", "best", symbol="star"),
                Points([2.0], [1.0], color="pruned", symbol="cross"),
                Points([1.0, 2.0], [1.0, 2.0],
                       shades=Shades([0.0, 1.0], [(0.0, "1"), (1.0, "2")], "loss")),
                Ticks([1.0, 2.0], "failed", hover=["a", "b"]),
                Line([1.0, 2.0, 3.0], [0.0, math.nan, 2.0], "line", step=True, dashed=True),
                Line([1.0, 2.0], [0.0, 1.0], "shaded", shade=0.5, hover="this line"),
                Line([1.0, 2.0], [1.0, 2.0], "shaded", shade=0.5, hover="that line"),
            ),
            "A title",
        ),
        Panel(
            Axis("time", time=True, range=(1.7e9, 1.7e9 + 60)),
            Axis("slot", names=("1", "2")),
            (Spans([0.0, 1.0], [1.7e9, 1.7e9 + 5], [1.7e9 + 10, 1.7e9 + 60], "ok"),),
        ),
        Panel(
            Axis("share", whole=True),
            Axis(names=("a", "b")),
            (Bars([0.5, 1.0], low=[0.4, 0.9], high=[0.6, 1.2], hover=["a", "b"]),),
        ),
    ),
    2,
    "A note with <b>markup</b> & $x$.",
)  # fmt: skip


def test_matplotlib_draws_what_the_layers_say(tmp_path):
    figure = drawn_by_matplotlib.draw(EVERY)
    figure.savefig(tmp_path / "every.png")
    first, second, third = figure.axes[:3]
    assert (first.get_xscale(), first.get_title(), first.get_xlabel()) == ("log", "A title", "x")
    assert [label.get_text() for label in first.get_yticklabels()] == ["a", "c"]
    scattered = [c for c in first.collections if type(c).__name__ == "PathCollection"]
    assert [len(each.get_offsets()) for each in scattered] == [2, 1, 1, 2]
    ticks, step, *shaded = first.get_lines()
    assert (ticks.get_label(), list(ticks.get_xdata())) == ("failed", [1.0, 2.0])
    assert (step.get_drawstyle(), step.get_linestyle()) == ("steps-post", "--")
    assert len(shaded) == 2
    (spans,) = second.collections
    assert len(spans.get_paths()) == 2
    assert [bar.get_width() for bar in third.patches] == [0.5, 1.0]
    legend = figure.legends[0]
    assert [each.get_text() for each in legend.get_texts()] == [
        "some", "best", "failed", "line", "shaded", "ok"]  # fmt: skip
    bar = figure.axes[-1]
    assert [each.get_text() for each in bar.get_yticklabels()] == ["1", "2"]
    assert figure.get_supxlabel() == r"A note with <b>markup</b> & \$x\$."


def test_plotly_draws_what_the_layers_say():
    figure = drawn_by_plotly.draw(EVERY)
    kinds = [type(trace).__name__ for trace in figure.data]
    assert kinds == ["Heatmap", *["Scatter"] * 7, "Bar", "Bar"]
    some, best, cross, shaded, ticks, line, both = figure.data[1:8]
    assert list(some.text) == ["&lt;b&gt;one&lt;/b&gt;<br>line", "&#36;two&#36;"]
    assert (best.marker.symbol, best.marker.color) == ("star", COLORS["best"])
    assert cross.showlegend is False
    assert list(shaded.marker.color) == [0.0, 1.0]
    assert list(ticks.x) == [1.0, 2.0]
    assert (line.line.shape, line.line.dash, list(line.y)) == ("hv", "dash", [0.0, None, 2.0])
    assert list(both.x) == [1.0, 2.0, None, 1.0, 2.0]
    assert both.text[0] == "this line"
    assert both.text[-1] == "that line"
    layout = figure.layout
    assert layout.xaxis.type == "log"
    assert layout.xaxis.range[0] < -1 < 2 < layout.xaxis.range[1]
    assert list(layout.yaxis.ticktext) == ["a", "c"]
    assert layout.coloraxis.colorbar.ticktext == ("1", "2")
    spans, bars = figure.data[8:]
    assert (spans.base[0], spans.x[0]) == (1.7e12, 10_000.0)
    assert list(bars.error_x.array) == pytest.approx([0.1, 0.2])
    assert layout.annotations[-1].text == "A note with &lt;b&gt;markup&lt;/b&gt; &amp; &#36;x&#36;."
    assert layout.paper_bgcolor == "rgba(0,0,0,0)"


def test_parallel_coordinates_are_rails_or_brushable():
    rails = Rails(["a", "b"], [[0.0, 1.0], [0.5, 0.2]], [[(0.0, "low")], []],
                  Shades([1.0, 0.0], [(0.0, "best")], "loss"))  # fmt: skip
    chart = Chart("Rails", (Panel(layers=(rails,)),))
    (trace,) = drawn_by_plotly.draw(chart).data
    assert isinstance(trace, go.Parcoords)
    assert [list(each["values"]) for each in trace.dimensions] == [[0.0, 0.5], [1.0, 0.2]]
    axes = drawn_by_matplotlib.draw(chart).axes[0]
    assert len(axes.collections[0].get_segments()) == 2
    assert "low" in {text.get_text() for text in axes.texts}


def test_equal_vertical_axes_are_shared():
    points = Points([1.0, 2.0], [3.0, 4.0])
    panels = tuple(Panel(Axis(name), Axis("loss"), (points,)) for name in "abc")
    figure = drawn_by_plotly.draw(Chart("", panels, 2))
    assert [figure.layout[name].matches for name in ("yaxis3", "yaxis5")] == ["y", "y"]
    axes = drawn_by_matplotlib.draw(Chart("", panels, 2)).axes
    assert [each.get_ylabel() for each in axes[:3]] == ["loss", "", "loss"]
    assert len({each.get_ylim() for each in axes[:3]}) == 1


def test_a_chart_without_panels_says_its_note():
    chart = Chart("History", note="There are no trials yet.")
    assert "There are no trials yet." in drawn_by_plotly.draw(chart).layout.annotations[0].text
    figure = drawn_by_matplotlib.draw(chart)
    assert (figure.get_suptitle(), figure.texts[-1].get_text()) == (chart.title, chart.note)


def test_characters_without_a_glyph_are_boxes():
    assert drawn_by_matplotlib.plain("ok äß 名 $5") == "ok äß \u25a1 \\$5"


# --- The grammar ----------------------------------------------------------------------------------


def test_the_default_is_matplotlib_outside_notebooks():
    plot = searched().plot
    assert isinstance(plot.history(), matplotlib.figure.Figure)
    assert plt.get_fignums() == [1]  # so that plt.show() shows it


def test_the_default_in_a_notebook_is_plotly(monkeypatch):
    class Kernel:
        kernel = object()

    class IPython:
        get_ipython = Kernel

    monkeypatch.setitem(sys.modules, "IPython", IPython)
    plot = searched().plot
    assert isinstance(plot.history(), go.Figure)
    assert isinstance(plot.history(backend="matplotlib"), matplotlib.figure.Figure)
    assert plt.get_fignums() == []  # else the notebook would show it twice
    monkeypatch.setitem(sys.modules, "plotly", None)
    assert isinstance(plot.history(), matplotlib.figure.Figure)


@pytest.mark.parametrize(
    ("missing", "backend", "message"),
    [
        (["plotly"], "plotly", r'need plotly; install it with: pip install "sparktune\[plot\]"'),
        (["matplotlib"], "matplotlib", r'need matplotlib; .* "sparktune\[plot\]"'),
        (["plotly", "matplotlib"], None, r'plotly or matplotlib; .* "sparktune\[plot\]"'),
    ],
)
def test_what_to_install(missing, backend, message, monkeypatch):
    for name in [*sys.modules]:
        if name.partition(".")[0] in missing:
            monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=message):
        searched().plot.history(backend)


def test_without_matplotlib_plotly_draws(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert isinstance(searched().plot.history(), go.Figure)


@pytest.mark.parametrize("backend", ["bokeh", 5, ""])
def test_a_wrong_backend(backend):
    with pytest.raises(InvalidArgument, match=r"one of \('plotly', 'matplotlib'\) or None; got"):
        searched().plot.slices(backend=backend)


def test_parameters_are_passed_on():
    plot = searched().plot
    assert len(plot.slices(["x", "C"], "matplotlib").axes) == 3  # with the scale
    assert plot.contour("x", "batch", "plotly").layout.xaxis.title.text == "x"
    assert len(plot.parallel("x", "plotly").data[0].dimensions) == 2
    with pytest.raises(InvalidArgument, match="got 'nope'"):
        plot.ranks(["x", "nope"])


def test_edf_takes_other_searches():
    plot = searched().plot
    figure = plot.edf(searched(20), random=searched(30), backend="plotly")
    assert [trace.name for trace in figure.data] == [
        "these trials (40)", "search 2 (20)", "random (30)"]  # fmt: skip
    with pytest.raises(InvalidArgumentType, match="`trials` must be a Trials; got 7"):
        plot.edf(7)


def test_importance_comes_from_the_table_and_chooses_what_is_drawn(monkeypatch):
    pandas = pytest.importorskip("pandas")
    labels = [f"p{k}" for k in range(50)]
    shares = [k / 1225 for k in range(50)]
    table = pandas.DataFrame(
        {"parameter": labels, "importance": shares, "low": shares, "high": shares}
    )
    monkeypatch.setattr(Trials, "importance", lambda trials: table, raising=False)
    plot = CASES["50 hyperparameters"]().plot
    assert plot.importance("plotly").layout.yaxis.ticktext[-1] == "p49"
    assert len(plot.slices(backend="plotly").layout.annotations) == 1
    names = [each["label"] for each in plot.parallel(backend="plotly").data[0].dimensions]
    assert names == [*labels[-12:], "loss"]

    def refuse(trials):
        raise InvalidArgument("Importance needs 10 trials; got 1.")

    monkeypatch.setattr(Trials, "importance", refuse, raising=False)
    assert "needs 10 trials" in plot.importance("plotly").layout.annotations[0].text
    names = [each["label"] for each in plot.parallel(backend="plotly").data[0].dimensions]
    assert names == [*labels[:12], "loss"]


def test_the_names_of_the_plots():
    assert repr(searched().plot).startswith("<plots of a search: .history(), .importance()")


def test_views_subclasses_and_running_searches_have_plots():
    trials = Trials()
    seen = []

    def fn(x):
        seen.append(len(trials.plot.history("plotly").data))
        return x

    fmin(fn, hp.uniform("x", 0, 1), rand.suggest, 3, trials=trials, rstate=0, verbose=False)
    assert seen == [0, 4, 4]  # losses, the best so far, ticks, the best
    assert isinstance(trials.view().plot.history("plotly"), go.Figure)
    assert ProcessTrials(parallelism=1).plot.failures("plotly").data == ()


def test_a_logarithmic_axis_may_have_nothing_on_it():
    chart = Chart("empty", (Panel(Axis("x", log=True), Axis("y", log=True), (Points([], []),)),))
    drawn_by_matplotlib.draw(chart).canvas.draw()
    assert drawn_by_plotly.draw(chart).layout.xaxis.type == "log"
