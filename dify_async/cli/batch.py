"""Running a workflow for each row of a file."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import attrs

from dify_async._types import Json
from dify_async.batch import Batch, Outcome
from dify_async.cli.columns import inputs_of, matched, read_columns
from dify_async.cli.outcome import FAILED, SUCCEEDED, code_of, has_warned, say
from dify_async.cli.progress import progress_on
from dify_async.cli.report import Report
from dify_async.cli.show import print_rows
from dify_async.cli.table import read_table
from dify_async.clients import AppClient
from dify_async.errors import ConfigurationError, DifyError
from dify_async.files import InputFile
from dify_async.models import WorkflowResult


@attrs.frozen(kw_only=True)
class Job:
    """What is to be done."""

    rows: Path
    output: Path | None
    """Where results go; standard output without."""
    report: Path | None
    columns: Sequence[str]
    encoding: str | None
    concurrency: int
    adaptive: bool
    resume: bool

    @property
    def journal(self) -> Path | None:
        """What remembers which rows are done, beside their results."""
        return Path(f"{self.output}.journal") if self.output is not None else None


async def run_batch(client: AppClient, job: Job) -> int:
    """Run the app's workflow for each row; give the exit code."""
    _check(job)
    given = read_columns(job.columns)
    table = await asyncio.to_thread(read_table, job.rows, job.encoding)
    if table.remark is not None:
        say(table.remark)
    parameters = await client.app.parameters()
    columns, unused = matched(table.columns, parameters, given)
    if unused:
        say(f"no inputs of the app, and not sent: {', '.join(unused)}")
    form, folder = parameters.form, job.rows.parent
    batch = client.workflows.run_many(
        (inputs_of(row, columns, form, folder) for row in table.rows()),
        concurrency=job.concurrency,
        adaptive=job.adaptive,
        journal=job.journal,
    )
    report = Report(title=job.rows.name, rows=table.count, totals=batch.totals)
    codes: set[int] = set()
    try:
        await _work(batch, job.output, report, codes)
    except asyncio.CancelledError:
        stopped = "" if has_warned() else "; runs on their way were stopped"
        say(f"interrupted{stopped}; {_how_to_go_on(job)}")
        raise
    except DifyError as error:
        if not report.totals.rows:
            raise
        say(f"stopped: {error}; {_how_to_go_on(job)}")
        codes.add(FAILED)
    else:
        if codes:
            say(f"some rows failed; {_how_to_go_on(job)}")
    finally:
        _conclude(report, job.report)
    return codes.pop() if len(codes) == 1 else FAILED if codes else SUCCEEDED


async def _work(
    batch: Batch[Any, WorkflowResult], output: Path | None, report: Report, codes: set[int]
) -> None:
    # A live display and lines of results would be in each other's way on one terminal.
    live = output is not None or not sys.stdout.isatty()
    # The journal is locked before results are written over those of before.
    async with batch:
        with _results(output) as results, progress_on(batch, report.rows, live=live) as progress:
            async for outcome in batch:
                results.write(_line(outcome))
                results.flush()
                report.take(outcome)
                progress.take(outcome)
                if outcome.error is not None:
                    codes.add(code_of(outcome.error))


def _conclude(report: Report, page: Path | None) -> None:
    if report.totals.rows:
        print_rows(("", ""), report.facts(), file=sys.stderr)
    if page is not None:
        try:
            page.write_text(report.page(), encoding="utf-8")
        except OSError as exc:
            say(f"the report cannot be written to {str(page)!r}: {exc.strerror}")


def _check(job: Job) -> None:
    _check_places(job)
    if job.output is None:
        if job.resume:
            raise ConfigurationError("--resume goes on with the results of before: give their file by -o")
        return
    assert job.journal is not None
    for path in (job.output, job.journal):
        if path.exists() and not job.resume:
            raise ConfigurationError(
                f"{str(path)!r} is there already: --resume goes on with it; or give another file by -o"
            )
    if job.output.exists() and not job.journal.exists():
        raise ConfigurationError(
            f"{str(job.output)!r} would be written anew, for there is no {str(job.journal)!r} that says how "
            "it came about: give another file by -o"
        )


def _check_places(job: Job) -> None:
    """Refuse to write one thing over another."""
    if job.output is not None and job.output.is_dir():
        raise ConfigurationError(f"{str(job.output)!r} is a folder: give a file by -o")
    taken = {job.rows.resolve(): "the rows"}
    for path, what in ((job.output, "results"), (job.journal, "journal"), (job.report, "report")):
        if path is not None:
            over = taken.setdefault(path.resolve(), f"the {what}")
            if over != f"the {what}":
                raise ConfigurationError(f"the {what} would be written over {over}: give another file")


def _how_to_go_on(job: Job) -> str:
    if job.output is None:
        return "without -o nothing is remembered of them, so the next time begins anew"
    return "the same command with --resume does what is missing"


@contextmanager
def _results(path: Path | None) -> Generator[IO[bytes]]:
    if path is None:
        yield sys.stdout.buffer
        return
    try:
        with path.open("wb") as file:
            yield file
    except OSError as exc:  # Also of the journal beside it.
        place = exc.filename or str(path)
        raise ConfigurationError(f"{place!r} cannot be written: {exc.strerror}") from None


def _line(outcome: Outcome[WorkflowResult]) -> bytes:
    """Give an outcome as a line of the results."""
    result = outcome.result if isinstance(outcome.result, WorkflowResult) else None
    usage = outcome.usage
    told: dict[str, Json] = {
        "row": outcome.index + 1,
        "inputs": outcome.row,
        "status": outcome.status,
        "outputs": result.outputs if result is not None else {},
        "error": str(outcome.error) if outcome.error is not None else None,
        "workflow_run_id": result.workflow_run_id if result is not None else None,
        "total_tokens": usage.total_tokens if usage is not None else None,
        "total_price": usage.total_price if usage is not None else None,
        "seconds": round(outcome.elapsed, 3),
        "attempts": outcome.attempts,
    }
    # A file may hold halves of signs and integers of any length: both have to stand here as they were.
    text = json.dumps(told, ensure_ascii=False, default=_as_text)
    return text.encode("utf-8", "backslashreplace") + b"\n"


def _as_text(value: object) -> str:
    return str((value.address or value.source) if isinstance(value, InputFile) else value)
