"""Fixtures of all tests, and the settings of pytest and hypothesis."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import signal
from collections.abc import AsyncIterator
from unittest.mock import Mock

import aiohttp
import aioresponses.core
import pytest
from hypothesis import HealthCheck, settings

from dify_async import AppClient
from dify_async.testing import FakeDify
from tests.support.clients import app_client
from tests.support.servers import upload_server

pytest_plugins = ["dify_async.testing", "pytester", "tests.support.reports"]

# aioresponses 0.7.9 makes responses without an argument that aiohttp 3.14 asks for (upstream issue 289).
if "stream_writer" in inspect.signature(aiohttp.ClientResponse.__init__).parameters:

    class _Response(aiohttp.ClientResponse):
        def __init__(self, *args: object, **kwargs: object) -> None:
            kwargs.setdefault("stream_writer", Mock(output_size=0))
            super().__init__(*args, **kwargs)  # type: ignore[arg-type]

    aioresponses.core.ClientResponse = _Response


# The profile of `make test`, and with `--hypothesis-profile=thorough` that of `make test-all`.
_FUZZING = settings(
    deadline=None,
    print_blob=True,
    # Servers and clients serve all examples of a test. Large examples take their time.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.register_profile("quick", _FUZZING, max_examples=100, derandomize=True)
settings.register_profile("thorough", _FUZZING, max_examples=2000)
settings.load_profile("quick")


# Under `nohup make test &` this process ignores SIGINT and SIGHUP, and child processes inherit that. They do not
# inherit handlers, and a handler also keeps this process alive when the terminal is closed.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)


def pytest_collection_finish() -> None:
    gc.freeze()  # Many tests look for garbage; nothing created so far is garbage.


@pytest.fixture(scope="module", autouse=True)
def _no_garbage_before() -> None:
    """Keep the leak checks fast: exclude objects of earlier imports from garbage collection."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    return 2 * (os.cpu_count() or 1)  # A test spends half of its time waiting.


@pytest.fixture
async def client(fake_dify: FakeDify) -> AsyncIterator[AppClient]:
    async with app_client(fake_dify) as client:
        yield client


@pytest.fixture
async def werkzeug_server() -> AsyncIterator[tuple[str, list[object]]]:
    """Return the URL of a server that parses forms with the library that Dify uses, and the list of parsed forms."""
    async with upload_server() as server:
        yield server


@pytest.fixture
async def _nothing_left_behind(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """Fail a test that leaves a task or a connection."""
    dify: FakeDify | None = None
    if "fake_dify" in request.fixturenames:
        dify = request.getfixturevalue("fake_dify")
    before = asyncio.all_tasks()
    yield
    gc.collect()  # Objects dropped without being closed warn, and warnings are errors.
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not left, f"tasks left behind: {left}"
    if dify is not None:
        assert dify.wait_for(lambda: dify.open_sockets == 0), "connections left behind"


@pytest.fixture(autouse=True)
def _leak_check(request: pytest.FixtureRequest) -> None:
    """Check every asynchronous test for leaks; other tests have no event loop."""
    if request.node.get_closest_marker("asyncio"):
        request.getfixturevalue("_nothing_left_behind")
