"""Write the results of a batch: JSON lines, or CSV by the extension of the file."""

from __future__ import annotations

import csv
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, Final, Protocol

from dify_async._private_file import private_opener
from dify_async._types import Json
from dify_async.batch import Outcome
from dify_async.cli.output import print_json_line, to_json
from dify_async.errors import ConfigurationError
from dify_async.models import WorkflowResult

_DELIMITERS: Final = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
_COLLISION_PREFIX: Final = "result."
"""Put before the names of our own columns that the file of rows has too."""


class Results(Protocol):
    """A destination for outcomes."""

    def write(self, outcome: Outcome[WorkflowResult], row: Mapping[str, Json]) -> None:
        """Write the outcome of a row of the file."""


@contextmanager
def results_to(path: Path | None, columns: Sequence[str], ignored: Sequence[str]) -> Generator[Results]:
    """Open a file for results, readable by its owner only; print them if there is no `path`.

    Args:
        path: The file. If it exists, it is overwritten.
        columns: The columns of the rows.
        ignored: Those among them that are not inputs of the app.

    Raises:
        ConfigurationError: The file cannot be written.
    """
    if path is None:
        yield _Printed(ignored)
        return
    try:
        delimiter = _DELIMITERS.get(path.suffix.lower())
        if delimiter is None:
            with open(path, "wb", opener=private_opener) as lines:
                yield _JsonLines(lines, ignored)
        else:
            with open(
                path, "w+", opener=private_opener, encoding="utf-8", errors="backslashreplace", newline=""
            ) as table:
                yield _Csv(table, delimiter, columns)
    except OSError as exc:  # Also of the journal.
        place = exc.filename or str(path)
        raise ConfigurationError(f"{place!r} cannot be written: {exc.strerror}") from None


class _Printed:
    def __init__(self, ignored: Sequence[str]) -> None:
        self._ignored = ignored

    def write(self, outcome: Outcome[WorkflowResult], row: Mapping[str, Json]) -> None:
        print_json_line(_record(outcome, row, self._ignored))


class _JsonLines:
    def __init__(self, file: IO[bytes], ignored: Sequence[str]) -> None:
        self._file = file
        self._ignored = ignored

    def write(self, outcome: Outcome[WorkflowResult], row: Mapping[str, Json]) -> None:
        self._file.write(to_json(_record(outcome, row, self._ignored)).encode() + b"\n")
        self._file.flush()


class _Csv:
    """The columns of the rows, then those of `_fields`, then one for each output."""

    def __init__(self, file: IO[str], delimiter: str, columns: Sequence[str]) -> None:
        self._file = file
        self._writer = csv.writer(file, delimiter=delimiter)
        self._delimiter = delimiter
        self._columns = set(columns)
        self._header = list(columns)

    def write(self, outcome: Outcome[WorkflowResult], row: Mapping[str, Json]) -> None:
        fields = _fields(outcome)
        outputs: dict[str, Json] = fields.pop("outputs")
        fields |= {f"outputs.{name}": value for name, value in outputs.items()}
        cells = {**row, **{self._free(name): value for name, value in fields.items()}}
        added = [name for name in cells if name not in self._header]
        if added:
            self._add_columns(added)
        self._writer.writerow([_cell(cells.get(name)) for name in self._header])
        self._file.flush()

    def _free(self, name: str) -> str:
        return f"{_COLLISION_PREFIX}{name}" if name in self._columns else name

    def _add_columns(self, names: Sequence[str]) -> None:
        """Write the file again with further columns; runs may differ in their outputs."""
        self._file.seek(0)
        written = list(csv.reader(self._file, delimiter=self._delimiter))[1:]
        self._header += names
        self._file.seek(0)
        self._file.truncate()
        self._writer.writerow(self._header)
        self._writer.writerows([*cells, *[""] * (len(self._header) - len(cells))] for cells in written)


def _record(
    outcome: Outcome[WorkflowResult], row: Mapping[str, Json], ignored: Sequence[str]
) -> dict[str, Json]:
    columns = {name: row[name] for name in ignored if name in row}
    fields = _fields(outcome)
    return {"row": fields.pop("row"), "inputs": outcome.row, "columns": columns, **fields}


def _fields(outcome: Outcome[WorkflowResult]) -> dict[str, Any]:
    result = outcome.result if isinstance(outcome.result, WorkflowResult) else None
    usage = outcome.usage
    return {
        "row": outcome.index + 1,
        "status": outcome.status,
        "outputs": result.outputs if result is not None else {},
        "error": str(outcome.error) if outcome.error is not None else None,
        "workflow_run_id": result.workflow_run_id if result is not None else None,
        "total_tokens": usage.total_tokens if usage is not None else None,
        "total_price": usage.total_price if usage is not None else None,
        "seconds": round(outcome.elapsed, 3),
        "attempts": outcome.attempts,
    }


def _cell(value: Json) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, str | Decimal) else to_json(value)
