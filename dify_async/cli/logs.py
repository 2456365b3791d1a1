"""The command `logs`."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import attrs
import typer

from dify_async.cli.options import AsJsonLines, with_client
from dify_async.cli.output import print_json_line, print_rows, seconds, shown
from dify_async.cli.settings import Settings, app_command
from dify_async.clients.app import AppClient
from dify_async.models.logs import WorkflowLog

_PAGE: Final = 100
"""Entries per page, at most."""
_HEADINGS: Final = ("started", "status", "run", "seconds", "tokens", "user")


@app_command
def logs(
    settings: Settings,
    status: Annotated[
        Literal["succeeded", "failed", "stopped"] | None,
        typer.Option(help="Only runs with this status.", show_default=False),
    ] = None,
    keyword: Annotated[
        str | None,
        typer.Option(help="Only runs whose inputs or outputs contain this text.", show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of runs.")] = 20,
    as_json: AsJsonLines = False,
) -> None:
    """List past runs, newest first: start, status, id, seconds, tokens, end user."""

    async def work(client: AppClient) -> None:
        pager = client.workflows.logs(status=status, keyword=keyword, limit=min(limit, _PAGE))
        entries = await pager.all(limit=limit)
        if as_json:
            for entry in entries:
                print_json_line(attrs.asdict(entry, filter=_is_public))
        else:
            print_rows(_HEADINGS, [_row(entry) for entry in entries])

    with_client(settings, work)


def _is_public(attribute: attrs.Attribute[Any], _: object) -> bool:
    return not attribute.name.startswith("_")


def _row(entry: WorkflowLog) -> tuple[str, ...]:
    run, end_user = entry.workflow_run, entry.created_by_end_user
    user = (end_user.session_id if end_user is not None else None) or ""
    started = shown(entry.created_at or "")
    if run is None:
        return (started, "", "", "", "", user)
    return (
        started,
        str(run.status),
        run.id,
        seconds(run.elapsed_time or 0),
        shown(run.total_tokens or 0),
        user,
    )
