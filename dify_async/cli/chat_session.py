"""A conversation with a chat, agent or chatflow app: its messages one after another."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import attrs

from dify_async._text import printable_lines
from dify_async._types import Json
from dify_async.cli.answer_view import AnswerView
from dify_async.cli.follow import Showing, follow, follow_own
from dify_async.cli.form_filling import resumed
from dify_async.cli.output import say
from dify_async.cli.process import report
from dify_async.cli.prompt import ask, can_ask
from dify_async.cli.signals import ctrl_c_cancels
from dify_async.clients.app import AppClient
from dify_async.errors import ConfigurationError, DifyError, RunPaused, Unauthorized
from dify_async.files import InputFile
from dify_async.models.results import ChatResult

_SHOWN_MESSAGES: Final = 10
"""Earlier messages that are shown when a conversation is continued."""


@attrs.define(kw_only=True)
class ChatSession:
    """Sends messages, each of which continues the conversation."""

    client: AppClient
    showing: Showing
    inputs: Mapping[str, Json]
    """The values of the app's input form."""
    files: Sequence[InputFile]
    """Files of the first message."""
    workflow_id: str | None
    """The version of a chatflow to run. None for the current one."""
    conversation_id: str | None
    """The conversation to continue. None to start one with the first message."""

    async def send(self, query: str) -> None:
        """Send a message and show its answer."""
        files, self.files = self.files, []
        stream = self.client.chat.stream(
            query,
            inputs=self.inputs,
            files=files or None,
            conversation_id=self.conversation_id,
            workflow_id=self.workflow_id,
        )
        try:
            result = await follow_own(
                self.client,
                stream,
                self.showing,
                self._view(),
                what="the answer",
            )
            self.conversation_id = result.conversation_id or self.conversation_id
        except DifyError as error:
            partial = getattr(error, "result", None) or getattr(error, "partial", None)
            if isinstance(partial, ChatResult):
                self.conversation_id = partial.conversation_id or self.conversation_id
            raise

    async def send_all(self) -> None:
        """Send each message that a person enters, or each line of standard input."""
        if not can_ask():
            for line in sys.stdin:
                if line.strip():
                    await self.send(line.removesuffix("\n"))
            return
        say("Ctrl-D ends the chat, Ctrl-C stops an answer")
        await self._show_earlier_messages()
        for query in _entered():
            await self._send_entered(query)
        self.hint()

    def hint(self) -> None:
        """Tell a person how to continue the conversation."""
        if self.conversation_id is not None and sys.stderr.isatty():
            say(f"to continue: dify-async chat --conversation {self.conversation_id}")

    async def _send_entered(self, query: str) -> None:
        """Send a message; if it fails or is interrupted, the chat goes on."""
        sending = asyncio.ensure_future(self._send_and_resume(query))
        with ctrl_c_cancels(sending):
            try:
                await asyncio.wait([sending])
            except asyncio.CancelledError:
                sending.cancel()
                await asyncio.wait([sending])
                raise
        if not sending.cancelled():
            try:
                sending.result()
            except (ConfigurationError, Unauthorized):
                raise
            except DifyError as error:
                report(error)

    async def _send_and_resume(self, query: str) -> None:
        try:
            await self.send(query)
        except RunPaused as paused:
            stream = await resumed(self.client, paused)
            await follow(self.client, stream, self.showing, self._view())

    def _view(self) -> AnswerView:
        return AnswerView(reasoning=self.showing.reasoning)

    async def _show_earlier_messages(self) -> None:
        if self.conversation_id is None:
            opening = (await self.client.app.parameters()).opening_statement
            if opening:
                print(printable_lines(opening))
            return
        pager = self.client.messages.list(self.conversation_id, limit=_SHOWN_MESSAGES)
        page = await pager.all(limit=_SHOWN_MESSAGES)
        for message in page:
            print(printable_lines(f"> {message.query}\n{message.answer}"))


def _entered() -> Iterator[str]:
    while (line := ask("> ")) is not None:
        if line.strip():
            yield line
