"""Print for people and programs: tables on a terminal, lines with tabs elsewhere, JSON.

Text from a server may contain control characters, for example because a model quotes a web page. A terminal
executes them: they can set its title, write to the clipboard, or overwrite earlier output. So all text goes
through `printable`, `printable_lines` or `to_json`.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dify_async import _json
from dify_async._text import ALWAYS_ESCAPED, printable, printable_lines, shortened
from dify_async._types import Json
from dify_async.files import InputFile
from dify_async.models._base import as_list, as_object

_LONGEST: Final = 2000
"""Characters of one value that are shown."""
_MOST_SECONDS: Final = 1e9
"""Larger numbers are not durations."""

_UNSAFE_IN_JSON: Final = re.compile(rf"[\u2028\u2029{ALWAYS_ESCAPED}]")
"""Characters that JSON strings may contain, but that terminals execute or treat as line ends, or that are not
valid UTF-8."""
_NOT_ASCII: Final = re.compile(r"[^\x00-\x7f]")


def to_json(value: Json, *, pretty: bool = False) -> str:
    """Return valid JSON, in one line unless `pretty`, with control characters escaped."""
    try:
        option = _json.OPT_INDENT_2 if pretty else None
        text = _json.dumps(value, option=option, default=_without_json).decode()
    except TypeError:  # Integers beyond 64 bits, halves of surrogate pairs.
        indent = 2 if pretty else None
        text = json.dumps(_without_nan(value), indent=indent, default=_without_json, ensure_ascii=False)
    return _UNSAFE_IN_JSON.sub(_as_escapes, text)


def print_json(value: Json) -> None:
    """Print JSON in several lines."""
    _print_text(to_json(value, pretty=True))


def print_json_line(value: Json) -> None:
    """Print JSON in one line, at once."""
    _print_text(to_json(value))


def print_rows(headings: Sequence[str], rows: Sequence[Sequence[str]], *, file: TextIO | None = None) -> None:
    """Print a table on a terminal; elsewhere its rows with tabs. To standard output if there is no `file`."""
    console = Console(file=file)
    if not console.is_terminal:
        for row in rows:
            print("\t".join(printable(cell) for cell in row), file=file)
        return
    table = Table(*headings, box=None, header_style="dim", pad_edge=False)
    for row in rows:
        table.add_row(*(Text(printable_lines(cell)) for cell in row))
    console.print(table)


def print_facts(facts: Sequence[tuple[str, object]]) -> None:
    """Print names and values, one pair per line; values that are None are left out."""
    print_rows(("", ""), [(name, shown(value)) for name, value in facts if value is not None])


def say(text: str) -> None:
    """Print one line to standard error."""
    with suppress(OSError):  # The terminal may be closed.
        print(f"dify-async: {printable(text)}", file=sys.stderr, flush=True)


def shown(value: object) -> str:
    """Return a value as text for people, cut to a reasonable length. May hold control characters."""
    if isinstance(value, datetime):
        return _time(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return shortened(text, _LONGEST)


def seconds(value: object) -> str:
    """Return a duration as text. Any other value that a server sent is shown as it is."""
    if isinstance(value, float | int) and abs(value) < _MOST_SECONDS:
        return f"{value:.1f}"
    return shown(value)


def _time(time: datetime) -> str:
    try:
        return time.astimezone().isoformat(sep=" ", timespec="seconds")
    except (OverflowError, ValueError, OSError):  # Near the first and the last year.
        return time.isoformat(sep=" ", timespec="seconds")


def _print_text(text: str) -> None:
    try:
        text.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        text = _NOT_ASCII.sub(_as_escapes, text)
    print(text, flush=True)


def _as_escapes(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))


def _without_nan(value: Json) -> Json:
    """Return the value with null in place of NaN and infinity, as orjson writes them."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if (items := as_list(value)) is not None:
        return [_without_nan(item) for item in items]
    if (fields := as_object(value)) is not None:
        return {name: _without_nan(item) for name, item in fields.items()}
    return value


def _without_json(value: object) -> str:
    """Return the text for a value that JSON cannot represent."""
    if isinstance(value, InputFile):
        return str(value.address or value.source)
    return value.isoformat() if isinstance(value, datetime) else str(value)
