"""The demo as a user sees it: real processes, with and without a terminal."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.support.command import COMMAND, on_a_terminal
from tests.support.limits import HANGS_AFTER


def test_without_a_terminal_it_is_plain_text() -> None:
    done = subprocess.run(
        [*COMMAND, "demo", "--speed", "10"], capture_output=True, text=True, timeout=HANGS_AFTER, check=True
    )
    lines = done.stdout.splitlines()
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert "Start (start) started" in lines
    assert "Write the forecast (llm) started" in lines
    assert any(line.startswith("Lisbon wakes up to a light fog") for line in lines), "the text as it arrived"
    assert "status: succeeded" in lines
    assert "tokens: 185" in lines
    assert "steps: 6" in lines
    assert re.search(r"^time: \d+\.\d s$", done.stdout, re.MULTILINE)
    assert "dify-async profile add NAME" in done.stdout
    assert re.search(r"^outputs\.forecast: Lisbon wakes up", done.stdout, re.MULTILINE)


def test_on_a_terminal_it_is_a_live_tree() -> None:
    status, shown = on_a_terminal("demo", "--speed", "10")
    assert status == 0
    assert "\x1b[" in shown
    assert re.search(r"├── .*Start", shown)
    assert "✓" in shown
    assert "Lisbon wakes up" in shown
    assert "succeeded" in shown
    assert shown.count("\x1b[2K") > 5 or shown.count("\x1b[1A") > 5, "drawn again as the run progresses"


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version(option: str) -> None:
    done = subprocess.run([*COMMAND, option], capture_output=True, text=True, timeout=HANGS_AFTER, check=True)
    assert ("demo" if option == "--help" else "dify-async 0.") in done.stdout


def test_missing_packages_are_reported_with_the_install_command() -> None:
    program = (
        "import sys; sys.modules['typer'] = None\n"
        "from dify_async.cli import main\n"
        "main()"
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=HANGS_AFTER, check=False
    )
    assert done.returncode == 1
    assert "pip install 'dify-async[cli]'" in done.stderr
    assert "Traceback" not in done.stderr
