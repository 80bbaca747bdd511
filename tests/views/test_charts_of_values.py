"""What charts of hyperparameters draw, as data."""

import math

import numpy as np
import pytest
from chart_kit import MIXED, by_label, layers, star
from trials_kit import CASES, doc, trials_of

from sparktune._views.chart import Cells, Points, Rails, Ticks
from sparktune._views.charts.contour import contour
from sparktune._views.charts.parallel import parallel
from sparktune._views.charts.rank_pairs import rank_pairs
from sparktune._views.charts.slices import slices
from sparktune._views.trial_data import read_trials
from sparktune.exceptions import InvalidArgument, InvalidArgumentType

# --- Slices ---------------------------------------------------------------------------------------


def test_slices_have_the_trials_in_which_a_hyperparameter_was_active():
    chart = slices(MIXED)
    assert [panel.x.label for panel in chart.panels] == ["model", "batch", "x", "C", "depth"]
    c = chart.panels[3]
    assert c.x.log
    (shaded,) = [each for each in layers(chart, Points, 3) if each.shades]
    rows = [i for i in range(40) if MIXED.ok[i] and i % 3 > 0]
    assert shaded.x == pytest.approx([10.0 ** (i % 7 - 3) for i in rows])
    assert shaded.shades.values == pytest.approx([1 - i / 39 for i in rows])
    assert [(tick.label, len(tick.x)) for tick in layers(chart, Ticks, 0)] == [("failed", 4)]
    assert [len(by_label(chart, Points, 0)["pruned"].x), chart.columns] == [4, 3]


def test_slices_mark_the_best_where_it_has_a_value():
    marked = [each.symbol == "star" for panel in slices(MIXED).panels for each in panel.layers
              if isinstance(each, Points) and each.symbol == "star"]  # fmt: skip
    active = [label for label in MIXED.values if np.isfinite(MIXED.values[label][MIXED.best])]
    assert len(marked) == len(active) == 4


def test_options_that_are_numbers_stand_in_their_order():
    chart = slices(MIXED, "batch")
    assert chart.panels[0].x.names == ("16", "64", "256")
    (shaded,) = [each for each in layers(chart, Points) if each.shades]
    places = {0: 2, 1: 0, 2: 1}  # of 256, 16 and 64
    rows = [i for i in range(40) if MIXED.ok[i]]
    assert np.rint(shaded.x).tolist() == [places[i % 3] for i in rows]
    assert max(abs(np.array(shaded.x) - np.rint(shaded.x))) <= 0.25


def test_many_hyperparameters_are_chosen_with_a_word():
    data = read_trials(CASES["50 hyperparameters"]())
    chart = slices(data)
    assert [panel.x.label for panel in chart.panels] == [f"p{k}" for k in range(12)]
    assert chart.note == "The first 12 of 50 hyperparameters; name others to see them."
    chart = slices(data, ranking=[f"p{k}" for k in range(49, -1, -1)])
    assert [panel.x.label for panel in chart.panels] == [f"p{k}" for k in range(38, 50)]
    assert chart.note.startswith("The most important 12 of 50")
    assert len(slices(data, [f"p{k}" for k in range(30)]).panels) == 30


def test_of_many_options_some_have_their_name_and_the_best_one_has():
    data = read_trials(CASES["100 options"]())
    names = slices(data).panels[0].x.names
    assert len(names) == 100
    assert 5 <= sum(map(bool, names)) <= 10
    assert names[int(data.values["c"][data.best])].startswith("option")


def test_labels_are_cut_apart():
    data = read_trials(CASES["strange labels"]())
    short = [panel.x.label for panel in slices(data).panels]
    assert len(set(short)) == len(short)
    assert max(map(len, short)) <= 28
    assert list(data.values)[1] in slices(data).panels[1].layers[0].hover[0]


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        (["x", "dept"], InvalidArgument, r"'model', 'batch', 'x'.*got 'dept'. Hint: 'depth'\?"),
        (5, InvalidArgumentType, "`params` must be a label or a list of labels; got 5"),
        ([1], InvalidArgumentType, "must be a label or a list of labels"),
        ([], InvalidArgument, "must have at least one label"),
    ],
)
def test_labels_are_checked(params, error, message):
    for chart in (slices, parallel, rank_pairs):
        with pytest.raises(error, match=message):
            chart(MIXED, params)


# --- Contour and ranks ----------------------------------------------------------------------------


