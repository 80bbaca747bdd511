"""Fail on circles among modules, and on Rust imports that run upward.

Which room of the package may import which is in pyproject.toml, for import-linter. This script
reads what import-linter does not: the modules of `rust/core` (`use crate::...`) and of `benches`.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "rust" / "core" / "src"

# From the bottom up: an entry of rust/core/src imports only from earlier groups and from itself.
RUST_ORDER = [
    {"error", "numeric"},
    {"space"},
    {"history", "importance"},
    {"univariate", "kernels", "gaussian"},
    {"samplers"},
    {"search"},
]

USE = r"\b(pub(?:\([^)]*\))?\s+)?use\s+([^;]+);"
TEST = r"#\[cfg\(test\)\]\s*(?:pub(?:\([^)]*\))?\s+)?mod\s+"
INLINE = r"\b(?:crate|super|self)(?:::\w+)+"

Graph = dict[str, set[str]]


# --- Python ---------------------------------------------------------------------------------------


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield the modules that a file imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def python_graph(folder: Path) -> Graph:
    """Return which files of a folder of programs import which of the others."""
    names = {path.stem for path in folder.glob("*.py")}
    return {
        path.stem: set(imports(ast.parse(path.read_text()))) & names - {path.stem}
        for path in folder.glob("*.py")
    }


# --- Rust -----------------------------------------------------------------------------------------


def rust_code(path: Path) -> str:
    """Return a file's code without comments, texts and test modules."""
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
    text = re.sub(r'"(?:[^"\\]|\\.)*"', '""', text)
    while match := re.search(TEST + r"\w+\s*\{", text):
        depth, end = 1, match.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        text = text[: match.start()] + text[end:]
    return text


def expand(path: str) -> Iterator[list[str]]:
    """Yield the paths of one `use`: ``a::{b, c::D}`` is ``a::b`` and ``a::c::D``."""
    path = re.sub(r"\s+as\s+\w+", "", path)
    head, brace, rest = path.partition("{")
    if not brace:
        yield [part.strip() for part in path.split("::")]
        return
    depth, start, body = 0, 0, rest[: rest.rindex("}")] + ","
    for i, char in enumerate(body):
        depth += {"{": 1, "}": -1}.get(char, 0)
        if char == "," and depth == 0:
            if item := body[start:i].strip():
                for tail in expand(item):
                    yield [*(part for part in head.strip().split("::") if part), *tail]
            start = i + 1


class Crate:
    """The modules of a crate, by their path from its root ("" is the root itself)."""

    def __init__(self, root: Path) -> None:
        self.code = {}
        for path in sorted(root.rglob("*.rs")):
            parts = path.relative_to(root).with_suffix("").parts
            self.code["::".join(p for p in parts if p not in ("lib", "mod"))] = rust_code(path)
        tests = {
            f"{name}::{test}".removeprefix("::")
            for name, code in self.code.items()
            for test in re.findall(TEST + r"(\w+)\s*;", code)
        }
        for name in [*self.code]:
            if any(f"{name}::".startswith(f"{test}::") for test in tests):
                del self.code[name]
        # What a module re-exports: name -> path.
        self.doors = {
            name: {path[-1]: path for public, path in self.uses(name) if public}
            for name in self.code
        }

    def uses(self, name: str) -> Iterator[tuple[bool, list[str]]]:
        """Yield the paths that a module names from the root of the crate, and if it re-exports."""
        for match in re.finditer(USE, self.code[name]):
            for path in expand(match[2]):
                yield bool(match[1]), self.absolute(name, path)
        for match in re.finditer(INLINE, re.sub(USE, "", self.code[name])):
            yield False, self.absolute(name, match[0].split("::"))

    def absolute(self, name: str, path: list[str]) -> list[str]:
        """Return a path from the root; that of another crate is empty."""
        here = name.split("::") if name else []
        if path[0] == "crate":
            return path[1:]
        if path[0] == "self":
            return [*here, *path[1:]]
        if path[0] == "super":
            ups = sum(part == "super" for part in path)
            return [*here[:-ups], *path[ups:]]
        return [*here, *path] if "::".join([*here, path[0]]) in self.code else []

    def module(self, path: list[str]) -> str:
        """Return the module in which a path ends, through re-exports."""
        for length in range(len(path), 0, -1):
            name = "::".join(path[:length])
            if name in self.code:
                break
        else:
            name, length = "", 0
        door = self.doors[name].get(path[length]) if length < len(path) else None
        return self.module(door) if door and door != path else name

    def graph(self) -> Graph:
        """Return which module uses which; a module does not use the children it re-exports."""
        found: Graph = {name or "lib": set() for name in self.code}
        for name in self.code:
            for public, path in self.uses(name):
                target = self.module(path) if path else name
                child = not name or target.startswith(f"{name}::")
                if target != name and not (public and child):
                    found[name or "lib"].add(target or "lib")
        return found


def rust_upward(graph: Mapping[str, set[str]]) -> Iterator[str]:
    """Yield the imports that run upward or sideways, and what has no place in the order."""
    rank = {name: i for i, group in enumerate(RUST_ORDER) for name in group}
    top = tops(graph)
    if not any("::" in name for name in graph):
        return  # no folders yet
    yield from (
        f"rust/core: {name} has no place in RUST_ORDER"
        for name in top.keys() - rank.keys() - {"lib"}
    )
    for name, targets in sorted(graph.items()):
        for target in sorted(targets):
            a, b = name.split("::")[0], target.split("::")[0]
            if a != b and rank.get(a, 99) <= rank.get(b, -1):
                yield f"rust/core: {name} imports {target}, which is not below it"


# --- Circles --------------------------------------------------------------------------------------


def tops(graph: Mapping[str, set[str]]) -> Graph:
    """Return the graph of the folders at the top."""
    found: Graph = {}
    for name, targets in graph.items():
        top = name.split("::")[0]
        found.setdefault(top, set()).update({t.split("::")[0] for t in targets} - {top})
    return found


def circle(where: str, graph: Graph) -> Iterator[str]:
    """Yield the first circle, if there is one."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        # Each imports the one after it.
        yield f"{where}: a circle of imports: {' -> '.join(reversed(error.args[1]))}"


def main() -> None:
    """Print what is wrong, and fail if anything is."""
    rust = Crate(CORE).graph()
    problems = [
        *circle("benches", python_graph(ROOT / "benches")),
        *circle("benches/quality", python_graph(ROOT / "benches" / "quality")),
        *circle("rust/core", rust),
        *circle("rust/core, folders", tops(rust)),
        *rust_upward(rust),
    ]
    print("\n".join(problems) or "layers: no circle, nothing imports upward")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
