"""Convert the cells of a row to the inputs of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

from dify_async._types import Json
from dify_async.cli.values import file_at, value_from_text
from dify_async.errors import ConfigurationError
from dify_async.files import InputFile
from dify_async.models._base import as_list
from dify_async.models._check import problem_with
from dify_async.models.inputs import InputField


def read_columns(given: Sequence[str]) -> dict[str, str]:
    """Return the column of each input for options such as `city=City`."""
    columns: dict[str, str] = {}
    for text in given:
        name, sign, column = text.partition("=")
        if not sign or not name or not column:
            raise ConfigurationError(f"--column must be INPUT=COLUMN, got {text!r}")
        columns[name] = column
    return columns


def matched(
    columns: Sequence[str], form: Mapping[str, InputField], given: Mapping[str, str]
) -> dict[str, str]:
    """Return the column of each input of a form.

    A column belongs to the input with its name, or with its label, as in the template that Dify's web page
    offers. What was `given` takes precedence.

    Raises:
        ConfigurationError: A required input has no column, or a given input or column does not exist.
    """
    for name, column in given.items():
        if name not in form:
            raise ConfigurationError(f"the app has no input {name!r}; {_listed('inputs', form)}")
        if column not in columns:
            raise ConfigurationError(f"there is no column {column!r}; {_listed('columns', columns)}")
    found = dict(given)
    for name in form:
        if name in columns:
            found.setdefault(name, name)
    for name, field in form.items():
        if field.label in columns and field.label not in found.values():
            found.setdefault(name, field.label)
    missing = [name for name, field in form.items() if field.required and name not in found]
    if missing:
        name = missing[0]
        by_lower = {column.lower(): column for column in columns}
        close = get_close_matches(name.lower(), by_lower, n=1)
        advice = f"--column {name}={by_lower[close[0]] if close else 'COLUMN'}"
        raise ConfigurationError(
            f"there is no column for the required input {name!r}; {_listed('columns', columns)}. "
            f"Pass {advice} to use a column with a different name"
        )
    return found


def inputs_of(
    row: Mapping[str, Json], columns: Mapping[str, str], form: Mapping[str, InputField], folder: Path
) -> dict[str, Json]:
    """Return the inputs for a row. Values that do not fit their field are kept, for the validation to report.

    Args:
        row: Cells by column.
        columns: Columns by input.
        form: The fields of the app's input form.
        folder: The folder that paths of files are relative to.
    """
    return {
        name: _value(row[column], form[name], folder)
        for name, column in columns.items()
        if not _is_empty(row.get(column))
    }


def _is_empty(cell: Json) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def problems_with_files(inputs: Mapping[str, Json], form: Mapping[str, InputField]) -> list[str]:
    """Return a sentence for each file of a row that does not exist, or that its field does not take."""
    found: list[str] = []
    for name, value in inputs.items():
        if form[name].kind not in {"file", "file-list"}:
            continue
        for one in as_list(value) or [value]:
            source = one.source if isinstance(one, InputFile) else None
            if isinstance(source, Path) and not source.is_file():
                found.append(f"{name}: there is no file {str(source)!r}")
        problem = problem_with(form[name], value)
        found += [problem] if problem is not None else []
    return found


def _value(cell: Json, field: InputField, folder: Path) -> Json:
    match field.kind:
        case "file" if isinstance(cell, str):
            return _file(cell.strip(), field, folder)
        case "file-list":
            places = cell.split(";") if isinstance(cell, str) else as_list(cell) or [cell]
            return [
                _file(place.strip(), field, folder) if isinstance(place, str) else place
                for place in places
                if not _is_empty(place)
            ]
        case _ if isinstance(cell, str):
            return value_from_text(cell, field)
        case _:
            return cell


def _file(place: str, field: InputField, folder: Path) -> Json:
    with suppress(ConfigurationError):
        return file_at(place, field, folder)
    return place


def _listed(what: str, names: Sequence[str] | Mapping[str, object]) -> str:
    return f"{what}: {', '.join(names) or 'none'}"
