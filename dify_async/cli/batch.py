"""The command `batch`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import attrs
import typer

from dify_async._private_file import private_opener
from dify_async._types import Json
from dify_async.batch import Batch
from dify_async.cli.batch_progress import progress_on
from dify_async.cli.batch_report import Report
from dify_async.cli.columns import inputs_of, matched, read_columns
from dify_async.cli.options import with_client
from dify_async.cli.output import print_rows, say
from dify_async.cli.process import FAILED, SUCCEEDED, code_of
from dify_async.cli.results import results_to
from dify_async.cli.rows import Table, read_table
from dify_async.cli.settings import Settings, app_command
from dify_async.cli.terms import in_terms_of_the_command
from dify_async.cli.verbose import has_warned
from dify_async.clients.app import AppClient
from dify_async.errors import ConfigurationError, DifyError
from dify_async.models import InputField, WorkflowResult


@app_command
def batch(
    settings: Settings,
    rows: Annotated[
        Path,
        typer.Argument(
            help="A CSV, TSV, JSON lines or JSON file with a row for each run, and a column or key for each "
            "input."
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
    """Run the workflow once for each row of a file.

    Columns are validated against the app's input form before the first run. File cells hold a path (relative
    to the rows file) or a URL; separate several with semicolons. Other columns are not sent, but kept in the
    results. Ctrl-C stops the runs in flight. The exit code is the one shared by all failed rows, otherwise 1.

    `dify-async batch rows.csv -c 10 -o results.csv --column city=City --report report.html`
    """
    job = _Job(
        rows=rows,
        output=output,
        report=report,
        columns=columns,
        encoding=encoding,
        concurrency=concurrency,
        adaptive=adaptive,
        resume=resume,
    )
    with_client(settings, lambda client: _run(client, job))


@attrs.frozen(kw_only=True)
class _Job:
    """What the options ask for."""

    rows: Path
    output: Path | None
    """The file for the results; standard output if None."""
    report: Path | None
    columns: Sequence[str]
    encoding: str | None
    concurrency: int
    adaptive: bool
    resume: bool

    @property
    def journal(self) -> Path | None:
        """The file, beside the results, that records which rows are finished."""
        return Path(f"{self.output}.journal") if self.output is not None else None


class _Source:
    """The rows of a file, as inputs of the app; keeps those in flight, for the results."""

    def __init__(
        self, table: Table, columns: Mapping[str, str], form: Mapping[str, InputField], folder: Path
    ) -> None:
        self.table = table
        self.ignored = [column for column in table.columns if column not in columns.values()]
        self._columns = columns
        self._form = form
        self._folder = folder
        self._in_flight: dict[int, Mapping[str, Json]] = {}

    def inputs(self) -> Iterator[dict[str, Json]]:
        """Yield the inputs of each row."""
        for index, row in enumerate(self.table.rows()):
            self._in_flight[index] = row
            yield inputs_of(row, self._columns, self._form, self._folder)

    def finished(self, index: int) -> Mapping[str, Json]:
        """Return the cells of a row by column, and forget them."""
        return self._in_flight.pop(index)


async def _run(client: AppClient, job: _Job) -> int:
    _check(job)
    given = read_columns(job.columns)
    table = await asyncio.to_thread(read_table, job.rows, job.encoding)
    if table.remark is not None:
        say(table.remark)
    parameters = await client.app.parameters()
    columns = matched(table.columns, parameters, given)
    source = _Source(table, columns, parameters.form, job.rows.parent)
    if source.ignored:
        say(f"ignored columns (not inputs of the app): {', '.join(source.ignored)}")
    batch = client.workflows.run_many(
        source.inputs(), concurrency=job.concurrency, adaptive=job.adaptive, journal=job.journal
    )
    report = Report(title=job.rows.name, rows=table.count, totals=batch.totals)
    codes: set[int] = set()
    try:
        await _read(batch, source, job.output, report, codes)
    except asyncio.CancelledError:
        stopped = "" if has_warned() else "; the runs in flight were stopped"
        say(f"interrupted{stopped}; {_how_to_continue(job)}")
        raise
    except DifyError as error:
        if not report.totals.rows:
            raise
        say(f"stopped: {in_terms_of_the_command(str(error))}; {_how_to_continue(job)}")
        codes.add(FAILED)
    else:
        if codes:
            say(f"some rows failed; {_how_to_continue(job)}")
    finally:
        _conclude(report, job.report)
    return codes.pop() if len(codes) == 1 else FAILED if codes else SUCCEEDED


async def _read(
    batch: Batch[Any, WorkflowResult],
    source: _Source,
    output: Path | None,
    report: Report,
    codes: set[int],
) -> None:
    # A live display and lines of results would overwrite each other on one terminal.
    live = output is not None or not sys.stdout.isatty()
    # The journal is locked before earlier results are overwritten.
    async with batch:
        with (
            results_to(output, source.table.columns, source.ignored) as results,
            progress_on(batch, report.rows, live=live) as progress,
        ):
            async for outcome in batch:
                results.write(outcome, source.finished(outcome.index))
                report.take(outcome)
                progress.take(outcome)
                if outcome.error is not None:
                    codes.add(code_of(outcome.error))


def _conclude(report: Report, page: Path | None) -> None:
    if report.totals.rows:
        print_rows(("", ""), report.facts(), file=sys.stderr)
    if page is not None:
        try:
            with open(page, "w", opener=private_opener, encoding="utf-8", errors="replace") as file:
                file.write(report.page())
        except OSError as exc:
            say(f"the report cannot be written to {str(page)!r}: {exc.strerror}")


def _check(job: _Job) -> None:
    _check_paths(job)
    if job.output is None:
        if job.resume:
            raise ConfigurationError("--resume needs the file of the earlier results: pass it with -o")
        return
    assert job.journal is not None
    for path in (job.output, job.journal):
        if path.exists() and not job.resume:
            raise ConfigurationError(
                f"{str(path)!r} exists already: pass --resume to continue it, or use another file"
            )
    if job.output.exists() and not job.journal.exists():
        raise ConfigurationError(
            f"{str(job.output)!r} would be overwritten, because its journal {str(job.journal)!r} does not "
            "exist: use another file"
        )


def _check_paths(job: _Job) -> None:
    """Reject paths that would overwrite each other."""
    if job.output is not None and job.output.is_dir():
        raise ConfigurationError(f"--output must be a file, got the folder {str(job.output)!r}")
    taken = {job.rows.resolve(): "the rows"}
    for path, what in ((job.output, "results"), (job.journal, "journal"), (job.report, "report")):
        if path is not None:
            over = taken.setdefault(path.resolve(), f"the {what}")
            if over != f"the {what}":
                raise ConfigurationError(f"the {what} would overwrite {over}: use another file")


def _how_to_continue(job: _Job) -> str:
    if job.output is None:
        return "without -o nothing is recorded, so the same command starts over"
    return "the same command with --resume runs what is missing"
