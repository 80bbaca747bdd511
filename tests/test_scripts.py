"""The checks of `make lint` that are ours find what they are for."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))
import layers
import sizes
import wording


@pytest.fixture(autouse=True)
def _order(monkeypatch):
    monkeypatch.setattr(layers, "RUST_ORDER", [{"error"}, {"space"}, {"samplers"}])


def crate(folder, files):
    for name, code in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(code)
    return layers.Crate(folder).graph()


GOOD = {
    "lib.rs": "mod error; pub mod space; mod samplers;\npub use space::{Space, parameter::Label};",
    "error.rs": 'pub struct Error; // crate::samplers\nconst WORDS: &str = "crate::samplers";',
    "space/mod.rs": "mod body; pub(crate) mod parameter;\npub use body::Space;",
    "space/body.rs": "use super::parameter::Label; use std::sync::Arc;",
    "space/parameter.rs": "use crate::error::{self, Error};\n#[cfg(test)]\n"
    "mod tests { use crate::samplers::Tpe; fn f() { {} } }",
    "samplers/mod.rs": "pub mod tpe;\n#[cfg(test)]\npub(crate) mod twins;",
    "samplers/twins.rs": "use super::tpe::Tpe;",
    "samplers/tpe.rs": "use crate::Label; fn f(space: &crate::space::Space) {}",
}


def test_rust_imports_are_followed_through_re_exports(tmp_path):
    graph = crate(tmp_path, GOOD)
    assert graph == {
        "lib": set(),
        "error": set(),
        "space": set(),
        "space::body": {"space::parameter"},
        "space::parameter": {"error"},
        "samplers": set(),
        "samplers::tpe": {"space::parameter", "space::body"},
    }
    assert list(layers.circle("core", graph)) == []
    assert list(layers.rust_upward(graph)) == []


@pytest.mark.parametrize(
    ("file", "code", "found"),
    [
        ("error.rs", "use crate::{error, samplers::tpe::Tpe};", "error imports samplers::tpe"),
        ("odd.rs", "", "odd has no place"),
    ],
)
def test_rust_imports_that_run_upward_are_found(tmp_path, file, code, found):
    (problem,) = layers.rust_upward(crate(tmp_path, {**GOOD, file: code}))
    assert found in problem


def test_circles_are_found(tmp_path):
    graph = crate(tmp_path, {**GOOD, "error.rs": "use crate::space::Space;"})
    (problem,) = layers.circle("core", layers.tops(graph))
    assert problem.startswith("core: a circle of imports: ")


def test_long_functions_are_found(tmp_path):
    body = '    """What\n    it is.\n    """\n' + "    x = 1\n" * 60
    (tmp_path / "file.py").write_text(f"def long():\n{body}\ndef fits():\n    x = 1\n")
    assert list(sizes.long_functions(tmp_path / "file.py")) == [("long", 61)]


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("It takes one value a parameter.", 1),
        ("# It is sent once a\n    # trial.", 1),
        ("30 bytes a trial, three store calls a search", 2),
        ("This is no error. They are no\n// strings.", 2),
        ("One of a trial's values, two of a trial, one step of a search: what runs a trial.", 0),
        ("There is no error, it is no longer there, and it is no better. Trials per second.", 0),
    ],
)
def test_wording(tmp_path, text, findings):
    (tmp_path / "text.md").write_text(text)
    assert len(list(wording.findings(tmp_path / "text.md"))) == findings
