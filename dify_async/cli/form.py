"""The command `form`."""

from __future__ import annotations

from typing import Annotated

import typer

from dify_async.cli.forms import Form
from dify_async.cli.inputs import Inputs
from dify_async.cli.options import Action, AsJson, with_client
from dify_async.cli.output import print_json, say
from dify_async.cli.settings import Settings, app_command
from dify_async.clients.app import AppClient


@app_command
def form(
    settings: Settings,
    token: Annotated[str, typer.Argument(help="Token of the form, as a paused run shows it.")],
    inputs: Inputs,
    action: Action = None,
    as_json: AsJson = False,
) -> None:
    """Show the form that a run waits for: its text, fields and actions; with --action, submit it.

    The run continues on the server. `dify-async resume` submits the form of a run and follows the run.

    `dify-async form TOKEN -i comment=fine --action approve`
    """
    if inputs and action is None:
        raise typer.BadParameter("--input needs --action, which submits the form")

    async def work(client: AppClient) -> None:
        found = await client.forms.get(token)
        if action is None:
            if as_json:
                print_json(found.raw)
            else:
                print(*Form.of(found).lines(), sep="\n")
            return
        values, chosen = Form.of(found).filled(inputs, action)
        await client.forms.submit(token, values, chosen)
        say("the form was submitted")

    with_client(settings, work)
