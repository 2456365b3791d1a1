"""Convert text of options and cells to the values of the app's input form."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

from dify_async._types import Json
from dify_async.errors import ConfigurationError
from dify_async.files import InputFile
from dify_async.models.inputs import InputField

_SWITCHES: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def value_from_text(text: str, field: InputField) -> Json:
    """Return the value that a text stands for. Text that does not fit is kept for the validation."""
    match field.kind:
        case "checkbox":
            return _SWITCHES.get(text.strip().lower(), text)
        case "number":
            return _number(text.strip())
        case "json_object":
            with suppress(ValueError):
                return parse_exact(text)
            return text
        case _:
            return text


def is_url(place: str) -> bool:
    """Return True for the URL of a file, False for a path."""
    return place.lower().startswith(("http://", "https://"))


def file_at(place: str, field: InputField | None, folder: Path) -> InputFile:
    """Return the file at a path or URL.

    A URL without a known extension is taken for the type that the field accepts.

    Args:
        place: The path or URL.
        field: The field that takes the file. None if the app has no such field.
        folder: The folder that paths are relative to.

    Raises:
        ConfigurationError: The path or URL is not valid.
    """
    if not is_url(place):
        return InputFile(folder / place)
    with suppress(ConfigurationError):
        return InputFile.url(place)
    accepted = field.allowed_file_types if field is not None else []
    return InputFile.url(place, type=(accepted or ["document"])[0])


def files_at(places: Sequence[str], folder: Path) -> list[InputFile]:
    """Return the files at paths and URLs.

    Raises:
        ConfigurationError: A path or URL is not valid, or there is no such file.
    """
    for place in places:
        if not is_url(place) and not (folder / place).is_file():
            raise ConfigurationError(f"--file: there is no file {place!r}")
    return [file_at(place, None, folder) for place in places]


def parse_exact(text: str) -> Json:
    """Parse JSON without changing a value: integers of any size, and neither NaN nor infinity.

    Raises:
        ValueError: The text is not valid JSON, or has a number that a float cannot hold.
    """
    try:
        return json.loads(text, parse_constant=_no_number, parse_float=_finite)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _number(text: str) -> Json:
    for kind in (int, float):
        with suppress(ValueError, OverflowError):
            number = kind(text)
            return number if math.isfinite(number) else text
    return text


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not valid JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits} is too large")
    return number
