"""Run the rows of a file, and write their outcomes."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import attrs

from dify_async._private_file import private_opener
from dify_async.batch import Batch, Outcome
from dify_async.cli.app_kind import AppKind, kind_of
from dify_async.cli.batch_job import BatchJob
from dify_async.cli.batch_page import page_of
from dify_async.cli.batch_progress import progress_on
from dify_async.cli.batch_report import Report
from dify_async.cli.batch_rows import BatchRows
from dify_async.cli.columns import read_columns
from dify_async.cli.output import print_rows, say
from dify_async.cli.process import FAILED, SUCCEEDED, code_of
from dify_async.cli.results import AnyResult, Results, Shape, results_to, rows_in_results
from dify_async.cli.rows import Table, read_table
from dify_async.cli.saved_files import save_files
from dify_async.cli.standard_input import standard_input_in_file
from dify_async.cli.terms import in_terms_of_the_command
from dify_async.cli.verbose import has_warned
from dify_async.clients.app import AppClient
from dify_async.errors import ConfigurationError, DifyError


async def run_batch(client: AppClient, job: BatchJob) -> int:
    """Run the rows, and return the exit code."""
    job.check()
    given = read_columns(job.columns)
    with _file_of(job) as path:
        table = await asyncio.to_thread(read_table, path, job.encoding)
        if table.remark is not None:
            say(table.remark)
        _check_kept(job.keep, table)
        kind = await kind_of(client)
        parameters = await client.app.parameters()
        in_table = job.keep or table.columns
        wanted = rows_in_results(job.output, in_table) if job.retry_failed and job.output else None
        rows = BatchRows(table, kind, parameters, given, job.rows.parent, wanted)
        unused = [column for column in rows.ignored if column not in job.keep]
        if unused:
            say(f"ignored columns (not inputs of the app): {', '.join(unused)}")
        await asyncio.to_thread(rows.check_files)
        batch = _batch(client, job, kind, rows)
        report = Report(title=path.name, rows=rows.count, totals=batch.totals)
        destination = results_to(job.output, in_table, job.keep or rows.ignored, Shape(kind, job.reasoning))
        return await _Running(client, job, batch, rows, report).run(destination)


@contextmanager
def _file_of(job: BatchJob) -> Generator[Path]:
    if not job.is_standard_input:
        yield job.rows
        return
    with standard_input_in_file() as path:
        yield path


def _check_kept(kept: Sequence[str], table: Table) -> None:
    for name in kept:
        if name not in table.columns:
            raise ConfigurationError(
                f"--keep: there is no column {name!r}; columns: {', '.join(table.columns)}"
            )


def _batch(client: AppClient, job: BatchJob, kind: AppKind, rows: BatchRows) -> Batch[Any, AnyResult]:
    if job.workflow_id is not None and kind is AppKind.COMPLETION:
        raise ConfigurationError("--workflow-id is for workflows and chatflows, and this is a completion app")
    limits: dict[str, Any] = {
        "concurrency": job.concurrency,
        "adaptive": job.adaptive,
        "per_minute": job.per_minute,
        "journal": job.journal,
    }
    match kind:
        case AppKind.WORKFLOW:
            return client.workflows.run_many(
                rows.rows(), workflow_id=job.workflow_id, check_inputs=job.workflow_id is None, **limits
            )
        case AppKind.CHAT:
            version = {"workflow_id": job.workflow_id} if job.workflow_id is not None else {}
            return client.chat.send_many(({**row, **version} for row in rows.rows()), **limits)
        case AppKind.COMPLETION:
            return client.completions.create_many(rows.rows(), **limits)


@attrs.frozen
class _Running:
    """A batch in progress."""

    client: AppClient
    job: BatchJob
    batch: Batch[Any, AnyResult]
    rows: BatchRows
    report: Report
    codes: set[int] = attrs.Factory(set[int])

    async def run(self, destination: AbstractContextManager[Results]) -> int:
        """Run it to its exit code."""
        job, codes = self.job, self.codes
        try:
            await self._read(destination)
        except asyncio.CancelledError:
            stopped = "" if has_warned() else "; the runs in flight were stopped"
            say(f"interrupted{stopped}; {job.how_to_continue}")
            raise
        except DifyError as error:
            if not self.report.totals.rows:
                raise
            say(f"stopped: {in_terms_of_the_command(str(error))}; {job.how_to_continue}")
            codes.add(FAILED)
        else:
            if codes:
                say(f"some rows failed; {job.how_to_retry}")
        finally:
            self._conclude()
        return codes.pop() if len(codes) == 1 else FAILED if codes else SUCCEEDED

    async def _read(self, destination: AbstractContextManager[Results]) -> None:
        # A live display and lines of results would overwrite each other on one terminal.
        live = self.job.output is not None or not sys.stdout.isatty()
        # The journal is locked before earlier results are overwritten.
        async with self.batch:
            with destination as results, progress_on(self.batch, self.report.rows, live=live) as progress:
                async for outcome in self.batch:
                    number, cells = self.rows.finished(outcome.index)
                    results.write(outcome, number, cells)
                    await self._save_files(outcome, number)
                    self.report.take(outcome, number)
                    progress.take(outcome, number)
                    if outcome.error is not None:
                        self.codes.add(code_of(outcome.error))

    async def _save_files(self, outcome: Outcome[AnyResult], number: int) -> None:
        folder = self.job.folder
        if folder is not None and outcome.ok:
            try:
                await save_files(self.client, outcome.result.files, folder / f"row-{number}")
            except DifyError as error:
                say(f"row {number}: a file was not saved: {in_terms_of_the_command(str(error))}")
                self.codes.add(code_of(error))

    def _conclude(self) -> None:
        if self.report.totals.rows:
            print_rows(("", ""), self.report.facts(), file=sys.stderr)
        page = self.job.report
        if page is not None:
            try:
                with open(page, "w", opener=private_opener, encoding="utf-8", errors="replace") as file:
                    file.write(page_of(self.report))
            except OSError as exc:
                say(f"the report cannot be written to {str(page)!r}: {exc.strerror}")
