"""Runs that wait for a person: their form is shown, and submitted from options or on a terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dify_async.testing import FakeDify, Field, Node, Workflow
from tests.support.command import Command, on_a_terminal, the_error

FIELDS = [
    Field("comment", "paragraph"),
    Field("level", "select", options=["low", "high"]),
    Field("proof", "file", allowed_file_types=["document"]),
]
ASK = Node("Ask", form="Publish it?\n\n{{#$output.comment#}}", form_fields=FIELDS)
BOTH = pytest.mark.parametrize("fake_dify_version", ["1.14", "1.16"])


WAITING = Workflow(nodes=[ASK, Node("Say", text=["Published."])], outputs={"done": True})
CHATFLOW = Workflow(mode="advanced-chat", nodes=[Node("Ask", form="Sure?"), Node("Say", text=["Done."])])


def submitted(fake_dify: FakeDify) -> Any:
    """Return the last submission."""
    bodies = [one.body for one in fake_dify.requests if one.method == "POST" and "/form/" in one.path]
    return json.loads(bodies[-1])


@BOTH
def test_a_paused_run_shows_its_form_and_is_resumed(
    dify: Command, fake_dify: FakeDify, tmp_path: Path
) -> None:
    fake_dify.workflow = WAITING
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    paused = dify("run")
    (run,) = fake_dify.runs.values()
    (form,) = fake_dify.forms.values()
    lines = paused.stdout.splitlines()
    assert paused.returncode == 4
    assert f"(dify-async resume {run.id} fills in its form)" in the_error(paused)
    start = lines.index("Publish it?")
    assert lines[start:-1] == [
        "Publish it?",
        "",
        "[comment]",
        "field comment: paragraph",
        "field level: select, one of low, high",
        "field proof: file, of kind document",
        "action approve: Approve",
        "action reject: Reject",
        lines[-2],
    ]
    assert lines[-1] == f"token: {form.token}"
    assert lines[-2].startswith("expires: ")
    values = ("-i", "comment=fine", "-i", "level=low", "-i", "proof=@a.pdf")
    assert "the form needs comment, level, proof: pass -i comment=VALUE" in the_error(dify("resume", run.id))
    assert (
        "the form needs an action: pass --action ID; actions: approve (Approve), reject (Reject)"
        in the_error(dify("resume", run.id, *values))
    )
    assert "the form has no action 'yes'" in the_error(dify("resume", run.id, *values, "--action", "yes"))
    done = dify("resume", run.id, *values, "--action", "approve")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Published." in done.stdout
    assert "status: succeeded" in done.stdout.splitlines()
    assert (form.action, form.inputs["comment"], form.inputs["level"]) == ("approve", "fine", "low")
    assert "does not wait for a form: its status is succeeded" in the_error(dify("resume", run.id))


@BOTH
def test_a_form_is_shown_and_submitted_by_its_token(dify: Command, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Ask", form="Sure?"), Node("Say", text=["Yes."])])
    assert dify("run").returncode == 4
    (run,) = fake_dify.runs.values()
    (form,) = fake_dify.forms.values()
    shown = dify("form", form.token).stdout.splitlines()
    assert [line for line in shown if not line.startswith("expires")] == [
        "Sure?",
        "field comment: paragraph",
        "action approve: Approve",
        "action reject: Reject",
    ]
    assert json.loads(dify("form", form.token, "--json").stdout)["form_content"] == "Sure?"
    assert "--input needs --action" in the_error(dify("form", form.token, "-i", "comment=x"))
    done = dify("form", form.token, "-i", "comment=x", "--action", "reject", "-vv")
    assert (done.returncode, form.inputs, form.action) == (0, {"comment": "x"}, "reject")
    assert form.token not in done.stderr
    assert dify("watch", run.id).returncode == 0
    closed = dify("form", form.token)
    assert closed.returncode == 2
    assert form.token not in closed.stderr


def test_a_form_is_filled_in_on_a_terminal(
    environment: dict[str, str], dify: Command, fake_dify: FakeDify, tmp_path: Path
) -> None:
    fake_dify.workflow = WAITING
    run_id = json.loads(dify("run", "--json").stdout)["workflow_run_id"]
    path = tmp_path / "a.pdf"
    path.write_bytes(b"%PDF")
    code, shown = on_a_terminal(
        "resume",
        run_id,
        typed=["fine\n", "none\n", "high\n", "b.pdf\n", f"{path}\n", "yes\n", "reject\n"],
        at=["comment (", "level (", "level (", "proof (", "proof (", "action, one of", "action, one of"],
        **environment,
    )
    assert code == 0, shown
    submission = submitted(fake_dify)
    assert (submission["action"], submission["inputs"]["level"]) == ("reject", "high")
    assert submission["inputs"]["comment"] == "fine"
    assert "Publish it?" in shown
    assert "Published." in shown


def test_a_chat_prompts_for_the_form_of_its_run(environment: dict[str, str], fake_dify: FakeDify) -> None:
    fake_dify.workflow = CHATFLOW
    code, shown = on_a_terminal(
        "chat",
        typed=["Go\n", "ok\n", "approve\n", "\x04"],
        at=["> ", "comment (", "action, one of", "> "],
        **environment,
    )
    assert code == 0
    submission = submitted(fake_dify)
    assert (submission["action"], submission["inputs"]) == ("approve", {"comment": "ok"})
    assert "Done." in shown


def test_a_chatflow_is_resumed_by_its_run_id(dify: Command, fake_dify: FakeDify) -> None:
    fake_dify.workflow = CHATFLOW
    paused = dify("chat", "Go")
    (run,) = fake_dify.runs.values()
    assert (paused.returncode, f"dify-async resume {run.id}" in the_error(paused)) == (4, True)
    done = dify("resume", run.id, "-i", "comment=x", "--action", "approve")
    assert (done.returncode, "Done." in done.stdout) == (0, True)
