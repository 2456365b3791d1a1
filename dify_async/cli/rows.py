"""Read rows from a CSV, TSV, JSON lines or JSON file."""

from __future__ import annotations

import codecs
import csv
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

import attrs

from dify_async._types import Json
from dify_async.cli.values import parse_exact
from dify_async.errors import ConfigurationError
from dify_async.models._base import as_list, as_object

_MARKS: Final = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_NAMES: Final = {"utf-8-sig": "UTF-8", "utf-16": "UTF-16"}
_KINDS: Final = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
}


@attrs.frozen
class Table:
    """A file of rows that was scanned once."""

    path: Path
    kind: str
    """`csv`, `tsv`, `jsonl` or `json`, by the file's extension."""
    encoding: str
    remark: str | None
    """What is unusual about its encoding, or None."""
    columns: tuple[str, ...]
    """The names of all cells, in order of their first appearance."""
    count: int
    """Number of rows."""

    def rows(self) -> Iterator[dict[str, Json]]:
        """Yield the rows, as cells by column."""
        with _reading(self.path, self.encoding):
            yield from _rows(self.path, self.kind, self.encoding)


def read_table(path: Path, encoding: str | None = None) -> Table:
    """Scan a file once, and return it as a table.

    Args:
        path: The file. Its extension determines the format; without one, its first character does.
        encoding: The encoding of its text. Default: that of its byte order mark, else UTF-8, else GBK.

    Raises:
        ConfigurationError: The file does not exist or is not valid; the message says where.
    """
    kind = _KINDS.get(path.suffix.lower())
    if kind is None and path.suffix:
        raise ConfigurationError(f"the file of rows must end in {', '.join(_KINDS)}, got {path.name!r}")
    csv.field_size_limit(sys.maxsize)  # A cell may hold a document.
    remark = None
    with _reading(path, encoding):
        if encoding is None:
            encoding, remark = _encoding_of(path)
        kind = kind or _kind_by_content(path, encoding)
    columns: dict[str, None] = {}
    count = 0
    with _reading(path, encoding):
        for row in _rows(path, kind, encoding):
            columns.update(dict.fromkeys(row))
            count += 1
    if not count:
        raise ConfigurationError(f"there are no rows in {path.name!r}")
    return Table(path, kind, encoding, remark, tuple(columns), count)


def _kind_by_content(path: Path, encoding: str) -> str:
    with path.open(encoding=encoding) as file:
        start = next((line.lstrip() for line in file if line.strip()), "")
    return "jsonl" if start.startswith("{") else "json" if start.startswith("[") else "csv"


@contextmanager
def _reading(path: Path, encoding: str | None) -> Generator[None]:
    """Report a file that cannot be read, or was changed since it was scanned."""
    try:
        yield
    except OSError as exc:
        raise ConfigurationError(f"the file {str(path)!r} cannot be read: {exc.strerror}") from None
    except LookupError:
        raise ConfigurationError(
            f"there is no encoding {encoding!r}; use utf-8 or gbk, for example"
        ) from None
    except UnicodeError:
        raise ConfigurationError(
            f"the text of {path.name!r} is not valid {_NAMES.get(encoding or '', encoding)}: "
            "save it as UTF-8, or pass --encoding"
        ) from None


def _encoding_of(path: Path) -> tuple[str, str | None]:
    with path.open("rb") as file:
        start = file.read(4)
    for mark, encoding in _MARKS.items():
        if start.startswith(mark) and not start.endswith(b"\0\0"):  # UTF-32 starts like UTF-16.
            return encoding, f"{path.name} starts with a byte order mark; reading it as {_NAMES[encoding]}"
    if b"\0" in start:
        raise ConfigurationError(
            f"{path.name!r} contains zero bytes, as UTF-16 and UTF-32 do: save it as UTF-8, or pass "
            "--encoding"
        )
    if _is_in(path, "utf-8"):
        return "utf-8", None
    # Excel and WPS write GBK in China. GB 18030 includes it, and rejects most other encodings.
    return (
        "gb18030",
        f"{path.name} is not valid UTF-8; reading it as GBK. If the text looks wrong, pass --encoding",
    )


def _is_in(path: Path, encoding: str) -> bool:
    try:
        with path.open(encoding=encoding) as file:
            while file.read(2**16):
                pass
    except UnicodeDecodeError:
        return False
    return True


def _rows(path: Path, kind: str, encoding: str) -> Iterator[dict[str, Json]]:
    with path.open(encoding=encoding, newline="" if kind in {"csv", "tsv"} else None) as file:
        match kind:
            case "json":
                yield from _from_json(file.read(), path.name)
            case "jsonl":
                for number, line in enumerate(file, 1):
                    if line.strip():
                        where = f"line {number} of {path.name!r}"
                        yield _object(_parsed(line, where), where)
            case _:
                delimiter = "\t" if kind == "tsv" else _delimiter(file)
                # Otherwise an unclosed quote would turn the rest of the file into one cell.
                yield from _from_csv(csv.reader(file, delimiter=delimiter, strict=True), path.name)


def _delimiter(file: TextIO) -> str:
    """Return the delimiter of the header."""

    def cells(delimiter: str) -> int:
        file.seek(0)
        rows = csv.reader(file, delimiter=delimiter)
        return next((len(row) for row in rows if any(row)), 0)

    # Spreadsheets use semicolons in countries with decimal commas.
    delimiter = max(",;\t", key=cells)
    file.seek(0)
    return delimiter


def _from_csv(reader: Iterator[list[str]], name: str) -> Iterator[dict[str, Json]]:
    header: list[str] | None = None
    number = 0
    try:
        for cells in reader:
            if not any(cells):
                continue
            if header is None:
                header = _header([cell.strip() for cell in cells], name)
                continue
            number += 1
            if any(cells[len(header) :]):
                raise ConfigurationError(
                    f"row {number} of {name!r} has {len(cells)} cells, but the header has {len(header)}: "
                    "put cells that contain the delimiter in quotes"
                )
            yield dict(zip(header, cells, strict=False))
    except csv.Error as exc:
        raise ConfigurationError(
            f"row {number + 1} of {name!r} is not valid CSV: {exc}. "
            "A cell that starts with a quote must end with one, with quotes inside it doubled"
        ) from None


def _header(names: list[str], name: str) -> list[str]:
    while not names[-1]:
        names.pop()  # Spreadsheets may write empty columns.
    for column in names:
        if not column or names.count(column) > 1:
            what = f"has two columns {column!r}" if column else "has a column without a name"
            raise ConfigurationError(f"{name!r} {what}: its first line must have a unique name per column")
    return names


def _from_json(text: str, name: str) -> Iterator[dict[str, Json]]:
    items = as_list(_parsed(text, repr(name)))
    if items is None:
        raise ConfigurationError(f"{name!r} must be a JSON array with an object for each row")
    for number, item in enumerate(items, 1):
        yield _object(item, f"row {number} of {name!r}")


def _parsed(text: str, where: str) -> Json:
    try:
        return parse_exact(text)
    except ValueError as exc:
        raise ConfigurationError(f"{where} is not valid JSON: {exc}") from None


def _object(item: Json, where: str) -> dict[str, Json]:
    row = as_object(item)
    if row is None:
        raise ConfigurationError(f"{where} must be a JSON object with a key for each input")
    return row
