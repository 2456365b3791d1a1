"""Generate the answer of a chat or completion app: thoughts, pieces of text, speech."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Final

from dify_async.testing.api_errors import ErrorResponse
from dify_async.testing.engine.events import message_end_files, metadata
from dify_async.testing.engine.usage import counted, usage_json
from dify_async.testing.ids import new_id
from dify_async.testing.scenario import Chat, Completion, RateLimit, Thought
from dify_async.testing.state.messages import Message
from dify_async.testing.state.runs import EventJson, FakeGeneration
from dify_async.testing.state.state import State

_SPEECH_PIECE: Final = 1024


def new_generation(state: State, app: Chat | Completion, message: Message) -> FakeGeneration:
    """Add the record of an answer."""
    last = "message_end" if app.speech is None else "tts_message_end"
    generation = FakeGeneration(
        user=message.user,
        inputs=message.inputs,
        live=state.new_live(),
        message=message,
        last_events=frozenset({last, "error"}),
    )
    state.generations.add(generation)
    state.notify()
    return generation


def model_error(app: Chat | Completion, state: State, *, streaming: bool) -> ErrorResponse | None:
    """Return the error by which the app's model fails, as this version of the server reports it."""
    if app.error is None:
        return None
    if not isinstance(app.error, RateLimit):
        return ErrorResponse(*app.error)
    if streaming and state.version.reports_rate_limit:
        return ErrorResponse(429, "rate_limit_error", app.error.message)
    return ErrorResponse(400, "completion_request_error", app.error.message)


async def play_answer(
    state: State, generation: FakeGeneration, app: Chat | Completion, pieces: Sequence[str]
) -> None:
    """Send the thoughts and the answer."""
    playing = _Playing(state, generation, app, pieces)
    try:
        await playing.play()
    except Exception as exc:  # noqa: BLE001 - from the test's script: the run must report its mistake
        playing.fail(ErrorResponse(400, "completion_request_error", f"{type(exc).__name__}: {exc}"))


class _Playing:
    def __init__(
        self, state: State, generation: FakeGeneration, app: Chat | Completion, pieces: Sequence[str]
    ) -> None:
        self._state = state
        self._generation = generation
        self._message = generation.message
        self._app = app
        self._pieces = pieces

    async def play(self) -> None:
        generation, message, app = self._generation, self._message, self._app
        if isinstance(app, Chat):
            for position, thought in enumerate(app.thoughts, 1):
                self._think(thought, position)
        answer = await self._answer()
        if generation.status == "abandoned":
            return
        stopped = generation.live.is_stopped
        if app.replaced is not None and not stopped:
            answer = app.replaced
            self._emit("message_replace", {"answer": answer, "reason": ""})
        error = model_error(app, self._state, streaming=True)
        if error is not None and not stopped:
            self.fail(error)
            return
        message.answer = answer
        used = counted(0) if stopped else app.usage or counted(len(self._pieces))
        message.metadata = metadata(usage_json(used), {}, self._state.version)
        # Set before the last event, so that the record is complete when a client receives it.
        generation.status = "stopped" if stopped else "succeeded"
        files = message_end_files(message, self._state.version)
        self._emit("message_end", {"id": message.id, "metadata": message.metadata, "files": files})
        if app.speech is not None:
            for start in range(0, len(app.speech), _SPEECH_PIECE):
                piece = app.speech[start : start + _SPEECH_PIECE]
                self._emit("tts_message", {"audio": base64.b64encode(piece).decode()})
            self._emit("tts_message_end", {"audio": ""})

    async def _answer(self) -> str:
        by_agent = self._app.mode == "agent-chat"
        name = "agent_message" if by_agent else "message"
        selector: EventJson = {} if by_agent else {"from_variable_selector": None}
        said = ""
        for piece in self._pieces:
            if await self._generation.live.sleep(self._app.seconds / len(self._pieces)):
                break
            said += piece
            self._emit(name, {"id": self._message.id, "answer": piece, **selector})
        return said

    def fail(self, error: ErrorResponse) -> None:
        generation, message = self._generation, self._message
        generation.error = message.error = str(error)
        generation.status = message.status = "error"
        envelope = message.envelope(generation.task_id)
        del envelope["task_id"]
        failed = {"code": error.code, "status": error.status, "message": str(error)}
        generation.emit({"event": "error", **envelope, **failed})

    def _think(self, thought: Thought, position: int) -> None:
        shared: EventJson = {
            "id": new_id(),
            "position": position,
            "thought": thought.thought,
            "tool": thought.tool,
            "tool_labels": {thought.tool: {"en_US": thought.tool}} if thought.tool else {},
            "tool_input": thought.tool_input,
        }
        for observation in ("", thought.observation):
            self._emit("agent_thought", {**shared, "observation": observation, "message_files": []})
        stored = {"chain_id": None, "message_id": self._message.id, "created_at": self._message.created_at}
        if self._state.version.lists_usage:
            stored["answer"] = thought.thought
        self._message.thoughts.append({**shared, **stored, "observation": thought.observation, "files": []})

    def _emit(self, name: str, data: EventJson) -> None:
        self._generation.emit({"event": name, **self._message.envelope(self._generation.task_id), **data})
