"""The Python code in the documentation runs, page by page, from top to bottom."""

import ast
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
# The opening fence, what follows it ("python", "python no-run", "sh", ...), and the code.
BLOCK = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def python_blocks(page):
    """Pairs of (code, whether it is to be run); the code keeps its line numbers in the page."""
    text = page.read_text(encoding="utf-8")
    for match in BLOCK.finditer(text):
        words = match[1].split()
        if words[:1] == ["python"]:
            blank_lines = "\n" * text.count("\n", 0, match.start(2))
            yield blank_lines + match[2], "no-run" not in words


def test_the_readme_has_code_to_run():
    assert [run for _, run in python_blocks(ROOT / "README.md")].count(True) >= 1


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
@pytest.mark.timeout(120)
def test_python_blocks_run(page, capsys):
    names = {"__name__": "__main__"}
    for code, run in python_blocks(page):
        if run:
            exec(compile(code, str(page), "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_blocks_that_are_not_run_import_only_what_is_there(page):
    for code, run in python_blocks(page):
        if run:
            continue
        for node in ast.walk(ast.parse(code, str(page))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sparktune"):
                module = importlib.import_module(node.module)
                assert [a.name for a in node.names if not hasattr(module, a.name)] == []


def test_links_to_files_lead_somewhere():
    dead = []
    for page in PAGES:
        text = BLOCK.sub("", page.read_text(encoding="utf-8"))
        dead += [
            f"{page.name}: {target}"
            for target in re.findall(r"\]\(([^)#\s]+)", text)
            if "://" not in target and not (page.parent / target).exists()
        ]
    assert dead == []


def test_the_make_targets_that_are_named_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for page in PAGES:
        named = set(re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text(encoding="utf-8"), re.M))
        assert named <= targets, page.name


def test_the_tests_that_contributors_are_told_to_run_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = {word for command in re.findall(r"pytest ([^`]+)", text) for word in command.split()}
    assert [path for path in named if path.startswith("tests") and not (ROOT / path).exists()] == []
    rooms = (ROOT / "python" / "sparktune").glob("_*/__init__.py")
    assert [room.parent.name for room in rooms if f"/{room.parent.name}`" not in text] == []
