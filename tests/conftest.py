"""What all tests share: the fake Dify, and a client of it."""

from __future__ import annotations

import gc
import inspect
import os
from collections.abc import AsyncIterator
from unittest.mock import Mock

import aiohttp
import aioresponses.core
import pytest

from dify_async import AppClient
from dify_async.testing import FakeDify

pytest_plugins = ["dify_async.testing"]

# aioresponses 0.7.9 makes responses without an argument that aiohttp 3.14 asks for (upstream issue 289).
if "stream_writer" in inspect.signature(aiohttp.ClientResponse.__init__).parameters:

    class _Response(aiohttp.ClientResponse):
        def __init__(self, *args: object, **kwargs: object) -> None:
            kwargs.setdefault("stream_writer", Mock(output_size=0))
            super().__init__(*args, **kwargs)  # type: ignore[arg-type]

    aioresponses.core.ClientResponse = _Response


def pytest_collection_finish() -> None:
    gc.freeze()  # Many tests look for garbage; it is in none of what was made so far.


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    return 2 * (os.cpu_count() or 1)  # Half of its time a test waits for a clock.


@pytest.fixture
async def client(fake_dify: FakeDify) -> AsyncIterator[AppClient]:
    async with AppClient(fake_dify.api_key, user="ada", base_url=fake_dify.base_url) as client:
        yield client
