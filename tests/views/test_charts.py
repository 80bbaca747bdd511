"""What each chart draws, as data."""

import math

import numpy as np
import pytest
from chart_kit import MIXED, by_label, data_of, layers, star
from trials_kit import CASES, RUNNING, doc, failed, large, trials_of

from sparktune import hp
from sparktune._views.chart import Bars, Line, Points, Rails, Spans, Ticks
from sparktune._views.charts.contour import contour
from sparktune._views.charts.curves import curves
from sparktune._views.charts.edf import edf
from sparktune._views.charts.failures import failures
from sparktune._views.charts.history import history
from sparktune._views.charts.importance import importance
from sparktune._views.charts.overview import overview
from sparktune._views.charts.parallel import parallel
from sparktune._views.charts.rank_pairs import rank_pairs
from sparktune._views.charts.slices import slices
from sparktune._views.charts.timeline import duration, slots_of, timeline
from sparktune._views.trial_data import read_trials

# --- History --------------------------------------------------------------------------------------


def test_history_has_each_loss_the_best_so_far_and_failures():
    docs = [doc(0, 3.0), failed(1), doc(2, 1.0), doc(3, math.nan), doc(4, 2.0, status="pruned"),
            doc(5, 2.0), doc(6, state=RUNNING, seconds=(0.0, None))]  # fmt: skip
    chart = history(read_trials(trials_of(docs)))
    points = by_label(chart, Points)
    assert (points["ok"].x, points["ok"].y) == ([0, 2, 5], [3.0, 1.0, 2.0])
    assert (points["pruned"].x, points["pruned"].color) == ([4], "pruned")
    ticks = {label: layer.x for label, layer in by_label(chart, Ticks).items()}
    assert ticks == {"failed": [1], "no finite loss": [3], "running": [6]}
    (line,) = layers(chart, Line)
    assert (line.x, line.y, line.step) == ([0, 2, 5, 6], [3.0, 1.0, 1.0, 1.0], True)
    assert (star(chart).x, star(chart).y) == ([2], [1.0])
    assert chart.panels[0].y.label == "loss"
    assert not chart.panels[0].y.log


def test_history_of_scores_goes_up():
    docs = [doc(i, -score, score=score) for i, score in enumerate([0.5, 0.9, 0.7])]
    chart = history(read_trials(trials_of(docs)))
    assert layers(chart, Points)[0].y == [0.5, 0.9, 0.7]
    assert layers(chart, Line)[0].y == [0.5, 0.9, 0.9, 0.9]
    assert star(chart).x == [1]
    assert chart.panels[0].y.label == "score"


def test_history_of_one_trial():
    chart = history(data_of([2.5]))
    assert layers(chart, Points)[0].hover == ["trial 0\nloss 2.5"]
    assert layers(chart, Line)[0].y == [2.5, 2.5]


def test_what_hovering_says():
    hover = layers(history(MIXED), Points)[0].hover[1]
    assert hover.splitlines()[0] == "trial 1"
    assert hover.splitlines()[2:] == ["model: svm", "batch: 16", "x: 0.841471", "C: 0.01"]
    failure = by_label(history(MIXED), Ticks)["failed"].hover[0]
    assert failure.splitlines()[:2] == ["trial 7, fail", "ValueError: x=0.657 is too large"]


@pytest.mark.parametrize(
    ("losses", "log"),
    [([1.0, 19.0], False), ([0.01, 1.0], True), ([0.0, 100.0], False),
     ([1.0, 1.1, 1.2, 9.0], True), ([1.0, 5.0, 6.0, 9.0], False)],
)  # fmt: skip
def test_losses_that_span_widely_or_crowd_have_a_logarithmic_axis(losses, log):
    assert history(data_of(losses)).panels[0].y.log == log


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_few_losses_far_away_are_left_out_with_a_word(sign):
    losses = [-1.0 + i / 20 for i in range(40)] + [1e9]
    docs = [doc(i, loss, **({} if sign > 0 else {"score": -loss})) for i, loss in enumerate(losses)]
    chart = history(read_trials(trials_of(docs)))
    low, high = chart.panels[0].y.range
    assert low < sign * losses[0] < high
    assert high - low < 10
    assert "1 trial has a " in chart.note
    assert "1e9" in chart.note


def test_many_trials_are_thinned_but_not_the_best():
    data = read_trials(large())
    chart = history(data)
    points = by_label(chart, Points)["ok"]
    assert len(points.x) <= 5_100
    assert set(layers(chart, Line)[0].y) <= set(points.y)
    assert star(chart).x == [data.best]
    assert "of 20,000 trials are drawn" in chart.note
    assert len(layers(chart, Line)[0].x) < 1_200


# --- Importance -----------------------------------------------------------------------------------


