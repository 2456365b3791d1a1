"""Follow a run and show it: as a tree or lines, as JSON, or as events."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

import attrs
import typer
from rich.console import Console

from dify_async import EventStream
from dify_async._types import Json
from dify_async.cli.output import print_json, print_json_line
from dify_async.cli.run_view import view_on
from dify_async.errors import RunFailed
from dify_async.events import WorkflowEvent
from dify_async.models import WorkflowResult


class Format(Enum):
    """How a run is shown."""

    TREE = "tree"
    JSON = "json"
    EVENTS = "events"


def format_of(*, as_json: bool, as_events: bool) -> Format:
    """Return the format that the options ask for."""
    if as_json and as_events:
        raise typer.BadParameter("--json and --events cannot be combined")
    return Format.JSON if as_json else Format.EVENTS if as_events else Format.TREE


async def follow(stream: EventStream[WorkflowEvent, WorkflowResult], shown_as: Format) -> None:
    """Show a stream while it runs, and its result at the end, also that of a failed run."""
    async with stream as run:
        if shown_as is Format.EVENTS:
            async for event in run:
                print_json_line(event.raw)
            await run.result()
            return
        conclude: Callable[[WorkflowResult], None] = _print_result
        if shown_as is Format.TREE:
            with view_on(Console()) as view:
                async for event in run:
                    view.take(event)
            conclude = view.conclude
        try:
            result = await run.result()
        except RunFailed as failed:
            if isinstance(failed.result, WorkflowResult):
                conclude(failed.result)
            raise
        conclude(result)


def _print_result(result: WorkflowResult) -> None:
    fields: dict[str, Json] = attrs.asdict(
        result, filter=lambda attribute, _: attribute.name not in {"_payload", "handle"}
    )
    print_json(fields)
