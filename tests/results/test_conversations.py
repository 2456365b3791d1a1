"""Conversation objects, on both APIs and in both client families."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from dify_async import AppClient, errors, sync
from dify_async.testing import Chat, FakeDify, Workflow
from tests.support.clients import app_client, web_client


@pytest.fixture(params=["chat", "chatflow"])
def dify(request: pytest.FixtureRequest, fake_dify: FakeDify) -> FakeDify:
    fake_dify.app = Chat(answer="Hi") if request.param == "chat" else Workflow(mode="advanced-chat")
    return fake_dify


def sent(dify: FakeDify) -> list[dict[str, Any]]:
    return [json.loads(request.body) for request in dify.requests if "chat-messages" in request.path]


async def talk_async(dify: FakeDify, make: Callable[..., Any]) -> list[Any]:
    async with make(dify) as client:
        conversation = client.chat.conversation()
        first = await conversation.send("one")
        async with conversation.stream("two") as run:
            async for _ in run:
                pass
        third = await conversation.send("three")
        ids = conversation.conversation_id, conversation.last_message_id
    assert ids == (third.conversation_id, third.message_id)
    return [first, run.partial_result, third]


@pytest.mark.parametrize("make", [app_client, web_client])
async def test_each_message_follows_the_previous_one(dify: FakeDify, make: Callable[..., Any]) -> None:
    results = await talk_async(dify, make)
    assert len({result.conversation_id for result in results}) == 1
    first, second, third = sent(dify)
    assert "conversation_id" not in first
    assert second["conversation_id"] == third["conversation_id"] == results[0].conversation_id
    if make is web_client:
        assert [second["parent_message_id"], third["parent_message_id"]] == [
            results[0].message_id,
            results[1].message_id,
        ]
    else:
        assert not any("parent_message_id" in body for body in (first, second, third))


def test_blocking_conversations(dify: FakeDify) -> None:
    with sync.AppClient(dify.api_key, base_url=dify.base_url) as client:
        conversation = client.chat.conversation(user="bob")
        assert (conversation.user, conversation.conversation_id) == ("bob", None)
        answer = conversation.send("one")
        with conversation.stream("two") as run:
            assert run.result().conversation_id == answer.conversation_id == conversation.conversation_id
    assert {body["user"] for body in sent(dify)} == {"bob"}


async def test_a_conversation_belongs_to_an_end_user(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.app = Chat(answer="Hi")
    mine, theirs = client.chat.conversation(), client.chat.conversation(user="bob")
    await asyncio.gather(mine.send("hi"), theirs.send("hi"))
    assert (mine.user, theirs.user) == ("ada", "bob")
    assert mine.conversation_id != theirs.conversation_id
    later = client.for_user("bob").chat.conversation(theirs.conversation_id)
    assert (await later.send("again")).conversation_id == theirs.conversation_id


@pytest.mark.parametrize("wrong", ["", 5])
def test_an_invalid_end_user_is_rejected(client: AppClient, wrong: Any) -> None:
    with pytest.raises(errors.ConfigurationError, match="`user` must be a non-empty str"):
        client.chat.conversation(user=wrong)


async def test_inputs_and_options_are_sent_with_a_message(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.app = Chat(answer="Hi")
    conversation = client.chat.conversation()
    await conversation.send("hi", inputs={"tone": "kind"}, extra_body={"more": 1})
    (body,) = sent(fake_dify)
    assert (body["inputs"], body["more"]) == ({"tone": "kind"}, 1)
    with pytest.raises(errors.ConfigurationError, match="`query` must be a str"):
        await conversation.send(5)  # type: ignore[arg-type]