def test_contour_is_low_where_losses_are():
    docs = [doc(i * 12 + j, (i - 3) ** 2 + (j - 8) ** 2, {"x": float(i), "y": float(j)})
            for i in range(12) for j in range(12)]  # fmt: skip
    chart = contour(read_trials(trials_of(docs)), "x", "y")
    (cells,) = layers(chart, Cells)
    z = np.array(cells.z)
    row, column = np.unravel_index(np.nanargmin(z), z.shape)
    assert abs(cells.x[column] - 3) < 1.5
    assert abs(cells.y[row] - 8) < 1.5
    assert np.nanmax(z) <= 1.0
    assert (star(chart).x, star(chart).y) == ([3.0], [8.0])


def test_contour_leaves_out_what_is_far_from_all_trials():
    docs = [doc(i, 1.0 + i, {"x": x, "y": x}) for i, x in enumerate(np.linspace(0, 1, 400))]
    (cells,) = layers(contour(read_trials(trials_of(docs)), "x", "y"), Cells)
    z = np.array(cells.z)
    assert np.isnan(z[0, -1])
    assert not np.isnan(np.diag(z)).any()


def test_contour_of_options_and_of_logarithms():
    chart = contour(MIXED, "C", "batch")
    (cells,) = layers(chart, Cells)
    assert cells.y == [0.0, 1.0, 2.0]
    steps = np.diff(np.log10(cells.x))
    assert steps == pytest.approx(np.full(len(steps), steps[0]))
    assert chart.panels[0].x.log
    assert chart.panels[0].y.names == ("16", "64", "256")


def test_contour_chooses_labels():
    def axes(*given, **more):
        panel = contour(MIXED, *given, **more).panels[0]
        return panel.x.label, panel.y.label

    assert axes() == ("model", "batch")
    assert axes(ranking=["x", "batch"]) == ("x", "batch")
    assert axes("x", ranking=["x", "batch"]) == ("x", "batch")
    assert axes(None, "x") == ("model", "x")
    with pytest.raises(InvalidArgument, match="two hyperparameters; got 'x' and 'x'"):
        axes("x", "x")
    with pytest.raises(InvalidArgument, match="`b` must be hyperparameters of the trials"):
        axes("x", "z")


def test_contour_of_hyperparameters_that_exclude_each_other():
    assert "never active together" in contour(MIXED, "C", "depth").note


def test_ranks_leave_out_pairs_that_are_never_active_together():
    vals = [{"x": 0.5, "y": 0.1, "z": None}, {"x": None, "y": 0.2, "z": 0.3}]
    data = read_trials(trials_of([doc(i, float(i), each) for i, each in enumerate(vals)]))
    assert [(each.x.label, each.y.label) for each in rank_pairs(data).panels] == [
        ("x", "y"),
        ("y", "z"),
    ]
    apart = rank_pairs(data, ["x", "z"])
    assert (apart.panels, apart.note[:6]) == ((), "No two")


def test_ranks_have_a_panel_for_each_pair():
    chart = rank_pairs(MIXED, ["model", "x", "C"])
    assert [(panel.x.label, panel.y.label) for panel in chart.panels] == [
        ("model", "x"), ("model", "C"), ("x", "C")]  # fmt: skip
    (points,) = [each for each in layers(chart, Points, 2) if each.shades]
    rows = [i for i in range(40) if MIXED.finite[i] and i % 3 > 0]
    assert sorted(points.x) == pytest.approx(sorted(math.sin(i) for i in rows))
    assert points.shades.values == sorted(points.shades.values, reverse=True)  # the best on top
    with pytest.raises(InvalidArgument, match="from 2 to 8 hyperparameters; got 1"):
        rank_pairs(MIXED, ["x"])


# --- Parallel coordinates -------------------------------------------------------------------------


def test_parallel_coordinates():
    chart = parallel(MIXED)
    (rails,) = layers(chart, Rails)
    assert list(rails.names) == ["model", "batch", "x", "C", "depth", "loss"]
    assert len(rails.places) == int(MIXED.finite.sum())
    places = np.array(rails.places)
    assert places.min() == 0.0
    assert places.max() == 1.0
    # Inactive hyperparameters are crossed at the bottom.
    assert rails.ticks[3][0] == (0.0, "inactive")
    assert ((places[:, 3] == 0) == (places[:, 0] == 1)).all()
    assert (places[places[:, 3] > 0, 3] >= 0.12).all()
    # The best is the last line.
    assert rails.shades.values[-1] == 0.0
    assert rails.hover[-1].startswith(f"trial {MIXED.tids[MIXED.best]}\n")
    assert [text for _, text in rails.ticks[1]] == ["16", "64", "256"]


def test_texts_of_rails_stand_at_their_places():
    (rails,) = layers(parallel(MIXED, "C"), Rails)
    for place, text in rails.ticks[0][1:]:
        share = (math.log10(float(text)) + 3) / 6
        assert place == pytest.approx(0.12 + 0.88 * share)
