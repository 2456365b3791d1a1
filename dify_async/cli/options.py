"""Options that several commands have, and the client made of them."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Annotated, Final

import typer

from dify_async.cli.process import perform
from dify_async.clients.app import AppClient
from dify_async.errors import ConfigurationError

ApiKey = Annotated[
    str | None,
    typer.Option(
        envvar="DIFY_API_KEY",
        show_default=False,
        help="API key of the app, app-...; safer in the environment, where other users cannot see it.",
    ),
]
BaseUrl = Annotated[
    str | None,
    typer.Option(
        envvar="DIFY_BASE_URL", show_default="Dify Cloud", help="URL of the server; /v1 is appended."
    ),
]
User = Annotated[
    str,
    typer.Option(
        envvar="DIFY_USER", help="End user that runs and files belong to; only the same one can find them."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AsJsonLines = Annotated[bool, typer.Option("--json", help="Print one line of JSON for each.")]
AsEvents = Annotated[bool, typer.Option("--events", help="Print each event as a line of JSON.")]

DEFAULT_USER: Final = "dify-async"


def with_client(
    api_key: str | None,
    base_url: str | None,
    user: str,
    command: Callable[[AppClient], Awaitable[int | None]],
) -> None:
    """Run a command with a client, to its exit code."""

    async def work() -> int | None:
        if not (api_key or os.environ.get("DIFY_API_KEY")):
            raise ConfigurationError("the API key is empty: pass --api-key or set DIFY_API_KEY")
        async with AppClient(api_key, base_url=base_url, user=user) as client:
            return await command(client)

    perform(work())
