"""The options of `batch`, and the check that no file would be overwritten."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs

from dify_async.cli.standard_input import STANDARD_INPUT
from dify_async.errors import ConfigurationError


@attrs.frozen(kw_only=True)
class BatchJob:
    """The options of `batch`."""

    rows: Path
    """The file of rows, or `-` for standard input."""
    output: Path | None
    """The file for the results; standard output if None."""
    report: Path | None
    """The file for the report."""
    columns: Sequence[str]
    """Columns of inputs, as `INPUT=COLUMN`."""
    keep: Sequence[str]
    """Columns to keep in the results."""
    encoding: str | None
    """The encoding of the rows. None to detect it."""
    folder: Path | None
    """The folder where files of results are saved, in a subfolder per row. None saves no files."""
    reasoning: bool
    """True to add the reasoning of models to the results."""
    workflow_id: str | None
    """The version of the workflow to run. None for the current one."""
    concurrency: int
    """Maximum number of rows in flight."""
    per_minute: float | None
    """Maximum number of rows that start in a minute. None for no maximum."""
    adaptive: bool
    """True to find out how many rows the server can handle at the same time."""
    resume: bool
    """True to continue earlier results."""
    retry_failed: bool
    """True to continue earlier results, with the failed rows only."""

    @property
    def journal(self) -> Path | None:
        """The file, beside the results, that records which rows are finished."""
        return Path(f"{self.output}.journal") if self.output is not None else None

    @property
    def is_standard_input(self) -> bool:
        """True if the rows are read from standard input."""
        return str(self.rows) == STANDARD_INPUT

    @property
    def how_to_continue(self) -> str:
        """How to run the rows that are missing after an interruption."""
        if self.output is None:
            return "without -o nothing is recorded, so the same command starts over"
        return "the same command with --resume runs what is missing"

    @property
    def how_to_retry(self) -> str:
        """How to run the rows that failed once more."""
        if self.output is None:
            return "with -o, --retry-failed could run only those"
        return "the same command with --retry-failed runs only those"

    def check(self) -> None:
        """Check that no file would be overwritten.

        Raises:
            ConfigurationError: A file would be overwritten, or there is nothing to continue.
        """
        self._check_paths()
        option = "--retry-failed" if self.retry_failed else "--resume"
        continues = self.resume or self.retry_failed
        if self.output is None or self.journal is None:
            if continues:
                raise ConfigurationError(f"{option} needs the file of the earlier results: pass it with -o")
            return
        if self.retry_failed and not self.output.exists():
            raise ConfigurationError(
                f"--retry-failed needs earlier results: {str(self.output)!r} does not exist"
            )
        for path in (self.output, self.journal):
            if path.exists() and not continues:
                raise ConfigurationError(
                    f"{str(path)!r} exists already: pass --resume to continue it, or use another file"
                )
        if self.output.exists() and not self.journal.exists():
            raise ConfigurationError(
                f"{str(self.output)!r} would be overwritten, because its journal {str(self.journal)!r} does "
                "not exist: use another file"
            )

    def _check_paths(self) -> None:
        """Reject paths that would overwrite each other."""
        if self.output is not None and self.output.is_dir():
            raise ConfigurationError(f"--output must be a file, got the folder {str(self.output)!r}")
        taken = {self.rows.resolve(): "the rows"}
        for path, what in ((self.output, "results"), (self.journal, "journal"), (self.report, "report")):
            if path is not None:
                over = taken.setdefault(path.resolve(), f"the {what}")
                if over != f"the {what}":
                    raise ConfigurationError(f"the {what} would overwrite {over}: use another file")
