"""An answer as the model of a chat or completion app gives it: its events in time."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Final

from dify_async.testing.answers import EventJson, metadata, usage
from dify_async.testing.records import Message, new_id
from dify_async.testing.runs import FakeTask
from dify_async.testing.script import Answering, Chat, Thought

_SPEECH_PIECE: Final = 1024


class FakeGeneration(FakeTask):
    """One answer of a chat or completion app. A client that leaves takes it along, as with Dify."""

    def __init__(
        self, app: Answering, message: Message, pieces: Sequence[str], on_change: Callable[[], None]
    ) -> None:
        super().__init__(message.inputs, message.user, on_change)
        self.app = app
        self.message = message
        self._pieces = pieces
        self._last = "message_end" if app.speech is None else "tts_message_end"

    def is_last(self, event: EventJson) -> bool:
        """Say whether a stream brings nothing more after an event."""
        return event["event"] in {self._last, "error"}

    def abandon(self) -> None:
        """End without a result: nobody listens any more."""
        if not self.over:
            self.status = "abandoned"
            self._stop.set()
            self._on_change()

    async def play(self) -> None:
        """Think, and answer."""
        message = self.message
        if isinstance(self.app, Chat):
            for position, thought in enumerate(self.app.thoughts, 1):
                self._think(thought, position)
        answer = await self._answer()
        if self.status == "abandoned":
            return
        if self.app.replaced is not None and not self._stop.is_set():
            answer = self.app.replaced
            self._emit("message_replace", {"answer": answer, "reason": ""})
        if self.app.error is not None and not self._stop.is_set():
            status, code, self.error = self.app.error
            self.status = message.status = "error"
            message.error = self.error
            envelope = self.message.envelope(self.task_id)
            del envelope["task_id"]
            failed = {"code": code, "status": status, "message": self.error}
            self._tell({"event": "error", **envelope, **failed})
            return
        message.answer = answer
        message.metadata = metadata(usage(0 if self._stop.is_set() else len(self._pieces)))
        # What hears of the end is to find it ended.
        self.status = "stopped" if self._stop.is_set() else "succeeded"
        self._emit("message_end", {"id": message.id, "metadata": message.metadata, "files": None})
        if self.app.speech is not None:
            for start in range(0, len(self.app.speech), _SPEECH_PIECE):
                piece = self.app.speech[start : start + _SPEECH_PIECE]
                self._emit("tts_message", {"audio": base64.b64encode(piece).decode()})
            self._emit("tts_message_end", {"audio": ""})

    async def _answer(self) -> str:
        by_agent = self.app.mode == "agent-chat"
        selector: EventJson = {} if by_agent else {"from_variable_selector": None}
        said = ""
        for piece in self._pieces:
            if await self._wait(self.app.seconds / len(self._pieces)):
                break
            said += piece
            name = "agent_message" if by_agent else "message"
            self._emit(name, {"id": self.message.id, "answer": piece, **selector})
        return said

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
        stored = {"chain_id": None, "message_id": self.message.id, "created_at": self.message.created_at}
        self.message.thoughts.append({**shared, **stored, "observation": thought.observation, "files": []})

    def _emit(self, name: str, data: EventJson) -> None:
        self._tell({"event": name, **self.message.envelope(self.task_id), **data})
