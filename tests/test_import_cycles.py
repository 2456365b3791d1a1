"""The modules have no import cycles, including imports for type checkers."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import dify_async

ROOT = Path(dify_async.__file__).parent


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {name_of(path): path for path in ROOT.rglob("*.py")}


def imported(path: Path) -> Iterator[str]:
    """Yield the modules of the package that a file imports, at any place in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in FILES)
        elif isinstance(node, ast.ImportFrom) and node.module in FILES:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in FILES else node.module


def test_modules_have_no_import_cycles() -> None:
    graph = {name: set(imported(path)) - {name} for name, path in FILES.items()}
    # The names of the top level are imported when they are first used, so its imports are for type checkers.
    graph["dify_async"] = set()
    done: set[str] = set()

    def walk(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join([*way[way.index(name) :], name])
        if name not in done:
            for other in sorted(graph[name]):
                walk(other, (*way, name))
            done.add(name)

    for name in sorted(graph):
        walk(name, ())
