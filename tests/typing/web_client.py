"""A consumer's file. It is never run: mypy --strict and pyright strict read it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_type

from dify_async import AppClient, EventStream, InputFile, Pager, RunHandle, WebAppClient, errors, sync
from dify_async.asgi import EventStreamResponse
from dify_async.events import ChatEvent, CompletionEvent, TtsMessage, WorkflowEvent
from dify_async.models import (
    ChatResult,
    CompletionResult,
    Conversation,
    HumanInputForm,
    LoginStatus,
    Message,
    Page,
    PauseReason,
    RemoteFile,
    SavedMessage,
    UploadedFile,
    WebSite,
    WorkflowResult,
)


async def chats(client: AppClient, web: WebAppClient) -> None:
    answer = await client.chat.send("Hi?", files=[InputFile("a.png")])
    assert_type(answer, ChatResult)
    assert_type(answer.run, WorkflowResult | None)
    async with web.chat.stream("Hi?", conversation_id=answer.conversation_id) as run:
        assert_type(run, EventStream[ChatEvent, ChatResult])
        async for event in run:
            if isinstance(event, TtsMessage):
                assert_type(event.audio_bytes, bytes)
        assert_type(run.partial_result, ChatResult)
    talk = web.chat.conversation()
    assert_type(await talk.send("Hi?"), ChatResult)
    assert_type(talk.last_message_id, str | None)
    async with client.completions.stream({"topic": "tides"}) as completion:
        assert_type(completion, EventStream[CompletionEvent, CompletionResult])
    assert_type(await web.messages.more_like_this(answer.message_id), CompletionResult)
    assert_type(await client.audio.transcribe("a.mp3"), str)
    assert_type(await client.audio.speak("Hi"), bytes)


async def lists(client: AppClient, web: WebAppClient) -> None:
    assert_type(client.conversations.list(), Pager[Conversation])
    async for message in web.messages.list("c"):
        assert_type(message, Message)
    assert_type(await web.saved_messages.list().all(), list[SavedMessage])
    assert_type(await client.messages.suggested("m"), Sequence[str])


async def forms(web: WebAppClient) -> WorkflowResult:
    try:
        return await web.workflows.run({})
    except errors.RunPaused as exc:
        handle, (form,) = exc.handle, exc.paused.forms
        assert_type(handle, RunHandle)
        assert_type(form, PauseReason)
    assert_type(await web.forms.get("t"), HumanInputForm)
    token = await web.forms.upload_token("t")
    scan = await web.forms.upload("a.pdf", token.upload_token)
    assert_type(scan, UploadedFile)
    async with web.workflows.resume(handle, "t", {"scan": scan}, "approve") as run:
        assert_type(run, EventStream[WorkflowEvent, WorkflowResult])
        return await run.result()


async def files(web: WebAppClient) -> None:
    fetched = await web.remote_files.upload("https://example.org/a.pdf")
    assert_type(fetched, RemoteFile)
    await web.workflows.run({"doc": fetched}, files=[fetched, await web.files.upload("b.pdf")])


async def access(web: WebAppClient) -> None:
    await web.auth.login("ada@example.org", "secret")
    assert_type(await web.auth.status(), LoginStatus)
    assert_type(await web.app.site(), WebSite)
    assert_type(web.passport, str | None)


def passed_on(client: AppClient, web: WebAppClient) -> list[EventStreamResponse]:
    return [
        EventStreamResponse(client.workflows.stream({})),
        EventStreamResponse(web.chat.stream("Hi?")),
        EventStreamResponse(client.completions.stream({}), render=lambda event: str(event.raw)),
    ]


def blocking(web: sync.WebAppClient) -> None:
    talk = web.chat.conversation()
    assert_type(talk.send("Hi?"), ChatResult)
    with talk.stream("Hi?") as run:
        assert_type(run, sync.EventStream[ChatEvent, ChatResult])
        assert_type(run.result(), ChatResult)
    assert_type(web.conversations.list(pinned=True).all(), list[Conversation])
    assert_type(web.saved_messages.list().first_page(), Page[SavedMessage])
    assert_type(web.messages.more_like_this("m"), CompletionResult)
    token = web.forms.upload_token("t")
    assert_type(web.forms.upload(b"x", token.upload_token, name="a.pdf"), UploadedFile)
    with web.workflows.resume("r", "t", {}, "approve") as resumed:
        assert_type(resumed.result(), WorkflowResult)
    assert_type(web.workflows.run({}), WorkflowResult)
    assert_type(web.auth.login("ada@example.org", "secret").data.access_token, str)
    assert_type(web.app.site(), WebSite)
    assert_type(web.passport, str | None)
    web.auth.logout()


async def options(web: WebAppClient) -> None:
    await web.workflows.run({}, timeout=5, retry=0, extra_headers={"A": "b"}, extra_body={"a": 1})
    await web.workflows.run({}, timeout=None, retry=None, extra_headers=None, extra_body=None)
    web.workflows.stream({}, timeout=None)
    web.conversations.list(timeout=None)
    assert_type(web.with_options(timeouts=5, retry=0), WebAppClient)

    await web.workflows.run({}, timout=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await web.workflows.run({}, timeout="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await web.workflows.run({}, user="bob")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await web.app.parameters(timout=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await web.app.parameters(timeout="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    web.workflows.stream({}, timout=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    web.workflows.stream({}, timeout="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    web.conversations.list(timout=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    web.conversations.list(timeout="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
