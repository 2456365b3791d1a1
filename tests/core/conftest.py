"""A look for what a test left behind."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator

import pytest

from dify_async.testing import FakeDify


@pytest.fixture(autouse=True)
async def nothing_left_behind(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """Fail a test that leaves a task or a connection."""
    dify: FakeDify | None = None
    if "fake_dify" in request.fixturenames:
        dify = request.getfixturevalue("fake_dify")
    before = asyncio.all_tasks()
    yield
    gc.collect()  # What is dropped unclosed warns, and warnings are errors.
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not left, f"tasks left behind: {left}"
    if dify is not None:
        assert dify.wait_for(lambda: dify.open_sockets == 0), "connections left behind"
