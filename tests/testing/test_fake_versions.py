"""FakeDify imitates several versions of Dify: compared with recordings of Dify 1.16.1 and 1.14.2."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest

from dify_async import AppClient
from dify_async.testing import Chat, FakeDify, Field, Node, PingsOnly, RateLimit, Thought, Workflow
from tests.support import recordings
from tests.support.fake_server import events_of

REQUIRED = Workflow(form=[Field("name", required=True)])
THINKING = Node("LLM", type="llm", reasoning=["let me ", "think 思考"], text=["Hello", ", ", "world"])
# Inputs, outputs and ids of tools differ in each run.
OWN = {"inputs", "outputs", "process_data", "execution_metadata", "tool_labels"}


async def ask(dify: FakeDify, method: str, path: str, **kwargs: Any) -> tuple[int, dict[str, str], bytes]:
    url = dify.base_url.removesuffix("/v1") + path
    headers = {"Authorization": f"Bearer {dify.api_key}"}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, headers=headers, **kwargs) as got,
    ):
        return got.status, dict(got.headers), await got.read()


async def events_of_start(dify: FakeDify, path: str = "/workflows/run", **fields: Any) -> list[Any]:
    body = {"inputs": {}, "user": "rec", "query": "q", "response_mode": "streaming", **fields}
    _, _, answer = await ask(dify, "POST", f"/v1{path}", json=body)
    return events_of(answer)


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: None if key in OWN else shape(inner) for key, inner in sorted(value.items())}
    return [shape(value[0])] if isinstance(value, list) and value else None


def shapes(events: list[Any]) -> dict[str, Any]:
    return {event["event"]: shape(event) for event in events}


@pytest.mark.parametrize(
    ("version", "full"), [("1.14", "1.14.2"), ("1.14.0", "1.14.0"), ("1.15", "1.15.0"), ("1.16", "1.16.1")]
)
async def test_every_response_names_the_version(version: str, full: str) -> None:
    with FakeDify(version=version) as dify:
        assert dify.version == full
        for path in ("/v1/info", "/v1/nowhere", "/api/system-features"):
            _, headers, _ = await ask(dify, "GET", path)
            assert headers["X-Version"] == full


async def test_the_version_may_change(fake_dify: FakeDify) -> None:
    assert fake_dify.version == "1.14.2"
    fake_dify.version = "1.16"
    async with AppClient(fake_dify.api_key, user="ada", base_url=fake_dify.base_url) as client:
        await client.app.info()
        assert client.server_version == "1.16.1"


class TestVersion116:
    @pytest.fixture
    def fake_dify_version(self) -> str:
        return "1.16"

    async def test_rejected_inputs_are_a_failed_run(self, fake_dify: FakeDify) -> None:
        fake_dify.app = REQUIRED
        real = events_of(recordings.load("116_wf_missing_required_streaming").body)
        ours = await events_of_start(fake_dify)
        assert shapes(ours) == shapes(real)
        assert [event["event"] for event in ours] == [event["event"] for event in real]
        same = ("status", "outputs", "error", "created_by", "total_steps", "elapsed_time", "exceptions_count")
        assert [ours[-1]["data"][key] for key in same] == [real[-1]["data"][key] for key in same]
        assert ours[0]["task_id"] == ours[0]["workflow_run_id"] == ours[1]["data"]["id"]
        status, _, _ = await ask(fake_dify, "GET", f"/v1/workflows/run/{ours[0]['task_id']}")
        assert (status, fake_dify.runs_started) == (404, 0)

    async def test_rejected_inputs_of_a_chatflow_are_a_failed_run(self, fake_dify: FakeDify) -> None:
        fake_dify.app = Workflow(mode="advanced-chat", form=REQUIRED.form)
        ours = await events_of_start(fake_dify, "/chat-messages")
        assert [event["event"] for event in ours] == ["workflow_started", "workflow_finished"]
        assert ours[1]["data"]["error"] == "name is required in input form"

    async def test_the_rate_limit_of_the_model_has_its_own_code(self, fake_dify: FakeDify) -> None:
        fake_dify.app = Chat(error=RateLimit("[fake] Rate Limit Error, slow down"))
        (real,) = events_of(recordings.load("116_chat_ratelimit_streaming").body)
        ours = (await events_of_start(fake_dify, "/chat-messages"))[-1]
        assert ours.keys() == real.keys()
        assert [ours[key] for key in ("event", "status", "code", "message")] == [
            real[key] for key in ("event", "status", "code", "message")
        ]

    async def test_reasoning_is_streamed_as_events(self, fake_dify: FakeDify) -> None:
        fake_dify.app = Workflow(nodes=[Node("Start", type="start"), THINKING, Node("End", type="end")])
        real = events_of(recordings.load("116_wf_reasoning_streaming").body)
        ours = await events_of_start(fake_dify)
        assert shapes(ours) == shapes(real)
        chunks = [event["data"] for event in ours if event["event"] == "reasoning_chunk"]
        theirs = [event["data"] for event in real if event["event"] == "reasoning_chunk"]
        assert chunks == theirs

    async def test_reasoning_of_a_chatflow_is_in_the_metadata(self, fake_dify: FakeDify) -> None:
        fake_dify.app = Workflow(mode="advanced-chat", nodes=[THINKING])
        ours = await events_of_start(fake_dify, "/chat-messages")
        chunk = next(event for event in ours if event["event"] == "reasoning_chunk")
        assert "workflow_run_id" not in chunk
        assert chunk["data"]["message_id"] == chunk["message_id"]
        end = next(event for event in ours if event["event"] == "message_end")
        assert end["metadata"]["reasoning"] == {"llm": "let me think 思考"}

    async def test_an_agent_ends_like_on_a_real_server(self, fake_dify: FakeDify) -> None:
        thought = Thought("Let me look. ", "current_time", "{}", "now")
        fake_dify.app = Chat(mode="agent-chat", thoughts=[thought])
        real = events_of(recordings.load("116_agent_streaming").body)
        ours = await events_of_start(fake_dify, "/chat-messages")
        assert shapes(ours) == shapes(real)
        assert ours[-1]["files"] == real[-1]["files"] == []
        assert ours[-1]["metadata"]["reasoning"] == real[-1]["metadata"]["reasoning"] == {}
        _, _, body = await ask(
            fake_dify, "GET", f"/v1/messages?user=rec&conversation_id={ours[0]['conversation_id']}"
        )
        (message,) = json.loads(body)["data"]
        assert message["agent_thoughts"][0]["answer"] == "Let me look. "

    async def test_a_pause_names_its_channels(self, fake_dify: FakeDify) -> None:
        fields = [Field("comment", "paragraph"), Field("choice", "select", options=["a"])]
        fake_dify.app = Workflow(nodes=[Node("Start"), Node("Ask", form="Sure?", form_fields=fields)])
        real = shapes(events_of(recordings.load("116_wf_human_streaming").body))
        ours = shapes(await events_of_start(fake_dify))
        for name in ("human_input_required", "workflow_paused"):
            assert ours[name] == real[name]
        (form,) = fake_dify.forms.values()
        assert form.reason()["approval_channels"] == ["console"]

    async def test_messages_have_tokens_and_prices(self, fake_dify: FakeDify) -> None:
        fake_dify.app = Chat()
        (first, *_) = await events_of_start(fake_dify, "/chat-messages")
        _, _, body = await ask(
            fake_dify, "GET", f"/v1/messages?user=rec&conversation_id={first['conversation_id']}"
        )
        real = json.loads(recordings.load("116_messages").body)
        (ours,), (theirs,) = json.loads(body)["data"], real["data"]
        assert ours.keys() == theirs.keys()
        assert ours["total_tokens"] == ours["message_tokens"] + ours["answer_tokens"] == 2

    async def test_a_page_of_messages_ends_at_a_whole_second(self, fake_dify: FakeDify) -> None:
        fake_dify.app = Chat()
        conversation_id = ""
        for _ in range(3):
            ended = (await events_of_start(fake_dify, "/chat-messages", conversation_id=conversation_id))[-1]
            conversation_id = ended["conversation_id"]
        oldest, middle, newest = fake_dify.messages.values()

        async def before(message_id: str) -> list[str]:
            path = f"/v1/messages?user=rec&conversation_id={conversation_id}&first_id={message_id}"
            _, _, body = await ask(fake_dify, "GET", path)
            return [message["id"] for message in json.loads(body)["data"]]

        assert await before(newest.id) == [oldest.id, middle.id]
        middle.created_at = newest.created_at
        assert await before(newest.id) == [oldest.id]

    @pytest.mark.parametrize(
        ("name", "path"),
        [
            ("116_root_404", "/v1/"),
            ("116_site", "/v1/site"),
            ("116_web_system_features", "/api/system-features"),
        ],
    )
    async def test_responses_have_the_keys_of_a_real_server(
        self, fake_dify: FakeDify, name: str, path: str
    ) -> None:
        real = recordings.load(name)
        status, headers, body = await ask(fake_dify, "GET", path)
        assert (status, headers["X-Version"]) == (real.status, "1.16.1")
        assert headers["Content-Type"].partition(";")[0] == real.headers["content-type"].partition(";")[0]
        if body.startswith(b"{"):
            assert shape(json.loads(body)) == shape(json.loads(real.body))
        else:
            assert body == real.body

    async def test_logs_by_two_filters_fail(self, fake_dify: FakeDify) -> None:
        path = "/v1/workflows/logs?keyword=x&created_by_end_user_session_id=y"
        status, _, body = await ask(fake_dify, "GET", path)
        assert (status, json.loads(body)["code"]) == (500, "unknown")

    async def test_m4a_is_accepted(self, fake_dify: FakeDify) -> None:
        form = aiohttp.FormData({"user": "rec"})
        form.add_field("file", b"x", filename="a.m4a", content_type="audio/x-m4a")
        status, _, _ = await ask(fake_dify, "POST", "/v1/audio-to-text", data=form)
        assert status == 200

    async def test_a_run_succeeds(self, fake_dify: FakeDify) -> None:
        fake_dify.app = Workflow(outputs={"answer": "42"})
        async with AppClient(fake_dify.api_key, user="ada", base_url=fake_dify.base_url) as client:
            result = await client.workflows.run({})
        assert result.outputs == {"answer": "42"}


async def test_reasoning_was_in_the_text_before_1_15(fake_dify: FakeDify) -> None:
    fake_dify.app = Workflow(nodes=[THINKING])
    real = events_of(recordings.load("wf_llm_think_streaming").body)
    theirs = [event["data"]["text"] for event in real if event["event"] == "text_chunk"]
    ours = await events_of_start(fake_dify)
    texts = [event["data"]["text"] for event in ours if event["event"] == "text_chunk"]
    assert texts == theirs[: len(texts)]


async def test_the_rate_limit_of_a_model_was_a_400_before_1_15(fake_dify: FakeDify) -> None:
    fake_dify.app = Chat(error=RateLimit("[fake] Rate Limit Error, slow down"))
    (real,) = events_of(recordings.load("chat_ratelimit_streaming").body)
    ours = (await events_of_start(fake_dify, "/chat-messages"))[-1]
    assert [ours[key] for key in ("status", "code", "message")] == [
        real[key] for key in ("status", "code", "message")
    ]
    body = {"inputs": {}, "user": "rec", "query": "q"}
    status, _, answer = await ask(fake_dify, "POST", "/v1/chat-messages", json=body)
    recorded = recordings.load("chat_ratelimit_blocking")
    assert (status, json.loads(answer)) == (recorded.status, json.loads(recorded.body))


async def test_chat_files_have_their_upload_id(fake_dify: FakeDify) -> None:
    fake_dify.app = Chat()
    form = aiohttp.FormData({"user": "rec"})
    form.add_field("file", b"x", filename="a.png", content_type="image/png")
    _, _, body = await ask(fake_dify, "POST", "/v1/files/upload", data=form)
    upload_id = json.loads(body)["id"]
    sent = {"type": "image", "transfer_method": "local_file", "upload_file_id": upload_id}
    ended = (await events_of_start(fake_dify, "/chat-messages", files=[sent]))[-1]
    (file,) = ended["files"]
    (message,) = fake_dify.messages.values()
    assert (file["upload_file_id"], file["related_id"]) == (upload_id, message.files[0]["id"])


@pytest.mark.fake_dify(version="1.16", ping_every=0.01, silence=0.1)
async def test_an_attached_run_may_have_pings_only(fake_dify: FakeDify) -> None:
    fake_dify.app = Workflow(nodes=[Node("Ask", form="Sure?")])
    (*_, paused) = await events_of_start(fake_dify)
    fake_dify.faults.append(PingsOnly())
    path = f"/v1/workflow/{paused['workflow_run_id']}/events?user=rec"
    _, _, body = await ask(fake_dify, "GET", path)
    assert body
    assert not body.replace(b"event: ping\n\n", b"")
