"""Save the files that a run produced."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from dify_async._text import UNPRINTABLE
from dify_async.cli.output import say
from dify_async.clients.app import AppClient
from dify_async.errors import ConfigurationError
from dify_async.models.files import RunFile

SaveFiles = Annotated[
    Path | None,
    typer.Option(
        "--save-files",
        metavar="FOLDER",
        show_default=False,
        help="Save the files that a run produces in this folder. No file is overwritten.",
    ),
]

_UNSAFE: Final = re.compile(rf'[{UNPRINTABLE}/\\:*?"<>|]')
_LONGEST_NAME: Final = 200


async def save_files(client: AppClient, files: Sequence[RunFile], folder: Path | None) -> None:
    """Download files into a folder, which is created. Does nothing if the folder is None.

    Raises:
        ConfigurationError: The folder or a file cannot be written.
    """
    if folder is None:
        return
    for file in files:
        path = await asyncio.to_thread(_free_path, folder, safe_name(file.filename or file.id or "file"))
        await client.files.download(file, path)
        say(f"saved {path}")


def safe_name(name: str) -> str:
    """Return a server's file name without parts that would lead out of a folder or hide the file."""
    text = _UNSAFE.sub("_", name).strip(" .")
    stem, dot, extension = text.rpartition(".")
    short = f"{stem[:_LONGEST_NAME]}{dot}{extension[:_LONGEST_NAME]}"
    return short or "file"


def _free_path(folder: Path, name: str) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise ConfigurationError(
            f"--save-files: the folder {str(folder)!r} cannot be created: {exc.strerror}"
        ) from None
    path = folder / name
    others = (folder / f"{path.stem}-{number}{path.suffix}" for number in itertools.count(2))
    return next(one for one in itertools.chain([path], others) if not one.exists())
