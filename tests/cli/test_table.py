"""Rows files written by spreadsheets and programs."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from dify_async.cli.rows import read_table
from dify_async.errors import ConfigurationError

ROWS = [
    {"city": "里斯本", "note": 'he said "hi", twice'},
    {"city": "Porto", "note": "line one\nline two\u2028three"},
]
QUOTED = '城市,note\n里斯本,"he said ""hi"", twice"\n\nPorto,"line one\nline two\u2028three"\n'.replace(
    "城市", "city"
)


@pytest.mark.parametrize(
    ("name", "content", "remark"),
    [
        ("rows.csv", QUOTED.encode(), None),
        ("rows.CSV", QUOTED.replace("\n\n", "\r\n\r\n").encode(), None),
        ("rows.csv", QUOTED.encode("utf-8-sig"), "byte order mark; reading it as UTF-8"),
        ("rows.csv", QUOTED.encode("utf-16"), "byte order mark; reading it as UTF-16"),
        ("rows.csv", QUOTED.encode("utf-16-be").join([b"\xfe\xff", b""]), "byte order mark; reading it as UTF-16"),
        ("rows.csv", QUOTED.replace("\u2028", "—").encode("gbk"), "not valid UTF-8; reading it as GBK"),
        ("rows.csv", QUOTED.replace("city,note", "city;note").replace("里斯本,", "里斯本;").replace("Porto,", "Porto;").encode(), None),
        ("rows.tsv", QUOTED.replace("city,", "city\t").replace("里斯本,", "里斯本\t").replace("Porto,", "Porto\t").encode(), None),
        ("rows.json", json.dumps(ROWS).encode(), None),
        ("rows.json", json.dumps(ROWS, ensure_ascii=False, indent=1).encode("utf-8-sig"), "byte order mark"),
        ("rows.jsonl", b"\n".join(json.dumps(row).encode() for row in ROWS), None),
        ("rows.ndjson", b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\r\n\r\n" for row in ROWS), None),
    ],
)  # fmt: skip
def test_every_format_gives_the_same_rows(
    tmp_path: Path, name: str, content: bytes, remark: str | None
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    table = read_table(path)
    assert (table.columns, table.count) == (("city", "note"), 2)
    expected = (
        ROWS if b"\xa1\xaa" not in content else [ROWS[0], {**ROWS[1], "note": "line one\nline two—three"}]
    )
    assert list(table.rows()) == expected
    assert list(table.rows()) == expected, "rows can be read again"
    assert (remark is None) == (table.remark is None)
    assert remark is None or remark in (table.remark or "")


@pytest.mark.parametrize(
    ("content", "columns", "row"),
    [
        (b'"a,b";c\n1;2\n', ("a,b", "c"), {"a,b": "1", "c": "2"}),
        (b'"a\nb";c\n1;2\n', ("a\nb", "c"), {"a\nb": "1", "c": "2"}),
        (b"\n\na;b\n1,5;2\n", ("a", "b"), {"a": "1,5", "b": "2"}),
        (b"a,b,,\n1,2,,\n", ("a", "b"), {"a": "1", "b": "2"}),
        (b'a,b\n5" pipe,2,\n', ("a", "b"), {"a": '5" pipe', "b": "2"}),
        (b"a,b\r1,2\r", ("a", "b"), {"a": "1", "b": "2"}),
    ],
)
def test_tables_saved_by_spreadsheets(
    tmp_path: Path, content: bytes, columns: tuple[str, ...], row: dict[str, str]
) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    table = read_table(path)
    assert (table.columns, list(table.rows())) == (columns, [row])


def test_a_file_that_changed_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("city\nx\n")
    table = read_table(path)
    path.write_bytes(b"city\n\xff\xff\n")
    with pytest.raises(ConfigurationError, match="is not valid utf-8"):
        list(table.rows())
    path.unlink()
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        list(table.rows())


def test_an_encoding_can_be_passed(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes("city\nSão Tomé\n".encode("cp1252"))
    assert list(read_table(path, "cp1252").rows()) == [{"city": "São Tomé"}]
    with pytest.raises(ConfigurationError, match="no encoding 'klingon'"):
        read_table(path, "klingon")
    with pytest.raises(ConfigurationError, match="is not valid utf-8: save it as UTF-8, or pass --encoding"):
        read_table(path, "utf-8")


def test_json_values_keep_their_types(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"n": 5, "deep": {"a": [1, null]}}\n{"flag": true}\n')
    table = read_table(path)
    assert table.columns == ("n", "deep", "flag")
    assert list(table.rows()) == [{"n": 5, "deep": {"a": [1, None]}}, {"flag": True}]


def test_a_row_may_be_shorter_than_the_header(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n1\n,\n2,3\n")
    assert list(read_table(path).rows()) == [{"a": "1"}, {"a": "2", "b": "3"}]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("rows.xlsx", b"PK", "must end in .csv"),
        ("rows.csv", b"", "no rows"),
        ("rows.csv", b"city\n", "no rows"),
        (
            "rows.csv",
            b"city,note\na,b\nLisbon, Portugal,x\n",
            "row 2 of 'rows.csv' has 3 cells, but the header has 2",
        ),
        ("rows.csv", b"city,city\na,b\n", "two columns 'city'"),
        ("rows.csv", b"city,,note\na,b,c\n", "a column without a name"),
        ("rows.csv", b"city\n\xff\xff\n", "is not valid gb18030"),
        ("rows.csv", "city\nx\n".encode("utf-16-le"), "contains zero bytes"),
        ("rows.csv", "city\nx\n".encode("utf-32"), "contains zero bytes"),
        (
            "rows.csv",
            b'city,note\n"Lisbon,x\nPorto,y\n',
            "row 1 of 'rows.csv' is not valid CSV: unexpected end",
        ),
        ("rows.csv", b'city\nx\n"a "b" c"\n', "row 2 of 'rows.csv' is not valid CSV: "),
        ("rows.json", b"[" * 100_000, "is not valid JSON"),
        ("rows.csv", b"\xef\xbb\xbfcity\n\xff\xff\n", "is not valid UTF-8"),
        ("rows.json", b'{"city": "x"}', "must be a JSON array"),
        ("rows.json", b"[1]", "row 1 of 'rows.json' must be a JSON object"),
        ("rows.json", b"[{]", "'rows.json' is not valid JSON"),
        ("rows.jsonl", b'{"a": 1}\n\n{"a":\n', "line 3 of 'rows.jsonl' is not valid JSON"),
        ("rows.jsonl", b'{"a": 1}\n["b"]\n', "line 2 of 'rows.jsonl' must be a JSON object"),
    ],
)
def test_a_file_that_is_not_a_table_is_reported(
    tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        read_table(path)
    assert sentence in str(caught.value)


def test_a_file_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        read_table(tmp_path / "rows.csv")
    folder = tmp_path / "folder.csv"
    folder.mkdir()
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        read_table(folder)


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_many_rows_take_little_memory(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    line = "%d,里斯本\n" if name.endswith("csv") else '{"n": "%d", "city": "里斯本"}\n'
    with path.open("w") as file:
        file.write("n,city\n" if name.endswith("csv") else "")
        file.writelines(line % number for number in range(50_000))
    table = read_table(path)

    def peak_of(read: Callable[[], object]) -> int:
        tracemalloc.start()
        read()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    def count() -> None:
        assert sum(row["n"] == str(place) for place, row in enumerate(table.rows())) == table.count == 50_000

    # Other threads of the process allocate memory too, so the limit is wide; all rows take about 15 MiB.
    assert peak_of(count) < peak_of(lambda: list(table.rows())) / 5
