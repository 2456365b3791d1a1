"""The Web API and chats, without `await`."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest

from dify_async import errors
from dify_async.sync import AppClient, WebAppClient
from dify_async.testing import Chat, FakeDify, Node, Workflow


def test_a_conversation_remembers(fake_dify: FakeDify) -> None:
    fake_dify.app = Chat()
    with WebAppClient(fake_dify.app_code, user="ada", base_url=fake_dify.web_url) as web:
        talk = web.chat.conversation()
        first = talk.send("one")
        with talk.stream("two") as run:
            assert "".join(run.text) == run.so_far.answer == run.result().answer == "Hello, world"
        assert talk.conversation_id == first.conversation_id
        assert list(fake_dify.messages.values())[-1].parent_message_id == first.message_id
        assert web.passport is not None
        assert [message.query for message in web.messages.list(first.conversation_id)] == ["one", "two"]


def test_threads_share_a_passport(fake_dify: FakeDify) -> None:
    with (
        WebAppClient(fake_dify.app_code, user="ada", base_url=fake_dify.web_url) as web,
        ThreadPoolExecutor(8) as pool,
    ):
        results = list(pool.map(web.workflows.run, [{}] * 16))
    assert {result.status for result in results} == {"succeeded"}
    assert len(fake_dify.passports) == 1


def test_a_form_is_filled_in(fake_dify: FakeDify) -> None:
    fake_dify.app = Workflow(nodes=[Node("Ask", form="Sure?")], outputs={"x": 1})
    with AppClient(fake_dify.api_key, user="ada", base_url=fake_dify.base_url) as client:
        with pytest.raises(errors.RunPaused) as caught:
            client.workflows.run({})
        (form,) = caught.value.paused.forms
        assert form.form_token is not None
        with client.workflows.resume(
            caught.value.handle, form.form_token, {"comment": "fine"}, "approve"
        ) as run:
            assert run.result().outputs == {"x": 1}


def test_a_client_pickles_with_its_passport(fake_dify: FakeDify) -> None:
    fake_dify.app = Chat()
    with WebAppClient(fake_dify.app_code, base_url=fake_dify.web_url) as web:
        web.chat.send("one")
        with pickle.loads(pickle.dumps(web)) as again:
            again.chat.send("two")
            assert again.passport == web.passport
    with pytest.raises(errors.ConfigurationError, match="session"):
        WebAppClient("c0de", session=object())  # type: ignore[arg-type]