def test_importance_is_sorted_with_the_largest_on_top():
    chart = importance(["a", "b", "c"], [0.2, 0.7, 0.1], [0.1, 0.6, 0.0], [0.3, 0.8, 0.2], "Rough.")
    (bars,) = layers(chart, Bars)
    assert chart.panels[0].y.names == ("c", "a", "b")
    assert (bars.lengths, bars.low, bars.high) == (
        [0.1, 0.2, 0.7],
        [0.0, 0.1, 0.6],
        [0.2, 0.3, 0.8],
    )
    assert bars.hover[-1] == "b\n0.7, from 0.6 to 0.8"
    assert chart.note == "Rough."


def test_importance_of_many():
    chart = importance([f"p{i}" for i in range(50)], [i / 1225 for i in range(50)])
    assert len(chart.panels[0].y.names) == 20
    assert chart.panels[0].y.names[-1] == "p49"
    assert chart.note == "30 more hyperparameters have a total of 0.36."
    assert importance([], [], note="Too few trials.").note == "Too few trials."


# --- Curves ---------------------------------------------------------------------------------------


def test_curves():
    chart = curves(MIXED)
    assert list(by_label(chart, Line)) == ["pruned", "complete", f"best (trial {MIXED.best})"]
    best = by_label(chart, Line)[f"best (trial {MIXED.best})"]
    assert best.x == [1.0, 2.0, 3.0]
    assert best.y[-1] == MIXED.losses[MIXED.best]
    (crosses,) = layers(chart, Points)
    assert (crosses.symbol, crosses.color, len(crosses.x)) == ("cross", "pruned", 4)
    assert len(layers(chart, Line)) == len(MIXED.curves)


def test_curves_have_gaps_and_single_points():
    docs = [
        doc(0, 1.0, curve={"steps": [0, 1, 2], "losses": [3.0, math.nan, 1.0]}),
        doc(1, 2.0, curve={"steps": [0], "losses": [2.0]}),
        doc(2, None, status="pruned", curve={"steps": [0], "losses": [math.inf]}),
    ]
    chart = curves(read_trials(trials_of(docs)))
    assert [math.isnan(y) for y in layers(chart, Line)[-1].y] == [False, True, False]
    assert [(each.x, each.y, each.symbol) for each in layers(chart, Points)] == [
        ([0], [2.0], "dot")
    ]


def test_many_long_curves_are_thinned():
    curve = {"steps": list(range(1000)), "losses": [1.0 / (1 + i) for i in range(1000)]}
    data = data_of([1.0 + i for i in range(700)], curve=curve)
    chart = curves(data)
    assert len(layers(chart, Line)) <= 301
    assert max(len(line.x) for line in layers(chart, Line)) <= 302
    assert layers(chart, Line)[0].x[-1] == 999
    assert "of 700 curves are drawn" in chart.note


def test_no_curves():
    assert "trial.report" in curves(data_of([1.0])).note


# --- Distribution of losses -----------------------------------------------------------------------


def test_edf_of_quarters():
    chart = edf({"these": data_of([float(i) for i in range(40, 0, -1)])})
    lines = layers(chart, Line)
    assert [line.label for line in lines] == [
        "trials 0 to 9", "trials 10 to 19", "trials 20 to 29", "trials 30 to 39"]  # fmt: skip
    assert [line.shade for line in lines] == [0.75, 0.5, 0.25, 0.0]
    assert lines[3].x[0] == 1.0
    assert lines[3].y[0] == 0.0
    assert lines[3].y[-1] == 1.0
    assert all(line.x[-1] == 40.0 for line in lines)


def test_edf_counts_failures():
    docs = [doc(0, 1.0), failed(1), doc(2, 2.0), doc(3, math.nan),
            doc(4, state=RUNNING, seconds=(0, None))]  # fmt: skip
    (line,) = layers(edf({"these": read_trials(trials_of(docs))}), Line)
    assert (line.x, line.y) == ([1.0, 1.0, 2.0, 2.0], [0.0, 0.25, 0.5, 0.5])


def test_edf_of_several_searches():
    chart = edf({"a": data_of([1.0, 3.0]), "b": data_of([2.0] * 30), "c": data_of([math.nan])})
    assert {line.label: line.color for line in layers(chart, Line)} == {
        "a (2)": "ok", "b (30)": "best"}  # fmt: skip
    assert chart.note == "Without a finite loss: c."


# --- Timeline -------------------------------------------------------------------------------------


def test_slots_are_the_lowest_that_are_free():
    assert slots_of([(0, 2), (0, 1), (1, 3), (2, 3), (2.5, 4)]) == [0, 1, 1, 0, 2]
    assert slots_of([]) == []


def test_timeline():
    chart = timeline(MIXED)
    spans = by_label(chart, Spans)
    assert set(spans) == {"ok", "pruned", "failed", "running"}
    assert chart.panels[0].y.names == ("1", "2")
    assert spans["ok"].ends[0] - spans["ok"].starts[0] == pytest.approx(0.9)
    assert chart.note == "2 slots, busy 90% of 19.9 s."
    assert spans["running"].ends[0] == max(max(each.ends) for each in spans.values())


