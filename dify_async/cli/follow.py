"""Follow a run and show it: as text, as JSON, or as events."""

from __future__ import annotations

import asyncio
from enum import Enum
from pathlib import Path
from typing import Any, TextIO, TypeVar

import attrs
import typer

from dify_async import EventStream
from dify_async._types import Json
from dify_async.cli.forms import Form
from dify_async.cli.output import print_json, print_json_line, say
from dify_async.cli.results import AnyResult
from dify_async.cli.saved_files import save_files
from dify_async.cli.verbose import has_warned
from dify_async.cli.view import View
from dify_async.clients.app import AppClient
from dify_async.errors import RunFailed, RunPaused

ResultT = TypeVar("ResultT", bound=AnyResult)


class Format(Enum):
    """How a run is shown."""

    TEXT = "text"
    JSON = "json"
    EVENTS = "events"


@attrs.frozen
class Showing:
    """What is shown and saved of a run."""

    format: Format
    """How they are shown."""
    folder: Path | None
    """The folder where files are saved. None saves no files."""
    reasoning: bool
    """True to show the reasoning of models."""


def showing_of(*, as_json: bool, as_events: bool, folder: Path | None, reasoning: bool) -> Showing:
    """Return what the options ask for."""
    if as_json and as_events:
        raise typer.BadParameter("--json and --events cannot be combined")
    shown_as = Format.JSON if as_json else Format.EVENTS if as_events else Format.TEXT
    return Showing(shown_as, folder, reasoning)


async def follow(
    client: AppClient, stream: EventStream[Any, ResultT], showing: Showing, view: View
) -> ResultT:
    """Show a stream while it runs, and its result at the end, also that of a failed run; save its files.

    Args:
        client: The client of the stream.
        stream: The stream, not entered yet.
        showing: How to show it, and where to save its files.
        view: Shows it as text.
    """
    result = await _shown(stream, showing.format, view)
    await save_files(client, result.files, showing.folder)
    return result


async def follow_own(
    client: AppClient, stream: EventStream[Any, ResultT], showing: Showing, view: View, *, what: str
) -> ResultT:
    """Follow a stream that stops its run if it is interrupted, and report that.

    Args:
        client: As for `follow`.
        stream: As for `follow`.
        showing: As for `follow`.
        view: As for `follow`.
        what: What the server is asked to stop: "the run" or "the answer".
    """
    try:
        return await follow(client, stream, showing, view)
    except asyncio.CancelledError:
        was_stopped = stream.task_id is not None and not has_warned()
        name = f"{what} {stream.run_id}" if stream.run_id is not None else what
        say(f"interrupted; the server was asked to stop {name}" if was_stopped else "interrupted")
        raise


async def _shown(stream: EventStream[Any, ResultT], shown_as: Format, view: View) -> ResultT:
    async with stream as run:
        if shown_as is Format.EVENTS:
            async for event in run:
                print_json_line(event.raw)
            return await run.result()
        if shown_as is Format.TEXT:
            with view:
                async for event in run:
                    view.take(event)
        try:
            result = await run.result()
        except RunFailed as failed:
            _conclude(failed.result, shown_as, view)
            if isinstance(failed, RunPaused) and shown_as is Format.TEXT:
                show_forms(failed)
            raise
        _conclude(result, shown_as, view)
        return result


def show_forms(paused: RunPaused, file: TextIO | None = None) -> None:
    """Print the forms that a run waits for; to standard output if there is no `file`."""
    for reason in paused.paused.forms:
        print(*Form.of(reason).lines(), sep="\n", file=file, flush=True)


def print_result(result: AnyResult) -> None:
    """Print a result as JSON."""
    fields: dict[str, Json] = attrs.asdict(
        result, filter=lambda attribute, _: attribute.name not in {"_payload", "handle"}
    )
    print_json(fields)


def _conclude(result: AnyResult, shown_as: Format, view: View) -> None:
    if shown_as is Format.JSON:
        print_result(result)
    else:
        view.conclude(result)
