"""The picture of a search: a size of its own, and round numbers on its axes."""

import xml.etree.ElementTree as ET

import pytest

from sparktune._tracking.plot import history_svg


def labels(points):
    """Return the numbers on the axes of x and y."""
    texts = [
        node for node in ET.fromstring(history_svg(points, "title")).iter() if "text" in node.tag
    ]
    x = [float(node.text) for node in texts if node.get("y") == "418"]
    y = [float(node.text) for node in texts if node.get("x") == "72"]
    return x, y


def test_the_picture_has_a_size():
    root = ET.fromstring(history_svg([(0, 1.0, "ok")], "title"))
    assert (root.get("width"), root.get("height")) == ("800", "450")
    assert root.get("viewBox") == "0 0 800 450"


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([0.13, 0.97], [0.2, 0.4, 0.6, 0.8, 1]),
        ([-3.0, 17.0], [0, 5, 10, 15]),
        ([0.001, 0.0011], [0.001, 0.00102, 0.00104, 0.00106, 0.00108, 0.0011]),
        ([0.9, 40.0], [1, 2, 5, 10, 20]),
        ([6e-5, 60.0], [1e-4, 1e-2, 1, 100]),
        ([1e-300, 1e300], [1e-216, 1e-108, 1, 1e108, 1e216]),
    ],
)
def test_losses_are_marked_at_round_values(losses, expected):
    _, y = labels([(tid, loss, "ok") for tid, loss in enumerate(losses)])
    assert y == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, [0]), (3, [0, 1, 2]), (40, [0, 10, 20, 30]), (101, [0, 20, 40, 60, 80, 100])],
)
def test_trials_are_marked_at_round_ids(count, expected):
    x, _ = labels([(tid, 1.0, "ok") for tid in range(count)])
    assert x == expected


@pytest.mark.parametrize(
    "losses",
    [[], [None], [1.0], [0.0, 5e-324], [-1e308, 1e308], [1e16, 1e16 + 2], [-5e-324, 0.0]],
    ids=str,
)
def test_losses_beyond_the_range_of_floats_are_drawn_too(losses):
    picture = history_svg([(tid, loss, "ok") for tid, loss in enumerate(losses)], "a < b")
    assert ET.fromstring(picture).tag.endswith("svg")
