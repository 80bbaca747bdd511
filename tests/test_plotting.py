"""The plots show the trials; drawn with Agg, inspected through matplotlib's artists."""

import math
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from matplotlib import pyplot as plt  # noqa: E402

from sparktune import Trials, fmin, hp, rand  # noqa: E402
from sparktune.plotting import (  # noqa: E402
    main_plot_histogram,
    main_plot_history,
    main_plot_vars,
)


@pytest.fixture(autouse=True)
def close_figures():
    plt.close("all")
    yield
    plt.close("all")


def make_trials(results, vals=None):
    """Trials with these results; `vals` holds one dict per trial."""
    vals = vals or [{} for _ in results]
    labels = {label for v in vals for label in v}
    docs = [
        {
            "tid": 100 + i,
            "result": result,
            "misc": {"vals": {label: [v[label]] if label in v else [] for label in labels}},
        }
        for i, (result, v) in enumerate(zip(results, vals, strict=True))
    ]
    return SimpleNamespace(trials=docs)


def ok(loss):
    return {"status": "ok", "loss": loss}


MIXED = [
    ok(3.0),
    {"status": "fail"},
    ok(math.inf),
    ok(1.0),
    ok(2.0),
    ok(math.nan),
    {"status": "new"},
    {"status": "fail", "loss": 5.0},
]


def offsets(axes):
    return [tuple(xy) for collection in axes.collections for xy in collection.get_offsets()]


def test_history_draws_each_finite_loss_at_its_place():
    figure = main_plot_history(make_trials(MIXED), do_show=False)
    assert sorted(offsets(figure.axes[0])) == [(100, 3.0), (103, 1.0), (104, 2.0), (107, 5.0)]


def test_history_draws_the_best_so_far_and_ticks_for_the_rest():
    figure = main_plot_history(make_trials(MIXED), do_show=False, title="A title")
    axes = figure.axes[0]
    best, *ticks = axes.get_lines()
    assert list(best.get_xdata()) == [100, 103, 104, 107]
    assert list(best.get_ydata()) == [3.0, 1.0, 1.0, 1.0]
    assert {line.get_label(): list(line.get_xdata()) for line in ticks} == {
        "failed": [101],
        "no finite loss": [102, 105],
        "new": [106],
    }
    assert axes.get_title() == "A title"
    assert axes.get_ylabel() == "loss"


def test_history_takes_colors_by_status():
    figure = main_plot_history(make_trials(MIXED), do_show=False, status_colors={"ok": "#010203"})
    colors = {c.get_label(): c.get_facecolor()[0][:3] for c in figure.axes[0].collections}
    assert colors["ok"] == pytest.approx([1 / 255, 2 / 255, 3 / 255])
    assert colors["fail"] != pytest.approx(colors["ok"])


@pytest.mark.parametrize(
    ("losses", "scale"),
    [((1.0, 19.0), "linear"), ((0.01, 1.0), "log"), ((0.0, 100.0), "linear")],
)
def test_history_uses_a_logarithmic_axis_only_for_wide_positive_losses(losses, scale):
    figure = main_plot_history(make_trials([ok(loss) for loss in losses]), do_show=False)
    assert figure.axes[0].get_yscale() == scale


def test_histogram_counts_every_finite_loss_once():
    losses = np.linspace(0, 1, 40)
    figure = main_plot_histogram(make_trials([ok(x) for x in losses]), do_show=False)
    assert sum(bar.get_height() for bar in figure.axes[0].patches) == 40


def test_histogram_says_how_many_trials_are_left_out():
    figure = main_plot_histogram(make_trials(MIXED), do_show=False)
    axes = figure.axes[0]
    assert sum(bar.get_height() for bar in axes.patches) == 4
    assert axes.get_ylabel() == "trials (of 8)"


def conditional_trials(n=12):
    vals = [
        {"kind": i % 2, "C": 10.0 ** (i - 6)} if i % 2 else {"kind": 0, "depth": 2.0 + i}
        for i in range(n)
    ]
    return make_trials([ok(1.0 + i) for i in range(n)], vals)


def panels(figure):
    return {axes.get_title(): axes for axes in figure.axes if axes.get_title()}


def test_vars_has_one_panel_a_label_with_its_active_trials():
    drawn = panels(main_plot_vars(conditional_trials(), do_show=False))
    assert list(drawn) == ["C", "depth", "kind"]
    assert len(offsets(drawn["kind"])) == 12
    assert sorted(offsets(drawn["C"])) == [(100 + i, 10.0 ** (i - 6)) for i in range(1, 12, 2)]
    assert sorted(offsets(drawn["depth"])) == [(100 + i, 2.0 + i) for i in range(0, 12, 2)]


def test_vars_uses_a_logarithmic_axis_only_for_wide_positive_values():
    drawn = panels(main_plot_vars(conditional_trials(), do_show=False))
    assert drawn["C"].get_yscale() == "log"
    assert drawn["depth"].get_yscale() == "linear"
    assert drawn["kind"].get_yscale() == "linear"


def test_vars_arranges_by_loss():
    drawn = panels(main_plot_vars(conditional_trials(), do_show=False, arrange_by_loss=True))
    assert sorted(x for x, _ in offsets(drawn["kind"])) == [1.0 + i for i in range(12)]


