"""The docstrings of all public names, in both families."""

from __future__ import annotations

import ast
import importlib
import inspect
import itertools
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, TypeGuard

import pytest

import dify_async
from dify_async import AppClient, KnowledgeClient, WebAppClient, sync
from dify_async.events import NodeFinished
from dify_async.models.segments import SegmentStatus
from dify_async.options import CallOptions
from tests.support.clients import resource_classes

MODULES = [
    importlib.import_module(f"dify_async{name}")
    for name in (
        "",
        ".asgi",
        ".asgi.django",
        ".batch",
        ".distributed",
        ".errors",
        ".files",
        ".knowledge_options",
        ".observer",
        ".options",
        ".otel",
        ".settings",
        ".sync",
        ".sync.distributed",
        ".testing",
    )
] + [
    # `dify_async.models` imports some of its modules only when one of their names is used.
    importlib.import_module(found.name)
    for package in (dify_async.events, dify_async.models)
    for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
    if not found.name.rpartition(".")[2].startswith("_")
]
CLIENTS = (AppClient, KnowledgeClient, WebAppClient, sync.AppClient, sync.KnowledgeClient, sync.WebAppClient)
EXAMPLE = re.compile(r"```|>>>|\bawait \w|\basync (with|for) \w")


def _public(module: ModuleType) -> Iterator[Any]:
    for name in getattr(module, "__all__", [name for name in vars(module) if not name.startswith("_")]):
        value = getattr(module, name)
        is_definition = inspect.isclass(value) or inspect.isfunction(value)
        if is_definition and value.__module__.startswith("dify_async"):
            yield value


NAMES = {one for module in MODULES for one in _public(module)} | {
    one for client in CLIENTS for one in resource_classes(client).values()
}
CLASSES = sorted(filter(inspect.isclass, NAMES), key=lambda kind: (kind.__module__, kind.__qualname__))


def _members(kind: type) -> dict[str, Any]:
    """Return the public functions and properties that a class has from this package."""
    return {
        name: getattr(value, "__func__", value)
        for base in reversed(kind.__mro__)
        if base.__module__.startswith("dify_async")
        for name, value in vars(base).items()
        if not name.startswith("_")
        and (isinstance(value, (property, classmethod, staticmethod)) or inspect.isfunction(value))
    }


def test_public_names_are_found() -> None:
    assert {dify_async.Timeouts, dify_async.probe, sync.AppClient, SegmentStatus, NodeFinished} <= NAMES
    assert AppClient.workflows in CLASSES
    assert sync.KnowledgeClient.documents in CLASSES


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: f"{kind.__module__}.{kind.__qualname__}")
def test_every_public_name_has_a_docstring(kind: type) -> None:
    assert kind.__doc__
    assert [name for name, member in _members(kind).items() if not member.__doc__] == []


def test_every_public_function_has_a_docstring() -> None:
    assert [function for function in NAMES if inspect.isfunction(function) and not function.__doc__] == []


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: f"{kind.__module__}.{kind.__qualname__}")
def test_examples_are_in_docstrings_of_classes(kind: type) -> None:
    # The families share the docstrings of methods, so an example of a call would be wrong in one of them.
    assert [name for name, member in _members(kind).items() if EXAMPLE.search(member.__doc__ or "")] == []


def test_help_on_blocking_classes_shows_blocking_code() -> None:
    blocking = [kind for kind in CLASSES if kind.__module__.startswith("dify_async.sync")]
    assert len(blocking) > 20
    for kind in blocking:
        documents = {"": kind.__doc__} | {name: one.__doc__ for name, one in _members(kind).items()}
        for name, text in documents.items():
            assert not re.search(r"\bawait\b|`?async (with|for)\b", text or ""), f"{kind.__qualname__}.{name}"


def _undocumented_fields(path: Path, names: set[str]) -> Iterator[str]:
    for kind in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(kind, ast.ClassDef) and kind.name in names:
            described = ast.get_docstring(kind) or ""
            if "those of `CallOptions`" in described:
                described += CallOptions.__doc__ or ""
            for one, following in itertools.pairwise([*kind.body, ast.Pass()]):
                if _is_field(one) and not isinstance(following, ast.Expr):
                    name = ast.unparse(one.targets[0] if isinstance(one, ast.Assign) else one.target)
                    if not name.startswith("_") and f"`{name}`" not in described:
                        yield f"{path.name}: {kind.name}.{name}"


def _is_field(statement: ast.stmt) -> TypeGuard[ast.AnnAssign | ast.Assign]:
    """Return True for `name: type`, except a resource, and for `NAME = "value"` of an enum."""
    if isinstance(statement, ast.AnnAssign):
        return not ast.unparse(statement.annotation).startswith(("ClassVar", "_Setting", "resource"))
    return isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant)


def test_every_public_field_is_documented() -> None:
    missing: list[str] = []
    by_file: dict[str, set[str]] = {}
    for kind in CLASSES:
        by_file.setdefault(inspect.getsourcefile(kind) or "", set()).add(kind.__name__)
    for path, names in by_file.items():
        missing += _undocumented_fields(Path(path), names)
    assert missing == []
