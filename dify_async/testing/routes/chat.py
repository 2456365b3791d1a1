"""Send and stop messages of chat apps and completions."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from dify_async._types import Json
from dify_async.testing.api_errors import ErrorResponse, invalid, invalid_param, missing, unavailable
from dify_async.testing.engine.answers import model_error, new_generation, play_answer
from dify_async.testing.engine.events import metadata_for_web, paused
from dify_async.testing.engine.workflow import new_run
from dify_async.testing.faults import Drop
from dify_async.testing.ids import UUID_PATH, is_uuid, new_id
from dify_async.testing.routes.call import Call, Routes
from dify_async.testing.routes.runs import (
    accepted,
    blocking,
    check_limit,
    check_published,
    check_start,
    check_version,
    completed,
    rejected,
    stop_runs,
    streamed,
)
from dify_async.testing.routes.streams import live, stream
from dify_async.testing.scenario import Chat, Completion, Workflow
from dify_async.testing.state.messages import Conversation, Message
from dify_async.testing.state.runs import FakeRun, FakeTask

_LONGEST_NAME: Final = 20


async def send(call: Call) -> web.StreamResponse:
    """Send a message to a chat app or chatflow."""
    user = await call.user()
    call.check_chat()
    body = await call.body()
    model = "ChatMessagePayload" if call.on_web else "ChatRequestPayload"
    check_start(body, model)
    if not isinstance(body.get("query"), str):
        raise missing(model, "query")
    conversation_id: str = body.get("conversation_id") or ""
    if conversation_id and not is_uuid(conversation_id):
        problem = "Value error, conversation_id must be a valid UUID [type=value_error]"
        raise invalid(model, "conversation_id", problem)
    app = call.state.app
    if isinstance(app, Workflow):
        return await _run(call, body, user, conversation_id, app)
    streaming = body.get("response_mode") == "streaming"
    if call.state.mode == "agent-chat" and not streaming:
        raise invalid_param("Agent Chat App does not support blocking mode")
    if not body["query"]:
        raise invalid_param("query is required")
    conversation = call.state.conversation_of(conversation_id, user) if conversation_id else None
    return await _answer(call, body, user, conversation, app)


async def complete(call: Call) -> web.StreamResponse:
    """Generate the answer of a completion app."""
    user = await call.user()
    call.check_completion()
    body = await call.body()
    check_start(body, "CompletionMessagePayload" if call.on_web else "CompletionRequestPayload")
    return await _answer(call, body, user, None, _completion(call))


async def more_like_this(call: Call) -> web.StreamResponse:
    """Generate another answer to a message."""
    user = await call.user()
    call.check_completion()
    mode = call.query.get("response_mode")
    if mode not in {"blocking", "streaming"}:
        problem = "Input should be 'blocking' or 'streaming' [type=literal_error]"
        raise invalid("MessageMoreLikeThisQuery", "response_mode", problem)
    message = call.own_message(user)
    app = _completion(call)
    if app.more is None:
        raise ErrorResponse(403, "app_more_like_this_disabled", "The 'More like this' feature is disabled.")
    if mode == "streaming":
        # Real servers fail here, after they have sent the response headers.
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        response.enable_chunked_encoding()
        await response.prepare(call.request)
        call.hang_up()
        return response
    another = _new_message(call, {"query": message.query}, user, message.inputs, None)
    return await _played(call, another, app, app.more, streaming=False)


# Chat, agent and completion apps


def _completion(call: Call) -> Completion:
    if not isinstance(call.state.app, Completion):
        raise unavailable()
    return call.state.app


async def _answer(
    call: Call,
    body: Mapping[str, Any],
    user: str,
    conversation: Conversation | None,
    app: Chat | Completion,
) -> web.StreamResponse:
    if not call.state.published:
        raise unavailable()
    check_limit(call)
    inputs, files, problem = accepted(call, body, user)
    if problem is not None:
        raise invalid_param(problem)
    if isinstance(app, Chat) and conversation is None:
        conversation = _new_conversation(call, body, user, inputs, {})
    message = _new_message(call, body, user, inputs, conversation, files)
    try:
        pieces = app.pieces_for(message.query, inputs)
    except Exception as exc:  # noqa: BLE001 - from the test's function: the response must report its mistake
        raise ErrorResponse(400, "completion_request_error", f"{type(exc).__name__}: {exc}") from None
    return await _played(call, message, app, pieces, streaming=body.get("response_mode") == "streaming")


async def _played(
    call: Call, message: Message, app: Chat | Completion, pieces: Sequence[str], *, streaming: bool
) -> web.StreamResponse:
    generation = new_generation(call.state, app, message)
    queue = generation.live.listen()
    worker = call.state.spawn(play_answer(call.state, generation, app, pieces))
    if isinstance(call.fault, Drop):
        return call.hang_up()
    if streaming:
        try:
            return await stream(call, live(call, generation, queue))
        except ConnectionError:
            generation.abandon()
            raise
    await worker
    if generation.error is not None:
        error = model_error(app, call.state, streaming=False)
        raise error or ErrorResponse(400, "completion_request_error", generation.error)
    return blocking(call, _in_one_piece(call, message, generation))


def _in_one_piece(call: Call, message: Message, task: FakeTask) -> dict[str, Json]:
    answer = message.blocking(task.task_id)
    return {**answer, "metadata": metadata_for_web(answer["metadata"])} if call.on_web else answer


# Chatflows


async def _run(
    call: Call, body: dict[str, Any], user: str, conversation_id: str, app: Workflow
) -> web.StreamResponse:
    state = call.state
    streaming = body.get("response_mode") == "streaming"
    if body.get("workflow_id") and not call.on_web:
        check_version(call, body["workflow_id"])
    check_published(call)
    check_limit(call)
    inputs, files, problem = accepted(call, body, user)
    if problem is not None and not streaming:
        raise invalid_param(problem)
    conversation = state.conversations.get(conversation_id)
    if conversation is None or conversation.user != user:
        conversation = None
        # The Service API silently starts another conversation.
        if conversation_id and call.on_web:
            if not streaming:
                raise state.conversations.not_found()
            problem = str(state.conversations.not_found())
    if problem is not None:
        return await rejected(call, inputs, user, problem)
    if conversation is None:
        conversation = _new_conversation(call, body, user, inputs, app.variables)
    message = _new_message(call, body, user, inputs, conversation, files)
    run = new_run(state, {**inputs, "sys.files": files} if files else inputs, user, message)
    if streaming:
        return await streamed(call, run)
    await completed(call, run)
    if isinstance(call.fault, Drop):
        return call.hang_up()
    if run.status == "failed":
        raise invalid_param(f"Run failed: {run.error}")
    answer = _in_one_piece(call, message, run)
    return blocking(call, _paused(answer, run) if run.status == "paused" else answer)


def _paused(answer: dict[str, Json], run: FakeRun) -> dict[str, Json]:
    repeated = {key: value for key, value in answer.items() if key not in {"event", "task_id"}}
    pause = {key: value for key, value in paused(run).items() if key != "outputs"}
    data = {**pause, **repeated}
    return {**answer, "event": "workflow_paused", "workflow_run_id": run.id, "data": data}


# Records


def _new_conversation(
    call: Call,
    body: Mapping[str, Any],
    user: str,
    inputs: dict[str, Json],
    variables: Mapping[str, Json],
) -> Conversation:
    query: str = body["query"]
    name = query if len(query) <= _LONGEST_NAME else f"{query[:_LONGEST_NAME]}…"
    if not call.on_web and body.get("auto_generate_name", True):
        name = call.state.title
    conversation = Conversation.start(name, user, inputs, variables, on_web=call.on_web)
    return call.state.conversations.add(conversation)


def _new_message(
    call: Call,
    body: Mapping[str, Any],
    user: str,
    inputs: dict[str, Json],
    conversation: Conversation | None,
    files: Sequence[Json] = (),
) -> Message:
    message = Message(
        mode=call.state.mode,
        conversation=conversation,
        user=user,
        inputs=inputs,
        query=body.get("query") or "",
    )
    if call.on_web:
        message.parent_message_id = body.get("parent_message_id")
    if conversation is not None:
        if call.state.version.pages_by_second:
            # Between messages of people, seconds pass. Without them, pages that end at a whole second would
            # be empty.
            message.created_at = max(message.created_at, conversation.last_message_at + 1)
        conversation.last_message_at = message.created_at
        conversation.updated_at = time.time()
    message.files = [_message_file(file) for file in files]
    call.state.add_message(message)
    return message


def _message_file(file: Json) -> dict[str, Json]:
    same = ("filename", "type", "url", "mime_type", "size", "transfer_method")
    return {
        "id": new_id(),
        **{key: file[key] for key in same},
        "belongs_to": "user",
        "upload_file_id": file["related_id"],
    }


# Stop


async def stop(call: Call) -> web.Response:
    """Stop a message. Messages of other end users continue, except in chatflows."""
    user = await call.user()
    call.check_chat()
    stop_runs(call, call.path["task_id"])
    _stop_generations(call, user)
    return call.done()


async def stop_completion(call: Call) -> web.Response:
    """Stop a completion of the end user."""
    user = await call.user()
    call.check_completion()
    _stop_generations(call, user)
    return call.done()


def _stop_generations(call: Call, user: str) -> None:
    for generation in call.state.generations.values():
        if generation.task_id == call.path["task_id"] and generation.user == user:
            generation.stop()


BOTH: Final[Routes] = [
    ("POST", "/chat-messages", send),
    ("POST", "/chat-messages/{task_id}/stop", stop),
    ("POST", "/completion-messages", complete),
    ("POST", "/completion-messages/{task_id}/stop", stop_completion),
]
WEB: Final[Routes] = [("GET", f"/messages/{{message_id:{UUID_PATH}}}/more-like-this", more_like_this)]
