"""Rows from a file: CSV, TSV, JSON lines or JSON."""

from __future__ import annotations

import codecs
import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

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
        return _rows(self.path, self.kind, self.encoding)


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
    try:
        remark = None
        if encoding is None:
            encoding, remark = _encoding_of(path)
        columns: dict[str, None] = {}
        count = 0
        for row in _rows(path, kind, encoding):
            columns.update(dict.fromkeys(row))
            count += 1
    except OSError as exc:
        raise ConfigurationError(f"the file {str(path)!r} cannot be read: {exc.strerror}") from None
    except LookupError:
        raise ConfigurationError(f"there is no encoding {encoding!r}; utf-8 or gbk are some") from None
    except UnicodeError:
        raise ConfigurationError(
            f"the text of {path.name!r} is no {_NAMES.get(encoding or '', encoding)}: "
            "save it as UTF-8, or give --encoding"
        ) from None
    if not count:
        raise ConfigurationError(f"there are no rows in {path.name!r}")
    return Table(path, kind, encoding, remark, tuple(columns), count)


def _encoding_of(path: Path) -> tuple[str, str | None]:
    with path.open("rb") as file:
        start = file.read(3)
    for mark, encoding in _MARKS.items():
        if start.startswith(mark):
            return encoding, f"{path.name} begins with a byte order mark; read as {_NAMES[encoding]}"
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
                header = file.readline()
                file.seek(0)
                yield from _from_csv(csv.reader(file, delimiter=_delimiter(kind, header)), path.name)


def _delimiter(kind: str, header: str) -> str:
    # Where a comma stands in numbers, spreadsheets put semicolons between cells.
    return "\t" if kind == "tsv" else max(",;\t", key=header.count)


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
            if len(cells) > len(header):
                raise ConfigurationError(
                    f"row {number} of {name!r} has {len(cells)} cells, and the header {len(header)}: "
                    "a cell with the delimiter in it stands in quotes"
                )
            yield dict(zip(header, cells, strict=False))
    except csv.Error as exc:
        raise ConfigurationError(f"row {number + 1} of {name!r} is no CSV: {exc}") from None


def _header(names: list[str], name: str) -> list[str]:
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
    except ValueError as exc:
        raise ConfigurationError(f"{where} is no JSON: {exc}") from None


def _object(item: Json, where: str) -> dict[str, Json]:
    row = as_object(item)
    if row is None:
        raise ConfigurationError(f"{where} is no object of inputs by their names")
    return row
