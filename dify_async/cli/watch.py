"""The command `watch`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.console import Console

from dify_async.cli.follow import Showing, follow, showing_of
from dify_async.cli.options import AsEvents, AsJson, Reasoning, with_client
from dify_async.cli.output import say
from dify_async.cli.run_view import view_on
from dify_async.cli.saved_files import SaveFiles
from dify_async.cli.settings import Settings, app_command
from dify_async.clients.app import AppClient


@app_command
def watch(
    settings: Settings,
    run_id: Annotated[str, typer.Argument(help="Id of the run, as printed by `run --detach`.")],
    reasoning: Reasoning = False,
    folder: SaveFiles = None,
    as_json: AsJson = False,
    as_events: AsEvents = False,
    continue_on_pause: Annotated[
        bool,
        typer.Option("--continue-on-pause", help="Keep following while the run waits for a person."),
    ] = False,
) -> None:
    """Follow a run that was started before, to its end.

    Finished nodes are shown again. Text that was streamed before is not; the outputs are complete. Ctrl-C
    does not stop the run.
    """
    showing = showing_of(as_json=as_json, as_events=as_events, folder=folder, reasoning=reasoning)
    with_client(
        settings,
        lambda client: _watch(client, run_id, showing, continue_on_pause=continue_on_pause),
    )


async def _watch(client: AppClient, run_id: str, showing: Showing, *, continue_on_pause: bool) -> None:
    try:
        stream = client.workflows.attach(run_id, continue_on_pause=continue_on_pause)
        await follow(client, stream, showing, view_on(Console(), reasoning=showing.reasoning))
    except asyncio.CancelledError:
        say(f"interrupted; the run {run_id} was not stopped")
        raise