def test_timeline_has_attempts_that_were_lost():
    whole = doc(0, 1.0, seconds=(10.0, 12.0))
    whole["misc"]["attempts"] = [{"error": "TrialLost: gone", "start_time": None, "end_time": None}]
    lost = {"start_time": whole["book_time"].replace(second=0), "end_time": whole["book_time"]}
    whole["misc"]["attempts"].append({**lost, "error": "TrialLost: gone"})
    chart = timeline(read_trials(trials_of([whole])))
    assert by_label(chart, Spans)["lost attempt"].hover == [
        "trial 0, a lost attempt\nTrialLost: gone\n15 s"]  # fmt: skip


def test_a_timeline_of_many_trials_joins_short_ones():
    chart = timeline(read_trials(large()))
    assert sum(len(each.rows) for each in layers(chart, Spans)) < 8_000
    assert chart.note.startswith("8 slots, busy 100% of")
    assert "joined" in chart.note


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.25, "0.25 s"), (59, "59 s"), (200, "3 min 20 s"), (3600, "1 h"), (90_061, "1 d 1 h")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


# --- Failures -------------------------------------------------------------------------------------


def test_failures_by_cause():
    docs = [failed(0, "x=1 is bad"), failed(1, "x=2 is bad"), failed(2, "gone", kind=OSError),
            doc(3, math.nan), doc(4, math.inf), doc(5, 1.0), doc(6, status="fail")]  # fmt: skip
    chart = failures(read_trials(trials_of(docs)))
    (bars,) = layers(chart, Bars)
    found = dict(zip(chart.panels[0].y.names, bars.lengths, strict=True))
    assert found == {
        "ValueError: x=1 is bad": 2, "OSError: gone": 1, "the loss is NaN": 1,
        "the loss is infinite": 1, "the objective returned status 'fail'": 1,
    }  # fmt: skip
    assert chart.panels[0].y.names[-1] == "ValueError: x=1 is bad"
    assert bars.hover[-1] == "ValueError: x=1 is bad\n2 trials: 0, 1"
    assert chart.note == "6 of 7 trials (86%) gave no loss."


def test_many_causes():
    docs = [failed(i, "x" * (i + 1)) for i in range(30)]
    chart = failures(read_trials(trials_of(docs)))
    assert len(layers(chart, Bars)[0].lengths) == 12
    assert chart.note.endswith("18 rarer causes are not shown.")


def test_no_failures():
    assert failures(data_of([1.0, 2.0])).note == "No trial failed (2 trials: 2 ok)."


# --- All of them ----------------------------------------------------------------------------------


def test_the_overview_has_history_and_slices():
    chart = overview(MIXED)
    assert [panel.x.label for panel in chart.panels] == [
        "trial", "model", "batch", "x", "C", "depth"]  # fmt: skip
    assert chart.note.startswith("40 trials: 31 ok")


CHARTS = {
    "history": history, "slices": slices, "parallel": parallel, "contour": contour,
    "curves": curves, "ranks": rank_pairs, "edf": lambda data: edf({"these": data}),
    "timeline": timeline, "failures": failures, "overview": overview,
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_of_every_case_is_a_picture_or_a_sentence(name, case):
    chart = CHARTS[name](read_trials(CASES[case]()))
    assert chart.panels or chart.note.endswith(".")
    for panel in chart.panels:
        assert panel.layers
        for layer in panel.layers:
            for name in ("x", "y", "lengths", "starts", "ends"):
                values = np.array(getattr(layer, name, ()), dtype=float)
                assert np.isfinite(values).all() or isinstance(layer, Line)
            hover = getattr(layer, "hover", "")
            assert isinstance(hover, str) or len(hover) in (
                0, len(getattr(layer, "x", getattr(layer, "rows", hover)))) or isinstance(
                layer, (Bars, Rails))  # fmt: skip


@pytest.mark.parametrize("case", ["none", "only failures", "not finite", "running"])
@pytest.mark.parametrize("name", ["history", "slices", "parallel", "contour", "ranks", "edf"])
def test_without_a_finite_loss_a_sentence_says_so(name, case):
    chart = CHARTS[name](read_trials(CASES[case]()))
    assert not chart.panels
    expected = "There are no trials yet." if case == "none" else "No trial has a finite loss ("
    assert chart.note.startswith(expected)


def test_options_of_a_space_that_is_not_known_have_positions():
    docs = [doc(i, 1.0, {"c": i % 2}) for i in range(4)]
    assert slices(read_trials(trials_of(docs))).panels[0].x.names == ()
    named = trials_of(docs, hp.choice("c", ["a", "b"]))
    assert slices(read_trials(named)).panels[0].x.names == ("a", "b")
