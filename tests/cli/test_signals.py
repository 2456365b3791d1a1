"""Signals end the command like Ctrl-C: runs are stopped and the terminal is restored."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dify_async.testing import FakeDify, Node, Workflow
from tests.support.command import COMMAND

WAITING = Workflow(nodes=[Node("Wait", seconds=60)])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_the_run(
    environment: dict[str, str], fake_dify: FakeDify, number: signal.Signals
) -> None:
    fake_dify.workflow = WAITING
    with subprocess.Popen(
        [*COMMAND, "run"], env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        while b"Wait (code) started" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(number)
        _, told = process.communicate(timeout=30)
    (run,) = fake_dify.runs.values()
    assert process.returncode == 128 + number
    assert fake_dify.runs_stopped == 1
    assert told.decode() == f"dify-async: interrupted; the server was asked to stop the run {run.id}\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_the_runs_of_a_batch(
    environment: dict[str, str], fake_dify: FakeDify, tmp_path: Path, number: signal.Signals
) -> None:
    fake_dify.workflow = WAITING
    (tmp_path / "rows.csv").write_text("city\na\nb\n")
    with subprocess.Popen(
        [*COMMAND, "batch", "rows.csv", "-o", "out.jsonl"],
        env={**os.environ, **environment},
        cwd=tmp_path,
        stderr=subprocess.PIPE,
    ) as process:
        assert fake_dify.wait_for(lambda: fake_dify.runs_started == 2, 30)
        process.send_signal(number)
        _, told = process.communicate(timeout=30)
    assert (process.returncode, fake_dify.runs_stopped) == (128 + number, 2)
    assert b"interrupted; the runs in flight were stopped; the same command with --resume" in told


def test_a_signal_that_was_ignored_from_the_start_stays_ignored(
    environment: dict[str, str], fake_dify: FakeDify
) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Wait", seconds=1)])
    command = f"trap '' HUP INT; exec {' '.join(COMMAND)} run"  # As nohup does, and `&` in scripts.
    with subprocess.Popen(
        ["sh", "-c", command], env={**os.environ, **environment}, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        while b"Wait (code) started" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGINT)
        shown, _ = process.communicate(timeout=30)
    assert (process.returncode, b"status: succeeded" in shown) == (0, True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_terminal_is_restored(
    environment: dict[str, str], fake_dify: FakeDify, number: signal.Signals
) -> None:
    fake_dify.workflow = WAITING
    main, other = pty.openpty()
    variables = {**os.environ, **environment, "TERM": "xterm-256color"}
    with subprocess.Popen(
        [*COMMAND, "run"], env=variables, stdin=other, stdout=other, stderr=other
    ) as process:
        os.close(other)
        shown = b""
        sent = False
        while select.select([main], [], [], 60)[0]:
            try:
                shown += os.read(main, 65536)
            except OSError:
                break
            if b"Wait" in shown and not sent:
                process.send_signal(number)
                sent = True
    os.close(main)
    hidden, visible = b"\x1b[?25l", b"\x1b[?25h"
    assert (process.returncode, fake_dify.runs_stopped) == (128 + number, 1)
    assert hidden in shown
    assert shown.rindex(visible) > shown.rindex(hidden)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("module", ["typer", "rich.console", "aiohttp"])
def test_a_signal_during_the_start_ends_the_command_without_a_traceback(
    number: signal.Signals, module: str
) -> None:
    line = [sys.executable, "-X", "importtime", "-m", "dify_async", "demo"]
    told: list[str] = []
    sent = False
    with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for text in process.stderr:
            if "import time:" not in text:
                told.append(text)
            elif not sent and text.rpartition("|")[2].strip() == module:
                process.send_signal(number)
                sent = True
    assert (sent, process.returncode, told) == (True, 128 + number, [])


@pytest.mark.parametrize("arguments", [["run"], ["batch", "rows.csv", "-o", "out.jsonl"]])
def test_a_terminal_that_is_closed_stops_the_runs(
    environment: dict[str, str], fake_dify: FakeDify, tmp_path: Path, arguments: list[str]
) -> None:
    fake_dify.workflow = WAITING
    (tmp_path / "rows.csv").write_text("city\na\n")
    program = "import os, sys; os.login_tty(0); os.execv(sys.executable, [sys.executable, '-m', 'dify_async', *sys.argv[1:]])"
    main, other = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, **environment, "TERM": "xterm-256color"},
        cwd=tmp_path,
        stdin=other,
    ) as process:
        os.close(other)
        assert fake_dify.wait_for(lambda: fake_dify.runs_started == 1, 30)
        while b"Wait" not in os.read(main, 65536) and arguments == ["run"]:
            pass
        os.close(main)
        assert process.wait(timeout=30) == 128 + signal.SIGHUP
    assert fake_dify.runs_stopped == 1
