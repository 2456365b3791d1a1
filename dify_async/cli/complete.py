"""The command `complete`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from dify_async.cli.answer_view import AnswerView
from dify_async.cli.follow import Showing, follow_own, showing_of
from dify_async.cli.inputs import Inputs, checked_inputs
from dify_async.cli.options import AsEvents, AsJson, FilePlaces, Reasoning, with_client
from dify_async.cli.saved_files import SaveFiles
from dify_async.cli.settings import Settings, app_command
from dify_async.cli.values import files_at
from dify_async.clients.app import AppClient


@app_command
def complete(
    settings: Settings,
    inputs: Inputs,
    files: FilePlaces,
    query: Annotated[
        str | None,
        typer.Argument(show_default=False, help="The input `query`; - for the text of standard input."),
    ] = None,
    reasoning: Reasoning = False,
    folder: SaveFiles = None,
    as_json: AsJson = False,
    as_events: AsEvents = False,
) -> None:
    """Run a completion app, and show its text while it arrives. Ctrl-C stops it.

    `dify-async complete "A poem about the sea" -i tone=calm`
    """
    showing = showing_of(as_json=as_json, as_events=as_events, folder=folder, reasoning=reasoning)
    given = [*inputs, *([f"query={query}"] if query is not None else [])]
    with_client(settings, lambda client: _complete(client, given, files, showing))


async def _complete(client: AppClient, given: Sequence[str], files: Sequence[str], showing: Showing) -> None:
    inputs = await checked_inputs(given, client, also=("query",))
    stream = client.completions.stream(inputs, files=files_at(files, Path()) or None)
    await follow_own(client, stream, showing, AnswerView(reasoning=showing.reasoning), what="the answer")
