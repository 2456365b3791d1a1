"""The command `batch` for chats and completions, with rows from standard input, and with partial results."""

from __future__ import annotations

import csv
import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from dify_async.testing import Chat, Completion, FakeDify, Field, Node, Refuse, Workflow
from tests.support.command import Command, the_error


def lines(path: Path) -> list[dict[str, Any]]:
    return sorted(map(json.loads, path.read_text().splitlines()), key=lambda line: line["row"])


@pytest.mark.parametrize(
    "fault",
    [
        Refuse(status=404, code="not_found", on="GET /v1/info"),
        Refuse(status=404, body=b"<html>no such page", on="GET /v1/info"),
        Refuse(status=200, body=b"<html>a page for every path", on="GET /v1/info"),
    ],
    ids=["json", "html", "page"],
)
def test_an_app_whose_server_sends_no_mode_is_a_workflow(
    dify: Command, fake_dify: FakeDify, tmp_path: Path, fault: Refuse
) -> None:
    fake_dify.faults.append(fault)
    (tmp_path / "rows.csv").write_text("city\nLisbon\n")
    assert dify("batch", "rows.csv", "-o", "out.jsonl").returncode == 0
    assert [line["status"] for line in lines(tmp_path / "out.jsonl")] == ["succeeded"]


@pytest.mark.parametrize(
    ("mode", "fake_dify_version"), [("chat", "1.14"), ("advanced-chat", "1.16")], ids=["chat", "chatflow"]
)
def test_a_message_for_each_row_of_a_chat(
    dify: Command, fake_dify: FakeDify, tmp_path: Path, mode: str
) -> None:
    form = [Field("tone", required=True)]
    if mode == "chat":
        fake_dify.app = Chat(form=form, answer=lambda query, inputs: f"{query} {inputs['tone']}")
    else:
        fake_dify.app = Workflow(mode=mode, form=form, nodes=[Node("Answer", text=["Sun"], tokens=5)])
    (tmp_path / "rows.csv").write_text("id,Question,tone\n7,Where?,calm\n8,Who?,loud\n9,Why?,calm\n")
    fake_dify.faults.append(Refuse(status=500, times=1))
    command = ("batch", "rows.csv", "--column", "query=Question", "-c", "1", "-o", "out.jsonl")
    first = dify(*command)
    assert first.returncode == 3
    assert "row 1 ServerError" in first.stderr
    assert "the same command with --retry-failed runs only those" in first.stderr
    (tmp_path / "out.jsonl").write_text(
        "".join((tmp_path / "out.jsonl").read_text().splitlines(keepends=True)[:2])
    )
    assert dify(*command, "--retry-failed").returncode == 0
    found = lines(tmp_path / "out.jsonl")
    assert [(line["row"], line["status"]) for line in found] == [(1, "succeeded"), (2, "succeeded")]
    assert dify(*command, "--resume").returncode == 0
    found = lines(tmp_path / "out.jsonl")
    answers = ["Where? calm", "Who? loud", "Why? calm"] if mode == "chat" else ["Sun"] * 3
    assert [line["answer"] for line in found] == answers
    assert found[0].keys() == {
        "row", "query", "inputs", "columns", "status", "answer", "error", "conversation_id", "message_id",
        "total_tokens", "total_price", "seconds", "attempts",
    }  # fmt: skip
    assert (found[0]["query"], found[0]["inputs"], found[0]["columns"]) == (
        "Where?",
        {"tone": "calm"},
        {"id": "7"},
    )
    assert len({line["conversation_id"] for line in found}) == 3


def test_rows_of_a_completion_app_from_standard_input(
    dify: Command, fake_dify: FakeDify, tmp_path: Path
) -> None:
    fake_dify.app = Completion(answer=lambda _, inputs: f"About {inputs['query']}")
    command = (
        "batch",
        "-",
        "-o",
        "out.csv",
        "--keep",
        "id",
        "--report",
        "report.html",
        "--per-minute",
        "6000",
    )
    given = '{"id": "A", "query": "cats", "x": 1}\n{"id": "B", "query": "dogs"}\n'
    done = dify(*command, given=given)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines()[0] == "dify-async: ignored columns (not inputs of the app): x"
    with (tmp_path / "out.csv").open() as file:
        found = sorted(csv.DictReader(file), key=lambda line: line["row"])
    assert [(line["id"], line["row"], line["answer"]) for line in found] == [
        ("A", "1", "About cats"),
        ("B", "2", "About dogs"),
    ]
    assert "query" not in found[0]
    assert "standard input" in (tmp_path / "report.html").read_text()
    assert dify(*command, "--resume", given=given).returncode == 0
    assert len(fake_dify.messages) == 2


def test_files_are_checked_before_the_first_run(dify: Command, fake_dify: FakeDify, tmp_path: Path) -> None:
    fake_dify.workflow = Workflow(form=[Field("city"), Field("doc", "file", allowed_file_types=["document"])])
    (tmp_path / "good.pdf").write_bytes(b"%PDF")
    (tmp_path / "tune.mp3").write_bytes(b"ID3")
    (tmp_path / "rows.csv").write_text("city,doc\na,good.pdf\nb,none.pdf\nc,tune.mp3\n" + "d,lost.pdf\n" * 7)
    done = dify("batch", "rows.csv", "-o", "out.jsonl")
    assert (done.returncode, fake_dify.runs_started) == (2, 0)
    said = the_error(done)
    assert said.startswith(
        "row 2: doc: there is no file 'none.pdf'; row 3: doc must be a file of kind document"
    )
    assert said.endswith("row 6: doc: there is no file 'lost.pdf'; and 4 more rows. No row was run")
    assert not (tmp_path / "out.jsonl").exists()


def test_a_version_of_the_workflow(dify: Command, fake_dify: FakeDify, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("city\nLisbon\n")
    version = str(uuid.uuid4())
    fake_dify.workflow_versions.add(version)
    for command in (["batch", "rows.csv"], ["run"]):
        assert dify(*command, "--workflow-id", version).returncode == 0
    assert [request.path for request in fake_dify.requests if request.path.endswith("/run")] == [
        f"/v1/workflows/{version}/run"
    ] * 2
