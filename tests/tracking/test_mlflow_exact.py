"""Documents as text and back: exact values and types."""

import datetime
import math

import numpy as np
import pytest

from sparktune._tracking.exact import decode_trial, encode_trial, from_tags, to_tags
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
    del tags["sparktune.trial.3"]
    assert from_tags(tags) is None
    assert from_tags({}) is None
