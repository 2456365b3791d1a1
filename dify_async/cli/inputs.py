"""The inputs of a run, as they are written on a command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from dify_async._types import Json
from dify_async.errors import ConfigurationError
from dify_async.files import InputFile
from dify_async.models import AppParameters
from dify_async.models._base import parse_json


def read_inputs(given: Sequence[str]) -> dict[str, Json]:
    """Give the inputs that options such as `city=Lisbon` or `doc=@file.pdf` stand for.

    A name that is given several times has a list.

    Raises:
        ConfigurationError: one is written wrongly, or its file is not there.
    """
    values: dict[str, list[Json]] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or not name.rstrip(":"):
            raise ConfigurationError(f"an input is NAME=VALUE, NAME=@FILE or NAME:=JSON, not {text!r}")
        is_json = name.endswith(":")
        name = name.removesuffix(":")
        values.setdefault(name, []).append(_json(name, value) if is_json else _text_or_file(name, value))
    return {name: several if len(several) > 1 else several[0] for name, several in values.items()}


def fitted(inputs: Mapping[str, Json], parameters: AppParameters) -> dict[str, Json]:
    """Make a list of the single file that a field for several was given."""
    form = parameters.form
    return {
        name: [value]
        if isinstance(value, InputFile) and name in form and form[name].kind == "file-list"
        else value
        for name, value in inputs.items()
    }


def _json(name: str, text: str) -> Json:
    try:
        return parse_json(text.encode())
    except ValueError as exc:
        raise ConfigurationError(f"{name}:= is followed by JSON: {exc}") from None


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
            f"{name}: there is no file {place!r}; a text that begins with @ is written @@"
        )
    return InputFile(place)
