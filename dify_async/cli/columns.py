"""From the cells of a row to the inputs of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from dify_async._types import Json
from dify_async.errors import ConfigurationError
from dify_async.files import InputFile
from dify_async.models import AppParameters, InputField
from dify_async.models._base import as_list, parse_json

_SWITCHES: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def read_columns(given: Sequence[str]) -> dict[str, str]:
    """Give the columns by input that options such as `city=City` stand for."""
    columns: dict[str, str] = {}
    for text in given:
        name, sign, column = text.partition("=")
        if not sign or not name or not column:
            raise ConfigurationError(f"--column is followed by INPUT=COLUMN, not {text!r}")
        columns[name] = column
    return columns


def matched(
    columns: Sequence[str], parameters: AppParameters, given: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """Give the column of each input, and the columns that are for none.

    A column is for the input of its name, or the one whose label it bears: so are those of the template
    that Dify's own web page gives out. What was `given` goes before both.

    Raises:
        ConfigurationError: an input that is required has no column, or what was given is not there.
    """
    form = parameters.form
    for name, column in given.items():
        if name not in form:
            raise ConfigurationError(f"the app has no input {name!r}: {_listed(form)}")
        if column not in columns:
            raise ConfigurationError(f"there is no column {column!r}: {_listed(columns)}")
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
            f"no column for the input {name!r}, which is required; {_listed(columns)}. "
            f"{advice} takes one of another name"
        )
    return found, [column for column in columns if column not in found.values()]


def inputs_of(
    row: Mapping[str, Json], columns: Mapping[str, str], form: Mapping[str, InputField], folder: Path
) -> dict[str, Json]:
    """Give the inputs that a row stands for. What fits no field stays as it is, to be refused by its name.

    Args:
        row: Cells by column.
        columns: Columns by input.
        form: The fields of the app's form.
        folder: Where the paths of files begin.
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
    # Addresses need not tell what they lead to; then it is what the field takes.
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
        return parse_json(text.encode())
    except ValueError:
        return text


def _listed(names: Sequence[str] | Mapping[str, object]) -> str:
    return f"there are {', '.join(names)}" if names else "there are none"
