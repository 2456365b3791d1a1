"""The command `chat`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from dify_async.cli.chat_session import ChatSession
from dify_async.cli.follow import Showing, showing_of
from dify_async.cli.inputs import Inputs, checked_inputs
from dify_async.cli.options import AsEvents, AsJson, FilePlaces, Reasoning, WorkflowId, with_client
from dify_async.cli.saved_files import SaveFiles
from dify_async.cli.settings import Settings, app_command
from dify_async.cli.standard_input import STANDARD_INPUT, read_standard_input
from dify_async.cli.values import files_at
from dify_async.clients.app import AppClient


@app_command
def chat(
    settings: Settings,
    inputs: Inputs,
    files: FilePlaces,
    message: Annotated[
        str | None,
        typer.Argument(
            show_default=False,
            help="The message; - for the text of standard input. Without it, each line that is entered "
            "is a message.",
        ),
    ] = None,
    conversation: Annotated[
        str | None,
        typer.Option(show_default="a new one", help="Id of the conversation to continue."),
    ] = None,
    workflow_id: WorkflowId = None,
    reasoning: Reasoning = False,
    folder: SaveFiles = None,
    as_json: AsJson = False,
    as_events: AsEvents = False,
) -> None:
    """Chat with a chat, agent or chatflow app: one message, or an interactive conversation.

    The answer is shown while it arrives. Ctrl-C stops it. Inputs are validated against the app's input form.

    `dify-async chat "What is on tonight?"` or, interactively, `dify-async chat`
    """
    showing = showing_of(as_json=as_json, as_events=as_events, folder=folder, reasoning=reasoning)
    with_client(
        settings,
        lambda client: _chat(client, message, inputs, files, conversation, workflow_id, showing),
    )


async def _chat(
    client: AppClient,
    message: str | None,
    inputs: Sequence[str],
    files: Sequence[str],
    conversation: str | None,
    workflow_id: str | None,
    showing: Showing,
) -> None:
    session = ChatSession(
        client=client,
        showing=showing,
        inputs=await checked_inputs(inputs, client, other_version=workflow_id is not None),
        files=files_at(files, Path()),
        workflow_id=workflow_id,
        conversation_id=conversation,
    )
    if message is None:
        await session.send_all()
        return
    await session.send(read_standard_input().rstrip("\n") if message == STANDARD_INPUT else message)
    session.hint()
