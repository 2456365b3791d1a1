"""The commands as users run them: real processes against a FakeDify."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from dify_async.testing import Cut, FakeDify, Field, Node, Refuse, Workflow
from tests.support.command import COMMAND, Command, interrupted, on_a_terminal, the_error
from tests.support.faults import GONE
from tests.support.limits import HANGS_AFTER

FORM = [
    Field("city", required=True),
    Field("doc", "file", allowed_file_types=["document"]),
    Field("pics", "file-list", max_length=2, allowed_file_types=["image"]),
    Field("days", "number"),
    Field("options", "json_object"),
]


@pytest.fixture
def files(tmp_path: Path) -> None:
    for name in ("file.pdf", "a.png", "b.png"):
        (tmp_path / name).write_bytes(name.encode())


# Running


@pytest.mark.usefixtures("files")
def test_run_uploads_files_and_shows_the_result(dify: Command, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(
        form=FORM, outputs=lambda inputs: {"city": inputs["city"], "days": inputs["days"]}
    )
    done = dify(
        "run", "-i", "city=Lisbon=x", "-i", "doc=@file.pdf", "-i", "pics=@a.png", "-i", "pics=@b.png", "-i", "days:=3"
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert "Start (start) started" in lines
    assert "Hello, world" in lines
    assert lines[-6:-1] == [
        "status: succeeded",
        "outputs.city: Lisbon=x",
        "outputs.days: 3",
        "tokens: 7",
        "steps: 3",
    ]
    (run,) = fake_dify.runs.values()
    assert (run.inputs["doc"]["filename"], run.user) == ("file.pdf", "ada")
    assert [file["filename"] for file in run.inputs["pics"]] == ["a.png", "b.png"]
    assert sorted(file.content for file in fake_dify.files.values()) == [b"a.png", b"b.png", b"file.pdf"]


@pytest.mark.usefixtures("files")
def test_a_single_file_for_a_list_becomes_one(dify: Command, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(form=FORM)
    done = dify("run", "-i", "city=@@home", "-i", "pics=@a.png", "-i", "doc=@https://example.com/x.pdf")
    assert done.returncode == 0, done.stderr
    (run,) = fake_dify.runs.values()
    assert [file["filename"] for file in run.inputs["pics"]] == ["a.png"]
    assert run.inputs["doc"]["url"] == "https://example.com/x.pdf"
    assert run.inputs["city"] == "@home"


def test_run_as_json(dify: Command, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(outputs={"text": "明天 ☀"})
    done = dify("run", "--json")
    result = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert (result["status"], result["outputs"], result["total_tokens"]) == (
        "succeeded",
        {"text": "明天 ☀"},
        7,
    )
    assert result["workflow_run_id"] in fake_dify.runs


def test_run_as_events(dify: Command, fake_dify: FakeDify) -> None:
    done = dify("run", "--events")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    (run,) = fake_dify.runs.values()
    assert done.returncode == 0
    assert events == run.events


def test_a_detached_run_can_be_watched_read_and_stopped(dify: Command, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Wait", seconds=3600)])
    started = dify("run", "--detach")
    run_id = started.stdout.strip()
    run = fake_dify.runs[run_id]
    assert started.returncode == 0
    assert f"dify-async watch {run_id}" in started.stderr
    assert f"dify-async stop {run.task_id}" in started.stderr
    assert "status\trunning" in dify("get", run_id).stdout.splitlines()
    stopped = dify("stop", run.task_id)
    assert (stopped.returncode, run.task_id in stopped.stdout) == (0, True)
    assert fake_dify.wait_for(lambda: run.over)
    watched = dify("watch", run_id)
    assert watched.returncode == 1
    assert "status: stopped" in watched.stdout.splitlines()
    assert "stopped" in the_error(watched)
    handle = json.loads(dify("run", "--detach", "--json").stdout)
    assert (handle["kind"], handle["user"]) == ("workflow", "ada")
    assert handle["run_id"] in fake_dify.runs


WAITING = Workflow(nodes=[Node("Quick", text=["..."]), Node("Wait", seconds=60)])


def test_ctrl_c_stops_a_run(environment: dict[str, str], fake_dify: FakeDify) -> None:
    fake_dify.workflow = WAITING
    code, stderr = interrupted(environment, "run", at="Wait (code) started")
    (run,) = fake_dify.runs.values()
    assert (code, fake_dify.runs_stopped) == (130, 1)
    assert stderr == f"dify-async: interrupted; the server was asked to stop the run {run.id}\n"


def test_ctrl_c_does_not_stop_a_watched_run(
    environment: dict[str, str], fake_dify: FakeDify, dify: Command
) -> None:
    fake_dify.workflow = WAITING
    run_id = dify("run", "--detach").stdout.strip()
    code, stderr = interrupted(environment, "watch", run_id, at="Wait (code) started")
    assert (code, fake_dify.runs_stopped) == (130, 0)
    assert stderr == f"dify-async: interrupted; the run {run_id} was not stopped\n"
    assert fake_dify.runs[run_id].status == "running"


def test_a_stop_that_fails_is_reported(environment: dict[str, str], fake_dify: FakeDify) -> None:
    fake_dify.workflow = WAITING
    fake_dify.faults.append(Refuse(status=500, on="/stop", message="no"))
    code, stderr = interrupted(environment, "run", at="Wait (code) started")
    assert code == 130
    assert "the run was not stopped: 500 internal_server_error" in stderr
    assert "was asked to stop" not in stderr


# Exit codes


@pytest.mark.parametrize(
    ("workflow", "code", "sentence"),
    [
        (Workflow(nodes=[Node("Boom", error="it broke")]), 1, "the run failed: it broke"),
        (Workflow(nodes=[Node("Boom", error="x", caught=True)]), 0, ""),
        (Workflow(nodes=[Node("Ask", form="Sure?")]), 4, "the run waits at ask"),
    ],
)
def test_exit_codes_of_runs(
    dify: Command, fake_dify: FakeDify, workflow: Workflow, code: int, sentence: str
) -> None:
    fake_dify.workflow = workflow
    for form in ((), ("--json",), ("--events",)):
        done = dify("run", *form)
        assert done.returncode == code
        assert sentence in (the_error(done) if code else done.stderr)
    assert json.loads(dify("run", "--json").stdout)["status"] in {"failed", "partial-succeeded", "paused"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run"], "city is required"),
        (["run", "-i", "city=x", "-i", "days=soon"], "days must be a number, got 'soon'"),
        (["run", "-i", "city"], "NAME=VALUE"),
        (["run", "-i", "=x"], "NAME=VALUE"),
        (["run", "-i", "city=@nope.pdf"], "there is no file 'nope.pdf'"),
        (["run", "-i", "options:={"], "must be followed by valid JSON"),
        (["run", "-i", "city=x", "--api-key", "app-wrong"], "401"),
        (["run", "-i", "city=x", "--api-key", "dataset-x"], "must not start with 'dataset-'"),
        (["run", "-i", "city=x", "--api-key", ""], "set DIFY_API_KEY"),
        (["run", "--json", "--events"], "cannot be combined"),
        (["run", "--bogus"], "--bogus"),
        (["bogus"], "No such command"),
        (["get", "00000000-0000-0000-0000-000000000000"], "404"),
        (["watch", "00000000-0000-0000-0000-000000000000"], "404"),
        (["upload", "missing.pdf"], "No such file"),
        (["logs", "--status", "lost"], "lost"),
        (["info", "--base-url", "ftp://x"], "https://"),
    ],
)
def test_invalid_arguments_are_rejected(
    dify: Command, fake_dify: FakeDify, arguments: list[str], sentence: str
) -> None:
    fake_dify.workflow = Workflow(form=FORM)
    done = dify(*arguments)
    assert done.returncode == 2
    assert sentence in the_error(done)
    assert done.stdout == ""
    assert fake_dify.runs_started == 0


def test_an_unreachable_server_is_reported(dify: Command, fake_dify: FakeDify) -> None:
    for arguments in (["run"], ["info"], ["probe"], ["get", "x"]):
        done = dify(*arguments, DIFY_BASE_URL="http://127.0.0.1:1")
        assert (done.returncode, "no connection to 127.0.0.1:1" in the_error(done)) == (3, True)
    fake_dify.faults += [Cut(after_events=2), GONE]
    cut = dify("run")
    (run,) = fake_dify.runs.values()
    assert cut.returncode == 3
    assert f"dify-async watch {run.id}" in the_error(cut)
    fake_dify.faults.clear()
    fake_dify.faults.append(Refuse(status=502, body=b"<html><title>502 Bad Gateway</title></html>"))
    assert dify("run").returncode == 3


def test_the_reader_of_the_output_may_exit_early(environment: dict[str, str], fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Say", text=["x" * 1000] * 2000)])
    done = subprocess.run(
        ["bash", "-c", f"{' '.join(COMMAND)} run --events | head -n 1"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=HANGS_AFTER,
        check=False,
    )
    assert "workflow_started" in done.stdout
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


# Prompts


def test_info_about_an_app(dify: Command, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(form=FORM)
    info = dict(line.split("\t") for line in dify("info").stdout.splitlines())
    assert (info["name"], info["mode"], info["version"]) == ("FakeDify", "workflow", "1.14.2")
    assert json.loads(dify("info", "--json").stdout)["mode"] == "workflow"
    rows = [line.split("\t") for line in dify("parameters").stdout.splitlines()]
    assert rows[0] == ["city", "text-input", "required", "", "city"]
    assert rows[2][:2] == ["pics", "file-list"]
    assert rows[2][3] == "at most 2 files; of image"
    assert len(json.loads(dify("parameters", "--json").stdout)["user_input_form"]) == 5


def test_past_runs(dify: Command, fake_dify: FakeDify) -> None:
    dify("run")
    fake_dify.workflow = Workflow(nodes=[Node("Boom", error="it broke")])
    dify("run")
    rows = [line.split("\t") for line in dify("logs").stdout.splitlines()]
    assert [(row[1], row[5]) for row in rows] == [("failed", "ada"), ("succeeded", "ada")]
    assert [row[2] for row in rows] == list(fake_dify.runs)[::-1]
    assert len(dify("logs", "--status", "failed").stdout.splitlines()) == 1
    entry = json.loads(dify("logs", "--json", "--limit", "1").stdout)
    assert entry["workflow_run"]["status"] == "failed"
    shown = dify("get", rows[0][2])
    assert "error\tit broke" in shown.stdout.splitlines()
    assert shown.returncode == 0, "showing a failed run is not a failure"
    assert json.loads(dify("get", rows[0][2], "--json").stdout)["status"] == "failed"


@pytest.mark.usefixtures("files")
def test_uploads(dify: Command, fake_dify: FakeDify) -> None:
    rows = [line.split("\t") for line in dify("upload", "a.png", "file.pdf").stdout.splitlines()]
    assert [row[1:] for row in rows] == [
        ["a.png", "image", "5 bytes"],
        ["file.pdf", "document", "8 bytes"],
    ]
    assert [row[0] for row in rows] == list(fake_dify.files)
    assert json.loads(dify("upload", "a.png", "--json", "--user", "bob").stdout)["name"] == "a.png"
    assert [file.user for file in fake_dify.files.values()] == ["ada", "ada", "bob"]


def test_probe(dify: Command, fake_dify: FakeDify) -> None:
    assert "Dify 1.14.2 responded" in dify("probe").stdout
    assert dify("probe", fake_dify.base_url, DIFY_BASE_URL="").returncode == 0


# Output for people


def test_on_a_terminal_a_run_is_a_live_tree(environment: dict[str, str], fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(
        nodes=[Node("Think", type="llm", text=["Hello"], seconds=0.5), Node("Boom", error="it broke")]
    )
    code, shown = on_a_terminal("run", **environment)
    assert code == 1
    assert "\x1b[" in shown
    assert "├── " in shown
    assert "✓" in shown
    assert "✗" in shown
    assert "it broke" in shown
    code, shown = on_a_terminal("logs", **environment)
    assert (code, "started" in shown, "failed" in shown) == (0, True, True)


def test_every_command_has_a_help_text(dify: Command) -> None:
    overview = dify("--help").stdout
    assert "Exit codes: 0" in overview
    assert dify().stdout == overview
    for name in ("run", "watch", "get", "stop", "logs", "info", "parameters", "upload", "probe", "demo"):
        assert name in overview
        help_ = dify(name, "--help").stdout
        assert len(help_.splitlines()) > 5
        assert name == "demo" or "DIFY_BASE_URL" in help_


def test_the_key_is_masked(dify: Command, fake_dify: FakeDify) -> None:
    for arguments in (["run", "--help"], ["info"], ["run", "-i", "x"], ["get", "x"]):
        done = dify(*arguments)
        assert fake_dify.api_key not in done.stdout + done.stderr


def test_a_terminal_with_a_small_character_set_does_not_stop_a_run(
    environment: dict[str, str], fake_dify: FakeDify
) -> None:
    fake_dify.workflow = Workflow(outputs={"text": "明天"})
    variables = {**os.environ, **environment, "PYTHONIOENCODING": "ascii"}  # Read when Python starts.
    command = [*COMMAND, "run"]
    done = subprocess.run(
        command, env=variables, capture_output=True, text=True, timeout=HANGS_AFTER, check=True
    )
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert "outputs.text: ??" in done.stdout
