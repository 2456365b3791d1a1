"""The command `get`."""

from __future__ import annotations

from typing import Annotated

import typer

from dify_async.cli.options import AsJson, with_client
from dify_async.cli.output import print_facts, print_json
from dify_async.cli.settings import Settings, app_command
from dify_async.clients.app import AppClient
from dify_async.models.runs import WorkflowRun


@app_command
def get(
    settings: Settings,
    run_id: Annotated[str, typer.Argument(help="Id of the run.")],
    as_json: AsJson = False,
) -> None:
    """Show the record of a run: its status, inputs and outputs."""

    async def work(client: AppClient) -> None:
        record = await client.workflows.get(run_id)
        if as_json:
            print_json(record.raw)
        else:
            print_facts(_facts(record))

    with_client(settings, work)


def _facts(run: WorkflowRun) -> list[tuple[str, object]]:
    inputs = [(f"inputs.{name}", value) for name, value in run.inputs.items() if not name.startswith("sys.")]
    outputs = [(f"outputs.{name}", value) for name, value in run.outputs.items()]
    return [
        ("run", run.id),
        ("status", str(run.status)),
        ("error", run.error or None),
        *inputs,
        *outputs,
        ("tokens", run.total_tokens),
        ("steps", run.total_steps),
        ("seconds", run.elapsed_time),
        ("started", run.created_at),
        ("finished", run.finished_at),
    ]
