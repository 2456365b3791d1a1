"""Parse the inputs of a run from command-line options."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from dify_async._types import Json
from dify_async.errors import ConfigurationError
from dify_async.files import InputFile
from dify_async.models import AppParameters


def read_inputs(given: Sequence[str]) -> dict[str, Json]:
    """Return the inputs for options such as `city=Lisbon` or `doc=@file.pdf`.

    The values of a repeated name become a list.

    Raises:
        ConfigurationError: An option is not valid, or its file does not exist.
    """
    values: dict[str, list[Json]] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or not name.rstrip(":"):
            raise ConfigurationError(f"--input must be NAME=VALUE, NAME=@FILE or NAME:=JSON, got {text!r}")
        is_json = name.endswith(":")
        name = name.removesuffix(":")
        values.setdefault(name, []).append(_json(name, value) if is_json else _text_or_file(name, value))
    return {name: several if len(several) > 1 else several[0] for name, several in values.items()}


def fit_to_form(inputs: Mapping[str, Json], parameters: AppParameters) -> dict[str, Json]:
    """Return the inputs with a list in place of a single file for a field that takes several."""
    form = parameters.form
    return {
        name: [value]
        if isinstance(value, InputFile) and name in form and form[name].kind == "file-list"
        else value
        for name, value in inputs.items()
    }


def _json(name: str, text: str) -> Json:
    try:
        return parse_exact(text)
    except ValueError as exc:
        raise ConfigurationError(f"{name}:= must be followed by valid JSON: {exc}") from None


def _text_or_file(name: str, text: str) -> Json:
    if text.startswith("@@"):
        return text[1:]
    if not text.startswith("@"):
        return text
    place = text[1:]
    if place.startswith(("http://", "https://")):
        return InputFile.url(place)
    if not Path(place).is_file():
        raise ConfigurationError(
            f"{name}: there is no file {place!r}; write @@ for a string that starts with @"
        )
    return InputFile(place)


def parse_exact(text: str) -> Json:
    """Parse JSON without changing a value: integers of any size, and neither NaN nor infinity.

    Raises:
        ValueError: The text is not valid JSON, or has a number that a float cannot hold.
    """
    try:
        return json.loads(text, parse_constant=_no_number, parse_float=_finite)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not valid JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits} is too large")
    return number
