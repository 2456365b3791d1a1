"""Results files: CSV if the extension is `.csv`, with custom columns, readable only by their owner."""

from __future__ import annotations

import csv
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from dify_async import Outcome, Success, errors
from dify_async.cli.results import Shape, results_to
from dify_async.errors import ConfigurationError
from dify_async.models import RunStatus, WorkflowResult
from dify_async.testing import FakeDify, Field, Refuse, Workflow
from tests.support.command import Command, the_error


@pytest.fixture(autouse=True)
def app(fake_dify: FakeDify) -> None:
    fake_dify.tail = 0.0
    fake_dify.workflow = Workflow(
        form=[Field("city"), Field("days", "number")], outputs=lambda inputs: {"text": inputs["city"]}
    )


def table(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def outcome(index: int, outputs: dict[str, Any]) -> Outcome[WorkflowResult]:
    result = WorkflowResult(status=RunStatus.SUCCEEDED, outputs=outputs)
    return Success(index=index, key="", row={}, result=result)


# Custom columns


def test_columns_of_your_own_are_kept_and_not_sent(
    dify: Command, fake_dify: FakeDify, tmp_path: Path
) -> None:
    (tmp_path / "rows.csv").write_text("id,city,status\nA-17,Lisbon,new\nA-18,Lisbon,old\nA-19,Oslo,new\n")
    for resume in ([], ["--resume"]):
        assert dify("batch", "rows.csv", "-o", "out.jsonl", *resume).returncode == 0
        lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
        assert sorted((line["columns"]["id"], line["row"]) for line in lines) == [
            ("A-17", 1),
            ("A-18", 2),
            ("A-19", 3),
        ]
        assert {line["status"] for line in lines} == {"succeeded"}
        assert lines[0]["columns"].keys() == {"id", "status"}
    assert [run.inputs for run in fake_dify.runs.values() if "id" in run.inputs] == []
    assert fake_dify.runs_started == 3


def test_columns_that_an_option_maps_are_not_columns_of_your_own(dify: Command, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"City": "Lisbon", "id": 5}\n')
    done = dify("batch", "rows.jsonl", "--column", "city=City")
    result = json.loads(done.stdout)
    assert (result["inputs"], result["columns"]) == ({"city": "Lisbon"}, {"id": 5})
    assert done.stderr.splitlines()[0] == "dify-async: ignored columns (not inputs of the app): id"


# CSV


def test_results_are_written_as_csv(dify: Command, fake_dify: FakeDify, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text('id,city,status\n7,"Lis,bon",new\n8,Oslo,old\n')
    fake_dify.faults.append(Refuse(status=500, message="no", times=1))
    assert dify("batch", "rows.csv", "-c", "1", "-o", "out.csv").returncode == 3
    first, second = table(tmp_path / "out.csv")
    assert [first[name] for name in ("id", "city", "status", "row", "result.status", "outputs.text")] == [
        "7",
        "Lis,bon",
        "new",
        "1",
        "ServerError",
        "",
    ]
    assert first["error"].startswith("500")
    assert dify("batch", "rows.csv", "-c", "1", "-o", "out.csv", "--resume").returncode == 0
    first, again = table(tmp_path / "out.csv")
    assert (first["outputs.text"], first["result.status"], first["total_tokens"]) == (
        "Lis,bon",
        "succeeded",
        "7",
    )
    assert again == second, "the finished row keeps its columns"
    assert fake_dify.runs_started == 2


@pytest.mark.parametrize(("name", "delimiter"), [("out.csv", ","), ("out.TSV", "\t")])
def test_outputs_of_later_rows_get_columns(tmp_path: Path, name: str, delimiter: str) -> None:
    path = tmp_path / name
    with results_to(path, ["id"], ["id"], Shape()) as results:
        results.write(outcome(0, {"a": "x\ny"}), 1, {"id": "=1"})
        results.write(outcome(1, {"b": {"c": [1, 2**70]}, "half": "\ud83d"}), 2, {"id": 2})
        results.write(outcome(2, {"a": None, "b": True}), 3, {})
    rows = table(path, delimiter)
    assert [row["id"] for row in rows] == ["=1", "2", ""]
    assert [row["outputs.a"] for row in rows] == ["x\ny", "", ""]
    assert [json.loads(row["outputs.b"] or "0") for row in rows] == [0, {"c": [1, 2**70]}, True]
    assert [row["outputs.half"] for row in rows] == ["", "\\ud83d", ""]
    assert list(rows[0])[:3] == ["id", "row", "status"]


# Files


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv"])
def test_results_are_private(dify: Command, tmp_path: Path, name: str) -> None:
    (tmp_path / "rows.csv").write_text("city\nx\n")
    assert dify("batch", "rows.csv", "-o", name, "--report", "r.html").returncode == 0
    for path in (name, f"{name}.journal", "r.html"):
        assert stat.S_IMODE((tmp_path / path).stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a link that belongs to another user")
def test_links_of_somebody_else_are_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("gold")
    for name in ("out.jsonl", "out.csv"):
        (tmp_path / name).symlink_to(precious)
        os.lchown(tmp_path / name, 12345, 12345)
        with pytest.raises(ConfigurationError, match="cannot be written"):
            with results_to(tmp_path / name, [], [], Shape()):
                pass
    assert precious.read_text() == "gold"


# Errors


def test_a_revoked_key_stops_the_batch(dify: Command, fake_dify: FakeDify, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("city\n" + "x\n" * 50)
    fake_dify.faults.append(Refuse(status=401, code="unauthorized", on="POST /v1/workflows/run", times=99))
    done = dify("batch", "rows.csv", "-c", "2", "-o", "out.jsonl")
    assert "dify-async: stopped: 401 unauthorized" in done.stderr
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) <= 3
    assert fake_dify.runs_started == 0


def test_a_journal_of_another_app_is_rejected(dify: Command, fake_dify: FakeDify, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("city\nx\n")
    assert dify("batch", "rows.csv", "-o", "out.jsonl").returncode == 0
    before = (tmp_path / "out.jsonl").read_text()
    journal = tmp_path / "out.jsonl.journal"
    journal.write_text(journal.read_text().replace('"app": "', '"app": "0'))
    done = dify("batch", "rows.csv", "-o", "out.jsonl", "--resume")
    assert (done.returncode, "belongs to another app" in the_error(done)) == (2, True)
    assert (tmp_path / "out.jsonl").read_text() == before


# Contents of rows


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_nan_and_infinity_are_rejected(
    dify: Command, fake_dify: FakeDify, tmp_path: Path, number: str
) -> None:
    (tmp_path / "rows.jsonl").write_text(f'{{"city": "x"}}\n{{"city": "y", "days": {number}}}\n')
    rejected = [
        dify("batch", "rows.jsonl"),
        dify("run", "-i", "city=x", "-i", f"days:={number}"),
    ]
    for done in rejected:
        assert done.returncode == 2
        assert number in the_error(done)
    assert fake_dify.runs_started == 0


def test_invalid_numbers_in_cells_are_rejected_by_row(
    dify: Command, fake_dify: FakeDify, tmp_path: Path
) -> None:
    (tmp_path / "rows.csv").write_text("city,days\nx,nan\ny,inf\nz,1e999\nw,3\n")
    done = dify("batch", "rows.csv", "-o", "out.csv")
    assert done.returncode == 2
    assert [row["status"] for row in table(tmp_path / "out.csv") if row["city"] != "w"] == [
        "ConfigurationError"
    ] * 3
    assert fake_dify.runs_started == 1


def test_integers_of_any_size_are_kept(tmp_path: Path) -> None:
    from dify_async.cli.inputs import read_inputs
    from dify_async.cli.rows import read_table

    big = 10**40 + 1
    assert read_inputs([f"n:={big}", f"m:=[{big}]"]) == {"n": big, "m": [big]}
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"n": big}))
    assert list(read_table(path).rows()) == [{"n": big}]
    with pytest.raises(errors.ConfigurationError, match="nested too deeply"):
        read_inputs([f"n:={'[' * 100_000}"])
