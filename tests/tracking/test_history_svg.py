"""The picture of a search in MLflow: its size and colours, round numbers on its axes."""

import xml.etree.ElementTree as ET

import pytest

from sparktune._tracking.plot import history_svg


def texts(points, **more):
    root = ET.fromstring(history_svg(points, "title", **more))
    return {node.text for node in root.iter() if "text" in node.tag}


def test_the_picture_has_a_size_and_stands_on_white():
    text = history_svg([(0, 1.0, "ok")], "title")
    root = ET.fromstring(text)
    assert root.get("width") == "800"
    assert root.get("viewBox") == f"0 0 800 {root.get('height')}"
    assert "var(" not in text
    assert next(iter(root)).get("fill") == "#fff"


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([0.13, 0.97], {"0.2", "0.4", "0.6", "0.8"}),
        ([-3.0, 17.0], {"-2", "0", "2", "16"}),
        ([0.9, 40.0], {"1", "2", "5", "10", "20"}),
        ([6e-5, 60.0], {"0.0001", "0.001", "0.01", "0.1", "1", "10"}),
    ],
)
def test_losses_are_marked_at_round_values(losses, expected):
    assert expected <= texts([(tid, loss, "ok") for tid, loss in enumerate(losses)])


@pytest.mark.parametrize(("count", "expected"), [(3, {"0", "1", "2"}), (101, {"0", "20", "100"})])
def test_trials_are_marked_at_round_ids(count, expected):
    assert expected <= texts([(tid, 0.5, "ok") for tid in range(count)])


def test_what_became_of_the_trials_is_seen():
    points = [(3, None, "error"), (0, 1.0, "ok"), (1, None, "cancelled"), (2, None, "fail")]
    found = texts(points)
    assert {"title", "ok", "failed", "cancelled", "trial", "loss"} <= found
    assert "score" in texts([(0, -1.0, "ok")], maximized=True)


@pytest.mark.parametrize(
    "losses",
    [[], [None], [1.0], [0.0, 5e-324], [-1e308, 1e308], [1e16, 1e16 + 2], [-5e-324, 0.0]],
    ids=str,
)
def test_losses_beyond_the_range_of_floats_are_drawn_too(losses):
    picture = history_svg([(tid, loss, "ok") for tid, loss in enumerate(losses)], "a < b")
    assert ET.fromstring(picture).tag.endswith("svg")
