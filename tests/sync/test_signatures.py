"""Every public name of the async clients exists in the blocking clients, with the same signature and docstring."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import dify_async
import dify_async.sync
from dify_async import sync
from dify_async._http.pager import Pager
from dify_async._streaming.stream import EventStream
from tests.support.clients import resource_classes

PACKAGE = Path(dify_async.__file__).parent


RENAMED = {"aclose": "close"}
"""Python's own names for what is closed with and without `await`."""
OF_ONE_SIDE = {
    # For code that drives a stream itself.
    EventStream: {"close_with_client", "fill", "final_result", "take"},
    sync.AppClient: {"async_client", "made_of"},
    sync.WebAppClient: {"async_client", "made_of"},
    sync.KnowledgeClient: {"async_client", "made_of"},
}
"""Members that join the two sides, so that the other side has none."""


def public(kind: type) -> dict[str, Any]:
    """Return the public members of a class, its resources included."""
    return {
        name: member
        for name, member in inspect.getmembers(kind)
        if not name.startswith("_") and name not in OF_ONE_SIDE.get(kind, ())
    }


def resources(client: Any) -> dict[str, Any]:
    return {name: getattr(client, name) for name in resource_classes(type(client))}


CLIENTS: list[tuple[Any, Any]] = [
    (dify_async.AppClient("app-x"), sync.AppClient("app-x")),
    (dify_async.WebAppClient("c0de"), sync.WebAppClient("c0de")),
    (dify_async.KnowledgeClient("dataset-x"), sync.KnowledgeClient("dataset-x")),
]
PAIRS = [
    *((type(ours), type(blocking)) for ours, blocking in CLIENTS),
    *(
        (type(value), type(resources(blocking)[name]))
        for ours, blocking in CLIENTS
        for name, value in resources(ours).items()
    ),
    (
        type(dify_async.WebAppClient("c0de").chat.conversation()),
        type(sync.WebAppClient("c0de").chat.conversation()),
    ),
    (EventStream, sync.EventStream),
    (dify_async.Batch, sync.Batch),
    (Pager, sync.Pager),
]


@pytest.mark.parametrize(("ours", "blocking"), PAIRS, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_every_public_member_exists_in_both_families(ours: type, blocking: type) -> None:
    assert sorted(RENAMED.get(name, name) for name in public(ours)) == sorted(public(blocking))
    for name, member in public(ours).items():
        its = public(blocking)[RENAMED.get(name, name)]
        if name in RENAMED:
            assert inspect.getdoc(its)
            continue
        if inspect.isclass(member):
            assert inspect.isclass(its)  # A resource, compared separately.
            continue
        expected = inspect.getdoc(member)
        assert inspect.getdoc(its) == expected, name
        assert expected, name
        if callable(member):
            assert _signature(its) == _signature(member), name
            assert not inspect.iscoroutinefunction(its)
            assert not inspect.isasyncgenfunction(its)


def _signature(function: Any) -> str:
    return str(inspect.signature(function)).replace("AsyncIterator", "Iterator")


def test_clients_are_made_with_the_same_arguments() -> None:
    for ours, blocking in CLIENTS:
        assert inspect.signature(type(blocking)) == inspect.signature(type(ours))
        assert resources(ours).keys() == resources(blocking).keys()
        assert inspect.getdoc(type(blocking))


def test_functions_have_the_same_signature() -> None:
    assert inspect.signature(sync.probe) == inspect.signature(dify_async.probe)
    assert inspect.getdoc(sync.probe) == inspect.getdoc(dify_async.probe)


def test_help_shows_signature_and_docstring() -> None:
    import pydoc

    text = pydoc.render_doc(CLIENTS[0][1].workflows.run, renderer=pydoc.plaintext)
    assert "inputs: 'Inputs'" in text
    assert "files: 'FileInputs | None' = None" in text
    assert "inputs: The values of the app's input form" in text


def test_the_blocking_package_is_thin() -> None:
    lines = {path: len(path.read_text().splitlines()) for path in PACKAGE.rglob("*.py")}
    blocking = sum(count for path, count in lines.items() if path.is_relative_to(PACKAGE / "sync"))
    assert blocking < 0.08 * sum(lines.values())


def test_the_blocking_package_does_not_import_the_wire_layer() -> None:
    for path in (PACKAGE / "sync").glob("*.py"):
        assert not re.search(
            r"^(?:from|import) (?:dify_async\._wire|aiohttp)", path.read_text(), re.MULTILINE
        ), path


def test_the_blocking_package_is_imported_on_demand() -> None:
    for path in PACKAGE.rglob("*.py"):
        if not path.is_relative_to(PACKAGE / "sync"):
            assert "from dify_async.sync" not in re.sub(
                r"```.*?```", "", path.read_text(), flags=re.DOTALL
            ), path
