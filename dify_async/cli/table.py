"""Rows from a file: CSV, TSV, JSON lines or JSON."""

from __future__ import annotations

import codecs
import csv
import json
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

import attrs

from dify_async._types import Json
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
    """A file of rows, read once to see whether it can be."""

    path: Path
    kind: str
    """`csv`, `tsv`, `jsonl` or `json`, by the file's extension."""
    encoding: str
    remark: str | None
    """What is odd about its encoding."""
    columns: tuple[str, ...]
    """The names of all cells, in the order in which they first stand there."""
    count: int
    """How many rows it has."""

    def rows(self) -> Iterator[dict[str, Json]]:
        """Read the rows, one after the other: cells by column."""
        with _reading(self.path, self.encoding):
            yield from _rows(self.path, self.kind, self.encoding)


def read_table(path: Path, encoding: str | None = None) -> Table:
    """Look a file through.

    Args:
        path: The file; its extension tells how it is written.
        encoding: How its text is encoded. Default: as a byte order mark says, else UTF-8, else GBK.

    Raises:
        ConfigurationError: it is not there, or is no table; the text says where.
    """
    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        raise ConfigurationError(
            f"rows come from a file whose name ends in {', '.join(_KINDS)}, not from {path.name!r}"
        )
    csv.field_size_limit(sys.maxsize)  # A document in a cell is no mistake.
    remark = None
    with _reading(path, encoding):
        if encoding is None:
            encoding, remark = _encoding_of(path)
    columns: dict[str, None] = {}
    count = 0
    with _reading(path, encoding):
        for row in _rows(path, kind, encoding):
            columns.update(dict.fromkeys(row))
            count += 1
    if not count:
        raise ConfigurationError(f"there are no rows in {path.name!r}")
    return Table(path, kind, encoding, remark, tuple(columns), count)


@contextmanager
def _reading(path: Path, encoding: str | None) -> Generator[None]:
    """Tell of a file that cannot be read, or has become another since it was looked through."""
    try:
        yield
    except OSError as exc:
        raise ConfigurationError(f"the file {str(path)!r} cannot be read: {exc.strerror}") from None
    except LookupError:
        raise ConfigurationError(f"there is no encoding {encoding!r}; utf-8 or gbk are some") from None
    except UnicodeError:
        raise ConfigurationError(
            f"the text of {path.name!r} is no {_NAMES.get(encoding or '', encoding)}: "
            "save it as UTF-8, or give --encoding"
        ) from None


def _encoding_of(path: Path) -> tuple[str, str | None]:
    with path.open("rb") as file:
        start = file.read(4)
    for mark, encoding in _MARKS.items():
        if start.startswith(mark) and not start.endswith(b"\0\0"):  # UTF-32 begins like UTF-16.
            return encoding, f"{path.name} begins with a byte order mark; read as {_NAMES[encoding]}"
    if b"\0" in start:
        raise ConfigurationError(
            f"{path.name!r} holds zero bytes, as UTF-16 and UTF-32 do: save it as UTF-8, or give --encoding"
        )
    if _is_in(path, "utf-8"):
        return "utf-8", None
    # What Excel and WPS write in China. GB 18030 has all of GBK, and refuses most of what is neither.
    return "gb18030", f"{path.name} is no UTF-8; read as GBK. If letters look wrong, give --encoding"


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
                # Strict, for a quote that is never closed would take all that follows into its cell.
                yield from _from_csv(csv.reader(file, delimiter=delimiter, strict=True), path.name)


def _delimiter(file: TextIO) -> str:
    """Find what is between the cells of the header."""

    def cells(delimiter: str) -> int:
        file.seek(0)
        rows = csv.reader(file, delimiter=delimiter)
        return next((len(row) for row in rows if any(row)), 0)

    # Where a comma stands in numbers, spreadsheets put semicolons between cells.
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
                    f"row {number} of {name!r} has {len(cells)} cells, and the header {len(header)}: "
                    "a cell with the delimiter in it stands in quotes"
                )
            yield dict(zip(header, cells, strict=False))
    except csv.Error as exc:
        raise ConfigurationError(
            f"row {number + 1} of {name!r} is no CSV: {exc}. "
            "A cell that begins with a quote ends with one, and a quote in it is written twice"
        ) from None


def _header(names: list[str], name: str) -> list[str]:
    while not names[-1]:
        names.pop()  # Spreadsheets may write columns that hold nothing.
    for column in names:
        if not column or names.count(column) > 1:
            what = f"has two columns {column!r}" if column else "has a column without a name"
            raise ConfigurationError(f"{name!r} {what}: its first line is a name for each column")
    return names


def _from_json(text: str, name: str) -> Iterator[dict[str, Json]]:
    items = as_list(_parsed(text, repr(name)))
    if items is None:
        raise ConfigurationError(f"{name!r} holds no list of objects, one for each row")
    for number, item in enumerate(items, 1):
        yield _object(item, f"row {number} of {name!r}")


def _parsed(text: str, where: str) -> Json:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise ConfigurationError(f"{where} is no JSON: {exc}") from None


def _object(item: Json, where: str) -> dict[str, Json]:
    row = as_object(item)
    if row is None:
        raise ConfigurationError(f"{where} is no object of inputs by their names")
    return row
