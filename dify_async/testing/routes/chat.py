"""Messages to a chat app, and completions: sent and stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from dify_async._types import Json
from dify_async.testing.answers import web_metadata
from dify_async.testing.calls import UUID_PATH, Call, Refused, Routes, invalid, is_uuid, unavailable
from dify_async.testing.generations import FakeGeneration
from dify_async.testing.records import Conversation, Message, new_id
from dify_async.testing.routes.runs import (
    blocking,
    check_inputs,
    check_limit,
    check_published,
    check_version,
    stop_runs,
    streamed,
    taken,
)
from dify_async.testing.runs import FakeRun
from dify_async.testing.script import Answering, Chat, Completion, Drop, Workflow
from dify_async.testing.streams import live, stream

_LONGEST_NAME: Final = 20


async def send(call: Call) -> web.StreamResponse:
    """Answer a message to a chat app or chatflow."""
    user = await call.user()
    call.check_chat()
    body = await call.body()
    model = "ChatMessagePayload" if call.on_web else "ChatRequestPayload"
    check_inputs(body, model)
    if not isinstance(body.get("query"), str):
        raise invalid(model, "query", "Field required [type=missing]")
    conversation_id: str = body.get("conversation_id") or ""
    if conversation_id and not is_uuid(conversation_id):
        problem = "Value error, conversation_id must be a valid UUID [type=value_error]"
        raise invalid(model, "conversation_id", problem)
    if isinstance(call.fake.app, Workflow):
        return await _run(call, body, user, conversation_id)
    streaming = body.get("response_mode") == "streaming"
    if call.fake.mode == "agent-chat" and not streaming:
        raise Refused(400, "invalid_param", "Agent Chat App does not support blocking mode")
    if not body["query"]:
        raise Refused(400, "invalid_param", "query is required")
    conversation = call.conversation(conversation_id, user) if conversation_id else None
    return await _answer(call, body, user, conversation, call.fake.app)


async def complete(call: Call) -> web.StreamResponse:
    """Answer a completion app's inputs."""
    user = await call.user()
    call.check_completion()
    body = await call.body()
    check_inputs(body, "CompletionMessagePayload" if call.on_web else "CompletionRequestPayload")
    return await _answer(call, body, user, None, _completion(call))


async def more_like_this(call: Call) -> web.StreamResponse:
    """Answer what a message has answered once more."""
    user = await call.user()
    call.check_completion()
    mode = call.query.get("response_mode")
    if mode not in {"blocking", "streaming"}:
        problem = "Input should be 'blocking' or 'streaming' [type=literal_error]"
        raise invalid("MessageMoreLikeThisQuery", "response_mode", problem)
    message = call.message(call.path["message_id"], user)
    app = _completion(call)
    if app.more is None:
        raise Refused(403, "app_more_like_this_disabled", "The 'More like this' feature is disabled.")
    if mode == "streaming":
        # Real servers break here, after the head of the answer.
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        response.enable_chunked_encoding()
        await response.prepare(call.request)
        call.hang_up()
        return response
    another = _begun(call, {"query": message.query}, user, message.inputs, None)
    return await _played(call, another, app, app.more, streaming=False)


# Apps whose model answers by itself


def _completion(call: Call) -> Completion:
    if not isinstance(call.fake.app, Completion):
        raise unavailable()
    return call.fake.app


async def _answer(
    call: Call,
    body: Mapping[str, Any],
    user: str,
    conversation: Conversation | None,
    app: Chat | Completion,
) -> web.StreamResponse:
    if not call.fake.published:
        raise unavailable()
    check_limit(call)
    inputs, files, problem = taken(call, body, user)
    if problem is not None:
        raise Refused(400, "invalid_param", problem)
    if isinstance(app, Chat) and conversation is None:
        conversation = _new_conversation(call, body, user, inputs, app)
    message = _begun(call, body, user, inputs, conversation, files)
    pieces = app.pieces_for(message.query, inputs)
    return await _played(call, message, app, pieces, streaming=body.get("response_mode") == "streaming")


async def _played(
    call: Call, message: Message, app: Answering, pieces: Sequence[str], *, streaming: bool
) -> web.StreamResponse:
    generation = call.fake.new_generation(app, message, pieces)
    queue = generation.listen()
    worker = call.fake.work(generation.play())
    if isinstance(call.fault, Drop):
        return call.hang_up()
    if streaming:
        try:
            return await stream(call, live(call, generation, queue))
        except ConnectionError:
            generation.abandon()
            raise
    await worker
    if generation.status == "error" and app.error is not None:
        raise Refused(*app.error)
    return blocking(call, _in_one_piece(call, message, generation))


