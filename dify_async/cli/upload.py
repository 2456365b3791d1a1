"""The command `upload`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from dify_async.cli.options import AsJsonLines, with_client
from dify_async.cli.output import print_json_line, print_rows
from dify_async.cli.settings import Settings, app_command
from dify_async.clients.app import AppClient

_HEADINGS: Final = ("id", "name", "type", "size")


@app_command
def upload(
    settings: Settings,
    files: Annotated[list[Path], typer.Argument(help="Paths of the files.")],
    as_json: AsJsonLines = False,
) -> None:
    """Upload files for the end user, and print their ids. `run` uploads its files itself."""

    async def work(client: AppClient) -> None:
        for path in files:
            uploaded = await client.files.upload(path)
            if as_json:
                print_json_line(uploaded.raw)
            else:
                row = (uploaded.id, uploaded.name, str(uploaded.type), f"{uploaded.size} bytes")
                print_rows(_HEADINGS, [row])

    with_client(settings, work)
