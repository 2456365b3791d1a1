"""Parse the inputs of a run from command-line options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Final

import attrs
import typer

from dify_async._types import Json
from dify_async.cli.output import say
from dify_async.cli.standard_input import STANDARD_INPUT, read_standard_input
from dify_async.cli.values import file_at, is_url, parse_exact, value_from_text
from dify_async.clients.app import AppClient
from dify_async.errors import ConfigurationError
from dify_async.models._base import as_list
from dify_async.models.inputs import InputField

Inputs = Annotated[
    list[str],
    typer.Option(
        "--input",
        "-i",
        metavar="NAME=VALUE",
        default_factory=list,
        show_default=False,
        help="An input: city=Lisbon is a string, text=@notes.txt the text of a file or, for a file field, "
        "the file, doc=@https://... a file that the server downloads, text=- standard input, n:=5 any JSON. "
        "Repeat a name for a list. Write @@ for a string that starts with @.",
    ),
]

_TEXT_FIELDS: Final = {"text-input", "paragraph", "select"}
FILE_FIELDS: Final = {"file", "file-list"}


@attrs.frozen
class _Source:
    """A file, or standard input, as the value of an input."""

    place: str
    """A path, a URL, or `-` for standard input."""


def read_inputs(given: Sequence[str]) -> dict[str, Json]:
    """Return the inputs for options such as `city=Lisbon` or `doc=@file.pdf`, for `fit_to_form`.

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
        values.setdefault(name, []).append(_json(name, value) if is_json else _text_or_source(name, value))
    sources = [value for several in values.values() for value in several if isinstance(value, _Source)]
    if sum(source.place == STANDARD_INPUT for source in sources) > 1:
        raise ConfigurationError("standard input can be the value of one input only")
    return {name: several if len(several) > 1 else several[0] for name, several in values.items()}


def fit_to_form(
    inputs: Mapping[str, Json], form: Mapping[str, InputField], *, owner: str = "the app"
) -> dict[str, Json]:
    """Return the inputs, converted for the fields of a form; warn about those that are not in the form.

    Raises:
        ConfigurationError: A file cannot be read as what its field takes.
    """
    for name in inputs:
        if name not in form:
            close = get_close_matches(name, form, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            say(f"{owner} has no input {name!r} and ignores it; inputs: {', '.join(form) or 'none'}{hint}")
    return {name: _fitted(name, value, form.get(name)) for name, value in inputs.items()}


async def checked_inputs(
    given: Sequence[str], client: AppClient, *, other_version: bool = False, also: Sequence[str] = ()
) -> dict[str, Json]:
    """Return the inputs for options, validated against the app's form.

    Args:
        given: The options.
        client: The client of the app.
        other_version: True if another version than the current one is run, to which the form may not apply:
            problems are warnings.
        also: Inputs that the app takes even if its form does not list them.

    Raises:
        ConfigurationError: An input is not valid; the message says which.
    """
    inputs = read_inputs(given)
    parameters = await client.app.parameters()
    others = {name: InputField(kind="paragraph", variable=name) for name in also}
    inputs = fit_to_form(inputs, {**others, **parameters.form})
    problems = parameters.check(inputs)
    if problems and other_version:
        say(f"{'; '.join(problems)} (in the current version of the app)")
    elif problems:
        raise ConfigurationError(f"{'; '.join(problems)} (dify-async parameters shows the form)")
    return inputs


def _fitted(name: str, value: Json, field: InputField | None) -> Json:
    if (items := as_list(value)) is not None:
        return [_fitted_item(name, item, field) for item in items]
    fitted = _fitted_item(name, value, field)
    is_one_of_several = isinstance(value, _Source) and field is not None and field.kind == "file-list"
    return [fitted] if is_one_of_several else fitted


def _fitted_item(name: str, value: Json, field: InputField | None) -> Json:
    if isinstance(value, _Source):
        return _content(name, value.place, field)
    return value_from_text(value, field) if isinstance(value, str) and field is not None else value


def _content(name: str, place: str, field: InputField | None) -> Json:
    takes_file = field.kind in FILE_FIELDS if field is not None else place != STANDARD_INPUT
    if not takes_file:
        text = _text(name, place)
        return value_from_text(text, field) if field is not None else text
    if place == STANDARD_INPUT:
        raise ConfigurationError(f"{name} takes a file with a name, not standard input: pass {name}=@FILE")
    return file_at(place, field, Path())


def _text(name: str, place: str) -> str:
    if is_url(place):
        raise ConfigurationError(f"{name} takes text, not the URL of a file")
    if place == STANDARD_INPUT:
        return read_standard_input()
    try:
        return Path(place).read_text(encoding="utf-8-sig")
    except OSError as exc:
        raise ConfigurationError(f"{name}: the file {place!r} cannot be read: {exc.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{name} takes text, and the file {place!r} is not UTF-8 text") from None


def _json(name: str, text: str) -> Json:
    try:
        return parse_exact(text)
    except ValueError as exc:
        raise ConfigurationError(f"{name}:= must be followed by valid JSON: {exc}") from None


def _text_or_source(name: str, text: str) -> Json:
    if text == STANDARD_INPUT:
        return _Source(STANDARD_INPUT)
    if text.startswith("@@"):
        return text[1:]
    if not text.startswith("@"):
        return text
    place = text[1:]
    if not is_url(place) and place != STANDARD_INPUT and not Path(place).is_file():
        raise ConfigurationError(
            f"{name}: there is no file {place!r}; write @@ for a string that starts with @"
        )
    return _Source(place)
