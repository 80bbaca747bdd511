"""Documents as text and back: exact values and types."""

import contextlib
import datetime
import json
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparktune._tracking.exact import Unreadable, decode_trial, encode_trial, from_tags, to_tags
from sparktune._trials.documents import JOB_STATE_DONE


def same(a, b):
    """Return whether two values are equal, types and NaN included."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and bool((a == b).all())
    return a == b or (a != a and b != b)


RESULT = {
    "status": "ok",
    "loss": 0.1 + 0.2,
    "nan": math.nan,
    "inf": -math.inf,
    "count": 3,
    "flag": True,
    "numpy": {"f": np.float32(0.1), "i": np.int8(-3), "d": np.float64(1e-300), "b": np.bool_(True)},
    "array": np.array([[1.5, 2.0]], dtype=np.float32),
    "tuple": (1, [2, {"three": "3"}]),
    1: {2: "keys that are not text", "$dict": 0},
    "when": datetime.datetime(2026, 1, 2, 3, 4, 5, 678000),
    "text": 'quotes " and \n lines, \u00e9\u4e16',
    "none": None,
}


def full(documents, **result):
    trial = documents.running(
        7, x=0.1, big=1e300, tiny=-5e-324, n=np.int64(2**53 + 1), f=np.float32(0.1), q=3.0
    )
    trial["misc"]["vals"].update(inactive=[], plain=[2], text=["as given"])
    trial["misc"]["idxs"].update(inactive=[], plain=[7], text=[7])
    trial["misc"]["from_tid"] = 3
    trial["misc"]["workdir"] = None
    trial["book_time"] = datetime.datetime(2026, 1, 2, 3, 4, 5, 6000)
    trial["refresh_time"] = datetime.datetime(2026, 1, 2, 3, 5)
    trial["owner"] = ("host", 12)
    trial["state"] = JOB_STATE_DONE
    trial["result"] = result
    return trial


def test_a_document_comes_back_as_it_was(documents):
    trial = full(documents, **{str(k): v for k, v in RESULT.items()})
    trial["result"] = dict(RESULT)
    back = decode_trial(encode_trial(trial), 7)
    assert back.keys() == trial.keys()
    for key in trial:
        if key == "misc":
            assert back["misc"].keys() == trial["misc"].keys()
            assert all(same(back["misc"][k], v) for k, v in trial["misc"].items())
        else:
            assert same(back[key], trial[key]), key


def test_an_error_comes_back(documents):
    trial = documents.error(documents.running(1, x=1.0), "Traceback\n" * 5000)
    back = decode_trial(encode_trial(trial), 1)
    assert back["state"] == trial["state"]
    assert back["misc"]["error"] == trial["misc"]["error"]
    assert trial["misc"]["traceback"].endswith(back["misc"]["traceback"])


def test_values_that_are_not_plain_data_are_left_out(documents):
    trial = full(documents, status="ok", loss=1.0, model=object(), text="x" * 20_000)
    assert decode_trial(encode_trial(trial), 7)["result"] == {"status": "ok", "loss": 1.0}


def test_a_result_that_is_too_large_keeps_its_numbers(documents):
    trial = full(documents, status="ok", loss=1.0, **{f"list{i}": [0.1] * 999 for i in range(99)})
    text = encode_trial(trial)
    assert len(text) < 60_000
    assert decode_trial(text, 7)["result"] == {"status": "ok", "loss": 1.0}


@pytest.mark.parametrize("length", [10, 4999, 5000, 5001, 14_970, 50_000])
def test_tags_hold_a_text_of_any_length(length):
    text = "{" + "abcdefg" * (length // 7)
    tags = to_tags(text)
    assert all(len(value) <= 5000 for value in tags.values())
    assert from_tags({"other": "tag", **tags}) == text


def test_a_shorter_text_replaces_a_longer_one():
    tags = to_tags("{" + "a" * 20_000)
    tags.update(to_tags("{" + "b" * 6000))
    assert from_tags(tags) == "{" + "b" * 6000
    tags.update(to_tags("{c"))
    assert from_tags(tags) == "{c"


def test_a_text_that_is_not_there_as_a_whole_is_none():
    tags = to_tags("{" + "a" * 20_000)
    del tags["mlflow.sparktune.trial.3"]
    assert from_tags(tags) is None
    assert from_tags({}) is None


@pytest.mark.parametrize("count", ["1000000000", "-1", "", "1e9", "\u00b2", "9" * 5000, "x"])
def test_a_number_of_parts_that_cannot_be_true(count):
    assert from_tags({"mlflow.sparktune.trial": f"{count}|{{"}) is None


def test_what_is_nested_deeply_is_left_out(documents):
    deep = []
    for _ in range(100):
        deep = [deep]
    trial = full(documents, status="ok", loss=1.0, deep=deep, less=[[[1]]])
    wanted = {"status": "ok", "loss": 1.0, "less": [[[1]]]}
    assert decode_trial(encode_trial(trial), 7)["result"] == wanted


# What is put in the place of a part of a document.
HOSTILE = [
    None, True, -1, 10**400, 1e308, math.nan, math.inf, "", "x", "\ud800", [], [[]], {}, {"": {}},
    {"$numpy": "S2000000000", "value": 1}, {"$numpy": "U500000000", "value": "x"},
    {"$numpy": "O", "value": {}}, {"$numpy": [], "value": 1}, {"$numpy": "int8", "value": 300},
    {"$numpy": "M8[D]", "value": 1}, {"$numpy": "float64"}, {"$numpy": "float64", "value": "1"},
    {"$array": "O", "shape": [1], "value": [{}]}, {"$array": "V9", "shape": [], "value": 0},
    {"$array": "int8", "shape": [10**9], "value": [0]}, {"$array": "int8", "shape": "x"},
    {"$array": "float64", "shape": [1], "value": [[[]]]}, {"$array": "int8", "shape": [-1, -1],
    "value": [1]}, {"$dict": [[[], 1]]}, {"$dict": [1]}, {"$dict": 3}, {"$tuple": 5},
    {"$time": 5}, {"$time": "x"}, {"$time": "2020-01-01T00:00:00+01:00"}, "S2000000000", "float128",
    {"tid": 5}, {"vals": {}}, {"status": []},
]  # fmt: skip


def places(value, path=()):
    """Yield the path of each part of a JSON value."""
    yield path
    if isinstance(value, (dict, list)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(item, (*path, key))


def replaced(value, path, new):
    if not path:
        return new
    changed = value.copy()
    changed[path[0]] = replaced(value[path[0]], path[1:], new)
    return changed


def check_document(text):
    """Read a text; if it can be, a whole document must come back."""
    with contextlib.suppress(Unreadable):
        doc = decode_trial(text, 7)
        assert doc["tid"] == doc["misc"]["tid"] == 7
        assert doc["misc"]["vals"].keys() == doc["misc"]["idxs"].keys()
        assert type(doc["state"]) is int
        assert 0 <= doc["misc"].get("from_tid", 7) < 2**63
        assert type(doc["result"]) is dict
        for label, values in doc["misc"]["vals"].items():
            label.encode()
            assert all(math.isfinite(v) for v in values if isinstance(v, (float, np.floating)))
        encode_trial(doc)


@pytest.mark.parametrize("name", ["S2000000000", "U500000000", "V2000000000", "300000000f8"])
@pytest.mark.parametrize("kind", ["$numpy", "$array", "types"])
def test_the_name_of_a_dtype_takes_no_memory(name, kind, documents):
    found = json.loads(encode_trial(full(documents, status="ok", loss=1.0)))
    if kind == "types":
        found["types"]["x"], found["vals"]["x"] = name, "x"
    else:
        found["result"]["x"] = {
            kind: name,
            "value": ["x"] if kind == "$array" else "x",
            "shape": [1],
        }
    tracemalloc.start()
    try:
        with pytest.raises(Unreadable):
            decode_trial(json.dumps(found), 7)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_no_part_of_a_document_is_trusted(documents):
    trial = full(documents, **{str(k): v for k, v in RESULT.items()})
    trial["misc"]["error"], trial["misc"]["traceback"] = ("kind", "what"), "where"
    whole = json.loads(encode_trial(trial))
    for path in places(whole):
        for new in HOSTILE:
            check_document(json.dumps(replaced(whole, path, new)))
            if path:
                parent = whole
                for key in path[:-1]:
                    parent = parent[key]
                if isinstance(parent, dict):
                    less = {key: item for key, item in parent.items() if key != path[-1]}
                    check_document(json.dumps(replaced(whole, path[:-1], less)))


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "3", "null", "{}", "[" * 100_000, '{"a":' * 100_000, "9" * 100_000,
        '{"state":"done","vals":{},"types":{},"version":0,"misc":{},"result":' + "[" * 500
        + "]" * 500 + "}",
    ],
)  # fmt: skip
def test_texts_that_are_no_documents(text):
    with pytest.raises(Unreadable):
        decode_trial(text, 7)


@given(data=st.data())
def test_damaged_texts(data, documents):
    text = encode_trial(full(documents, **{str(k): v for k, v in RESULT.items()}))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        size = data.draw(st.integers(0, 30))
        new = data.draw(st.text('0123456789e-"[]{}:,$NaIntrue\\u', max_size=6))
        text = text[:at] + new + text[at + size :]
    check_document(text)
