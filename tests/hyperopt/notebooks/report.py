"""``report(equal, typed)``: print what a notebook found, for `test_notebooks.py` to compare.

`equal` has values that both libraries must agree on. Of `typed` only the types count: of the value
and of all that is in it, with the elements of a list merged, because random draws differ.
"""

import json

import numpy as np


def shape(value):
    """Return the type of a value and the types of what is in it, as nested dicts."""
    if isinstance(value, dict):
        inner = {repr(key): shape(each) for key, each in value.items()}
    elif isinstance(value, tuple):
        inner = {str(index): shape(each) for index, each in enumerate(value)}
    elif isinstance(value, (list, set)):
        inner = {"each": merged([shape(each) for each in value])} if value else {}
    elif isinstance(value, np.ndarray):
        inner = {"dtype": {str(value.dtype): {}}}
    elif type(value).__name__ == "DataFrame":
        inner = {str(name): {str(dtype): {}} for name, dtype in value.dtypes.items()}
    else:
        inner = {}
    return {_name(type(value)): inner}


def merged(shapes):
    """Return one shape for several values; what only some of them have may be "absent"."""
    found = {}
    for each in shapes:
        for name, inner in each.items():
            found.setdefault(name, []).append(inner)
    return {
        name: {
            key: merged([inner.get(key, {"absent": {}}) for inner in inners])
            for key in sorted(set().union(*inners))
        }
        for name, inners in sorted(found.items())
    }


def _name(kind):
    """Return the name of a class; that of the library's own modules does not count."""
    plain = kind.__module__.split(".")[0] in ("builtins", "hyperopt", "sparktune", "__main__")
    return kind.__qualname__ if plain else f"{kind.__module__}.{kind.__qualname__}"


def _plain(number):
    """Return a number of NumPy as Python's; some comparisons give its bool."""
    return number.item()


def report(equal, typed):
    """Print both as one line of JSON."""
    types = {name: shape(value) for name, value in typed.items()}
    print("REPORT", json.dumps({"equal": equal, "types": types}, sort_keys=True, default=_plain))
