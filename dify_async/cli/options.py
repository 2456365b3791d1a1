"""Options of several commands, and the client with these options."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

import typer

from dify_async.cli.process import perform
from dify_async.cli.settings import Settings
from dify_async.clients.app import AppClient
from dify_async.clients.knowledge import KnowledgeClient
from dify_async.errors import ConfigurationError

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AsJsonLines = Annotated[bool, typer.Option("--json", help="Print one line of JSON for each.")]
AsEvents = Annotated[bool, typer.Option("--events", help="Print each event as a line of JSON.")]
WorkflowId = Annotated[
    str | None,
    typer.Option(
        show_default="the current one",
        help="Id of the published version to run, for workflows and chatflows.",
    ),
]
Reasoning = Annotated[
    bool,
    typer.Option("--reasoning", help="Show the reasoning of models too; --json and --events always have it."),
]
FilePlaces = Annotated[
    list[str],
    typer.Option(
        "--file",
        "-f",
        metavar="PATH|URL",
        default_factory=list,
        show_default=False,
        help="A file beside the inputs; repeat it for several. The server downloads URLs.",
    ),
]
Action = Annotated[
    str | None, typer.Option("--action", show_default=False, help="Id of the form's action to choose.")
]


def with_client(settings: Settings, command: Callable[[AppClient], Awaitable[int | None]]) -> None:
    """Run a command with a client, and exit with its code."""

    async def work() -> int | None:
        async with AppClient(
            _checked_key(settings, "DIFY_API_KEY"),
            base_url=settings.base_url,
            user=settings.user,
            timeouts=settings.timeout,
        ) as client:
            return await command(client)

    perform(work())


def with_knowledge_client(
    settings: Settings, command: Callable[[KnowledgeClient], Awaitable[int | None]]
) -> None:
    """Run a command with a client of the Knowledge API, and exit with its code."""

    async def work() -> int | None:
        async with KnowledgeClient(
            _checked_key(settings, "DIFY_KNOWLEDGE_API_KEY"),
            base_url=settings.base_url,
            timeouts=settings.timeout,
        ) as client:
            return await command(client)

    perform(work())


def _checked_key(settings: Settings, variable: str) -> str:
    if not settings.api_key:
        raise ConfigurationError(
            f"the API key is empty: pass --api-key or set {variable}, or store it by "
            "`dify-async profile add NAME`"
        )
    return settings.api_key
