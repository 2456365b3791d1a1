"""A knowledge base on a fake server, for both client families, with delays that take no real time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

from dify_async import Outcome
from dify_async.models import DocumentAndBatch
from dify_async.resources.knowledge import document_jobs, folders, pacing
from dify_async.testing import FakeDataset, FakeDify


@attrs.frozen
class Documents:
    """The documents of one knowledge base, in one of the client families."""

    dataset: FakeDataset
    _documents: Any
    _is_async: bool

    async def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method with the id of the knowledge base."""
        call = getattr(self._documents, method)
        if self._is_async:
            return await call(self.dataset.id, *args, **kwargs)
        return await asyncio.to_thread(call, self.dataset.id, *args, **kwargs)

    async def wait_indexed(self, *args: Any, **kwargs: Any) -> Any:
        return await self.call("wait_indexed", *args, **kwargs)

    async def sync_folder(self, *args: Any, **kwargs: Any) -> Any:
        return await self.call("sync_folder", *args, **kwargs)

    async def upload_many(self, *args: Any, **kwargs: Any) -> list[Outcome[DocumentAndBatch]]:
        """Return the outcomes of a batch."""
        batch = self._documents.upload_many(self.dataset.id, *args, **kwargs)
        if self._is_async:
            async with batch:
                outcomes: list[Outcome[DocumentAndBatch]] = await batch.all()
                return outcomes

        def read() -> list[Outcome[DocumentAndBatch]]:
            with batch:
                return list(batch)

        return await asyncio.to_thread(read)


@pytest.fixture
def dataset(fake_dify: FakeDify) -> FakeDataset:
    rule = {"mode": "automatic"}
    return fake_dify.knowledge.add("kb", indexing_technique="economy", rule=rule)


@pytest.fixture(params=["async", "blocking"])
async def documents(
    request: pytest.FixtureRequest, fake_dify: FakeDify, dataset: FakeDataset
) -> AsyncIterator[Documents]:
    if request.param == "async":
        async with fake_dify.knowledge_client() as client:
            yield Documents(dataset, client.documents, True)
    else:
        with fake_dify.sync_knowledge_client() as blocking:
            yield Documents(dataset, blocking.documents, False)


@attrs.define
class Naps:
    """Replaces the sleep of clients: takes no real time, and advances the clocks of the client and the fake server."""

    _dify: FakeDify
    seconds: list[float] = attrs.Factory(list[float])
    """The waits so far."""
    then: list[Callable[[], object]] = attrs.Factory(list[Callable[[], object]])
    """Called at the next waits, one at each."""

    def now(self) -> float:
        return time.monotonic() + sum(self.seconds)

    def take(self, delay: float) -> None:
        self.seconds.append(delay)
        self._dify.knowledge.advance(delay)
        if self.then:
            self.then.pop(0)()


@pytest.fixture
def naps(fake_dify: FakeDify, monkeypatch: pytest.MonkeyPatch) -> Naps:
    found, sleep = Naps(fake_dify), asyncio.sleep

    async def nap(delay: float, result: Any = None) -> Any:
        if delay > 0:
            found.take(delay)
        return await sleep(0, result)

    # Not patched in asyncio itself, because other threads sleep too.
    patched = SimpleNamespace(**{**vars(asyncio), "sleep": nap})
    for module in (document_jobs, folders, pacing):
        monkeypatch.setattr(module, "asyncio", patched)
        monkeypatch.setattr(module, "monotonic", found.now)
    return found
