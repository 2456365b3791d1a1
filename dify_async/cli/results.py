"""Write the results of a batch: JSON lines, or CSV by the extension of the file."""

from __future__ import annotations

import csv
import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, Final, Protocol, TypeAlias

import attrs

from dify_async._private_file import private_opener
from dify_async._types import Json
from dify_async._wire.reasoning import split_answer
from dify_async.batch import Outcome
from dify_async.cli.app_kind import AppKind
from dify_async.cli.output import print_json_line, to_json
from dify_async.errors import ConfigurationError
from dify_async.models._base import as_object
from dify_async.models.results import ChatResult, CompletionResult, WorkflowResult

AnyResult: TypeAlias = WorkflowResult | ChatResult | CompletionResult

_DELIMITERS: Final = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
_IDS: Final = {
    AppKind.WORKFLOW: ("workflow_run_id",),
    AppKind.CHAT: ("conversation_id", "message_id"),
    AppKind.COMPLETION: ("message_id",),
}
_COLLISION_PREFIX: Final = "result."
"""Prefix of our columns if the file of rows has columns of the same names."""


@attrs.frozen
class Shape:
    """What each result contains."""

    kind: AppKind = AppKind.WORKFLOW
    """The kind of the app: outputs for a workflow, an answer for others."""
    reasoning: bool = False
    """True to add the reasoning of models."""


class Results(Protocol):
    """A destination for outcomes."""

    def write(self, outcome: Outcome[AnyResult], number: int, row: Mapping[str, Json]) -> None:
        """Write the outcome of a row of the file, by its number and its cells."""


@contextmanager
def results_to(
    path: Path | None, columns: Sequence[str], kept: Sequence[str], shape: Shape
) -> Generator[Results]:
    """Open a file for results, readable by its owner only; print them if there is no `path`.

    Args:
        path: The file. If it exists, it is overwritten.
        columns: The columns of the rows that a table has before those of the results.
        kept: The columns of the rows that lines of JSON have.
        shape: What each result has.

    Raises:
        ConfigurationError: The file cannot be written.
    """
    if path is None:
        yield _Printed(kept, shape)
        return
    try:
        delimiter = _DELIMITERS.get(path.suffix.lower())
        if delimiter is None:
            with open(path, "wb", opener=private_opener) as lines:
                yield _JsonLines(lines, kept, shape)
        else:
            with open(
                path, "w+", opener=private_opener, encoding="utf-8", errors="backslashreplace", newline=""
            ) as table:
                yield _Csv(table, delimiter, columns, shape)
    except OSError as exc:  # Raised for the journal too.
        place = exc.filename or str(path)
        raise ConfigurationError(f"{place!r} cannot be written: {exc.strerror}") from None


def rows_in_results(path: Path, columns: Sequence[str]) -> frozenset[int]:
    """Return the numbers of the rows that a file of results has.

    Args:
        path: The file.
        columns: The columns that the rows have in a table of results.

    Raises:
        ConfigurationError: The file cannot be read.
    """
    delimiter = _DELIMITERS.get(path.suffix.lower())
    name = _free_name("row", columns)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            if delimiter is not None:
                return frozenset(int(line[name]) for line in csv.DictReader(file, delimiter=delimiter))
            records = (as_object(json.loads(line)) for line in file)
            return frozenset(int(record["row"]) for record in records if record is not None)
    except OSError as exc:
        raise ConfigurationError(f"{str(path)!r} cannot be read: {exc.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise ConfigurationError(f"{str(path)!r} is not a file of results of this command") from None


class _Printed:
    def __init__(self, kept: Sequence[str], shape: Shape) -> None:
        self._kept = kept
        self._shape = shape

    def write(self, outcome: Outcome[AnyResult], number: int, row: Mapping[str, Json]) -> None:
        print_json_line(_record(outcome, number, row, self._kept, self._shape))


class _JsonLines:
    def __init__(self, file: IO[bytes], kept: Sequence[str], shape: Shape) -> None:
        self._file = file
        self._kept = kept
        self._shape = shape

    def write(self, outcome: Outcome[AnyResult], number: int, row: Mapping[str, Json]) -> None:
        self._file.write(to_json(_record(outcome, number, row, self._kept, self._shape)).encode() + b"\n")
        self._file.flush()


class _Csv:
    """The columns of the rows, then those of `_fields`, then one for each output."""

    def __init__(self, file: IO[str], delimiter: str, columns: Sequence[str], shape: Shape) -> None:
        self._shape = shape
        self._file = file
        self._writer = csv.writer(file, delimiter=delimiter)
        self._delimiter = delimiter
        self._columns = columns
        self._header = list(columns)

    def write(self, outcome: Outcome[AnyResult], number: int, row: Mapping[str, Json]) -> None:
        fields = _fields(outcome, number, self._shape)
        outputs: dict[str, Json] = fields.pop("outputs", {})
        fields |= {f"outputs.{name}": value for name, value in outputs.items()}
        cells = {name: cell for name, cell in row.items() if name in self._columns}
        cells |= {_free_name(name, self._columns): value for name, value in fields.items()}
        added = [name for name in cells if name not in self._header]
        if added:
            self._add_columns(added)
        self._writer.writerow([_cell(cells.get(name)) for name in self._header])
        self._file.flush()

    def _add_columns(self, names: Sequence[str]) -> None:
        """Write the file again with further columns; runs may differ in their outputs."""
        self._file.seek(0)
        written = list(csv.reader(self._file, delimiter=self._delimiter))[1:]
        self._header += names
        self._file.seek(0)
        self._file.truncate()
        self._writer.writerow(self._header)
        self._writer.writerows([*cells, *[""] * (len(self._header) - len(cells))] for cells in written)


def _free_name(name: str, columns: Sequence[str]) -> str:
    return f"{_COLLISION_PREFIX}{name}" if name in columns else name


def _record(
    outcome: Outcome[AnyResult], number: int, row: Mapping[str, Json], kept: Sequence[str], shape: Shape
) -> dict[str, Json]:
    columns = {name: row[name] for name in kept if name in row}
    fields = _fields(outcome, number, shape)
    sent: dict[str, Json] = outcome.row if shape.kind is AppKind.CHAT else {"inputs": outcome.row}
    return {"row": fields.pop("row"), **sent, "columns": columns, **fields}


def _fields(outcome: Outcome[AnyResult], number: int, shape: Shape) -> dict[str, Any]:
    usage = outcome.usage
    result: AnyResult | None = outcome.result
    return {
        "row": number,
        "status": outcome.status,
        **_output(result, shape),
        "error": str(outcome.error) if outcome.error is not None else None,
        **{name: getattr(result, name, None) for name in _IDS[shape.kind]},
        "total_tokens": usage.total_tokens if usage is not None else None,
        "total_price": usage.total_price if usage is not None else None,
        "seconds": round(outcome.elapsed, 3),
        "attempts": outcome.attempts,
    }


def _output(result: AnyResult | None, shape: Shape) -> dict[str, Json]:
    reasoning = result.reasoning if result is not None else ""
    added: dict[str, Json] = {"reasoning": reasoning} if shape.reasoning else {}
    if shape.kind is not AppKind.WORKFLOW:
        return {"answer": result.clean_answer if isinstance(result, CompletionResult) else None, **added}
    outputs = result.outputs if isinstance(result, WorkflowResult) else {}
    clean = {
        name: split_answer(value)[1] if isinstance(value, str) else value for name, value in outputs.items()
    }
    return {"outputs": clean, **added}


def _cell(value: Json) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, str | Decimal) else to_json(value)
