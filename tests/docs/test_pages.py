"""Every Python block of the documentation runs, and prints the output that the page shows."""

from __future__ import annotations

import asyncio
import inspect
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import dify_async
from dify_async.testing import FakeDify
from tests.docs.apps import APPS, EXTRA_NAMES, FILES
from tests.support.snippets import run, snippets

ROOT = Path(__file__).parents[2]
PAGES = [
    page
    for page in [*sorted(ROOT.glob("README*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
    if "```python" in page.read_text()
]
RUN_ELSEWHERE = {
    "docs/recipes.md": "the recipes are the files of examples/ (tests/recipes)",
    "docs/notebook.md": "it runs as a notebook (tests/recipes)",
    "docs/distributed.md": "it needs a cluster (tests/distributed)",
}


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture
def dify(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDify]:
    with FakeDify(APPS["workflow"], tail=0.0, version="1.16", app_code="kJ2hQ9xTz4Lm7PwR") as dify:
        monkeypatch.setenv("DIFY_API_KEY", dify.api_key)
        monkeypatch.setenv("DIFY_BASE_URL", dify.base_url)
        monkeypatch.setenv("DIFY_WEB_BASE_URL", dify.web_url)
        monkeypatch.setenv("DIFY_APP_CODE", dify.app_code)
        monkeypatch.setenv("DIFY_USER", "ada")
        yield dify


@pytest.fixture
def unchanged_logging() -> Iterator[None]:
    logger = logging.getLogger("dify_async")
    handlers, level = list(logger.handlers), logger.level
    yield
    logger.handlers[:] = handlers
    logger.setLevel(level)


@pytest.mark.usefixtures("unchanged_logging")
@pytest.mark.parametrize("page", [page for page in PAGES if name_of(page) not in RUN_ELSEWHERE], ids=name_of)
def test_the_examples_of_a_page_run(
    page: Path, dify: FakeDify, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, content in FILES.items():
        Path(name).write_bytes(content)
    client = dify_async.AppClient()
    names = names_for(page, dify)
    with asyncio.Runner() as runner:
        for snippet in snippets(page):
            if snippet.app is not None:
                dify.app = APPS[snippet.app]
            names["client"] = client  # A previous example may have rebound the name.
            printed = run(snippet, page, names, runner)
            if snippet.output is not None:
                assert printed.rstrip("\n") == snippet.output.rstrip("\n"), f"{name_of(page)}:{snippet.line}"
        runner.run(client.close())
    dify.faults.clear()  # Pages show faults that none of their requests triggers.


def names_for(page: Path, dify: FakeDify) -> dict[str, Any]:
    """Return the names that a page may use without defining them: public names, a client, and names from its text."""
    public = {name: getattr(dify_async, name) for name in dify_async.__all__ if not name.startswith("__")}
    return {
        "__name__": "__main__",
        **public,
        "asyncio": asyncio,
        "fake_dify": dify,
        **EXTRA_NAMES.get(name_of(page), {}),
    }


@pytest.mark.parametrize(
    "client", [dify_async.AppClient, dify_async.WebAppClient, dify_async.KnowledgeClient]
)
def test_the_reference_has_every_resource(client: type) -> None:
    reference = "\n".join(page.read_text() for page in (ROOT / "docs" / "reference").glob("*.md"))
    resources = inspect.getmembers(client, inspect.isclass)
    assert len(resources) > 5
    for name, kind in resources:
        if not name.startswith("_"):
            assert f"::: {kind.__module__}.{kind.__qualname__}\n" in reference, name


@pytest.mark.parametrize("name", [name for name in dify_async.__all__ if not name.startswith("_")])
def test_the_reference_has_every_public_name(name: str) -> None:
    reference = "\n".join(page.read_text() for page in (ROOT / "docs" / "reference").glob("*.md"))
    assert re.search(rf"^::: dify_async\.([\w.]+\.)?{name}$", reference, re.MULTILINE)
