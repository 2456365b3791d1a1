"""Chats and completions, on both APIs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import pytest

from dify_async import AppClient, InputFile, Retry, WebAppClient, errors, events
from dify_async.models import ChatResult, CompletionResult
from dify_async.testing import Chat, Completion, Cut, FakeDify, Field, Node, Refuse, Thought, Workflow
from tests.support.clients import app_client, web_client

Either: TypeAlias = AppClient | WebAppClient

CHATFLOW = Workflow(mode="advanced-chat", nodes=[Node("LLM", text=["Hello, ", "world"]), Node("End")])


@pytest.fixture(params=["service", "web"])
async def either(request: pytest.FixtureRequest, fake_dify: FakeDify) -> AsyncIterator[Either]:
    """Yield a client of each API."""
    client: Either = app_client(fake_dify)
    if request.param == "web":
        client = web_client(fake_dify)
    async with client:
        yield client


@pytest.mark.parametrize("app", [Chat(), Chat(mode="agent-chat"), CHATFLOW], ids=lambda app: app.mode)
async def test_send_returns_the_answer(either: Either, fake_dify: FakeDify, app: Chat | Workflow) -> None:
    fake_dify.app = app
    result = await either.chat.send("Hi?", inputs={"city": "Lyon"})
    assert isinstance(result, ChatResult)
    (message,) = fake_dify.messages.values()
    assert (result.answer, result.message_id) == ("Hello, world", message.id)
    assert result.conversation_id in fake_dify.conversations
    assert (result.run is not None) == (app is CHATFLOW)
    assert message.inputs == {"city": "Lyon"}
    assert (fake_dify.runs_started, fake_dify.runs_stopped) == (1, 0)


@pytest.mark.parametrize("app", [Chat(), CHATFLOW, Completion()], ids=lambda app: app.mode)
async def test_blocking_mode_returns_the_same_answer(
    either: Either, fake_dify: FakeDify, app: Chat | Workflow | Completion
) -> None:
    fake_dify.app = app
    results: list[Any] = []
    for mode in ("streaming", "blocking"):
        if isinstance(app, Completion):
            results.append(await either.completions.create({"a": "b"}, response_mode=mode))  # type: ignore[arg-type]
        else:
            results.append(await either.chat.send("Hi?", response_mode=mode))  # type: ignore[arg-type]
    streamed, blocking = results
    assert streamed.answer == blocking.answer == "Hello, world"
    assert streamed.metadata == blocking.metadata
    assert streamed.message_id
    assert blocking.message_id
    assert blocking.raw["answer"] == "Hello, world"


async def test_the_text_is_streamed(either: Either, fake_dify: FakeDify) -> None:
    fake_dify.app = Chat(answer=["a", "b", "c"])
    async with either.chat.stream("Hi?") as run:
        assert [text async for text in run.text] == ["a", "b", "c"]
        assert run.partial_result.answer == (await run.result()).answer == "abc"


async def test_steps_of_an_agent_have_their_last_state(either: Either, fake_dify: FakeDify) -> None:
    thoughts = [
        Thought("Look it up", tool="search", tool_input='{"q": 1}', observation="found"),
        Thought("Done"),
    ]
    fake_dify.app = Chat(mode="agent-chat", thoughts=thoughts)
    result = await either.chat.send("Hi?")
    assert [(step.position, step.thought, step.tool, step.observation) for step in result.agent_thoughts] == [
        (1, "Look it up", "search", "found"),
        (2, "Done", "", ""),
    ]
    with pytest.raises(errors.InvalidParam, match="blocking"):
        await either.chat.send("Hi?", response_mode="blocking")


async def test_speech_is_returned_as_bytes_after_the_answer(either: Either, fake_dify: FakeDify) -> None:
    fake_dify.app = Chat(speech=bytes(range(256)) * 20)
    async with either.chat.stream("Hi?") as run:
        heard = [event.audio_bytes async for event in run if isinstance(event, events.TtsMessage)]
    assert b"".join(heard) == bytes(range(256)) * 20
    assert len(heard) > 1


async def test_a_moderated_answer_is_the_replacement(either: Either, fake_dify: FakeDify) -> None:
    fake_dify.app = Chat(answer=["bad ", "words"], replaced="Let us talk of something else.")
    assert (await either.chat.send("Hi?")).answer == "Let us talk of something else."


async def test_an_error_during_the_answer_has_the_text_so_far(either: Either, fake_dify: FakeDify) -> None:
    fake_dify.app = Chat(answer=["half ", "of"], error=(400, "completion_request_error", "no credit"))
    with pytest.raises(errors.CompletionRequestFailed, match="no credit") as caught:
        await either.chat.send("Hi?")
    assert isinstance(caught.value.partial, ChatResult)
    assert caught.value.partial.answer == "half of"
    assert caught.value.may_have_started


async def test_an_interrupted_message_is_not_an_answer(either: Either, fake_dify: FakeDify) -> None:
    fake_dify.app = Chat(answer=["half ", "of ", "it"])
    fake_dify.faults.append(Cut(after_events=2))
    with pytest.raises(errors.StreamInterrupted) as caught:
        await either.chat.send("Hi?")
    assert isinstance(caught.value.partial, ChatResult)
    assert (caught.value.partial.answer, caught.value.handle) == ("half of ", None)
    assert fake_dify.runs_started == 1


async def test_a_message_interrupted_before_its_first_event_raises_outcomeunknown(
    either: Either, fake_dify: FakeDify
) -> None:
    fake_dify.app = Chat()
    fake_dify.faults.append(Cut(after_events=0))
    with pytest.raises(errors.OutcomeUnknown):
        await either.chat.send("Hi?")
    assert fake_dify.runs_started == 1


async def test_an_interrupted_chatflow_is_recovered(either: Either, fake_dify: FakeDify) -> None:
    nodes = [Node("LLM", text=["a", "b"]), Node("Slow", seconds=0.2, text=["c"])]
    fake_dify.app = Workflow(mode="advanced-chat", nodes=nodes)
    fake_dify.faults.append(Cut(after_events=4))
    result = await either.chat.send("Hi?")
    assert result.run is not None
    assert (result.answer, result.run.status, result.run.gap) == ("abc", "succeeded", True)
    assert (fake_dify.runs_started, fake_dify.runs_stopped) == (1, 0)


async def test_an_early_exit_stops_the_answer(either: Either, fake_dify: FakeDify) -> None:
    fake_dify.app = Chat(answer=["a", "b"], seconds=60)
    task = asyncio.create_task(either.chat.send("Hi?"))
    assert await asyncio.to_thread(fake_dify.wait_for, lambda: fake_dify.runs_started == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    fake_dify.app = Completion(answer=["a", "b", "c"], seconds=3)
    async with either.completions.stream({}) as run:
        await anext(run)
    assert fake_dify.runs_stopped >= 1, "an answer whose task id is known"


async def test_a_conversation_of_the_service_api_is_continued(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.app = Chat()
    first = await client.chat.send("one")
    second = await client.chat.send("two", conversation_id=first.conversation_id)
    assert second.conversation_id == first.conversation_id
    assert len(fake_dify.conversations) == 1


# Operations of the Web API only


@pytest.fixture
async def web(fake_dify: FakeDify) -> AsyncIterator[WebAppClient]:
    async with web_client(fake_dify) as web:
        yield web


async def test_a_conversation_sends_the_parent_of_each_message(
    web: WebAppClient, fake_dify: FakeDify
) -> None:
    fake_dify.app = Chat()
    talk = web.chat.conversation()
    assert (talk.conversation_id, talk.last_message_id) == (None, None)
    first = await talk.send("one")
    async with talk.stream("two") as run:
        second = await run.result()
    third = await talk.send("three")
    assert [message.parent_message_id for message in fake_dify.messages.values()] == [
        None, first.message_id, second.message_id,
    ]  # fmt: skip
    assert first.conversation_id == third.conversation_id == talk.conversation_id
    assert talk.last_message_id == third.message_id
    again = web.chat.conversation(talk.conversation_id, talk.last_message_id)
    await again.send("four")
    assert list(fake_dify.messages.values())[-1].parent_message_id == third.message_id


async def test_a_conversation_continues_after_an_early_exit(web: WebAppClient, fake_dify: FakeDify) -> None:
    fake_dify.app = Chat(answer=["a", "b"], seconds=0.2)
    talk = web.chat.conversation()
    async with talk.stream("one") as run:
        await anext(run)
    left = talk.last_message_id
    assert left is not None
    await talk.send("two")
    assert list(fake_dify.messages.values())[-1].parent_message_id == left


async def test_more_like_this_returns_another_answer(web: WebAppClient, fake_dify: FakeDify) -> None:
    fake_dify.app = Completion()
    first = await web.completions.create({})
    another = await web.messages.more_like_this(first.message_id)
    assert isinstance(another, CompletionResult)
    assert another.answer == "More like this"
    fake_dify.app = Completion(more=None)
    with pytest.raises(errors.Forbidden):
        await web.messages.more_like_this(first.message_id)


async def test_messages_can_be_listed(either: Either, fake_dify: FakeDify) -> None:
    fake_dify.app = Chat(suggested=["And then?"])
    sent: list[str] = []
    conversation = None
    for number in range(5):
        result = await either.chat.send(f"question {number}", conversation_id=conversation)
        conversation = result.conversation_id
        sent.append(result.message_id)
    pages = [page async for page in either.messages.list(conversation, limit=2).pages()]
    assert [[message.query for message in page.data] for page in pages] == [
        ["question 3", "question 4"], ["question 1", "question 2"], ["question 0"],
    ]  # fmt: skip
    assert await either.messages.suggested(sent[-1]) == ["And then?"]
    await either.messages.feedback(sent[0], "like", content="nice")
    assert fake_dify.feedbacks[sent[0]].rating == "like"
    await either.messages.feedback(sent[0], None)
    assert fake_dify.feedbacks == {}
    (listed,) = await either.conversations.list().all()
    assert listed.id == conversation
    assert (await either.conversations.rename(conversation, "Lyon")).name == "Lyon"
    assert (await either.conversations.rename(conversation, auto_generate=True)).name == fake_dify.title
    with pytest.raises(errors.ConfigurationError):
        await either.conversations.rename(conversation)
    await either.conversations.delete(conversation)
    assert await either.conversations.list().all() == []


async def test_suggested_questions_are_returned(either: Either, fake_dify: FakeDify) -> None:
    fake_dify.app = Chat(suggested=["And then?"])
    message = (await either.chat.send("Hi?")).message_id
    fake_dify.faults.append(Refuse(status=503, on="/suggested", times=3))
    with pytest.raises(errors.ServerError):
        await either.messages.suggested(message)
    assert sum("/suggested" in request.path for request in fake_dify.requests) == 1


async def test_conversations_can_be_pinned_and_answers_saved(web: WebAppClient, fake_dify: FakeDify) -> None:
    fake_dify.app = Chat()
    first, _ = [await web.chat.send("Hi?"), await web.chat.send("Hi?")]
    await web.conversations.pin(first.conversation_id)
    assert [one.id for one in await web.conversations.list(pinned=True).all()] == [first.conversation_id]
    assert len(await web.conversations.list(pinned=False).all()) == 1
    await web.conversations.unpin(first.conversation_id)
    assert await web.conversations.list(pinned=True).all() == []
    fake_dify.app = Completion()
    answer = await web.completions.create({})
    await web.saved_messages.save(answer.message_id)
    assert [(one.id, one.answer) for one in await web.saved_messages.list().all()] == [
        (answer.message_id, "Hello, world")
    ]
    await web.saved_messages.delete(answer.message_id)
    assert await web.saved_messages.list().all() == []


async def test_audio_is_transcribed_and_spoken(either: Either, fake_dify: FakeDify) -> None:
    fake_dify.app = Chat()
    for name in ("a.mp3", "a.m4a", "a.wav", "a.amr", "a.mpga"):
        assert await either.audio.transcribe(b"sound", name=name) == "good evening"
    assert [file.mime_type for file in fake_dify.audio_files] == [
        "audio/mp3", "audio/m4a", "audio/wav", "audio/amr", "audio/mpga",
    ]  # fmt: skip
    assert await either.audio.transcribe(InputFile(b"sound", name="A.MP3")) == "good evening"
    for wrong in ("a.ogg", "a"):
        with pytest.raises(errors.ConfigurationError, match="mp3"):
            await either.audio.transcribe(b"sound", name=wrong)
    assert await either.audio.speak("Good evening", voice="alloy")
    assert fake_dify.speech_requests[-1][1:] == ("Good evening", "alloy")
    message = (await either.chat.send("Hi?")).message_id
    assert await either.audio.speak(message_id=message)
    for arguments in ({}, {"text": "a", "message_id": "b"}):
        with pytest.raises(errors.ConfigurationError):
            await either.audio.speak(**arguments)


async def test_no_text_to_speak_returns_no_bytes(either: Either, fake_dify: FakeDify) -> None:
    fake_dify.app = Chat(answer=[])
    message = (await either.chat.send("Hi?")).message_id
    assert await either.audio.speak(message_id=message) == b""


async def test_files_are_sent_with_a_message(either: Either, fake_dify: FakeDify) -> None:
    fake_dify.app = Chat()
    picture = InputFile(b"\x89PNG", name="a.png")
    await either.chat.send("What is it?", files=[picture])
    await either.chat.send("And now?", files=[picture])
    assert len(fake_dify.files) == 1


async def test_a_wrong_kind_of_app_is_an_error(either: Either, fake_dify: FakeDify) -> None:
    fake_dify.app = Completion()
    with pytest.raises(errors.WrongAppMode):
        await either.chat.send("Hi?")
    fake_dify.app = Chat(form=[Field("city", required=True)])
    with pytest.raises(errors.InvalidParam, match="city"):
        await either.chat.send("Hi?")
    for wrong in ({"query": 5}, {"query": "Hi?", "inputs": ["x"]}):
        with pytest.raises(errors.ConfigurationError):
            await either.chat.send(**wrong)  # type: ignore[arg-type]


async def test_variables_of_a_conversation_are_listed_and_updated(
    client: AppClient, fake_dify: FakeDify
) -> None:
    fake_dify.app = Workflow(
        mode="advanced-chat", nodes=[Node("LLM", text=["a"])], variables={"city": "Lyon"}
    )
    conversation = (await client.chat.send("Hi?")).conversation_id
    (variable,) = await client.conversations.variables(conversation).all()
    assert (variable.name, variable.value) == ("city", "Lyon")
    changed = await client.conversations.update_variable(conversation, variable.id, "Paris")
    assert changed.value == "Paris"


async def test_feedback_of_the_app_is_listed(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.app = Chat()
    message = (await client.chat.send("Hi?")).message_id
    await client.messages.feedback(message, "dislike", content="wrong day")
    (feedback,) = await client.app.feedbacks().all()
    assert (feedback.message_id, feedback.rating, feedback.content) == (message, "dislike", "wrong day")


async def test_an_old_server_reads_the_passport_from_another_header(fake_dify: FakeDify) -> None:
    fake_dify.app, fake_dify.version = Chat(), "1.8.1"
    async with web_client(fake_dify) as web:
        assert (await web.chat.send("Hi?")).answer == "Hello, world"


async def test_a_revoked_passport_is_renewed_during_a_conversation(
    web: WebAppClient, fake_dify: FakeDify
) -> None:
    fake_dify.app = Chat()
    talk = web.chat.conversation()
    await talk.send("one")
    fake_dify.revoke_passports()
    await talk.send("two")
    assert fake_dify.runs_started == 2
    assert len(fake_dify.conversations) == 1


async def test_a_private_app_works_after_a_login(fake_dify: FakeDify) -> None:
    fake_dify.app = Chat()
    fake_dify.webapp_auth, fake_dify.access_mode = True, "private"
    fake_dify.accounts["ada@example.org"] = "summer2026"
    async with WebAppClient(fake_dify.app_code, base_url=fake_dify.web_url, retry=Retry(attempts=1)) as web:
        assert (await web.system.features()).webapp_auth.enabled
        assert (await web.app.access_mode()).access_mode == "private"
        with pytest.raises(errors.LoginRequired, match=r"auth\.login"):
            await web.chat.send("Hi?")
        with pytest.raises(errors.AuthenticationFailed):
            await web.auth.login("ada@example.org", "wrong-1-password")
        await web.auth.login("ada@example.org", "summer2026")
        assert (await web.chat.send("Hi?")).answer == "Hello, world"
        status = await web.auth.status()
        assert (status.logged_in, status.app_logged_in) == (True, True)
        assert await web.app.permission((await web.app.site()).app_id)
        await web.auth.logout()
        with pytest.raises(errors.LoginRequired):
            await web.chat.send("Hi?")
        sent = await web.auth.send_login_code("ada@example.org")
        await web.auth.login_with_code("ada@example.org", fake_dify.codes["ada@example.org"], sent.data)
        assert (await web.chat.send("Hi?")).answer == "Hello, world"


async def test_files_are_uploaded_again_for_another_end_user(fake_dify: FakeDify) -> None:
    fake_dify.app = Workflow(form=[Field("doc", "file")])
    file = InputFile(b"x", name="a.txt")
    async with WebAppClient(fake_dify.app_code, base_url=fake_dify.web_url) as nobody:
        await nobody.workflows.run({"doc": file})
        fake_dify.revoke_passports()
        await nobody.app.meta()
        await nobody.workflows.run({"doc": file})
        assert len(fake_dify.files) == 2
    fake_dify.webapp_auth, fake_dify.access_mode = True, "private"
    fake_dify.accounts |= {"ada@example.org": "summer2026", "bob@example.org": "winter2026"}
    async with WebAppClient(fake_dify.app_code, user="kiosk", base_url=fake_dify.web_url) as kiosk:
        for email, password in fake_dify.accounts.items():
            await kiosk.auth.login(email, password)
            await kiosk.workflows.run({"doc": file})
            await kiosk.workflows.run({"doc": file})
    assert [stored.user for stored in fake_dify.files.values()][2:] == list(fake_dify.accounts)


async def test_an_expired_code_is_an_error_with_a_hint(fake_dify: FakeDify) -> None:
    fake_dify.webapp_auth = True
    async with WebAppClient(fake_dify.app_code, base_url=fake_dify.web_url) as web:
        with pytest.raises(errors.ServerError, match="send_login_code"):
            await web.auth.login_with_code("ada@example.org", "401837", "stale")


async def test_a_forgotten_password_is_reset(fake_dify: FakeDify) -> None:
    fake_dify.webapp_auth = True
    fake_dify.accounts["ada@example.org"] = "summer2026"
    async with WebAppClient(fake_dify.app_code, base_url=fake_dify.web_url) as web:
        sent = await web.auth.send_password_reset("ada@example.org")
        code = fake_dify.codes["ada@example.org"]
        checked = await web.auth.check_password_reset("ada@example.org", code, sent.data)
        await web.auth.reset_password(checked.token, "winter2027")
        await web.auth.login("ada@example.org", "winter2027")
    assert fake_dify.accounts["ada@example.org"] == "winter2027"


async def test_remote_files_are_fetched_by_the_server(web: WebAppClient, fake_dify: FakeDify) -> None:
    address = "https://example.org/a b.pdf?v=2"
    fake_dify.remote_files[address] = ("application/pdf", b"%PDF")
    assert (await web.remote_files.info(address)).file_length == 4
    fetched = await web.remote_files.upload(address)
    assert fake_dify.files[fetched.id].content == b"%PDF"
    fake_dify.app = Workflow(form=[Field("doc", "file"), Field("docs", "file-list", max_length=2)])
    given = {"doc": fetched, "docs": [fetched, None]}
    assert (await web.app.parameters()).check({"doc": fetched, "docs": [fetched]}) == []
    await web.workflows.run(given, files=[fetched])
    local = {"type": "document", "transfer_method": "local_file", "upload_file_id": fetched.id}
    (sent,) = (request.body for request in fake_dify.requests if request.path == "/api/workflows/run")
    assert json.loads(sent) == {"inputs": {"doc": local, "docs": [local]}, "files": [local]}
    with pytest.raises(errors.BadRequest):
        await web.remote_files.upload("https://example.org/missing")
    with pytest.raises(errors.ConfigurationError, match="remote_files"):
        await web.files.upload(InputFile.url("https://example.org/a.png"))
