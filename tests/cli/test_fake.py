"""The command `fake`: a server for front ends and scripts."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dify_async import AppClient, KnowledgeClient, WebAppClient
from dify_async.testing import FakeDify
from tests.support.command import COMMAND
from tests.support.limits import HANGS_AFTER
from tests.support.processes import running

FIELDS = ("Service API", "API key", "Knowledge API key", "Web API", "App code")


@contextmanager
def serving(*options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """Start the command; yield the process and its output."""
    with running([*COMMAND, "fake", "--port", "0", "--seconds", "0", *options], {}) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in ("title", *FIELDS)]
        yield process, {"title": lines[0], **dict(line.split(": ", 1) for line in lines[1:])}


async def test_the_fake_server_serves_both_apis() -> None:
    with serving("--app", "chat", "--version", "1.16", "--api-key", "app-mine") as (_, printed):
        assert printed["title"].startswith("A fake Dify 1.16.1 with a sample chat is listening.")
        assert (printed["API key"], printed["App code"]) == ("app-mine", "fake")
        async with AppClient("app-mine", user="ada", base_url=printed["Service API"]) as client:
            answer = (await client.chat.send("Who?")).answer
        async with WebAppClient("fake", user="ada", base_url=printed["Web API"]) as web:
            assert (await web.chat.send("Who?")).answer == answer
    assert answer.split()[-1] == "Who?"


async def test_the_fake_server_serves_knowledge_bases() -> None:
    with serving("--knowledge-key", "dataset-mine") as (_, printed):
        assert printed["Knowledge API key"] == "dataset-mine"
        async with KnowledgeClient("dataset-mine", base_url=printed["Service API"]) as client:
            await client.datasets.create("handbook")
            assert [dataset.name async for dataset in client.datasets.list()] == ["handbook"]


@pytest.mark.parametrize("kind", ["workflow", "chatflow", "agent", "completion"])
async def test_every_sample_answers(kind: str) -> None:
    with serving("--app", kind) as (_, printed):
        async with AppClient(printed["API key"], user="ada", base_url=printed["Service API"]) as client:
            match kind:
                case "workflow":
                    text = str((await client.workflows.run({"query": "Who?"})).outputs)
                case "completion":
                    text = (await client.completions.create({"query": "Who?"})).answer
                case _:
                    text = (await client.chat.send("Who?")).answer
    assert "fake server" in text


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_the_fake_server(number: signal.Signals, code: int) -> None:
    with serving() as (process, _):
        process.send_signal(number)
        assert process.wait(HANGS_AFTER) == code


@pytest.mark.parametrize("wrong", [["--version", "latest"], ["--app", "robot"]])
def test_wrong_options_are_reported(wrong: list[str]) -> None:
    command = [*COMMAND, "fake", "--port", "0", *wrong]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANGS_AFTER, check=False)
    assert done.returncode == 2
    assert wrong[1] in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_reported(fake_dify: FakeDify) -> None:
    port = fake_dify.base_url.removesuffix("/v1").rpartition(":")[2]
    done = subprocess.run(
        [*COMMAND, "fake", "--port", port], capture_output=True, text=True, timeout=HANGS_AFTER, check=False
    )
    assert done.returncode == 2
    assert f"could not listen on 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr
