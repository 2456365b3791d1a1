"""Lists end, whatever the server says about further pages."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import pytest

from dify_async import sync
from tests.support.clients import app_client, web_client
from tests.support.families import settings_for
from tests.support.raw_server import Call, RawServer, answer

LISTS: dict[str, Callable[[Any], Any]] = {
    "logs": lambda client: client.workflows.logs(),
    "conversations": lambda client: client.conversations.list(),
    "messages": lambda client: client.messages.list("c"),
}


def server_of(*pages: list[dict[str, Any]], more: Any = True) -> RawServer:
    """Return a server that sends these pages again and again, whatever it is asked for."""
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
async def test_a_server_that_repeats_its_pages(name: str, pages: list[list[dict[str, Any]]]) -> None:
    ids = list(dict.fromkeys(entry.get("id") or "" for page in pages for entry in page))
    with server_of(*pages) as server:
        async with app_client(server.base_url) as client:
            found = [entry.id or "" async for entry in LISTS[name](client)]
        assert list(dict.fromkeys(found)) == ids
        assert len(server.calls) <= len(pages) + 4


async def test_the_web_api_too() -> None:
    with server_of(entries("a", "b")) as server:
        async with web_client(server.base_url, passport="p") as client:
            assert [one.id for one in await client.conversations.list().all()] == ["a", "b"]
            assert [one.id for one in await client.saved_messages.list().all()] == ["a", "b"]


@pytest.mark.parametrize("name", LISTS)
def test_the_blocking_client_too(name: str) -> None:
    with (
        server_of(entries("a", "b"), entries("c")) as server,
        sync.AppClient(**settings_for("app", server.base_url)) as client,
    ):
        assert [entry.id for entry in LISTS[name](client)] == ["a", "b", "c"]
        assert len(server.calls) <= 6


async def test_pages_end_too() -> None:
    with server_of(entries("a", "b")) as server:
        async with app_client(server.base_url) as client, asyncio.timeout(60):
            pages = [page async for page in client.workflows.logs().pages()]
        assert len(server.calls) <= 5
    assert [entry.id for entry in pages[0].data] == ["a", "b"]
