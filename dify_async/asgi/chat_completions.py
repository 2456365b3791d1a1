"""Convert runs to OpenAI's chat completions, for front ends and tools that expect that API."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import Final

import attrs

from dify_async._types import Json
from dify_async._wire.parts import PartSplitter
from dify_async._wire.reasoning import split_answer
from dify_async.asgi.http_errors import HttpError
from dify_async.asgi.rendering import AnyResult
from dify_async.errors import ConfigurationError
from dify_async.events import Event, MessageReplace
from dify_async.models.parts import ReasoningPart, TextPart
from dify_async.models.results import ChatResult, CompletionResult, WorkflowResult

_ERROR_TYPES: Final = {
    401: "authentication_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


@attrs.define
class ChatCompletionChunks:
    """A renderer that converts one run to the chunks of an OpenAI chat completion.

    ```python
    EventStreamResponse(client.chat.stream(question), render=ChatCompletionChunks("my-app"))
    ```

    Text is the content of the chunks, reasoning is `reasoning_content`. Of a workflow without streamed text,
    the content is its output. An answer that was replaced by moderation ends with the finish
    reason `content_filter`. Errors have the form of OpenAI's, so that the `openai` package raises them.
    """

    model: str
    """The name of the model that chunks contain."""
    include_usage: bool = False
    """Send the tokens in a last chunk, as for `stream_options={"include_usage": True}`."""
    ping: bytes = attrs.field(default=b": ping\n\n", init=False)
    """The ping: a comment, because openai-python reads other pings as chunks."""
    last: str | None = attrs.field(default="[DONE]", init=False)
    """Text of the last message."""
    _splitter: PartSplitter = attrs.field(factory=PartSplitter, init=False)
    _sent: str = attrs.field(default="", init=False)
    _is_replaced: bool = attrs.field(default=False, init=False)
    _head: dict[str, Json] = attrs.field(factory=dict[str, Json], init=False)

    def event(self, event: Event) -> Iterable[Json]:
        """Return the chunks for an event: one for a piece of text, none for most events."""
        if isinstance(event, MessageReplace):
            return self._replace(event.answer)
        return self._say(self._splitter.feed(event))

    def result(self, result: AnyResult) -> Iterable[Json]:
        """Return the last chunks."""
        chunks = self._say(self._splitter.close())
        if not self._sent and not self._is_replaced:
            chunks += self._say([TextPart(text=_text_of(result))])
        reason = "content_filter" if self._is_replaced else "stop"
        chunks.append(self._chunk({}, finish_reason=reason))
        if self.include_usage:
            chunks.append({**self._chunk({}), "choices": [], "usage": _usage_of(result)})
        return chunks

    def error(self, error: HttpError) -> Json:
        """Return an error in OpenAI's form."""
        kind = "invalid_request_error" if error.status < 500 else "server_error"
        return {
            "error": {
                "message": error.message,
                "type": _ERROR_TYPES.get(error.status, kind),
                "code": error.code,
                "param": None,
            }
        }

    def _say(self, parts: Iterable[TextPart | ReasoningPart]) -> list[Json]:
        chunks: list[Json] = []
        for part in parts:
            if self._is_replaced or not part.text:
                continue
            if isinstance(part, ReasoningPart):
                chunks.append(self._chunk({"reasoning_content": part.text}))
            else:
                self._sent += part.text
                chunks.append(self._chunk({"content": part.text}))
        return chunks

    def _replace(self, answer: str) -> list[Json]:
        """Return the rest of the new answer, if it continues the old one: chunks cannot be taken back."""
        _, text = split_answer(answer, ())
        if text.startswith(self._sent):
            return self._say([TextPart(text=text.removeprefix(self._sent))])
        self._is_replaced = True
        return []

    def _chunk(self, delta: dict[str, Json], *, finish_reason: str | None = None) -> dict[str, Json]:
        if not self._head:
            self._head = _head("chat.completion.chunk", self.model)
            delta = {"role": "assistant", "content": "", **delta}
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return {**self._head, "choices": [choice]}


def chat_completion(result: AnyResult, model: str) -> Json:
    """Return a result as an OpenAI chat completion, for requests without `stream`.

    Raises:
        ConfigurationError: `result` is not a result, for example because an `await` is missing.
    """
    if not isinstance(result, (WorkflowResult, ChatResult, CompletionResult)):
        raise ConfigurationError(f"`result` must be the result of a run, got {type(result).__name__}")
    message = {"role": "assistant", "content": _text_of(result), "refusal": None}
    if result.reasoning:
        message["reasoning_content"] = result.reasoning
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return {**_head("chat.completion", model), "choices": [choice], "usage": _usage_of(result)}


def _head(kind: str, model: str) -> dict[str, Json]:
    now = time.time()
    return {"id": f"chatcmpl-{int(now * 1e9):x}", "object": kind, "created": int(now), "model": model}


def _text_of(result: AnyResult) -> str:
    """Return the answer, or the output of a workflow: JSON, unless it is one string."""
    if not isinstance(result, WorkflowResult):
        return result.clean_answer
    texts = list(result.outputs.values())
    if len(texts) == 1 and isinstance(texts[0], str):
        return split_answer(texts[0])[1]
    return json.dumps(result.outputs, ensure_ascii=False)


def _usage_of(result: AnyResult) -> Json:
    if isinstance(result, WorkflowResult):
        # Dify reports only the sum for a workflow.
        return {
            "prompt_tokens": 0,
            "completion_tokens": result.total_tokens,
            "total_tokens": result.total_tokens,
        }
    usage = result.usage
    return {
        "prompt_tokens": usage.prompt_tokens if usage else 0,
        "completion_tokens": usage.completion_tokens if usage else 0,
        "total_tokens": usage.total_tokens if usage else 0,
    }
