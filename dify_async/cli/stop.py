"""The command `stop`."""

from __future__ import annotations

from typing import Annotated

import typer

from dify_async.cli.options import DEFAULT_USER, ApiKey, BaseUrl, User, with_client
from dify_async.cli.output import printable
from dify_async.clients.app import AppClient


def stop(
    task_id: Annotated[
        str, typer.Argument(help="Id of the task, as printed by `run --detach`; not the id of the run.")
    ],
    api_key: ApiKey = None,
    base_url: BaseUrl = None,
    user: User = DEFAULT_USER,
) -> None:
    """Ask the server to stop a run. The server does not report whether there was one to stop."""

    async def work(client: AppClient) -> None:
        await client.workflows.stop(task_id)
        print(printable(f"the server was asked to stop {task_id}"))

    with_client(api_key, base_url, user, work)