def _in_one_piece(call: Call, message: Message, task: FakeRun | FakeGeneration) -> dict[str, Json]:
    answer = message.blocking(task.task_id)
    return {**answer, "metadata": web_metadata(answer["metadata"])} if call.on_web else answer


# Chatflows


async def _run(call: Call, body: dict[str, Any], user: str, conversation_id: str) -> web.StreamResponse:
    fake = call.fake
    streaming = body.get("response_mode") == "streaming"
    if body.get("workflow_id") and not call.on_web:
        check_version(call, body["workflow_id"])
    check_published(call)
    check_limit(call)
    inputs, files, problem = taken(call, body, user)
    if problem is not None and not streaming:
        raise Refused(400, "invalid_param", problem)
    conversation = fake.conversations.get(conversation_id)
    if conversation is None or conversation.user != user:
        conversation = None
        # The Service API begins another conversation without a word.
        if conversation_id and call.on_web:
            if not streaming:
                call.conversation(conversation_id, user)
            problem = "Conversation Not Exists."
    if problem is not None:
        return await streamed(call, fake.new_run(inputs, user), problem)
    if conversation is None:
        conversation = _new_conversation(call, body, user, inputs, fake.workflow)
    message = _begun(call, body, user, inputs, conversation, files)
    run = fake.new_run({**inputs, "sys.files": files} if files else inputs, user, message)
    if streaming:
        return await streamed(call, run, None)
    await fake.work(run.play(None))
    if isinstance(call.fault, Drop):
        return call.hang_up()
    if run.status == "failed":
        raise Refused(400, "invalid_param", f"Run failed: {run.error}")
    answer = _in_one_piece(call, message, run)
    return blocking(call, _paused(answer, run) if run.status == "paused" else answer)


def _paused(answer: dict[str, Json], run: FakeRun) -> dict[str, Json]:
    repeated = {key: value for key, value in answer.items() if key not in {"event", "task_id"}}
    pause = {key: value for key, value in run.pause().items() if key != "outputs"}
    data = {**pause, **repeated}
    return {**answer, "event": "workflow_paused", "workflow_run_id": run.id, "data": data}


# What is kept of them


def _new_conversation(
    call: Call, body: Mapping[str, Any], user: str, inputs: dict[str, Json], app: Chat | Workflow
) -> Conversation:
    query: str = body["query"]
    name = query if len(query) <= _LONGEST_NAME else f"{query[:_LONGEST_NAME]}…"
    if not call.on_web and body.get("auto_generate_name", True):
        name = call.fake.title
    variables: Mapping[str, Json] = app.variables if isinstance(app, Workflow) else {}
    conversation = Conversation.begun(name, user, inputs, variables, on_web=call.on_web)
    call.fake.conversations[conversation.id] = conversation
    return conversation


def _begun(
    call: Call,
    body: Mapping[str, Any],
    user: str,
    inputs: dict[str, Json],
    conversation: Conversation | None,
    files: Sequence[Json] = (),
) -> Message:
    message = Message(
        mode=call.fake.mode,
        conversation=conversation,
        user=user,
        inputs=inputs,
        query=body.get("query") or "",
    )
    if call.on_web:
        message.parent_message_id = body.get("parent_message_id")
    if conversation is not None:
        conversation.updated_at = message.created_at
    message.files = [_message_file(file) for file in files]
    call.fake.keep(message)
    return message


def _message_file(file: Json) -> dict[str, Json]:
    same = ("filename", "type", "url", "mime_type", "size", "transfer_method")
    return {
        "id": new_id(),
        **{key: file[key] for key in same},
        "belongs_to": "user",
        "upload_file_id": file["related_id"],
    }


# Stopped


async def stop(call: Call) -> web.Response:
    """Stop a message. That of somebody else goes on, unless it is a chatflow's."""
    user = await call.user()
    call.check_chat()
    stop_runs(call, call.path["task_id"])
    _stop_generations(call, user)
    return call.done()


async def stop_completion(call: Call) -> web.Response:
    """Stop a completion of one's own."""
    user = await call.user()
    call.check_completion()
    _stop_generations(call, user)
    return call.done()


def _stop_generations(call: Call, user: str) -> None:
    for generation in call.fake.generations.values():
        if generation.task_id == call.path["task_id"] and generation.user == user:
            generation.stop()


BOTH: Final[Routes] = [
    ("POST", "/chat-messages", send),
    ("POST", "/chat-messages/{task_id}/stop", stop),
    ("POST", "/completion-messages", complete),
    ("POST", "/completion-messages/{task_id}/stop", stop_completion),
]
WEB: Final[Routes] = [("GET", f"/messages/{{message_id:{UUID_PATH}}}/more-like-this", more_like_this)]
