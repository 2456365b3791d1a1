"""Inputs from options: text of files and standard input, conversion to the types of the fields, and warnings."""

from __future__ import annotations

from pathlib import Path

import pytest

from dify_async.testing import FakeDify, Field, Workflow
from tests.support.command import Command, the_error

FORM = [
    Field("text", "paragraph"),
    Field("days", "number"),
    Field("sure", "checkbox"),
    Field("options", "json_object"),
    Field("doc", "file"),
]


@pytest.fixture(autouse=True)
def app(fake_dify: FakeDify, tmp_path: Path) -> None:
    fake_dify.workflow = Workflow(form=FORM)
    (tmp_path / "notes.txt").write_text("明天\nfine\n")
    (tmp_path / "options.json").write_text('{"a": 1}')
    (tmp_path / "picture").write_bytes(b"\xff\xd8\xff")


def test_values_are_converted_to_the_types_of_their_fields(dify: Command, fake_dify: FakeDify) -> None:
    options = ("-i", "text=@notes.txt", "-i", "options=@options.json", "-i", "days=3", "-i", "sure=yes")
    done = dify("run", *options, "-i", "doc=@https://example.com/file.pdf?id=5")
    assert (done.returncode, done.stderr) == (0, "")
    assert dify("run", "-i", "text=-", "-i", 'options={"a": 1}', given="piped\n").returncode == 0
    assert dify("run", "-i", "text=@-", "-i", "doc=@notes.txt", given="\ufeffpiped").returncode == 0
    first, second, third = [run.inputs for run in fake_dify.runs.values()]
    assert first.pop("doc")["type"] == "document"
    assert first == {"text": "明天\nfine\n", "days": 3, "sure": True, "options": {"a": 1}}
    assert (second["text"], second["options"]) == ("piped\n", {"a": 1})
    assert (third["text"], third["doc"]["filename"]) == ("piped", "notes.txt")


def test_an_input_that_the_app_does_not_have_causes_a_warning(dify: Command, fake_dify: FakeDify) -> None:
    done = dify("run", "-i", "txt=hello")
    assert done.returncode == 0
    assert the_error(done) == (
        "the app has no input 'txt' and ignores it; inputs: text, days, sure, options, doc; did you mean text?"
    )
    assert fake_dify.runs_started == 1


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("text=@picture", "text takes text, and the file 'picture' is not UTF-8 text"),
        ("text=@https://example.com/x.txt", "text takes text, not the URL of a file"),
        ("doc=-", "doc takes a file with a name, not standard input: pass doc=@FILE"),
        ("doc=notes.txt", "doc must be a file, got a string: pass it as NAME=@FILE"),
    ],
)
def test_values_that_do_not_fit_their_fields(
    dify: Command, fake_dify: FakeDify, option: str, sentence: str
) -> None:
    done = dify("run", "-i", option, given="x")
    assert (done.returncode, fake_dify.runs_started) == (2, 0)
    assert sentence in the_error(done)


def test_standard_input_is_read_once(dify: Command) -> None:
    done = dify("run", "-i", "text=-", "-i", "days=-", given="x")
    assert (done.returncode, the_error(done)) == (2, "standard input can be the value of one input only")
