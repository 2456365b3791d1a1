"""Pagers end even if the server always reports further pages."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from dify_async import sync
from tests.support.clients import app_client, knowledge_client, web_client
from tests.support.families import settings_for
from tests.support.raw_server import Call, RawServer, answer

LISTS: dict[str, Callable[[Any], Any]] = {
    "logs": lambda client: client.workflows.logs(),
    "conversations": lambda client: client.conversations.list(),
    "messages": lambda client: client.messages.list("c"),
}


def server_of(*pages: list[dict[str, Any]], more: Any = True) -> RawServer:
    """Return a server that sends these pages in turn and ignores the query."""
    rest = itertools.cycle(pages)

    async def handler(call: Call) -> bool:
        await call.send(
            answer({"data": next(rest), "has_more": more, "limit": 20, "page": 1, "total": 10**9})
        )
        return True

    return RawServer(handler)


def entries(*ids: str) -> list[dict[str, Any]]:
    return [{"id": one, "conversation_id": "c"} for one in ids]


@pytest.mark.parametrize(
    "pages",
    [
        [entries("a", "b")],
        [entries("a", "b"), entries("c")],
        [entries("a"), entries("b"), entries("c", "a")],
        [entries("")],
        [[]],
        [[{}]],
        [[{}, {}], [{"id": None}]],
    ],
    ids=["one page", "two in turn", "three in turn", "an empty id", "no entries", "no id", "no ids in turn"],
)
@pytest.mark.parametrize("name", LISTS)
async def test_a_server_that_repeats_its_pages_is_an_error(
    name: str, pages: list[list[dict[str, Any]]]
) -> None:
    ids = list(dict.fromkeys(entry.get("id") or "" for page in pages for entry in page))
    with server_of(*pages) as server:
        async with app_client(server.base_url) as client:
            found = [entry.id or "" async for entry in LISTS[name](client)]
        assert list(dict.fromkeys(found)) == ids
        assert len(server.calls) <= len(pages) + 4


async def test_repeated_pages_of_the_web_api_are_an_error() -> None:
    with server_of(entries("a", "b")) as server:
        async with web_client(server.base_url, passport="p") as client:
            assert [one.id for one in await client.conversations.list().all()] == ["a", "b"]
            assert [one.id for one in await client.saved_messages.list().all()] == ["a", "b"]


@pytest.mark.parametrize("name", LISTS)
def test_repeated_pages_are_an_error_in_the_blocking_client(name: str) -> None:
    with (
        server_of(entries("a", "b"), entries("c")) as server,
        sync.AppClient(**settings_for("app", server.base_url)) as client,
    ):
        assert [entry.id for entry in LISTS[name](client)] == ["a", "b", "c"]
        assert len(server.calls) <= 6


async def test_iterating_pages_ends_at_the_last_page() -> None:
    with server_of(entries("a", "b")) as server:
        async with app_client(server.base_url) as client, asyncio.timeout(60):
            pages = [page async for page in client.workflows.logs().pages()]
        assert len(server.calls) <= 5
    assert [entry.id for entry in pages[0].data] == ["a", "b"]


def numbered(count: int, size: int, **fields: Any) -> RawServer:
    """Return a server with a number of entries on pages of a size. `fields` are in every page."""

    async def handler(call: Call) -> bool:
        query = dict(parse_qsl(urlsplit(call.path).query))
        first = (int(query.get("page", 1)) - 1) * size
        data = entries(*map(str, range(first, min(first + size, count))))
        page = {name: value(data, first // size + 1) for name, value in fields.items()}
        await call.send(answer({"data": data, **page}))
        return True

    return RawServer(handler)


STYLES: dict[str, tuple[Callable[[Any], Any], dict[str, Any], int]] = {
    "has_more": (
        lambda client: client.datasets.list(limit=2),
        # Like Dify: true on the last page too, if that is full.
        {"has_more": lambda data, _: len(data) == 2, "page": lambda _, number: number, "total": lambda *_: 4},
        3,
    ),
    "total_pages": (
        lambda client: client.child_chunks.list("d", "o", "s", limit=2),
        {"total_pages": lambda *_: 2, "page": lambda _, number: number, "total": lambda *_: 4},
        2,
    ),
    "nothing": (lambda client: client.app.feedbacks(limit=2), {}, 3),
}


@pytest.mark.parametrize("name", STYLES)
async def test_every_style_of_pages_is_read_to_its_end(name: str) -> None:
    listed, fields, requests = STYLES[name]
    with numbered(4, 2, **fields) as server:
        make = app_client if name == "nothing" else knowledge_client
        async with make(server.base_url) as client:
            assert [one.id for one in await listed(client).all()] == ["0", "1", "2", "3"]
        assert len(server.calls) == requests


@pytest.mark.parametrize("name", STYLES)
def test_the_blocking_client_reads_every_style_of_pages(name: str) -> None:
    listed, fields, requests = STYLES[name]
    with numbered(4, 2, **fields) as server:
        settings = settings_for("app", server.base_url)
        client: Any = (
            sync.AppClient(**settings)
            if name == "nothing"
            else sync.KnowledgeClient("dataset-x", base_url=server.base_url)
        )
        with client:
            assert [one.id for one in listed(client)] == ["0", "1", "2", "3"]
        assert len(server.calls) == requests


async def test_a_bare_array_is_one_page() -> None:
    with RawServer(lambda call: call.send(answer(entries("a", "b", "a")))) as server:
        async with knowledge_client(server.base_url) as client:
            assert [one.id for one in await client.tags.list().all()] == ["a", "b"]
            pages = [page async for page in client.tags.list().pages()]
        assert len(pages) == 1
        assert len(server.calls) == 2
