"""Replay recordings byte for byte, and add a record of the run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from dify_async._types import Json
from dify_async.models._base import as_object
from dify_async.testing.ids import new_id
from dify_async.testing.recordings import Replay
from dify_async.testing.routes.call import Call
from dify_async.testing.state.messages import Conversation, Message
from dify_async.testing.state.runs import FakeGeneration, FakeRun

_OF_CONNECTION: Final = frozenset(
    {"connection", "content-encoding", "content-length", "keep-alive", "transfer-encoding"}
)
_INCOMPLETE: Final = "the recording ends before the run does"


async def replayed(call: Call, replay: Replay) -> web.StreamResponse:
    """Respond with a recording."""
    if replay.status == 200 and Replay.is_start(call.request.method, call.request.path):
        await _add_record(call, replay)
    headers = {name: value for name, value in replay.headers.items() if name.lower() not in _OF_CONNECTION}
    if not headers.get("Content-Type", headers.get("content-type", "")).startswith("text/event-stream"):
        return web.Response(status=replay.status, headers=headers, body=replay.body)
    response = web.StreamResponse(status=replay.status, headers=headers)
    response.enable_chunked_encoding()
    await response.prepare(call.request)
    await response.write(replay.body)
    if replay.is_cut:
        return call.hang_up()
    await response.write_eof()
    return response


async def _add_record(call: Call, replay: Replay) -> None:
    sent = _object(await call.request.read())
    user = call.passport.session_id if call.passport is not None else str(sent.get("user", ""))
    inputs = as_object(sent.get("inputs")) or {}
    events = replay.events or [_object(replay.body)]
    ids = {key: value for event in events for key, value in event.items() if key.endswith("_id") and value}
    task: dict[str, Any] = {"user": user, "inputs": inputs, "live": call.state.new_live(), "events": events}
    if "task_id" in ids:
        task["task_id"] = ids["task_id"]
    message = _message(call, sent, user, inputs, ids) if "message_id" in ids else None
    if message is not None:
        message.answer = "".join(event.get("answer") or "" for event in events)
    if "workflow_run_id" in ids:
        _add_run(call, FakeRun(**task, id=ids["workflow_run_id"], message=message))
    elif message is not None:
        last = events[-1]["event"]
        generation = FakeGeneration(**task, message=message, last_events=frozenset({last}))
        generation.status = "error" if last == "error" else "succeeded"
        call.state.generations.add(generation)
    call.state.notify()


def _add_run(call: Call, run: FakeRun) -> None:
    run.status, run.error = "failed", _INCOMPLETE
    for event in run.events:
        data = as_object(event.get("data")) or {}
        if "status" in data and event.get("event", "workflow_finished") == "workflow_finished":
            run.status, run.error = data["status"], data.get("error")
            run.outputs = data.get("outputs")
            run.total_tokens, run.total_steps = data.get("total_tokens", 0), data.get("total_steps", 0)
    call.state.runs.add(run)


def _message(
    call: Call, sent: Mapping[str, Any], user: str, inputs: dict[str, Json], ids: Mapping[str, str]
) -> Message:
    query, conversation = sent.get("query") or "", None
    if "conversation_id" in ids:
        conversation = call.state.conversations.get(ids["conversation_id"])
        if conversation is None:
            conversation = Conversation.start(query, user, inputs, {}, on_web=call.on_web)
            conversation.id = ids["conversation_id"]
            call.state.conversations.add(conversation)
    message = Message(
        mode=call.state.mode,
        conversation=conversation,
        user=user,
        inputs=inputs,
        query=query,
        id=ids.get("message_id", new_id()),
    )
    call.state.add_message(message)
    return message


def _object(text: bytes) -> dict[str, Any]:
    try:
        return as_object(json.loads(text)) or {}
    except ValueError:
        return {}
