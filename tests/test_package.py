"""The package as a whole: its names, its layers, its documents."""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from types import NoneType
from typing import Any

import attrs
import pytest

import dify_async
from dify_async import errors, events, models
from dify_async._wire.operation import Operation
from dify_async.models._base import Model
from dify_async.operations import knowledge as knowledge_operations
from dify_async.operations import web as web_operations
from dify_async.testing import FakeDify, Workflow
from tests.support import operations

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "dify_async"


@pytest.mark.parametrize("module", [dify_async, errors])
def test_all_lists_the_public_names(module: object) -> None:
    names = module.__all__  # type: ignore[attr-defined]
    assert sorted(names) == sorted(set(names))
    for name in names:
        assert getattr(module, name) is not None


def classes_of(module: Any) -> set[str]:
    """Return the names of the public classes that a module defines."""
    return {
        name
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module.__name__ and not name.startswith("_")
    }


def test_every_error_is_listed() -> None:
    assert classes_of(errors) == set(errors.__all__)


@pytest.mark.parametrize("package", [events, models])
def test_every_event_and_model_is_exported_by_its_package(package: Any) -> None:
    for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(info.name)
        if info.name.rpartition(".")[2].startswith("_"):
            continue
        assert classes_of(module) <= set(module.__all__), info.name
        for name in module.__all__:
            assert getattr(package, name) is getattr(module, name)
            assert name in dir(package)


def test_all_models_can_be_imported_at_once() -> None:
    code = "from dify_async.models import *; print(WorkflowResult.__name__, Dataset.__name__, Page.__name__)"
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert printed.split() == ["WorkflowResult", "Dataset", "Page"]
    assert not hasattr(models, "NoSuchModel")


@pytest.mark.parametrize("package", [events, models])
def test_models_share_one_comparison_and_one_repr(package: Any) -> None:
    for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        for kind in vars(importlib.import_module(info.name)).values():
            if inspect.isclass(kind) and issubclass(kind, Model) and kind is not Model:
                assert not {"__eq__", "__repr__", "__hash__"} & vars(kind).keys(), kind


def test_the_error_tree_in_the_docstring_is_correct() -> None:
    drawn = re.findall(r"^(?:[│ ]*[├└]── )?([A-Z]\w+)(?:  |$| \()", errors.__doc__ or "", re.MULTILINE)
    assert sorted(drawn) == sorted(errors.__all__)


LAYERS = {
    "_types": 0,
    "_text": 0,
    "_scalars": 0,
    "_data": 0,
    "_base_errors": 0,
    "errors": 0,
    "observer": 2,
    "settings": 1,
    "options": 1,
    "knowledge_options": 1,
    "models": 0,
    "events": 1,
    "files": 1,
    "_wire": 2,
    "operations": 2,
    "_http": 3,
    "_streaming": 4,
    "batch": 4,
    "resources": 5,
    "clients": 6,
    "asgi": 6,
    "sync": 7,
}


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dify_async."):
            found.add((node.module or "").split(".")[1])
    return found


def test_modules_import_only_lower_layers() -> None:
    for path in PACKAGE.rglob("*.py"):
        here = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if here in LAYERS:
            for there in _imports(path) & set(LAYERS):
                assert LAYERS[there] <= LAYERS[here], f"{path} imports {there}"


def test_the_wire_layer_is_pure_and_only_the_http_layer_imports_aiohttp() -> None:
    for path in PACKAGE.rglob("*.py"):
        here = path.relative_to(PACKAGE).parts[0]
        text = path.read_text()
        if here in {"_wire", "models", "events.py", "errors.py", "settings.py"}:
            assert not re.search(r"^(?:import|from) (?:asyncio|aiohttp|socket)", text, re.MULTILINE), path


LONGEST = 400
"""Lines of a file; a longer one should be split."""


def test_files_are_short() -> None:
    tables = {PACKAGE / "errors.py", *(PACKAGE / "operations").iterdir()}
    files = {
        path for folder in ("dify_async", "benchmarks", "examples") for path in (ROOT / folder).rglob("*.py")
    }
    lengths = {path.relative_to(ROOT): len(path.read_text().splitlines()) for path in files - tables}
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST} == {}


MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
    if path.stem != "__main__"
)

EXTRAS = {
    "dify_async.asgi.django": ["django"],
    "dify_async.cli": ["typer", "rich"],
    "dify_async.distributed": ["distributed"],
    "dify_async.otel": ["opentelemetry.trace"],
    "dify_async.sync.distributed": ["distributed"],
}
"""The modules that need an extra, and the packages that the extra installs."""


def test_all_modules_are_found() -> None:
    assert len(MODULES) > 25
    assert EXTRAS.keys() <= set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_every_module_imports_on_its_own(name: str) -> None:
    for module, packages in EXTRAS.items():
        if f"{name}.".startswith(f"{module}."):
            for package in packages:
                pytest.importorskip(package, reason=f"{module} needs an extra")
    importlib.import_module(name)


ANSWERS = {bytes, NoneType}
"""Answers that are not models: a body that is not JSON, or none."""


def test_importing_a_client_imports_no_optional_parts() -> None:
    code = "import sys; from dify_async import AppClient; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    unneeded = {
        "cattrs",
        "dify_async.batch",
        "dify_async.models.datasets",
        "dify_async.operations.knowledge",
        "dify_async.operations.runs",
        "dify_async.resources.app.workflows",
        "dify_async.sync",
    }
    assert "dify_async.clients.app" in modules.split()
    assert unneeded.isdisjoint(modules.split())


def test_the_operation_tables_are_consistent() -> None:
    tables = {**vars(operations), **vars(web_operations), **vars(knowledge_operations)}
    table = [value for value in tables.values() if isinstance(value, Operation)]
    # The page of an app is the only path with two kinds of response.
    assert len({(operation.method, operation.path) for operation in table}) == len(table) - 1
    for operation in table:
        assert operation.starts_run <= (not operation.idempotent)
        assert operation.path.startswith("/")
        assert attrs.has(operation.answer) or operation.answer in ANSWERS


def test_the_readme_is_short_and_its_example_runs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    readme = (ROOT / "README.md").read_text()
    assert len(readme.splitlines()) < 150
    examples = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    whole = [code for code in examples if "asyncio.run(" in code or "dify_async.sync" in code]
    assert len(whole) == 2
    workflow = Workflow(outputs=lambda inputs: {"forecast": f"sun in {inputs['city']}"})
    with FakeDify(workflow, tail=0.1) as dify:
        monkeypatch.setenv("DIFY_API_KEY", dify.api_key)
        monkeypatch.setenv("DIFY_BASE_URL", dify.base_url)
        for code in whole:
            exec(compile(code, "README.md", "exec"), {"__name__": "__main__", "asyncio": asyncio})
    assert capsys.readouterr().out == "sun in Lisbon 7\nsun in Lisbon\nHello, world"


def test_the_changelog_contains_the_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(
        rf"^## \[{re.escape(dify_async.__version__)}\] - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE
    )


def test_public_documents_mention_only_the_project() -> None:
    for path in [
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        *PACKAGE.rglob("*.py"),
        *(ROOT / "docs").rglob("*"),
    ]:
        if path.is_file():
            assert "../shared" not in path.read_text(), path
