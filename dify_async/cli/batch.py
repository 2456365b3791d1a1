"""The command `batch`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dify_async.cli.batch_job import BatchJob
from dify_async.cli.batch_run import run_batch
from dify_async.cli.options import WorkflowId, with_client
from dify_async.cli.saved_files import SaveFiles
from dify_async.cli.settings import Settings, app_command


@app_command
def batch(
    settings: Settings,
    rows: Annotated[
        Path,
        typer.Argument(
            help="A CSV, TSV, JSON lines or JSON file with a row for each run, and a column or key for each "
            "input; - for standard input."
        ),
    ],
    columns: Annotated[
        list[str],
        typer.Option(
            "--column",
            metavar="INPUT=COLUMN",
            default_factory=list,
            show_default=False,
            help="Map an input to a column with a different name, e.g. city=City.",
        ),
    ],
    keep: Annotated[
        list[str],
        typer.Option(
            "--keep",
            metavar="COLUMN",
            default_factory=list,
            show_default=False,
            help="Keep only this column of the rows in the results; repeat it for several. Default: all "
            "columns in CSV and TSV, those that are not inputs in JSON lines.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            show_default=False,
            help="File for the results: CSV or TSV if its name ends in .csv or .tsv, otherwise a line of "
            "JSON per row. A journal for --resume is written beside it. Default: print JSON lines.",
        ),
    ] = None,
    concurrency: Annotated[
        int,
        typer.Option(
            "--concurrency",
            "-c",
            min=1,
            help="Maximum number of runs at the same time. A default Dify server handles 10 connections.",
        ),
    ] = 5,
    per_minute: Annotated[
        float | None,
        typer.Option(
            "--per-minute",
            metavar="N",
            min=0.001,
            show_default=False,
            help="Maximum number of rows that start in a minute, evenly spaced.",
        ),
    ] = None,
    adaptive: Annotated[
        bool,
        typer.Option(
            "--adaptive", help="Start with one run at a time and increase until the server pushes back."
        ),
    ] = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Continue a previous run of this command: retry failed and missing rows, follow runs that "
            "were in flight.",
        ),
    ] = False,
    retry_failed: Annotated[
        bool,
        typer.Option(
            "--retry-failed",
            help="Continue a previous run of this command with the rows that failed, and no others.",
        ),
    ] = False,
    reasoning: Annotated[
        bool,
        typer.Option("--reasoning", help="Add the reasoning of models to the results, as `reasoning`."),
    ] = False,
    folder: SaveFiles = None,
    workflow_id: WorkflowId = None,
    encoding: Annotated[
        str | None,
        typer.Option(
            show_default="that of the byte order mark, else UTF-8, else GBK",
            help="Encoding of the file of rows.",
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(show_default=False, help="Write an HTML report: statuses, time, tokens, problems."),
    ] = None,
) -> None:
    """Run the app once for each row of a file.

    Columns are validated against the app's input form before the first run, and all files are checked. File
    cells hold a path (relative to the rows file) or a URL; separate several with semicolons. For a chat, the
    column query has the message; conversation_id and files are optional. Other columns are not sent, but
    kept in the results. Ctrl-C stops the runs in flight. The exit code is the one shared by all failed rows,
    otherwise 1.

    `dify-async batch rows.csv -c 10 -o results.csv --column city=City --report report.html`
    """
    job = BatchJob(
        rows=rows,
        output=output,
        report=report,
        columns=columns,
        keep=keep,
        encoding=encoding,
        folder=folder,
        reasoning=reasoning,
        workflow_id=workflow_id,
        concurrency=concurrency,
        per_minute=per_minute,
        adaptive=adaptive,
        resume=resume,
        retry_failed=retry_failed,
    )
    with_client(settings, lambda client: run_batch(client, job))
