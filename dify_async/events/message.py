"""Events of a message: its text, files, agent steps and speech."""

from __future__ import annotations

import base64
from typing import ClassVar

import attrs

from dify_async._types import Json
from dify_async.events._base import MessageEvent, RunEvent
from dify_async.models.files import RunFile
from dify_async.models.messages import MessageMetadata

__all__ = [
    "AgentMessage",
    "AgentThought",
    "Message",
    "MessageEnd",
    "MessageFile",
    "MessageReplace",
    "TtsMessage",
    "TtsMessageEnd",
]


@attrs.define(kw_only=True, eq=False, repr=False)
class Message(MessageEvent):
    """A piece of an answer: append it. After `AgentMessage` events it repeats the whole answer."""

    event: ClassVar[str] = "message"
    id: str = ""
    """The message's id."""
    answer: str = ""
    """The text."""
    from_variable_selector: list[str] = attrs.Factory(list[str])
    """`[node id, variable]` in chatflows, empty elsewhere."""


@attrs.define(kw_only=True, eq=False, repr=False)
class AgentMessage(MessageEvent):
    """A piece of an agent's answer: append it."""

    event: ClassVar[str] = "agent_message"
    id: str = ""
    """The message's id."""
    answer: str = ""
    """The text."""


@attrs.define(kw_only=True, eq=False, repr=False)
class AgentThought(MessageEvent):
    """A step of an agent. It is sent again with the same `id` and more fields: replace the previous one."""

    event: ClassVar[str] = "agent_thought"
    id: str = ""
    """The step's id."""
    position: int = 0
    """Number of the step, starting at 1."""
    thought: str = ""
    """The model's reasoning."""
    observation: str = ""
    """The tool's output."""
    tool: str = ""
    """Name of the called tool; several names are joined by `;`."""
    tool_labels: dict[str, Json] = attrs.Factory(dict[str, Json])
    """Labels of the tools by language."""
    tool_input: str = ""
    """Arguments of the tool, as JSON text."""
    message_files: list[str] = attrs.Factory(list[str])
    """Ids of the files that the step produced."""


@attrs.define(kw_only=True, eq=False, repr=False)
class MessageFile(MessageEvent):
    """A file of the answer or, if `answer` is not None, a piece of text like a `Message`."""

    event: ClassVar[str] = "message_file"
    id: str = ""
    """The file's id."""
    type: str | None = None
    """Kind of file: `image`, ... None for a piece of text."""
    belongs_to: str | None = None
    """Whose message the file belongs to: `user` or `assistant`. None for a piece of text."""
    url: str | None = None
    """Signed URL, valid for a short time. None for a piece of text."""
    answer: str | None = None
    """A piece of text. None for a file."""
    from_variable_selector: list[str] = attrs.Factory(list[str])
    """`[node id, variable]` in chatflows, empty elsewhere."""


@attrs.define(kw_only=True, eq=False, repr=False)
class MessageReplace(MessageEvent):
    """Replaces the answer so far, for example after moderation."""

    event: ClassVar[str] = "message_replace"
    answer: str = ""
    """The new text."""
    reason: str = ""
    """Why the answer is replaced: empty, `output_moderation`, ..."""


@attrs.define(kw_only=True, eq=False, repr=False)
class MessageEnd(MessageEvent):
    """The answer is complete. In chatflows `WorkflowFinished` follows; servers of 2024 sent it before."""

    event: ClassVar[str] = "message_end"
    id: str = ""
    """The message's id."""
    metadata: MessageMetadata = attrs.Factory(MessageMetadata)
    """Usage, sources and reasoning."""
    files: list[RunFile] = attrs.Factory(list[RunFile])
    """Files of the answer."""


@attrs.define(kw_only=True, eq=False, repr=False)
class TtsMessage(RunEvent):
    """A piece of the spoken answer, if the app reads answers aloud automatically. Workflows send it too."""

    event: ClassVar[str] = "tts_message"
    audio: str = ""
    """The audio data as base64."""

    @property
    def audio_bytes(self) -> bytes:
        """The decoded audio data; MP3 on servers up to 1.14. Joined, all pieces are the complete answer.

        Raises:
            ValueError: `audio` is not valid base64.
        """
        return base64.b64decode(self.audio, validate=True)


@attrs.define(kw_only=True, eq=False, repr=False)
class TtsMessageEnd(RunEvent):
    """The spoken answer is complete."""

    event: ClassVar[str] = "tts_message_end"
    audio: str = ""
    """Always empty."""
