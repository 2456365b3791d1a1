"""Replay of recordings by FakeDify."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dify_async import AppClient, errors
from dify_async.testing import FakeDify, Replay
from tests.support import recordings

FILES = recordings.FOLDER


async def test_a_recorded_response_is_sent_unchanged(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.replay(FILES / "wf_llm_streaming.json")
    async with client.workflows.stream({"query": "hi"}) as run:
        events = [event.raw async for event in run]
        result = await run.result()
    recorded = recordings.load("wf_llm_streaming").body
    assert events == [json.loads(line[5:]) for line in recorded.split(b"\n\n") if line.startswith(b"data:")]
    assert result.outputs["answer"].startswith("Hello, world! 你好")


async def test_a_replayed_run_has_a_record(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.replay(FILES / "wf_llm_streaming.json")
    result = await client.workflows.run({"query": "hi"}, user="bob")
    run = fake_dify.runs[0]
    assert (run.user, run.inputs, run.status, run.outputs) == (
        "bob",
        {"query": "hi"},
        "succeeded",
        result.outputs,
    )
    assert result.handle is not None
    assert (await client.workflows.get(result.handle.run_id)).outputs == result.outputs


def as_bytes(body: bytes, _: Path) -> Any:
    return body


def as_stream_file(body: bytes, folder: Path) -> Any:
    (folder / "run.sse").write_bytes(body)
    return str(folder / "run.sse")


def as_events(body: bytes, _: Path) -> Any:
    return [json.loads(line[5:]) for line in body.split(b"\n\n") if line.startswith(b"data:")]


def as_json_lines(body: bytes, folder: Path) -> Any:
    (folder / "run.jsonl").write_text("\n".join(map(json.dumps, as_events(body, folder))))
    return folder / "run.jsonl"


def as_array(body: bytes, folder: Path) -> Any:
    (folder / "run.json").write_text(json.dumps(as_events(body, folder), indent=2))
    return folder / "run.json"


@pytest.mark.parametrize("form", [as_bytes, as_stream_file, as_events, as_json_lines, as_array])
def test_recordings_come_in_several_forms(fake_chat: FakeDify, tmp_path: Path, form: Any) -> None:
    recorded = recordings.load("chat_streaming")
    fake_chat.replay(form(recorded.body, tmp_path))
    with fake_chat.sync_client() as client:
        answer = client.chat.send("hi")
        assert answer.usage is not None
        assert answer.usage.total_tokens == 26
        assert fake_chat.generations[0].status == "succeeded"
        assert fake_chat.messages[0].answer == answer.answer
        assert client.chat.send("more", conversation_id=answer.conversation_id).answer == "Hello, world"


async def test_events_of_another_run_can_be_replayed(client: AppClient, fake_dify: FakeDify) -> None:
    async with client.workflows.stream({"a": 1}) as run:
        events = [event async for event in run]
    fake_dify.runs.clear()
    replay = fake_dify.replay(events)
    assert (await client.workflows.run({"a": 2})).outputs == {"a": 1}
    assert [event["event"] for event in replay.events] == [event.raw["event"] for event in events]
    assert fake_dify.runs[0].inputs == {"a": 2}


async def test_a_recorded_error_has_its_status(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.replay(FILES / "err_wf_missing_user.json")
    with pytest.raises(errors.BadRequest) as caught:
        await client.workflows.run({})
    assert caught.value.status == recordings.load("err_wf_missing_user").status
    assert fake_dify.runs_started == 0


async def test_a_recorded_response_of_another_operation(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.replay(FILES / "get_parameters_wf_basic.json", on="/parameters")
    parameters = await client.app.parameters()
    assert parameters.raw == json.loads(recordings.load("get_parameters_wf_basic").body)


@pytest.mark.parametrize("ended", ["eof", "last-chunk"])
def test_a_recording_that_ends_early_is_the_record_of_a_failed_run(
    fake_workflow: FakeDify, tmp_path: Path, ended: str
) -> None:
    start = b"\n\n".join(recordings.load("wf_llm_streaming").body.split(b"\n\n")[:4]).decode()
    (tmp_path / "cut.json").write_text(json.dumps({"response": {"body": start, "ended": ended}}))
    fake_workflow.replay(tmp_path / "cut.json")
    with fake_workflow.sync_client() as client, pytest.raises(errors.RunFailed, match="the recording ends"):
        client.workflows.run({})
    assert fake_workflow.requests.to("/events")


@pytest.mark.parametrize(
    ("recording", "problem"),
    [
        ("missing.sse", "cannot be read"),
        ([{"no": "event"}], "got dict among its events"),
        ([3], "got int among its events"),
    ],
)
def test_a_file_that_is_not_a_recording_is_reported(
    fake_dify: FakeDify, recording: Any, problem: str
) -> None:
    with pytest.raises(errors.ConfigurationError, match=problem):
        fake_dify.replay(recording)


def test_a_recorded_response_without_a_body_is_reported(fake_dify: FakeDify, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"response": {"status": 200}}')
    with pytest.raises(errors.ConfigurationError, match="without a `body`"):
        fake_dify.replay(tmp_path / "a.json")


def test_the_repr_of_a_replay_is_short(fake_dify: FakeDify) -> None:
    assert repr(Replay.of(FILES / "chat_streaming.json")) == "Replay(chat_streaming.json)"
    assert repr(Replay.of(b"data: {}\n\n")) == "Replay(10 bytes)"
