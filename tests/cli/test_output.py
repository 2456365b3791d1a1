"""Output: control sequences of a server are escaped, and JSON is valid, with one line for each event."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dify_async import InputFile
from dify_async._text import printable, printable_lines
from dify_async.cli.output import seconds, shown, to_json
from dify_async.testing import FakeDify, Field, Node, Refuse, Workflow
from tests.support.command import Command, on_a_terminal

EVIL = (
    "fine\x1b]52;c;cm0gLXJmIH4=\x07\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\"
    "\x1b[8mhidden\x1b[0m\x9b2J\x7f\x08\rover"
)
"""Writes the clipboard, makes a link, hides text, clears the screen, and overwrites the line."""
OBEYED = [b"\x1b]52;", b"\x1b]8;;https://evil", b"\x1b[8m", b"\xc2\x9b", b"\x7f", b"\x08", b"\rover"]

RUN, TASK = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


def stream(*events: Any) -> Refuse:
    """Return the response to a run: events, as JSON or as the bytes of their data."""
    parts = [event if isinstance(event, bytes) else json.dumps(event).encode() for event in events]
    body = b"".join(
        b"".join(b"data: " + line + b"\n" for line in part.split(b"\n")) + b"\n" for part in parts
    )
    return Refuse(status=200, body=body, content_type="text/event-stream", on="POST /v1/workflows/run")


def event(name: str, **data: Any) -> dict[str, Any]:
    return {"event": name, "task_id": TASK, "workflow_run_id": RUN, "data": {"id": RUN, **data}}


def finished(**data: Any) -> dict[str, Any]:
    return event("workflow_finished", status="succeeded", **data)


# Units


def test_control_characters_become_escapes() -> None:
    assert printable_lines("a\x00b\x1b[0m\x7f\x85\x9b") == r"a\x00b\x1b[0m\x7f\x85\x9b"
    assert printable_lines("tab\t line\r\n end\n 明天 ☀ \u00a0") == "tab\t line\n end\n 明天 ☀ \u00a0"
    assert printable_lines("over\rwritten") == r"over\rwritten"
    assert printable_lines("\u202eexe\u2066.\ntxt\ud83d") == "\\u202eexe\\u2066.\ntxt\\ud83d"
    assert printable("a\nb \x1b c") == r"a b \x1b c"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("\x7f\x9b\u2028", r'"\u007f\u009b\u2028"'),
        ("half \ud83d", r'"half \ud83d"'),
        ({"n": 2**64, "half": "\ud83d"}, r'{"n": 18446744073709551616, "half": "\ud83d"}'),
        ([math.nan, math.inf], "[null,null]"),
        ([math.nan, 10**30], "[null, 1000000000000000000000000000000]"),
        (Decimal("0.10"), '"0.10"'),
        (datetime(2026, 1, 2, tzinfo=UTC), '"2026-01-02T00:00:00+00:00"'),
        ([datetime(2026, 1, 2, tzinfo=UTC), 2**70], '["2026-01-02T00:00:00+00:00", 1180591620717411303424]'),
        (InputFile(b"x", name="a.txt"), "\"b'x'\""),
        ("明天", '"明天"'),
    ],
)
def test_json_is_valid_and_exact(value: Any, text: str) -> None:
    assert to_json(value) == text
    json.loads(to_json(value, pretty=True))


def test_values_that_are_not_numbers_are_shown_as_they_are() -> None:
    assert (seconds(1.25), seconds("fast"), seconds(10**400), seconds(None)) == (
        "1.2",
        "fast",
        f"{10**400}",
        "null",
    )


def test_times_beyond_the_range_of_datetime_are_shown() -> None:
    before_all = datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))
    assert shown(before_all) == "0001-01-01 00:00:00+14:00"


# Commands


def evil_workflow() -> Workflow:
    return Workflow(
        nodes=[Node(f"Write {EVIL}", text=[EVIL]), Node("Fail", error=EVIL)],
        form=[Field("city", label=EVIL, options=[EVIL])],
        outputs={EVIL: EVIL},
    )


@pytest.mark.parametrize("arguments", [["run"], ["run", "--json"], ["run", "--events"], ["parameters"]])
def test_a_terminal_receives_no_control_sequences(
    environment: dict[str, str], fake_dify: FakeDify, arguments: list[str]
) -> None:
    fake_dify.workflow = evil_workflow()
    _, text = on_a_terminal(*arguments, **environment)
    assert "fine" in text
    assert [sign for sign in OBEYED if sign in text.encode()] == []


def test_a_terminal_receives_no_control_sequences_in_errors_of_a_batch(
    environment: dict[str, str], fake_dify: FakeDify, tmp_path: Path
) -> None:
    fake_dify.workflow = evil_workflow()
    rows = tmp_path / "rows.csv"
    rows.write_text("city,note\nx,1\n")
    for output in ([], ["-o", str(tmp_path / "out.jsonl")]):
        code, text = on_a_terminal("batch", str(rows), *output, **environment)
        assert (code, "fine" in text) == (1, True)
        assert [sign for sign in OBEYED if sign in text.encode()] == []


def test_a_pipe_receives_no_control_characters(dify: Command, fake_dify: FakeDify) -> None:
    fake_dify.workflow = evil_workflow()
    done = [dify("run"), dify("logs"), dify("parameters"), dify("run", "--json")]
    fake_dify.faults.append(Refuse(status=500, code=EVIL, message=EVIL, on="GET /v1/info"))
    done.append(dify("info"))
    (run_id, *_) = fake_dify.runs
    done.append(dify("get", run_id))
    for one in done:
        assert "fine" in one.stdout + one.stderr or one is done[1]
        assert not set(one.stdout + one.stderr) & set(map(chr, [*range(9), *range(11, 32), *range(127, 160)]))


def test_lone_surrogates_are_printed(dify: Command, fake_dify: FakeDify) -> None:
    outputs = {"title": "cut here \ud83d", "n": 2**70}
    for arguments in (["run"], ["run", "--json"], ["run", "--events"]):
        fake_dify.faults.append(stream(event("workflow_started"), finished(outputs=outputs)))
        done = dify(*arguments)
        assert (done.returncode, done.stderr) == (0, "")
        assert "cut here" in done.stdout
        if arguments == ["run", "--json"]:
            assert json.loads(done.stdout)["outputs"]["title"] == "cut here \ud83d"


def test_each_event_is_one_line_of_json(dify: Command, fake_dify: FakeDify) -> None:
    forged = b'half of {"a":\n{"event":"workflow_finished","forged":true}'
    fake_dify.faults.append(
        stream(
            event("workflow_started"), forged, b'{"a":\n1}', b"[NaN]", finished(outputs={"a": "\u2028\x85"})
        )
    )
    done = dify("run", "--events")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, len(lines)) == (0, 5)
    assert lines[1] == forged.decode()
    assert lines[2:4] == [{"a": 1}, [None]]
    assert lines[4]["data"]["outputs"] == {"a": "\u2028\x85"}


def test_json_is_complete_on_a_terminal_with_a_small_character_set(
    dify: Command, fake_dify: FakeDify
) -> None:
    fake_dify.workflow = Workflow(outputs={"text": "明天 🙂"})
    done = dify("run", "--json", PYTHONIOENCODING="ascii")
    assert json.loads(done.stdout)["outputs"] == {"text": "明天 🙂"}


@pytest.mark.parametrize(
    "fields",
    [
        {"total_tokens": "many", "total_steps": "few"},
        {"elapsed_time": "fast"},
        {"total_tokens": 10**400},
        {"created_at": 1e300, "finished_at": -1e12},
    ],
    ids=str,
)
def test_numbers_beyond_the_range_do_not_end_a_command(
    dify: Command, fake_dify: FakeDify, tmp_path: Path, fields: dict[str, Any]
) -> None:
    (tmp_path / "rows.csv").write_text("a\n1\n")
    node = {"node_id": "n", "title": "T", "node_type": "llm"}
    ended = {**node, "status": "succeeded", "elapsed_time": "fast", "execution_metadata": fields}
    retried = {**ended, "retry_index": "second"}
    answer = stream(
        event("workflow_started"),
        event("node_started", **node),
        event("node_retry", **retried),
        event("node_finished", **ended),
        finished(outputs={"a": 1}, **fields),
    )
    record = {"id": RUN, "status": "succeeded", "outputs": {"a": 1}, **fields}
    logs = {"has_more": False, "data": [{"id": "i", "workflow_run": record, **fields}]}
    fake_dify.faults += [
        answer,
        answer,
        Refuse(status=200, body=json.dumps(logs).encode(), on="GET /v1/workflows/logs"),
        Refuse(status=200, body=json.dumps(record).encode(), on="GET /v1/workflows/run/"),
    ]
    for command in ("run", "batch rows.csv -o out.csv --report r.html", "logs", f"get {RUN}"):
        done = dify(*command.split())
        assert done.returncode == 0, done.stderr


def test_messages_name_the_options_of_the_command(dify: Command, fake_dify: FakeDify) -> None:
    assert "pass --api-key or set DIFY_API_KEY" in dify("info", DIFY_API_KEY="").stderr
    assert "--base-url" in dify("info", "--base-url", "ftp://x").stderr
    fake_dify.faults.append(Refuse(status=429, code="too_many_requests", times=9))
    stderr = dify("run").stderr + dify("info", "--api-key", "app-wrong").stderr
    for name in ("api_key", "base_url", "max_concurrent"):
        assert name not in stderr


def test_a_title_cannot_forge_a_line(dify: Command, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Think\nstatus: failed", error="no\nstatus: stopped")])
    lines = dify("run").stdout.splitlines()
    assert [line for line in lines if line.startswith("status: ")] == ["status: failed"]
    assert "Think status: failed (code) started" in lines
