"""Running a workflow, and following a run, on the command line."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import Enum

from rich.console import Console

from dify_async._core.stream import EventStream
from dify_async.cli.inputs import fitted, read_inputs
from dify_async.cli.outcome import has_warned, say
from dify_async.cli.show import print_json, print_json_line, result_as_json
from dify_async.cli.view import view_on
from dify_async.clients import AppClient
from dify_async.errors import ConfigurationError, RunFailed
from dify_async.events import WorkflowEvent
from dify_async.models import WorkflowResult


class Shown(Enum):
    """What a run prints."""

    TREE = "tree"
    JSON = "json"
    EVENTS = "events"


async def run_workflow(client: AppClient, given: Sequence[str], shown: Shown, *, detach: bool) -> None:
    """Check the inputs, start a run and follow it; or leave it alone once it has begun."""
    inputs = read_inputs(given)
    parameters = await client.app.parameters()
    inputs = fitted(inputs, parameters)
    problems = parameters.check(inputs)
    if problems:
        raise ConfigurationError(f"{'; '.join(problems)} (dify-async parameters shows the form)")
    if detach:
        handle = await client.workflows.submit(inputs)
        if shown is Shown.JSON:
            print_json_line(handle.to_json())
        else:
            print(handle.run_id)
            say(f"follow it: dify-async watch {handle.run_id}; stop it: dify-async stop {handle.task_id}")
        return
    stream = client.workflows.stream(inputs)
    try:
        await follow(stream, shown)
    except asyncio.CancelledError:
        is_stopping = stream.task_id is not None and not has_warned()
        stopping = f"; the server was asked to stop the run {stream.run_id}"
        say(f"interrupted{stopping if is_stopping else ''}")
        raise


async def watch_run(client: AppClient, run_id: str, shown: Shown, *, continue_on_pause: bool) -> None:
    """Follow a run that was started before; leave it alone whatever happens here."""
    try:
        await follow(client.workflows.attach(run_id, continue_on_pause=continue_on_pause), shown)
    except asyncio.CancelledError:
        say(f"interrupted; the run {run_id} was left alone")
        raise


async def follow(stream: EventStream[WorkflowEvent, WorkflowResult], shown: Shown) -> None:
    """Show a stream as it comes, and its result in the end, a bad one too."""
    console = Console()
    async with stream as run:
        if shown is Shown.EVENTS:
            async for event in run:
                print_json_line(event.raw)
            await run.result()
            return
        if shown is Shown.TREE:
            with view_on(console) as view:
                async for event in run:
                    view.take(event)
            conclude = view.conclude
        else:
            conclude = _as_json
        try:
            result = await run.result()
        except RunFailed as failed:
            if isinstance(failed.result, WorkflowResult):
                conclude(failed.result)
            raise
        conclude(result)


def _as_json(result: WorkflowResult) -> None:
    print_json(result_as_json(result))
