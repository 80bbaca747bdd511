"""`load_hyperopt_trials` and pickles that nobody meant well with, or that are damaged."""

import contextlib
import datetime
import decimal
import fractions
import functools
import pathlib
import pickle
import subprocess
import sys
import tracemalloc
import uuid
from collections import OrderedDict, defaultdict, deque
from pathlib import Path

import numpy as np
import pytest
from hyperopt.fmin import generate_trials_to_calculate
from hypothesis import given
from hypothesis import strategies as st

import hyperopt
from sparktune import load_hyperopt_trials
from sparktune.exceptions import InvalidArgument

OLD = Path(__file__).parent / "data" / "trials-hyperopt-0.2.7.pkl"
FRAME_LIMIT = 100_000_000

(_RECONSTRUCT, *_), (_SCALAR, *_) = np.zeros(1).__reduce__(), np.float64(0).__reduce__()
_FROMBUFFER = np.zeros(1).__reduce_ex__(5)[0]
_OBJECT = np.dtype("O")


class Call:
    """Pickles as a call, and then as the setting of a state."""

    def __init__(self, function, *args, state=None):
        self.reduced = (function, args) if state is None else (function, args, state)

    def __reduce__(self):
        return self.reduced


def pickled(value, protocol=4):
    theirs = generate_trials_to_calculate([{"x": 1.5}])
    theirs._dynamic_trials[0]["result"]["value"] = value
    return pickle.dumps(theirs, protocol=protocol)


def array(dtype, shape, data):
    return Call(_RECONSTRUCT, np.ndarray, (0,), b"b", state=(1, shape, dtype, False, data))


