"""Convert the rows of a file to the rows of a batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import attrs

from dify_async._types import Json
from dify_async.cli.app_kind import AppKind
from dify_async.cli.columns import inputs_of, matched, problems_with_files
from dify_async.cli.rows import Table
from dify_async.errors import ConfigurationError
from dify_async.models.inputs import InputField
from dify_async.models.parameters import AppParameters

_QUERY: Final = InputField(kind="paragraph", variable="query", label="query", required=True)
_CONVERSATION: Final = InputField(kind="text-input", variable="conversation_id", label="conversation_id")
_SHOWN_PROBLEMS: Final = 5


class BatchRows:
    """The rows of a file for one app; keeps the cells of those in flight, for the results.

    Args:
        table: The file.
        kind: The kind of the app. A chat has further columns beside its inputs: `query`, `conversation_id`
            and `files`. A completion app may have a `query`, which is one of its inputs.
        parameters: The app's input form.
        given: Columns by input, as options map them.
        folder: The folder that paths of files are relative to.
        wanted: The row numbers to run, starting at 1. None for all.

    Raises:
        ConfigurationError: A column is missing.
    """

    def __init__(
        self,
        table: Table,
        kind: AppKind,
        parameters: AppParameters,
        given: Mapping[str, str],
        folder: Path,
        wanted: frozenset[int] | None = None,
    ) -> None:
        self.table = table
        self._wanted = wanted
        self._folder = folder
        self._message = _message_fields(kind, parameters)
        self._form = parameters.form
        if kind is AppKind.COMPLETION and _QUERY.variable not in self._form:
            self._form = {_QUERY.variable: attrs.evolve(_QUERY, required=False), **self._form}
        fields = {**self._form, **self._message}
        self._columns = matched(table.columns, fields, given)
        self.ignored = [column for column in table.columns if column not in self._columns.values()]
        self._in_flight: dict[int, tuple[int, Mapping[str, Json]]] = {}

    @property
    def count(self) -> int:
        """Number of rows to run."""
        return self.table.count if self._wanted is None else len(self._wanted)

    def rows(self) -> Iterator[dict[str, Json]]:
        """Yield each row as a batch of this kind of app takes it."""
        index = 0
        for number, cells in enumerate(self.table.rows(), 1):
            if self._is_wanted(number):
                self._in_flight[index] = (number, cells)
                index += 1
                yield self._row(cells)

    def finished(self, index: int) -> tuple[int, Mapping[str, Json]]:
        """Return the number of a row, starting at 1, and its cells by column; and forget them."""
        return self._in_flight.pop(index)

    def check_files(self) -> None:
        """Check the files of all rows before the first one is run.

        Raises:
            ConfigurationError: A file does not exist, or its field does not take it.
        """
        fields = {**self._form, **self._message}
        takes_files = any(fields[name].kind in {"file", "file-list"} for name in self._columns)
        if not takes_files:
            return
        found: list[str] = []
        count = 0
        for number, cells in enumerate(self.table.rows(), 1):
            if not self._is_wanted(number):
                continue
            problems = problems_with_files(self._values(cells, fields), fields)
            count += bool(problems)
            if problems and len(found) < _SHOWN_PROBLEMS:
                found.append(f"row {number}: {'; '.join(problems)}")
        if found:
            more = f"; and {count - len(found):,} more rows" if count > len(found) else ""
            raise ConfigurationError(f"{'; '.join(found)}{more}. No row was run")

    def _is_wanted(self, number: int) -> bool:
        return self._wanted is None or number in self._wanted

    def _row(self, cells: Mapping[str, Json]) -> dict[str, Json]:
        inputs = self._values(cells, self._form)
        return {**self._values(cells, self._message), "inputs": inputs} if self._message else inputs

    def _values(self, cells: Mapping[str, Json], fields: Mapping[str, InputField]) -> dict[str, Json]:
        columns = {name: column for name, column in self._columns.items() if name in fields}
        return inputs_of(cells, columns, fields, self._folder)


def _message_fields(kind: AppKind, parameters: AppParameters) -> dict[str, InputField]:
    """Return what a chat takes beside its inputs."""
    if kind is not AppKind.CHAT:
        return {}
    upload = parameters.file_upload
    files = InputField(
        kind="file-list",
        variable="files",
        label="files",
        allowed_file_types=upload.allowed_file_types,
        allowed_file_extensions=upload.allowed_file_extensions,
        max_length=upload.number_limits,
    )
    fields = [_QUERY, _CONVERSATION, *([files] if upload.enabled else [])]
    return {field.variable: field for field in fields}
