"""The command `stop`."""

from __future__ import annotations

from typing import Annotated

import typer

from dify_async._text import printable_lines
from dify_async.cli.options import with_client
from dify_async.cli.settings import Settings, app_command
from dify_async.clients.app import AppClient


@app_command
def stop(
    settings: Settings,
    task_id: Annotated[
        str, typer.Argument(help="Id of the task, as printed by `run --detach`; not the id of the run.")
    ],
) -> None:
    """Ask the server to stop a run. The server does not report whether there was one to stop."""

    async def work(client: AppClient) -> None:
        await client.workflows.stop(task_id)
        print(printable_lines(f"the server was asked to stop {task_id}"))

    with_client(settings, work)
