"""The command `resume`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console

from dify_async.cli.follow import Showing, follow, show_forms, showing_of
from dify_async.cli.form_filling import resumed
from dify_async.cli.inputs import Inputs
from dify_async.cli.options import Action, AsEvents, AsJson, Reasoning, with_client
from dify_async.cli.output import say
from dify_async.cli.prompt import can_ask
from dify_async.cli.run_view import view_on
from dify_async.cli.saved_files import SaveFiles
from dify_async.cli.settings import Settings, app_command
from dify_async.clients.app import AppClient
from dify_async.errors import ConfigurationError, RunPaused


@app_command
def resume(
    settings: Settings,
    run_id: Annotated[str, typer.Argument(help="Id of the paused run.")],
    inputs: Inputs,
    action: Action = None,
    form_token: Annotated[
        str | None,
        typer.Option("--form", show_default="the first one", help="Token of one form, if there are several."),
    ] = None,
    reasoning: Reasoning = False,
    folder: SaveFiles = None,
    as_json: AsJson = False,
    as_events: AsEvents = False,
) -> None:
    """Fill in the form that a run waits for, and follow the run to its end; runs of chatflows too.

    On a terminal, values and the action that are not passed are asked for. Ctrl-C does not stop the run.

    `dify-async resume RUN -i comment=fine --action approve`
    """
    showing = showing_of(as_json=as_json, as_events=as_events, folder=folder, reasoning=reasoning)
    with_client(settings, lambda client: _resume(client, run_id, inputs, action, form_token, showing))


async def _resume(
    client: AppClient,
    run_id: str,
    inputs: Sequence[str],
    action: str | None,
    form_token: str | None,
    showing: Showing,
) -> None:
    paused = await _pause_of(client, run_id)
    if can_ask():
        show_forms(paused, sys.stderr)
    stream = await resumed(client, paused, inputs=inputs, action=action, form_token=form_token)
    try:
        await follow(client, stream, showing, view_on(Console(), reasoning=showing.reasoning))
    except asyncio.CancelledError:
        say(f"interrupted; the run {run_id} was not stopped")
        raise


async def _pause_of(client: AppClient, run_id: str) -> RunPaused:
    """Return why a run waits.

    Raises:
        ConfigurationError: It does not wait.
    """
    try:
        async with client.workflows.attach(run_id) as run:
            async for _ in run:
                pass
            result = await run.result()
    except RunPaused as paused:
        return paused
    raise ConfigurationError(f"the run {run_id} does not wait for a form: its status is {result.status}")
