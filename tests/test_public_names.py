"""What `sparktune` shows: `dir()`, completion and star imports have public names only."""

import importlib
import pkgutil
import subprocess
import sys

import pytest

import sparktune

PUBLIC_MODULES = {
    "anneal", "base", "criteria", "early_stop", "exceptions", "fmin", "hp", "mix", "plotting",
    "progress", "pruning", "pyll", "pyll_utils", "rand", "spark", "tpe", "trials", "utils",
}  # fmt: skip


def test_the_root_has_hyperopts_modules_and_no_others():
    found = {module.name for module in pkgutil.iter_modules(sparktune.__path__)}
    assert {name for name in found if not name.startswith("_")} == PUBLIC_MODULES


def test_dir_shows_public_names_only():
    shown = dir(sparktune)
    assert [name for name in shown if name.startswith("_")] == ["__version__"]
    # The code of atpe is elsewhere.
    assert set(shown) == {*sparktune.__all__, *PUBLIC_MODULES, "atpe"}
    assert all(hasattr(sparktune, name) for name in shown)


def test_a_star_import_takes_what_all_names():
    names: dict = {}
    exec("from sparktune import *", names)
    assert set(names) - {"__builtins__"} == set(sparktune.__all__)


def test_completion_shows_public_names_only():
    code = (
        "import rlcompleter, sparktune\n"
        "complete = rlcompleter.Completer({'sparktune': sparktune}).complete\n"
        "i = 0\n"
        "while (name := complete('sparktune.', i)) is not None:\n"
        "    print(name.removeprefix('sparktune.').rstrip('()'))\n"
        "    i += 1\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= set(dir(sparktune))


def test_modules_under_hyperopts_names_say_what_they_export():
    for name in PUBLIC_MODULES - {"fmin"}:
        module = importlib.import_module(f"sparktune.{name}")
        assert all(hasattr(module, each) for each in module.__all__)


@pytest.mark.parametrize("name", [*sorted(PUBLIC_MODULES), "atpe", "pyll.base", "pyll.stochastic"])
def test_dir_of_a_module_shows_what_it_exports(name):
    # By `import_module`, as `sparktune.fmin` is the function.
    module = importlib.import_module(f"sparktune.{name}")
    # A star import of `hp` must not hide the builtins.
    unstarred = {"float", "int"} if name == "hp" else set()
    assert dir(module) == sorted({*module.__all__, *unstarred})
    assert not {*module.__all__} & unstarred
    assert all(hasattr(module, each) for each in dir(module))
