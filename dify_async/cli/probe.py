"""The command `probe`."""

from __future__ import annotations

from typing import Annotated

import typer

import dify_async
from dify_async._text import printable
from dify_async.cli.process import perform
from dify_async.errors import ConnectionFailed


def probe(
    base_url: Annotated[
        str | None,
        typer.Argument(envvar="DIFY_BASE_URL", show_default="Dify Cloud", help="URL of the server."),
    ] = None,
) -> None:
    """Check whether a Dify server answers at a URL, and print its version. Needs no API key."""

    async def work() -> None:
        found = await dify_async.probe(base_url)
        print(printable(f"{found.base_url}: {found.detail}"))
        if not found.is_dify:
            raise ConnectionFailed(f"no Dify server answers at {found.base_url}")

    perform(work())
