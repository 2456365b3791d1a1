"""Every public method and constructor with odd values for each argument raises only errors of this package."""

from __future__ import annotations

import asyncio
import inspect
import traceback
from collections.abc import AsyncIterable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import pytest

import dify_async
from dify_async import AppClient, InputFile, KnowledgeClient, Retry, Timeouts, WebAppClient, errors, sync
from dify_async.otel import DifyObserver
from dify_async.testing import FakeDify
from tests.support.clients import resource_classes

PACKAGE: Final = Path(dify_async.__file__).parent

ODD: Final[list[Any]] = [
    None,
    -1,
    float("nan"),
    10**400,
    "",
    "a/b",
    "a\nb",
    "a\0b",
    "\ud800",
    "http://[",
    b"\xff",
    [],
    [None],
    {},
    {1: 2},
    {"a\n": "b"},
    {"a": object()},
    object(),
]

UUID: Final = "11111111-1111-4111-8111-111111111111"

VALID: Final[dict[str, Any]] = {
    "inputs": {},
    "file": b"content",
    "name": "a.txt",
    "limit": 5,
    "form": None,
    "method": "GET",
    "path": "/info",
    "run": UUID,
}
OPTIONS: Final = ("timeout", "retry", "extra_headers", "extra_query", "extra_body", "user")

METHODS: Final = [
    (client, resource, name)
    for client in (AppClient, WebAppClient, KnowledgeClient)
    for resource, kind in resource_classes(client).items()
    for name, _ in inspect.getmembers(kind, inspect.isfunction)
    if not name.startswith("_")
]


def valid(name: str) -> Any:
    if name in VALID:
        return VALID[name]
    if name.endswith("s"):
        return [UUID]
    return UUID if name.endswith("id") else "text"


def odd_calls(function: Any) -> Iterator[dict[str, Any]]:
    """Yield arguments of which one is odd and the others are valid."""
    parameters = inspect.signature(function).parameters.values()
    named = [one for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    required = {one.name: valid(one.name) for one in named if one.default is one.empty}
    options = OPTIONS if len(named) < len(parameters) else ()
    for name in [*(one.name for one in named), *options]:
        for odd in ODD:
            yield {**required, name: odd}


@contextmanager
def only_errors_of_ours() -> Iterator[None]:
    """Suppress a DifyError, or a TypeError that this package raises itself, and not by accident."""
    try:
        yield
    except errors.DifyError:
        pass
    except TypeError as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        if not (PACKAGE in Path(where.filename).parents and (where.line or "").startswith("raise ")):
            raise


async def used(value: Any) -> None:
    """Await the return value of a method, and read the first event or entry of a stream or pager."""
    if inspect.isawaitable(value):
        value = await value
    if isinstance(value, AbstractAsyncContextManager):
        async with value as entered:
            if isinstance(entered, AsyncIterable):
                await anext(aiter(entered))
    elif isinstance(value, AsyncIterable):
        await anext(aiter(value))


def client_of(kind: type, server: FakeDify) -> Any:
    settings: dict[str, Any] = {"retry": 0, "timeouts": Timeouts(total=1)}
    if kind is AppClient:
        return AppClient(server.api_key, user="ada", base_url=server.base_url, **settings)
    if kind is WebAppClient:
        return WebAppClient(server.app_code, user="ada", base_url=server.web_url, **settings)
    return KnowledgeClient(server.knowledge.api_key, base_url=server.base_url, **settings)


@pytest.mark.parametrize(
    ("kind", "resource", "name"),
    METHODS,
    ids=[f"{kind.__name__}.{one}.{name}" for kind, one, name in METHODS],
)
async def test_methods_reject_odd_arguments_with_a_difyerror_or_typeerror(
    fake_dify: FakeDify, kind: type, resource: str, name: str
) -> None:
    async with client_of(kind, fake_dify) as client:
        method = getattr(getattr(client, resource), name)
        for arguments in odd_calls(method):
            with only_errors_of_ours(), suppress(StopAsyncIteration):
                async with asyncio.timeout(10):
                    await used(method(**arguments))


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (kind, name)
        for kind in (AppClient, WebAppClient, KnowledgeClient)
        for name in ("with_options", "for_user", "for_key", "request")
        if hasattr(kind, name)
    ],
)
async def test_methods_of_clients_reject_odd_arguments_with_a_difyerror_or_typeerror(
    fake_dify: FakeDify, kind: type, name: str
) -> None:
    async with client_of(kind, fake_dify) as client:
        method = getattr(client, name)
        for arguments in odd_calls(method):
            with only_errors_of_ours():
                await used(method(**arguments))


@pytest.mark.parametrize(
    "kind",
    [
        AppClient,
        WebAppClient,
        KnowledgeClient,
        sync.AppClient,
        sync.WebAppClient,
        sync.KnowledgeClient,
        Timeouts,
        Retry,
        InputFile,
        InputFile.url,
        DifyObserver,
    ],
)
def test_constructors_reject_odd_arguments_with_a_difyerror_or_typeerror(kind: Any) -> None:
    for arguments in odd_calls(kind):
        with only_errors_of_ours():
            kind(**arguments)


async def test_callbacks_must_be_functions(fake_dify: FakeDify) -> None:
    wrong: Any = 5
    async with client_of(AppClient, fake_dify) as client:
        for start in (
            lambda: client.workflows.stream({}, on_ping=wrong),
            lambda: client.workflows.attach(UUID, on_ping=wrong),
            lambda: client.workflows.resume(UUID, "token", {}, "yes", on_ping=wrong),
            lambda: client.chat.stream("Hi?", on_ping=wrong),
            lambda: client.completions.stream({}, on_ping=wrong),
        ):
            with pytest.raises(errors.ConfigurationError, match="`on_ping` must be a function, got 5"):
                start()
    with sync.AppClient(fake_dify.api_key, base_url=fake_dify.base_url, user="ada") as blocking:
        with pytest.raises(errors.ConfigurationError, match="`on_ping` must be a function, got 5"):
            blocking.workflows.stream({}, on_ping=wrong)
    async with client_of(KnowledgeClient, fake_dify) as knowledge:
        for work in (
            knowledge.documents.wait_indexed(UUID, "batch", progress=wrong),
            knowledge.documents.sync_folder(UUID, "docs", progress=wrong),
        ):
            with pytest.raises(errors.ConfigurationError, match="`progress` must be a function, got 5"):
                await work
    assert fake_dify.requests == []


async def test_the_limit_of_all_entries_must_be_a_count(fake_dify: FakeDify) -> None:
    wrong: Any
    async with client_of(AppClient, fake_dify) as client:
        with sync.AppClient(fake_dify.api_key, base_url=fake_dify.base_url, user="ada") as blocking:
            for wrong in (-1, "5", 2.0, True, []):
                with pytest.raises(
                    errors.ConfigurationError, match="`limit` must be an int of 0 or more, got"
                ):
                    await client.workflows.logs().all(limit=wrong)
                with pytest.raises(
                    errors.ConfigurationError, match="`limit` must be an int of 0 or more, got"
                ):
                    blocking.workflows.logs().all(limit=wrong)
            assert await client.workflows.logs().all(limit=0) == blocking.workflows.logs().all(limit=0) == []
    assert fake_dify.requests == []