def test_vars_colors_only_the_best():
    drawn = panels(main_plot_vars(conditional_trials(), do_show=False, colorize_best=3))
    grey, coloured = drawn["kind"].collections
    assert len(grey.get_offsets()) == 9
    assert sorted(coloured.get_array()) == [0.0, 0.5, 1.0]
    assert sorted(offsets(drawn["kind"]))[:3] == [(100, 0.0), (101, 1.0), (102, 0.0)]


def test_vars_shows_the_losses_of_the_ranks():
    figure = main_plot_vars(conditional_trials(), do_show=False)
    bar = figure.axes[-1]
    assert bar.get_ylabel() == "loss (coloured by rank)"
    assert [label.get_text() for label in bar.get_yticklabels()] == ["1", "4", "7", "9", "12"]
    limits = {axes.get_xlim() for axes in panels(figure).values()}
    assert len(limits) == 1


def test_vars_names_the_options_of_choices():
    trials, space = Trials(), {"k": hp.choice("kernel", ["rbf", "poly", "a very long name of it"])}
    fmin(lambda p: 0.5, space, rand.suggest, 9, trials=trials, rstate=0, verbose=False)
    axes = panels(main_plot_vars(trials, do_show=False))["kernel"]
    assert [x.get_text() for x in axes.get_yticklabels()] == ["rbf", "poly", "a very long n..."]
    assert list(axes.get_yticks()) == [0, 1, 2]


def test_history_has_the_trials_that_raised():
    def fn(x):
        if x > 0:
            raise ValueError(x)
        return x

    trials = Trials()
    fmin(fn, hp.uniform("x", -1, 1), rand.suggest, 20, trials=trials, rstate=0, verbose=False,
         catch_eval_exceptions=True)  # fmt: skip
    axes = main_plot_history(trials, do_show=False).axes[0]
    raised = [doc["tid"] for doc in trials._dynamic_trials if doc["misc"]["vals"]["x"][0] > 0]
    _, ticks = axes.get_lines()
    assert list(ticks.get_xdata()) == raised
    assert [x for x, _ in offsets(axes)] == trials.tids


@pytest.mark.parametrize(
    ("labels", "columns", "rows"), [(1, 5, 1), (5, 5, 1), (6, 5, 2), (7, 2, 4)]
)
def test_vars_fits_the_panels_into_the_columns(labels, columns, rows):
    vals = [{f"x{k}": float(i + k) for k in range(labels)} for i in range(3)]
    trials = make_trials([ok(float(i)) for i in range(3)], vals)
    drawn = panels(main_plot_vars(trials, do_show=False, columns=columns))
    assert len(drawn) == labels
    grid = drawn["x0"].get_subplotspec().get_gridspec()
    assert (grid.nrows, grid.ncols) == (rows, min(columns, labels))


@pytest.mark.parametrize("plot", [main_plot_history, main_plot_histogram, main_plot_vars])
class TestEveryPlot:
    def test_one_trial_is_enough(self, plot, tmp_path):
        figure = plot(make_trials([ok(1.0)], [{"x": 0.5}]), do_show=False)
        figure.savefig(tmp_path / "plot.png")
        assert (tmp_path / "plot.png").stat().st_size > 5000

    def test_equal_losses_and_values(self, plot, tmp_path):
        figure = plot(make_trials([ok(1.0)] * 5, [{"x": 0.0}] * 5), do_show=False)
        figure.savefig(tmp_path / "plot.png")
        assert (tmp_path / "plot.png").stat().st_size > 5000

    @pytest.mark.parametrize("results", [[], [{"status": "fail"}], [ok(math.nan)]])
    def test_nothing_to_plot_is_said(self, plot, results):
        with pytest.raises(ValueError, match=f"finite loss; none of {len(results)} trials"):
            plot(make_trials(results), do_show=False)
        assert plt.get_fignums() == []

    def test_draws_into_an_empty_current_figure(self, plot):
        mine = plt.figure(figsize=(3, 3))
        assert plot(make_trials([ok(1.0)], [{"x": 0.5}]), do_show=False) is mine

    def test_leaves_a_figure_in_use_alone(self, plot):
        mine = plt.figure()
        mine.gca().plot([1, 2, 3])
        figure = plot(make_trials([ok(1.0)], [{"x": 0.5}]), do_show=False)
        assert figure is not mine
        assert len(mine.axes) == 1
        assert len(mine.axes[0].get_lines()) == 1

    def test_shows_only_when_asked(self, plot, monkeypatch):
        shown = []
        monkeypatch.setattr(plt, "show", lambda: shown.append(True))
        trials = make_trials([ok(1.0)], [{"x": 0.5}])
        assert plot(trials, do_show=False) is plt.gcf()
        assert shown == []
        assert plot(trials) is None  # a notebook would show it a second time
        assert shown == [True]

    def test_without_matplotlib_the_extra_is_named(self, plot, monkeypatch):
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
        with pytest.raises(ImportError, match=r'pip install "sparktune\[plot\]"'):
            plot(make_trials([ok(1.0)]), do_show=False)


@pytest.mark.parametrize("argument", ["columns", "colorize_best"])
def test_vars_checks_its_counts(argument):
    with pytest.raises(ValueError, match=f"`{argument}` must be at least 1; got 0"):
        main_plot_vars(conditional_trials(), do_show=False, **{argument: 0})


def test_vars_without_hyperparameters_is_said():
    with pytest.raises(ValueError, match="must have hyperparameters"):
        main_plot_vars(make_trials([ok(1.0)]), do_show=False)


def test_importing_the_module_does_not_import_matplotlib():
    code = "import sys, sparktune.plotting; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
