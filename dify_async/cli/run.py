"""The command `run`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import attrs
import typer
from rich.console import Console

from dify_async._text import printable_lines
from dify_async.cli.follow import Format, Showing, follow_own, showing_of
from dify_async.cli.inputs import Inputs, checked_inputs
from dify_async.cli.options import AsEvents, AsJson, Reasoning, WorkflowId, with_client
from dify_async.cli.output import print_json_line, say
from dify_async.cli.run_view import view_on
from dify_async.cli.saved_files import SaveFiles
from dify_async.cli.settings import Settings, app_command
from dify_async.clients.app import AppClient


@app_command
def run(
    settings: Settings,
    inputs: Inputs,
    as_json: AsJson = False,
    as_events: AsEvents = False,
    workflow_id: WorkflowId = None,
    reasoning: Reasoning = False,
    folder: SaveFiles = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Start the run, print its id, and exit while it keeps running.")
    ] = False,
) -> None:
    """Run the app's workflow; show its nodes, its text and its outputs.

    Inputs are validated against the app's input form first: on older servers, a run with invalid inputs
    blocks a connection for minutes. Files are uploaded when the run starts. Ctrl-C stops the run.

    `dify-async run -i city=Lisbon -i doc=@file.pdf -i pics=@a.png -i pics=@b.png`
    """
    if detach and folder is not None:
        raise typer.BadParameter("--detach and --save-files cannot be combined")
    if detach and as_events:
        raise typer.BadParameter("--detach and --events cannot be combined")
    showing = showing_of(as_json=as_json, as_events=as_events, folder=folder, reasoning=reasoning)
    with_client(settings, lambda client: _run(client, inputs, showing, workflow_id, detach=detach))


async def _run(
    client: AppClient,
    given: Sequence[str],
    showing: Showing,
    workflow_id: str | None,
    *,
    detach: bool,
) -> None:
    inputs = await checked_inputs(given, client, other_version=workflow_id is not None)
    if detach:
        handle = await client.workflows.submit(inputs, workflow_id=workflow_id)
        if showing.format is Format.JSON:
            print_json_line(attrs.asdict(handle))
        else:
            print(printable_lines(handle.run_id))
            say(f"follow it: dify-async watch {handle.run_id}; stop it: dify-async stop {handle.task_id}")
        return
    stream = client.workflows.stream(inputs, workflow_id=workflow_id)
    await follow_own(client, stream, showing, view_on(Console(), reasoning=showing.reasoning), what="the run")
