"""Turn the cells of a row into the inputs of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from dify_async._types import Json
from dify_async.cli.inputs import parse_exact
from dify_async.errors import ConfigurationError
from dify_async.files import InputFile
from dify_async.models import AppParameters, InputField
from dify_async.models._base import as_list

_SWITCHES: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def read_columns(given: Sequence[str]) -> dict[str, str]:
    """Return the column of each input for options such as `city=City`."""
    columns: dict[str, str] = {}
    for text in given:
        name, sign, column = text.partition("=")
        if not sign or not name or not column:
            raise ConfigurationError(f"--column must be INPUT=COLUMN, got {text!r}")
        columns[name] = column
    return columns


def matched(columns: Sequence[str], parameters: AppParameters, given: Mapping[str, str]) -> dict[str, str]:
    """Return the column of each input.

    A column belongs to the input with its name, or with its label, as in the template that Dify's web page
    offers. What was `given` takes precedence.

    Raises:
        ConfigurationError: A required input has no column, or a given input or column does not exist.
    """
    form = parameters.form
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
        case "checkbox" if isinstance(cell, str):
            return _SWITCHES.get(cell.strip().lower(), cell)
        case "number" if isinstance(cell, str):
            return _number(cell.strip())
        case "json_object" if isinstance(cell, str):
            return _parsed(cell)
        case _:
            return cell


def _file(place: str, field: InputField, folder: Path) -> Json:
    if not place.lower().startswith(("http://", "https://")):
        with suppress(ConfigurationError):
            return InputFile(folder / place)
        return place
    # A URL without a known extension: use the type that the field takes.
    for kind in (None, (field.allowed_file_types or ["document"])[0]):
        with suppress(ConfigurationError):
            return InputFile.url(place, type=kind)
    return place


def _number(text: str) -> Json:
    for kind in (int, float):
        with suppress(ValueError, OverflowError):
            number = kind(text)
            return number if math.isfinite(number) else text
    return text


def _parsed(text: str) -> Json:
    try:
        return parse_exact(text)
    except ValueError:
        return text


def _listed(what: str, names: Sequence[str] | Mapping[str, object]) -> str:
    return f"{what}: {', '.join(names) or 'none'}"
