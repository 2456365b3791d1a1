"""Resumed batches of chats and completions: answers in the journal are not requested again."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dify_async import AppClient
from dify_async.sync import AppClient as BlockingClient
from dify_async.testing import Chat, Completion, FakeDify, Node, Refuse, Workflow

CHATFLOW = Workflow(mode="advanced-chat", nodes=[Node("Say", text=["Sun"], tokens=5)])


@pytest.mark.parametrize(
    "app", [Chat(answer=lambda query, _: f"{query}!"), CHATFLOW], ids=["chat", "chatflow"]
)
async def test_a_batch_of_messages_is_resumed(
    client: AppClient, fake_dify: FakeDify, tmp_path: Path, app: Any
) -> None:
    fake_dify.app = app
    fake_dify.faults.append(Refuse(status=500, times=1))
    rows = ["a", "b", {"query": "c", "inputs": {}}]
    found: list[list[Any]] = []
    for _ in range(2):
        async with client.chat.send_many(rows, concurrency=1, ordered=True, journal=tmp_path / "j") as batch:
            found.append(await batch.all())
    (failed, *kept), again = found
    assert (failed.status, len(fake_dify.messages)) == ("ServerError", 3)
    assert [outcome.resumed for outcome in again] == [False, True, True]
    for one, other in zip(kept, again[1:], strict=True):
        assert (one.result.answer, one.result.conversation_id, one.result.message_id, one.attempts) == (
            other.result.answer,
            other.result.conversation_id,
            other.result.message_id,
            other.attempts,
        )
        assert one.usage is not None
        assert one.usage.total_tokens == other.usage.total_tokens
        assert isinstance(other.usage.total_price, Decimal | None)


def test_a_blocking_batch_of_completions_is_resumed(fake_dify: FakeDify, tmp_path: Path) -> None:
    fake_dify.app = Completion(answer=lambda _, inputs: f"About {inputs['query']}")
    rows = [{"query": "cats"}, {"query": "dogs"}]
    with BlockingClient(fake_dify.api_key, user="ada", base_url=fake_dify.base_url) as client:
        for _ in range(2):
            with client.completions.create_many(rows, ordered=True, journal=tmp_path / "j") as batch:
                answers = [outcome.result.answer for outcome in batch]
            assert answers == ["About cats", "About dogs"]
    assert len(fake_dify.messages) == 2
