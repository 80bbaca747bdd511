"""`sparktune._worker` runs where sparktune is not installed."""

import ast
import pickle
import subprocess
import sys
from pathlib import Path

import cloudpickle
import pytest

from sparktune import _worker, hp, with_data
from sparktune._parallel.cargo import pack
from sparktune._space.compile import evaluate_assignment
from sparktune._space.expr import scope
from sparktune._space.program_builder import build_program
from sparktune._worker.task import encode_payload

FOLDER = Path(_worker.__file__).parent
# Imported inside functions only, where an objective, or the place it runs in, has them.
OPTIONAL = {"mlflow", "numpy", "pyarrow", "pyspark", "sklearn"}


def imports(node, in_function=False):
    """Yield each module that a tree imports, and whether a function does."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from ((alias.name, in_function) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield child.module, in_function
        is_function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        yield from imports(child, in_function or is_function)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_imports_the_standard_library_only(path):
    for name, in_function in imports(ast.parse(path.read_text())):
        package = name.split(".")[0]
        assert (
            package in sys.stdlib_module_names
            or name.startswith("sparktune._worker.")
            or (in_function and package in OPTIONAL)
        ), name


def test_the_folder_has_no_folders():
    assert [path.name for path in FOLDER.iterdir() if path.is_dir()] in ([], ["__pycache__"])


EXECUTOR = """
import pickle, sys
class Refuse:
    def find_spec(self, name, *_):
        if name.split(".")[0] in sys.argv[2].split(","):
            raise ImportError(f"no {name} here")
sys.meta_path.insert(0, Refuse())
with open(sys.argv[1], "rb") as file:
    run, payload = pickle.load(file)
kind, *rest = pickle.loads(run(iter([payload]))[0])
assert kind == "ok", rest
print(pickle.loads(rest[0]))
assert not [m for m in sys.modules if m.startswith(("sparktune", *sys.argv[2].split(",")))]
"""


def run_elsewhere(tmp_path, fn, space, values, missing):
    """Run a trial in an interpreter that lacks some packages; return what its objective gave."""
    cargo = pack(fn, build_program(space))
    parcels = {parcel.key: parcel.to_bytes() for parcel in cargo.parcels}
    job = (cargo.task(cargo.data, parcels), encode_payload(values, None))
    (tmp_path / "job").write_bytes(cloudpickle.dumps(job))
    done = subprocess.run(
        [sys.executable, "-c", EXECUTOR, tmp_path / "job", ",".join(missing)],
        capture_output=True, text=True, timeout=100, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.timeout(120)
def test_a_trial_runs_where_neither_sparktune_nor_numpy_is(tmp_path):
    space = {
        "x": hp.uniform("x", 0, 1) * 2,
        "c": hp.choice("c", [0, {"n": scope.int(hp.normal("n", 0, 1)), "i": scope.identity("i")}]),
    }
    fn = with_data(lambda point, shift: {"point": point, "loss": point["x"] + shift}, shift=3.0)
    missing = ["sparktune", "numpy", "pyspark", "mlflow"]
    out = run_elsewhere(tmp_path, fn, space, {"x": 0.5, "c": 1, "n": 2.0}, missing)
    assert out == str({"point": {"c": {"i": "i", "n": 2}, "x": 1.0}, "loss": 4.0})


@pytest.mark.timeout(120)
def test_a_program_runs_where_sparktune_is_not(tmp_path):
    space = {
        "x": scope.exp(hp.uniform("x", 0, 1)) * 0 + scope.sum([1, 2], axis=0),
        "c": hp.choice("c", [0, {"n": scope.int(hp.normal("n", 0, 1)), "i": scope.identity("i")}]),
        "m": scope.call_method("a-b", "split", "-"),
        "k": scope.kwswitch("b", a=1, b=2),
        "l": scope.map(abs, [-1, scope.len([1, 2])]),
        "p": hp.pchoice("p", [(0.5, "yes"), (0.5, "no")]),
    }
    values = {"x": 0.5, "c": 1, "n": 2.0, "p": 0}
    assert build_program(space).plain
    out = run_elsewhere(tmp_path, lambda point: point, space, values, ["sparktune"])
    assert out == str(evaluate_assignment(space, values))
    assert pickle.loads(pickle.dumps(build_program(space))).plain
