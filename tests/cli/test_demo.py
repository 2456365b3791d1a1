"""The demo as a user sees it: real processes, with and without a terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys

import pytest

DEMO = [sys.executable, "-m", "dify_async", "demo", "--speed", "10"]


def test_without_a_terminal_it_is_plain_text() -> None:
    done = subprocess.run(DEMO, capture_output=True, text=True, timeout=60, check=True)
    lines = done.stdout.splitlines()
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert "Start (start) started" in lines
    assert "Write the forecast (llm) started" in lines
    assert any(line.startswith("Lisbon wakes up to a light fog") for line in lines), "the text as it came"
    assert "status: succeeded" in lines
    assert "tokens: 185" in lines
    assert "steps: 6" in lines
    assert re.search(r"^time: \d+\.\d s$", done.stdout, re.MULTILINE)
    assert re.search(r"^outputs\.forecast: Lisbon wakes up", done.stdout, re.MULTILINE)


def _on_a_terminal(command: list[str]) -> tuple[int, str]:
    main, other = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"}
    with subprocess.Popen(command, stdin=other, stdout=other, stderr=other, env=environment) as process:
        os.close(other)
        shown = b""
        while select.select([main], [], [], 60)[0]:
            try:
                part = os.read(main, 65536)
            except OSError:  # Linux says so when the other end has closed.
                break
            shown += part
        status = process.wait(timeout=60)
    os.close(main)
    return status, shown.decode()


def test_on_a_terminal_it_is_a_live_tree() -> None:
    status, shown = _on_a_terminal(DEMO)
    assert status == 0
    assert "\x1b[" in shown
    assert re.search(r"├── .*Start", shown)
    assert "✓" in shown
    assert "Lisbon wakes up" in shown
    assert "succeeded" in shown
    assert shown.count("\x1b[2K") > 5 or shown.count("\x1b[1A") > 5, "drawn anew as the run goes on"


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version(option: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dify_async", option], capture_output=True, text=True, timeout=60, check=True
    )
    assert ("demo" if option == "--help" else "dify-async 0.") in done.stdout


def test_without_its_packages_it_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['typer'] = None\n"
        "from dify_async.cli import main\n"
        "main()"
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "pip install 'dify-async[cli]'" in done.stderr
    assert "Traceback" not in done.stderr
