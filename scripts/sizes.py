"""Fail on files over 400 lines and functions over 60, except those that CONTRIBUTING.md excuses.

Docstrings count towards a file's lines but not a function's: a function's length is its code.
Clippy counts the lines of Rust functions (clippy.toml).
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("python", "rust", "tests", "benches", "scripts", "examples")
FILE, FUNCTION = 400, 60
# The rows of the table in CONTRIBUTING.md: | `path` or `path:function` | lines | reason |
ROW = re.compile(r"^\| `([^`]+)` \| (\d+) \| (.+) \|$", re.MULTILINE)


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return how many lines a function has, less its docstring."""
    lines = (function.end_lineno or 0) - function.lineno + 1
    if ast.get_docstring(function, clean=False) is not None:
        lines -= (function.body[0].end_lineno or 0) - function.body[0].lineno + 1
    return lines


def long_functions(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the long functions of a Python file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = code_lines(node)
            if lines > FUNCTION:
                yield node.name, lines


def too_long() -> Iterator[tuple[str, int]]:
    """Yield what is too long, as the table names it."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix not in (".py", ".pyi", ".rs") or "target" in path.parts:
                continue
            name = path.relative_to(ROOT).as_posix()
            lines = len(path.read_text(encoding="utf-8").splitlines())
            if lines > FILE:
                yield name, lines
            if path.suffix == ".py":
                for function, length in long_functions(path):
                    yield f"{name}:{function}", length


def main() -> None:
    """Print what is wrong, and fail if anything is."""
    table = ROW.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    excused = {name: int(lines) for name, lines, _ in table}
    found = dict(too_long())
    problems = [
        f"{name} has {lines} lines, at most {excused.get(name, FUNCTION if ':' in name else FILE)}"
        for name, lines in found.items()
        if lines > excused.get(name, 0)
    ]
    problems += [
        f"{name} is short enough: delete its row in CONTRIBUTING.md"
        for name in excused.keys() - found.keys()
    ]
    if problems:
        problems.append("hint: cut it by ideas, or give the reason in CONTRIBUTING.md ('Walls')")
    print("\n".join(problems) or f"sizes: no file over {FILE} lines, no function over {FUNCTION}")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