class TestNothingIsBuiltFromForgedBytes:
    @pytest.mark.parametrize(
        "value",
        [
            Call(np.ndarray, (1,), _OBJECT, b"A" * 8),
            Call(np.ndarray, (1,), _OBJECT, bytearray(8)),
            Call(np.ndarray, (10**9,), np.dtype("f8")),
            Call(_FROMBUFFER, b"A" * 8, _OBJECT, (1,), "C"),
            Call(_FROMBUFFER, b"A" * 8, np.dtype("f8"), (2,), "C"),
            Call(_FROMBUFFER, b"A" * 8, np.dtype("f8"), (-1,), "C"),
            Call(_FROMBUFFER, b"", np.dtype("f8"), (2**61, 8, 0), "C"),
            Call(_FROMBUFFER, b"A" * 8, np.dtype([("a", "O")]), (1,), "C"),
            Call(_SCALAR, _OBJECT, b"A" * 8),
            Call(_SCALAR, np.dtype("f8"), b"A" * 7),
            Call(_SCALAR, np.dtype("S2000000000")),
            array(_OBJECT, (1,), b"A" * 8),
            array(_OBJECT, (2,), [1]),
            array(np.dtype("f8"), (1,), [b"A" * 8]),
            array(np.dtype("f8"), (2,), b"A" * 8),
            array(np.dtype([("a", "O"), ("b", "i8")]), (1,), b"A" * 16),
            # A dtype whose flags deny that it holds objects.
            array(
                Call(np.dtype, "O", False, True, state=(3, "|", None, None, None, -1, -1, 0)),
                (1,),
                b"A" * 8,
            ),
            array(
                Call(
                    np.dtype,
                    "V8",
                    False,
                    True,
                    state=(3, "|", None, ("a",), {"a": (np.dtype("i8"), 100)}, 8, 1, 0),
                ),
                (1,),
                b"A" * 8,
            ),
            array(
                Call(
                    np.dtype,
                    "V8",
                    False,
                    True,
                    state=(3, "|", (_OBJECT, (1,)), None, None, 8, 1, 0),
                ),
                (1,),
                b"A" * 8,
            ),
        ],
    )
    def test_of_numpy(self, value):
        with pytest.raises(InvalidArgument, match=r"whole pickle|refers to"):
            load_hyperopt_trials(pickled(value))

    @pytest.mark.parametrize(
        "value",
        [
            Call(bytearray, 10**12),
            Call(np.bytes_, 10**12),
            Call(np.void, 10**12),
            Call(fractions.Fraction, "1e999999999"),
            Call(slice, [[[]]]),
            Call(functools.partial, print),
            Call(defaultdict, print),
            Call(datetime.datetime, b"\x07\xe4\x01\xff\xff\xff\xff\xff\xff\xff"),
            Call(uuid.UUID, "x"),
            Call(pathlib.PurePosixPath, b"x"),
            Call(OrderedDict, ((([[]], 1),),)),
        ],
    )
    def test_of_python(self, value):
        with pytest.raises(InvalidArgument):
            load_hyperopt_trials(pickled(value))

    @pytest.mark.parametrize(
        "start",
        [
            b"cuuid\nUUID\n",
            b"cpathlib\nPath\n",
            b"cfractions\nFraction\n",
            b"ccollections\nOrderedDict\n",
            b"chyperopt.base\nTrials\n",
            b"cnumpy\nndarray\n",
            b"ccollections\nOrderedDict\n)R",
        ],
    )
    def test_no_attribute_is_set(self, start):
        """Of a class, it would hold for the whole process."""
        before = uuid.UUID.__str__, getattr(fractions.Fraction, "evil", None)
        data = b"\x80\x02" + start + b"N}X\x04\x00\x00\x00evilK\x01s\x86b."
        with pytest.raises(InvalidArgument):
            load_hyperopt_trials(data)
        assert (uuid.UUID.__str__, getattr(fractions.Fraction, "evil", None)) == before
        assert not hasattr(uuid.UUID, "evil")

    @pytest.mark.parametrize(
        "data",
        [
            b"\x80\x05\x96\x00\x00\x00\x00\x10\x00\x00\x00.",  # a bytearray of 64 GB
            b"\x80\x04\x8e\x00\x00\x00\x00\x10\x00\x00\x00.",  # bytes
            b"\x80\x04\x95\x00\x00\x00\x00\x10\x00\x00\x00N.",  # a frame
            b"\x80\x02Nr\xff\xff\xff\x7f.",  # a memo of 2**31 places
            b"\x80\x02.",
            b"\x80\x02a.",
            b"\x80\x02(.",
            b"\x80\x02]]a",
            b"\x80\x02h\x05.",
            b"\x80\x04U\x00P.",
            b"\x80\x02\x82\x01.",  # the registry of copyreg
            b"\x80\x05\x97.",  # a buffer from outside
            b"I" + b"9" * 100_000 + b"\n.",
            b"\x80\x02" + b"(" * 100_000 + b".",
            b"\x80\x02)" + b"\x85" * 200_000 + b"}2NsN.",
            b"\x80\x02}N" + b"\x85" * 200_000 + b"Ns.",  # a deep key
        ],
    )  # fmt: skip
    def test_of_opcodes(self, data):
        tracemalloc.start()
        try:
            with pytest.raises(InvalidArgument):
                load_hyperopt_trials(data)
            assert tracemalloc.get_traced_memory()[1] < FRAME_LIMIT + 2 * 500 * len(data)
        finally:
            tracemalloc.stop()

    @pytest.mark.parametrize(
        "link",
        [b"]", b"}K\x00", b"ccollections\ndeque\n)R", b"ccollections\ndefaultdict\n)RK\x00"],
        ids=["list", "dict", "deque", "defaultdict"],
    )
    def test_many_containers_in_each_other_do_not_end_the_process(self, link):
        close = b"a" if link[-1:] in b"]R" else b"s"
        code = (
            "from sparktune import load_hyperopt_trials as load\n"
            "from sparktune.exceptions import InvalidArgument\n"
            f"data = b'\\x80\\x02' + {link!r} * 200_000 + b'N' + {close!r} * 200_000 + b'.'\n"
            "try:\n    load(data)\n"
            "except InvalidArgument:\n    print('refused')\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (0, "refused\n"), done


def damaged_documents():
    whole = generate_trials_to_calculate([{"x": 1.5}])._dynamic_trials[0]
    return {
        "no document": 3,
        "no misc": {**whole, "misc": None},
        "no tid": {key: value for key, value in whole.items() if key != "tid"},
        "a list as tid": {**whole, "tid": [], "misc": {**whole["misc"], "tid": []}},
        "a key that cannot be compared": {**whole, "exp_key": np.zeros(2)},
        "a state of a wrong kind": {**whole, "state": []},
    }


@pytest.mark.parametrize("doc", damaged_documents().values(), ids=damaged_documents())
def test_damaged_documents(doc):
    theirs = hyperopt.Trials()
    theirs._dynamic_trials.append(doc)
    with pytest.raises(InvalidArgument, match="must hold whole trials"):
        load_hyperopt_trials(pickle.dumps(theirs))


def every_protocol():
    theirs = generate_trials_to_calculate([{"x": np.float64(1.5), "k": np.int64(1)}])
    values = plain_values()
    theirs._dynamic_trials[0]["result"] = {"status": "ok", "loss": 0.5, **values}
    return [OLD.read_bytes(), *(pickle.dumps(theirs, protocol) for protocol in range(6))]


def plain_values():
    structured = np.dtype(
        {"names": ["a", "b"], "formats": ["<i4", ("f8", (2,))], "offsets": [4, 8], "itemsize": 32}
    )
    return {
        "structured": np.arange(96, dtype="u1").view(structured),
        "record": np.arange(32, dtype="u1").view(structured)[0],
        "moment": np.datetime64("2020-02-03T04:05", "m"),
        "moments": np.array(["2020-02-03", "NaT"], dtype="M8[D]"),
        "duration": np.timedelta64(3, "h"),
        "plain duration": np.timedelta64(3),
        "big": np.arange(3, dtype=">i4"),
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "none": np.array(3.0),
        "empty": np.empty((0, 3)),
        "texts": np.array(["a", "bcd"]),
        "bytes array": np.array([b"a", b"bcd"]),
        "text": np.str_("abc"),
        "no text": np.str_(""),
        "numpy bytes": np.bytes_(b"ab"),
        "objects": np.array([[1, "a"], [None, [2]]], dtype=object),
        "bool": np.bool_(True),
        "half": np.float16(0.5),
        "complex": np.complex64(1 + 2j),
        "kind": np.float32,
        "dtype": np.dtype(">f8"),
        "date": datetime.date(2020, 2, 29),
        "time": datetime.time(1, 2, 3, 4, fold=1),
        "when": datetime.datetime(
            2020, 2, 29, 1, 2, 3, 456789, datetime.timezone(datetime.timedelta(hours=-3)), fold=1
        ),
        "span": datetime.timedelta(1, 2, 3),
        "decimal": decimal.Decimal("1.50"),
        "fraction": fractions.Fraction(1, 3),
        "path": pathlib.PurePosixPath("a/b"),
        "here": pathlib.Path("a/b"),
        "uuid": uuid.UUID(int=5),
        "deque": deque([1, 2], 5),
        "default": defaultdict(list, {"a": [1]}),
        "ordered": OrderedDict(b=1, a=2),
        "set": {1, (2, 3)},
        "frozen": frozenset({1}),
        "complex number": 1 - 2j,
        "bytes": b"\xff",
        "no bytes": b"",
        "bytearray": bytearray(b"\xff\x00"),
        "slice": slice(1, None),
        "big number": 2**100,
        "same": [[1]] * 2,
    }


@pytest.mark.parametrize("protocol", range(6))
def test_all_plain_values_are_still_read(protocol):
    (doc,) = load_hyperopt_trials(pickled(plain_values(), protocol)).trials
    found, wanted = doc["result"]["value"], plain_values()
    assert list(found) == list(wanted)
    for key, value in wanted.items():
        assert type(found[key]) is type(value), key
        if isinstance(value, (np.ndarray, np.generic)):
            assert found[key].dtype == value.dtype, key
            assert np.shape(found[key]) == np.shape(value), key
            np.testing.assert_array_equal(found[key], value)
        else:
            assert found[key] == value, key
    assert found["when"].fold == (protocol > 3)  # older ones do not have it
    assert found["deque"].maxlen == 5
    assert found["default"].default_factory is list
    assert found["same"][0] is found["same"][1]
    assert found["fortran"].flags.f_contiguous
    found["big"][0] = 7  # arrays are not read-only


@given(data=st.data())
def test_only_the_documented_error_leaves(data):
    """Bytes changed, removed, doubled, or taken from another pickle."""
    wholes = every_protocol()
    pickled = bytearray(data.draw(st.sampled_from(wholes)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(pickled) - 1))
        other = data.draw(st.sampled_from(wholes))
        start, size = data.draw(st.integers(0, len(other))), data.draw(st.integers(0, 40))
        kind = data.draw(st.sampled_from(["byte", "cut", "drop", "splice", "double"]))
        if kind == "byte":
            pickled[at] = data.draw(st.integers(0, 255))
        elif kind == "cut":
            del pickled[at + 1 :]
        elif kind == "drop":
            del pickled[at : at + size]
        elif kind == "splice":
            pickled[at:at] = other[start : start + size]
        else:
            pickled[at:at] = pickled[at : at + size]
        if not pickled:
            break
    tracemalloc.start()
    try:
        with contextlib.suppress(InvalidArgument):
            load_hyperopt_trials(bytes(pickled))
        assert tracemalloc.get_traced_memory()[1] < FRAME_LIMIT
    finally:
        tracemalloc.stop()
