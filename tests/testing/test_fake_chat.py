"""FakeDify's chats, completions and forms are compared with recordings of a real server."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import aiohttp
import pytest

from dify_async.testing import (
    Chat,
    Completion,
    Conversation,
    Cut,
    Drop,
    FakeDify,
    Fault,
    Field,
    Message,
    Node,
    Refuse,
    Silence,
    Thought,
    Variable,
    Workflow,
)
from dify_async.testing.scenario import App
from tests.support import recordings
from tests.support.fake_server import (
    ASKING,
    ASKING_CHATFLOW,
    CHATFLOW,
    ask,
    events_of,
    filled,
    first_sentence,
    order,
    shape,
    shapes,
    upload,
)

UUID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def chat(**fields: Any) -> dict[str, Any]:
    return {"json": {"inputs": {}, "query": "hi", "user": "rec-user", "response_mode": "streaming", **fields}}


# Refusals


def known_message(dify: FakeDify, real: recordings.Recording) -> None:
    (message_id,) = UUID.findall(real.path)
    message = Message(
        mode="chat", conversation=None, user="rec-user", inputs={}, query="", answer="", id=message_id
    )
    dify.messages[message_id] = message


def known_conversation(dify: FakeDify, real: recordings.Recording) -> None:
    conversation_id, *others = UUID.findall(f"{real.path} {json.dumps(real.request_body)}")
    turns = Variable(name="turns", value=1, id=others[0] if others else "")
    dify.conversations[conversation_id] = Conversation(
        name="", user="rec-user", inputs={}, on_web=False, variables=[turns], id=conversation_id
    )


def known_variable(dify: FakeDify, real: recordings.Recording) -> None:
    known_conversation(dify, real)
    (conversation,) = dify.conversations.values()
    if "unknown" in real.name:
        conversation.variables.clear()


@pytest.mark.parametrize(
    ("name", "app", "prepare"),
    [
        ("err_agent_blocking", Chat(mode="agent-chat"), None),
        ("err_chat_conversation_bad_uuid", Chat(), None),
        ("err_chat_conversation_unknown_streaming", Chat(), None),
        ("err_chat_conversation_other_user", Chat(), known_conversation),
        ("err_chat_missing_inputs", Chat(), None),
        ("err_chat_required_input_blocking", Chat(form=[Field("who", required=True)]), None),
        ("err_chat_required_input_streaming", Chat(form=[Field("who", required=True)]), None),
        ("err_chatflow_bad_workflow_id", CHATFLOW, None),
        (
            "err_chatflow_missing_required_blocking",
            Workflow(mode="advanced-chat", form=[Field("need", required=True)]),
            None,
        ),
        ("err_completion_missing_query", Completion(form=[Field("query", required=True)]), None),
        ("err_wrong_mode_workflow_key_chat", Workflow(), None),
        ("err_wrong_mode_chat_key_workflow", Chat(), None),
        ("err_run_detail_chat_app", Chat(), None),
        ("err_conversation_delete_again", Chat(), None),
        ("err_conversation_delete_no_user", Chat(), None),
        ("err_conversation_rename_unknown", Chat(), None),
        ("err_conversation_variable_unknown", CHATFLOW, known_variable),
        ("err_conversation_variable_wrong_type", CHATFLOW, known_variable),
        ("err_conversations_completion_app", Completion(), None),
        ("err_conversations_last_id_unknown", Chat(), None),
        ("err_conversations_limit_0", Chat(), None),
        ("err_messages_unknown_conversation", Chat(), None),
        ("err_feedback_bad_rating", Chat(), known_message),
        ("err_feedback_null_again", Chat(), known_message),
        ("err_suggested_no_user", Chat(), None),
        ("err_suggested_unknown", Chat(), None),
        ("err_text_to_audio_unknown_message", Chat(), None),
        ("err_annotation_unknown", Chat(), None),
        ("err_annotation_delete_unknown", Chat(), None),
        ("err_annotation_reply_bad_action", Chat(), None),
        ("err_annotation_reply_status_unknown", Chat(), None),
        ("err_human_form_unknown", ASKING, None),
        ("chat_midfail_blocking", Chat(error=(400, "completion_request_error", "{message}")), None),
        ("chatflow_midfail_blocking", Workflow(mode="advanced-chat", nodes=[Node("A", error="{message}")]), None),
    ],
)  # fmt: skip
async def test_chat_rejections_match_a_real_server(
    fake_dify: FakeDify, name: str, app: App, prepare: Callable[[FakeDify, recordings.Recording], None] | None
) -> None:
    fake_dify.app = app
    real = recordings.load(name)
    if prepare is not None:
        prepare(fake_dify, real)
    given = {} if real.request_body is None else {"json": real.request_body}
    status, content_type, body = await ask(fake_dify, real.method, real.path, **given)
    assert (status, content_type) == (real.status, real.headers["content-type"].partition(";")[0])
    ours, theirs = json.loads(body), json.loads(real.body)
    if theirs is None:
        assert ours is None
        return
    assert (ours["code"], ours["status"]) == (theirs["code"], theirs["status"])
    if "midfail" not in name:
        problems = [answer["message"].split("\n") for answer in (ours, theirs)]
        assert first_sentence(ours["message"]) == first_sentence(theirs["message"])
        assert problems[0][1:2] == problems[1][1:2], "the field that is wrong"


@pytest.mark.parametrize("name", ["err_audio_no_file", "err_audio_too_large"])
async def test_rejections_of_audio_match_a_real_server(fake_dify: FakeDify, name: str) -> None:
    real = recordings.load(name)
    files = [
        (field, file, kind, bytes(size))
        for field, file, kind, size in real.request_body["multipart"]["files"]
    ]
    status, _, body = await ask(fake_dify, "POST", "/v1/audio-to-text", **upload(*files))
    assert (status, json.loads(body)) == (real.status, json.loads(real.body))


async def test_audio_is_transcribed_and_spoken(fake_dify: FakeDify) -> None:
    fake_dify.app = Chat(speech=bytes(3000))
    status, _, body = await ask(
        fake_dify, "POST", "/v1/audio-to-text", **upload(("file", "a.mp3", "audio/mpeg", b"x"))
    )
    assert (status, json.loads(body)["code"]) == (415, "unsupported_audio_type")
    _, _, body = await ask(
        fake_dify, "POST", "/v1/audio-to-text", **upload(("file", "a.mp3", "audio/mp3", b"x"))
    )
    assert json.loads(body) == {"text": "good evening"}
    assert [file.name for file in fake_dify.audio_files] == ["a.mp3"]
    said = {"json": {"text": "good evening", "voice": "alloy", "user": "u"}}
    assert await ask(fake_dify, "POST", "/v1/text-to-audio", **said) == (200, "audio/mpeg", bytes(3000))
    assert fake_dify.speech_requests == [("u", "good evening", "alloy")]
    fake_dify.audio_enabled = False
    status, _, _ = await ask(fake_dify, "POST", "/v1/text-to-audio", json={"text": "x"})
    assert status == 400


async def test_too_many_concurrent_messages_are_rejected(fake_dify: FakeDify) -> None:
    fake_dify.app = Chat()
    fake_dify.max_active_requests = 0
    status, _, body = await ask(fake_dify, "POST", "/v1/chat-messages", **chat())
    ours, theirs = json.loads(body), json.loads(recordings.load("err_rate_limited_chat_streaming").body)
    assert (status, ours["code"]) == (400, theirs["code"])
    assert ours["message"].split("allowed for")[0] == theirs["message"].split("allowed for")[0]


# Answers


@pytest.mark.parametrize(
    ("name", "app"),
    [
        ("chat_streaming", Chat()),
        ("chat_midfail_streaming", Chat(error=(400, "completion_request_error", "no"))),
        ("chat_badrequest_streaming", Chat(answer=(), error=(400, "completion_request_error", "no"))),
        ("completion_streaming", Completion()),
        ("chatflow_human_start_streaming", ASKING_CHATFLOW),
        ("err_chatflow_missing_required_streaming", Workflow(mode="advanced-chat", form=[Field("need", required=True)])),
    ],
)  # fmt: skip
async def test_chat_streams_match_a_real_server(fake_dify: FakeDify, name: str, app: App) -> None:
    fake_dify.app, fake_dify.tail, fake_dify.silence = app, 0, 0
    real = recordings.load(name)
    status, content_type, body = await ask(fake_dify, real.method, real.path, json=real.request_body)
    assert (status, content_type) == (200, "text/event-stream")
    assert body.startswith(b"event: ping") == real.body.startswith(b"event: ping")
    assert shapes(body) == shapes(real.body)
    if "human" not in name:
        assert order(body) == order(real.body)


async def test_a_chatflow_ends_like_on_a_real_server(fake_dify: FakeDify) -> None:
    fake_dify.app, fake_dify.tail = CHATFLOW, 0
    real = recordings.load("chatflow_streaming")
    _, _, body = await ask(fake_dify, "POST", "/v1/chat-messages", **chat())
    assert shapes(body) == shapes(real.body)
    assert order(body)[-3:] == order(real.body)[-3:] == ["node_finished", "message_end", "workflow_finished"]
    assert events_of(body)[-1]["data"]["outputs"] == {"answer": "Hello, world", "files": []}
    (run,) = fake_dify.runs.values()
    (message,) = fake_dify.messages.values()
    assert (run.message, message.answer, message.status) == (message, "Hello, world", "normal")


async def test_an_agent_streams_like_on_a_real_server(fake_dify: FakeDify) -> None:
    thought = Thought("Let me look.", "current_time", "{}", "noon")
    fake_dify.app = Chat(mode="agent-chat", thoughts=[thought])
    real = recordings.load("agent_streaming")
    _, _, body = await ask(fake_dify, "POST", "/v1/chat-messages", **chat())
    assert shapes(body) == shapes(real.body)
    first, second = (event for event in events_of(body) if event["event"] == "agent_thought")
    assert (first["id"], first["observation"], second["observation"]) == (second["id"], "", "noon")
    (message,) = fake_dify.messages.values()
    assert [kept["observation"] for kept in message.thoughts] == ["noon"]


async def test_speech_follows_the_answer(fake_dify: FakeDify) -> None:
    fake_dify.app = Chat(speech=b"x" * 2000)
    _, _, body = await ask(fake_dify, "POST", "/v1/chat-messages", **chat())
    real = recordings.load("chat_tts_autoplay_streaming")
    assert shapes(body) == shapes(real.body)
    assert order(body)[-3:] == order(real.body)[-3:] == ["message_end", "tts_message", "tts_message_end"]
    audio = [base64.b64decode(one["audio"]) for one in events_of(body) if one["event"] == "tts_message"]
    assert b"".join(audio) == b"x" * 2000


async def test_a_moderator_replaces_the_answer(fake_dify: FakeDify) -> None:
    fake_dify.app = Completion(replaced="[removed]")
    _, _, body = await ask(fake_dify, "POST", "/v1/completion-messages", **chat())
    assert order(body) == ["message", "message_replace", "message_end"]
    (message,) = fake_dify.messages.values()
    assert message.answer == "[removed]"


@pytest.mark.parametrize(
    ("name", "app"),
    [
        ("chat_blocking", Chat()),
        ("completion_blocking", Completion()),
        ("chatflow_blocking", CHATFLOW),
        ("chatflow_human_start_blocking", ASKING_CHATFLOW),
        ("get_info_chat", Chat()),
        ("get_info_completion", Completion()),
        ("get_site_chat", Chat()),
    ],
)
async def test_chat_responses_have_the_keys_of_a_real_server(
    fake_dify: FakeDify, name: str, app: App
) -> None:
    fake_dify.app = app
    real = recordings.load(name)
    given = {}
    if real.request_body is not None:
        given = {"json": {key: value for key, value in real.request_body.items() if key != "conversation_id"}}
    status, _, body = await ask(fake_dify, real.method, real.path, **given)
    ours, theirs = json.loads(body), json.loads(real.body)
    assert (status, shape(ours)) == (real.status, shape(theirs))
    for same in ("mode", "event"):
        assert ours.get(same) == theirs.get(same)
    if "reasons" in ours.get("data", {}):
        assert shape(ours["data"]["reasons"][0]) == shape(theirs["data"]["reasons"][0])


async def test_the_form_of_a_chat_matches_a_real_server(fake_dify: FakeDify) -> None:
    fake_dify.app = Chat(form=[Field("who", max_length=48), Field("tone", "select", options=["a"])])
    _, _, body = await ask(fake_dify, "GET", "/v1/parameters")
    ours, theirs = json.loads(body), json.loads(recordings.load("get_parameters_chat").body)
    assert ours.keys() == theirs.keys()
    assert list(map(shape, ours["user_input_form"])) == list(map(shape, theirs["user_input_form"]))


async def test_the_answer_may_depend_on_the_question(fake_dify: FakeDify) -> None:
    fake_dify.app = Chat(answer=lambda query, inputs: [f"{query}? ", inputs["who"]])
    _, _, body = await ask(
        fake_dify, "POST", "/v1/chat-messages", **chat(inputs={"who": "ada"}, response_mode=None)
    )
    assert json.loads(body)["answer"] == "hi? ada"


# Timing and connections


async def test_the_response_starts_with_the_first_event(fake_dify: FakeDify) -> None:
    headers = {"Authorization": f"Bearer {fake_dify.api_key}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        fake_dify.app, fake_dify.ping_every = Chat(seconds=60, answer=["x"]), 60
        waiting = asyncio.ensure_future(session.post(f"{fake_dify.base_url}/chat-messages", **chat()))
        assert await asyncio.to_thread(fake_dify.wait_for, lambda: fake_dify.runs_started == 1)
        assert not waiting.done()
        waiting.cancel()
        await asyncio.wait([waiting])
        fake_dify.app, fake_dify.ping_every = Chat(seconds=0.5, answer=["x"]), 0.1
        async with session.post(f"{fake_dify.base_url}/chat-messages", **chat()) as answer:
            body = await answer.read()
    assert body.startswith(b"event: ping\n\n"), "as in the recording chat_stall_ping"
    assert recordings.load("chat_stall_ping").body.startswith(b"event: ping\n\n")


async def test_some_proxies_keep_a_stream_open(fake_dify: FakeDify) -> None:
    fake_dify.app, fake_dify.silence = Chat(end_of_body=False), 60
    headers = {"Authorization": f"Bearer {fake_dify.api_key}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{fake_dify.base_url}/chat-messages", **chat()) as answer,
    ):
        await answer.content.readuntil(b'"message_end"')
        await answer.content.readuntil(b"\n\n")
        assert not answer.content.at_eof()


async def test_a_client_that_disconnects_stops_the_answer(fake_dify: FakeDify) -> None:
    fake_dify.app = Chat(answer=["x"] * 100, seconds=10)
    headers = {"Authorization": f"Bearer {fake_dify.api_key}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.post(f"{fake_dify.base_url}/chat-messages", **chat()) as answer:
            await answer.content.readuntil(b"\n\n")
    (generation,) = fake_dify.generations.values()
    assert await asyncio.to_thread(fake_dify.wait_for, lambda: generation.status == "abandoned")
    assert generation.message.answer == ""


@pytest.mark.parametrize(("user", "stops"), [("rec-user", True), ("somebody-else", False)])
async def test_a_message_is_stopped_only_by_its_end_user(fake_dify: FakeDify, user: str, stops: bool) -> None:
    fake_dify.app = Chat(answer=["x"] * 10, seconds=1)
    answer = asyncio.create_task(ask(fake_dify, "POST", "/v1/chat-messages", **chat()))
    assert await asyncio.to_thread(fake_dify.wait_for, lambda: fake_dify.runs_started == 1)
    (generation,) = fake_dify.generations.values()
    await ask(fake_dify, "POST", f"/v1/chat-messages/{generation.task_id}/stop", json={"user": user})
    _, _, body = await answer
    assert order(body)[-1] == "message_end"
    assert fake_dify.runs_stopped == stops
    assert generation.status == ("stopped" if stops else "succeeded")


async def test_a_chatflow_is_stopped_by_any_end_user(fake_dify: FakeDify) -> None:
    fake_dify.app, fake_dify.tail = Workflow(mode="advanced-chat", nodes=[Node("Slow", seconds=10)]), 0
    answer = asyncio.create_task(ask(fake_dify, "POST", "/v1/chat-messages", **chat()))
    assert await asyncio.to_thread(fake_dify.wait_for, lambda: fake_dify.runs_started == 1)
    (run,) = fake_dify.runs.values()
    await ask(fake_dify, "POST", f"/v1/chat-messages/{run.task_id}/stop", json={"user": "another"})
    _, _, body = await answer
    assert (order(body)[-1], run.status, fake_dify.runs_stopped) == ("workflow_finished", "stopped", 1)


@pytest.mark.parametrize(
    ("fault", "arrived"),
    [(Drop(), 0), (Drop(after_start=True), 1), (Refuse(status=503), 0), (Cut(after_events=1), 1), (Silence(after_events=1), 1)],
)  # fmt: skip
@pytest.mark.parametrize("app", [Chat(), Completion(), CHATFLOW])
async def test_faults_apply_to_chats(fake_dify: FakeDify, app: App, fault: Fault, arrived: int) -> None:
    fake_dify.app = app
    fake_dify.faults.append(fault)
    path = "completion-messages" if isinstance(app, Completion) else "chat-messages"
    request = asyncio.create_task(ask(fake_dify, "POST", f"/v1/{path}", **chat()))
    if isinstance(fault, Silence):
        assert await asyncio.to_thread(fake_dify.wait_for, lambda: fake_dify.runs_started == 1)
        await asyncio.wait([request], timeout=0.1)
        assert not request.done()
        request.cancel()
    status = None
    with suppress(aiohttp.ClientError, asyncio.CancelledError):
        status, _, _ = await request
    assert (status, fake_dify.runs_started) == (503 if isinstance(fault, Refuse) else None, arrived)


# Conversations


async def talk(dify: FakeDify, **fields: Any) -> dict[str, Any]:
    _, _, body = await ask(dify, "POST", "/v1/chat-messages", **chat(response_mode="blocking", **fields))
    answer: dict[str, Any] = json.loads(body)
    return answer


async def test_conversations_are_stored(fake_dify: FakeDify) -> None:
    fake_dify.app = Chat(suggested=["And then?"])
    first = await talk(fake_dify)
    second = await talk(fake_dify, conversation_id=first["conversation_id"], query="and then?")
    other = await talk(fake_dify, auto_generate_name=False, query="a question of many letters")
    _, _, body = await ask(fake_dify, "GET", "/v1/conversations?user=rec-user&limit=1&sort_by=created_at")
    page = json.loads(body)
    assert (page["limit"], page["has_more"]) == (1, True)
    assert page["data"][0].keys() == {
        "id",
        "name",
        "inputs",
        "status",
        "introduction",
        "created_at",
        "updated_at",
    }
    assert (page["data"][0]["id"], page["data"][0]["name"]) == (first["conversation_id"], fake_dify.title)
    rest = f"/v1/conversations?user=rec-user&last_id={first['conversation_id']}&sort_by=created_at"
    _, _, body = await ask(fake_dify, "GET", rest)
    assert [one["name"] for one in json.loads(body)["data"]] == ["a question of many l…"]

    path = f"/v1/messages?user=rec-user&conversation_id={first['conversation_id']}"
    _, _, body = await ask(fake_dify, "GET", f"{path}&limit=1")
    page = json.loads(body)
    assert ([one["id"] for one in page["data"]], page["has_more"]) == ([second["message_id"]], True)
    keys = "id conversation_id parent_message_id inputs query answer feedback retriever_resources created_at"
    assert page["data"][0].keys() == {
        *keys.split(), "agent_thoughts", "message_files", "status", "error", "extra_contents"
    }  # fmt: skip
    _, _, body = await ask(fake_dify, "GET", f"{path}&first_id={second['message_id']}")
    assert [one["id"] for one in json.loads(body)["data"]] == [first["message_id"]]
    _, _, body = await ask(fake_dify, "GET", "/v1/messages?conversation_id=")
    assert json.loads(body) == {"limit": 20, "has_more": False, "data": []}

    name = f"/v1/conversations/{other['conversation_id']}/name"
    for given, found in (({"name": "Mine"}, "Mine"), ({"auto_generate": True}, fake_dify.title)):
        _, _, body = await ask(fake_dify, "POST", name, json={**given, "user": "rec-user"})
        assert json.loads(body)["name"] == found
    path = f"/v1/conversations/{other['conversation_id']}"
    status, content_type, body = await ask(fake_dify, "DELETE", path, json={"user": "rec-user"})
    assert (status, content_type, body) == (204, "application/json", b"")
    assert list(fake_dify.conversations) == [first["conversation_id"]]

    _, _, body = await ask(fake_dify, "GET", f"/v1/messages/{first['message_id']}/suggested?user=rec-user")
    assert json.loads(body) == {"result": "success", "data": ["And then?"]}
    assert (fake_dify.runs_started, fake_dify.model_calls) == (3, 2)


async def test_a_chatflow_ignores_an_unknown_conversation(fake_dify: FakeDify) -> None:
    fake_dify.app = CHATFLOW
    unknown = str(uuid.uuid4())
    assert (await talk(fake_dify, conversation_id=unknown))["conversation_id"] != unknown


async def test_conversations_are_continued(fake_dify: FakeDify) -> None:
    fake_dify.app = Workflow(mode="advanced-chat", variables={"turns": 2, "prefs": {"a": 1}, "tags": ["x"]})
    conversation_id = (await talk(fake_dify))["conversation_id"]
    path = f"/v1/conversations/{conversation_id}/variables"
    _, _, body = await ask(fake_dify, "GET", f"{path}?user=rec-user&limit=2")
    page = json.loads(body)
    found = [(one["name"], one["value_type"], one["value"]) for one in page["data"]]
    assert (found, page["has_more"]) == ([("turns", "number", "2"), ("prefs", "object", "{'a': 1}")], True)
    last = page["data"][1]
    _, _, body = await ask(fake_dify, "GET", f"{path}?user=rec-user&last_id={last['id']}")
    assert [one["value_type"] for one in json.loads(body)["data"]] == ["array[string]"]
    changed = {"json": {"value": {"b": [1]}, "user": "rec-user"}}
    _, _, body = await ask(fake_dify, "PUT", f"{path}/{last['id']}", **changed)
    assert (json.loads(body).keys(), json.loads(body)["value"]) == (last.keys(), "{'b': [1]}")
    for query, status in (("last_id=x", 400), ("variable_name=turns", 500)):
        assert (await ask(fake_dify, "GET", f"{path}?user=rec-user&{query}"))[0] == status


async def test_feedback_is_stored(fake_dify: FakeDify) -> None:
    fake_dify.app = Chat()
    answer = await talk(fake_dify)
    path = f"/v1/messages/{answer['message_id']}/feedbacks"
    for rating in ("like", "dislike"):
        given = {"json": {"rating": rating, "content": "well", "user": "rec-user"}}
        assert json.loads((await ask(fake_dify, "POST", path, **given))[2]) == {"result": "success"}
    assert [one.rating for one in fake_dify.feedbacks.values()] == ["dislike"]
    _, _, body = await ask(fake_dify, "GET", "/v1/app/feedbacks")
    (entry,) = json.loads(body)["data"]
    assert entry["message_id"] == answer["message_id"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d.*(?<!Z)", entry["created_at"])
    await ask(fake_dify, "POST", path, json={"rating": None, "user": "rec-user"})
    assert fake_dify.feedbacks == {}


async def test_suggested_questions_need_to_be_enabled(fake_dify: FakeDify) -> None:
    fake_dify.app = Chat()
    message_id = (await talk(fake_dify))["message_id"]
    status, _, body = await ask(fake_dify, "GET", f"/v1/messages/{message_id}/suggested?user=rec-user")
    assert (status, json.loads(body)["code"], fake_dify.model_calls) == (400, "bad_request", 0)


async def test_files_of_a_message_can_be_previewed(fake_dify: FakeDify) -> None:
    fake_dify.app = Chat()
    _, _, body = await ask(
        fake_dify, "POST", "/v1/files/upload", **upload(("file", "p.png", "image/png", b"x"))
    )
    file_id = json.loads(body)["id"]
    file = {"type": "image", "transfer_method": "local_file", "upload_file_id": file_id}
    answer = await talk(fake_dify, files=[file])
    path = f"/v1/messages?user=rec-user&conversation_id={answer['conversation_id']}"
    (message,) = json.loads((await ask(fake_dify, "GET", path))[2])["data"]
    assert [one["upload_file_id"] for one in message["message_files"]] == [file_id]
    assert await ask(fake_dify, "GET", f"/v1/files/{file_id}/preview") == (200, "image/png", b"x")


# Annotations, end users


async def test_annotations_are_stored(fake_dify: FakeDify) -> None:
    status, _, body = await ask(
        fake_dify, "POST", "/v1/apps/annotations", json={"question": "Q", "answer": "A"}
    )
    made = json.loads(body)
    assert (status, made.keys()) == (201, {"id", "question", "answer", "hit_count", "created_at"})
    path = f"/v1/apps/annotations/{made['id']}"
    _, _, body = await ask(fake_dify, "PUT", path, json={"question": "Q2", "answer": "A2"})
    assert json.loads(body) == {**made, "question": "Q2", "answer": "A2"}
    for keyword, found in (("Q2", [json.loads(body)]), ("zzz", [])):
        _, _, page = await ask(fake_dify, "GET", f"/v1/apps/annotations?keyword={keyword}")
        envelope = {"has_more": False, "limit": 20, "total": len(found), "page": 1}
        assert json.loads(page) == {"data": found, **envelope}
    assert (await ask(fake_dify, "DELETE", path))[0] == 204
    assert fake_dify.annotations == {}


async def test_annotation_replies_are_switched_by_a_job(fake_dify: FakeDify) -> None:
    switch = {"score_threshold": 0.9, "embedding_provider_name": "p", "embedding_model_name": "m"}
    _, _, body = await ask(fake_dify, "POST", "/v1/apps/annotation-reply/disable", json=switch)
    job = json.loads(body)
    assert job["job_status"] == "waiting"
    path = f"/v1/apps/annotation-reply/disable/status/{job['job_id']}"
    _, _, body = await ask(fake_dify, "GET", path)
    assert json.loads(body) == {"job_id": job["job_id"], "job_status": "completed", "error_msg": ""}
    del switch["score_threshold"]
    assert (await ask(fake_dify, "POST", "/v1/apps/annotation-reply/enable", json=switch))[0] == 400


async def test_end_users_are_returned(fake_dify: FakeDify) -> None:
    fake_dify.app = CHATFLOW
    await talk(fake_dify)
    (run,) = fake_dify.runs.values()
    end_user_id = run.events[-1]["data"]["created_by"]["id"]
    _, _, body = await ask(fake_dify, "GET", f"/v1/end-users/{end_user_id}")
    assert (json.loads(body)["session_id"], json.loads(body)["id"]) == ("rec-user", end_user_id)
    status, _, body = await ask(fake_dify, "GET", f"/v1/end-users/{uuid.uuid4()}")
    assert (status, json.loads(body)["code"]) == (404, "end_user_not_found")


# Forms


async def paused(dify: FakeDify, app: Workflow = ASKING) -> str:
    """Start a run that waits for a person, and return its id."""
    dify.app, dify.tail = app, 0
    path = "/v1/chat-messages" if app.mode == "advanced-chat" else "/v1/workflows/run"
    await ask(dify, "POST", path, **chat())
    return next(reversed(dify.runs))


@pytest.mark.parametrize(
    "name",
    [
        "err_human_form_submit_again",
        "err_human_form_submit_bad_choice",
        "err_human_form_submit_missing_input",
        "err_human_form_submit_no_user",
    ],
)
async def test_rejections_of_forms_match_a_real_server(fake_dify: FakeDify, name: str) -> None:
    fields = [Field("comment", "paragraph"), Field("choice", "select", options=["a", "b"])]
    await paused(fake_dify, Workflow(nodes=[Node("Ask", form="?", form_fields=fields)]))
    (form,) = fake_dify.forms.values()
    real = recordings.load(name)
    form.token = real.path.rpartition("/")[2]
    if name.endswith("again"):
        form.status = "submitted"
        (form.id,) = UUID.findall(real.body.decode())
    status, _, body = await ask(fake_dify, "POST", real.path, json=real.request_body)
    assert (status, json.loads(body)) == (real.status, json.loads(real.body))


async def test_a_form_is_shown_and_submitted_once(fake_dify: FakeDify) -> None:
    run_id = await paused(fake_dify)
    (token,) = fake_dify.forms
    _, _, body = await ask(fake_dify, "GET", f"/v1/form/human_input/{token}")
    form = json.loads(body)
    assert form.keys() == {
        "form_content",
        "inputs",
        "resolved_default_values",
        "user_actions",
        "expiration_time",
    }
    for wrong in ({"action": "shrug"}, {"inputs": {}}, {"inputs": {"comment": 5}}):
        status, _, body = await ask(fake_dify, "POST", f"/v1/form/human_input/{token}", **filled(**wrong))
        assert (status, json.loads(body)["code"]) == (400, "invalid_form_data")
    _, _, body = await ask(fake_dify, "POST", f"/v1/form/human_input/{token}", **filled())
    assert json.loads(body) == {}
    status, _, body = await ask(fake_dify, "GET", f"/v1/form/human_input/{token}")
    assert (status, json.loads(body)["code"]) == (412, "human_input_form_submitted")
    run = fake_dify.runs[run_id]
    assert await asyncio.to_thread(fake_dify.wait_for, lambda: run.status == "succeeded")
    assert (run.form_inputs, run.form_action, fake_dify.forms) == ({"comment": "yes"}, "approve", {})


async def test_a_form_expires(fake_dify: FakeDify) -> None:
    await paused(fake_dify)
    (token,) = fake_dify.forms
    fake_dify.expire_forms()
    for method, given in (("GET", {}), ("POST", filled())):
        status, _, body = await ask(fake_dify, method, f"/v1/form/human_input/{token}", **given)
        assert (status, json.loads(body)["code"]) == (412, "human_input_form_expired")


@pytest.mark.parametrize(("name", "app"), [("human_events_before_submit", ASKING), (None, ASKING_CHATFLOW)])
async def test_a_resumed_run_matches_a_real_server(
    fake_dify: FakeDify, name: str | None, app: Workflow
) -> None:
    run_id = await paused(fake_dify, app)
    (token,) = fake_dify.forms
    fake_dify.resume_delay = 0.2
    rest = asyncio.create_task(ask(fake_dify, "GET", f"/v1/workflow/{run_id}/events?user=rec-user"))
    assert await asyncio.to_thread(fake_dify.wait_for, lambda: "/events" in fake_dify.requests[-1].path)
    await ask(fake_dify, "POST", f"/v1/form/human_input/{token}", **filled())
    _, _, body = await rest
    events = events_of(body)
    assert [event["event"] for event in events[:4]] == [
        "workflow_started", "node_started", "human_input_form_filled", "node_finished"
    ]  # fmt: skip
    assert events[0]["data"]["reason"] == "resumption"
    assert events[2]["data"]["rendered_content"] == "Sure? yes"
    assert events[1]["data"]["id"] == events[3]["data"]["id"]
    assert events[-1]["data"]["status"] == "succeeded"
    if name is not None:
        real = recordings.load(name)
        assert shapes(body) == shapes(real.body)
        assert body.startswith(b"event: ping\n\n")
    else:
        assert events[-1]["data"]["outputs"]["answer"] == "so x"


@pytest.mark.parametrize(
    ("name", "app"),
    [("human_events_snapshot_before_submit", ASKING), ("chatflow_human_events", ASKING_CHATFLOW)],
)
async def test_a_snapshot_of_a_paused_run_matches_a_real_server(
    fake_dify: FakeDify, name: str, app: Workflow
) -> None:
    run_id = await paused(fake_dify, app)
    (token,) = fake_dify.forms
    fake_dify.resume_delay = 5
    await ask(fake_dify, "POST", f"/v1/form/human_input/{token}", **filled())
    path = f"/v1/workflow/{run_id}/events?user=rec-user&include_state_snapshot=true"
    _, _, body = await ask(fake_dify, "GET", path)
    real = recordings.load(name)
    assert shapes(body) == shapes(real.body)
    ours, theirs = events_of(body), events_of(real.body)
    for told in (ours, theirs):
        finished = [event["data"] for event in told if event["event"] == "node_finished"]
        assert finished[-1]["status"] == "paused"
        assert [one["index"] for one in finished] == list(range(1, len(finished) + 1))
        required = [event for event in told if event["event"] == "human_input_required"]
        assert len(required) == 1
    assert ours[-1]["event"] == theirs[-1]["event"] == "workflow_paused"
    assert ours[-2]["data"]["form_token"] == token, "no worker has started the answer yet"


async def test_a_snapshot_of_a_resumed_run_has_no_pause(fake_dify: FakeDify) -> None:
    run_id = await paused(fake_dify, Workflow(nodes=[*ASKING.nodes, Node("Slow", seconds=0.5)]))
    (token,) = fake_dify.forms
    await ask(fake_dify, "POST", f"/v1/form/human_input/{token}", **filled())
    run = fake_dify.runs[run_id]
    assert await asyncio.to_thread(fake_dify.wait_for, lambda: run.total_steps == 4)
    path = f"/v1/workflow/{run_id}/events?user=rec-user&include_state_snapshot=true"
    _, _, body = await ask(fake_dify, "GET", path)
    names = order(body)
    assert names[0] == "workflow_started"
    assert {"human_input_required", "workflow_paused"}.isdisjoint(names)


async def test_a_paused_message_shows_its_form(fake_dify: FakeDify) -> None:
    await paused(fake_dify, ASKING_CHATFLOW)
    (message,) = fake_dify.messages.values()
    assert message.conversation is not None
    path = f"/v1/messages?user=rec-user&conversation_id={message.conversation.id}"
    (shown,) = json.loads((await ask(fake_dify, "GET", path))[2])["data"]
    (content,) = shown["extra_contents"]
    assert (shown["status"], shown["answer"], content["submitted"]) == ("paused", "so ", False)
    (token,) = fake_dify.forms
    assert content["form_definition"]["form_token"] == token
    await ask(fake_dify, "POST", f"/v1/form/human_input/{token}", **filled())
    (shown,) = json.loads((await ask(fake_dify, "GET", path))[2])["data"]
    assert shown["extra_contents"][0]["form_submission_data"]["action_id"] == "approve"


async def test_a_run_stopped_during_a_pause_never_ends(fake_dify: FakeDify) -> None:
    run_id = await paused(fake_dify)
    run = fake_dify.runs[run_id]
    (token,) = fake_dify.forms
    await ask(fake_dify, "POST", f"/v1/workflows/tasks/{run.task_id}/stop", json={"user": "rec-user"})
    await ask(fake_dify, "POST", f"/v1/form/human_input/{token}", **filled())
    assert not await asyncio.to_thread(
        fake_dify.wait_for, lambda: run.status not in {"running", "paused"}, 0.2
    )
