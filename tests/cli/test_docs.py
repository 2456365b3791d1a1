"""The commands on the documentation page print the output that the page shows.

`python -m tests.cli.test_docs` writes the current output into the page.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from dify_async.testing import Chat, FakeDify, Field, Indexing, Node, Workflow
from tests.support.limits import HANGS_AFTER

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"
BLOCK = re.compile(r"<!-- server: (\w+) -->\n```console\n(.*?)```", re.DOTALL)

WRITE = Node("Write", type="llm", text=["Sunny, ", "24 °C."], tokens=42)
APPS: dict[str, Any] = {
    "weather": Workflow(
        form=[Field("city", required=True, max_length=12), Field("days", "number")],
        nodes=[Node("Start", type="start"), WRITE, Node("End", type="end")],
        outputs=lambda inputs: {"forecast": f"Sunny in {inputs['city']}."},
    ),
    "knowledge": Workflow(),
    "chat": Chat(answer=lambda query, _: f"You asked: {query}"),
    "form": Workflow(nodes=[Node("Ask", form="Publish it?"), Node("Publish")], outputs={"published": True}),
}
VARYING = [
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "0f3c9a52-6d1e-4b7a-8c3d-5e2f1a9b7c60"),
    (r"token: \w+", "token: q1w2e3r4t5y6u7i8o9p0aa"),
    (r"http://127\.0\.0\.1:\d+", "https://dify.example.com"),
    (r"in \S*profiles\.toml", "in ~/.config/dify-async/profiles.toml"),
    (r"expires: .*", "expires: 2026-11-27 18:00:00+00:00"),
    (r"\b\d+\.\d+ s\b", "0.1 s"),
    (r"[\d.]+ rows/s", "9.8 rows/s"),
    (r",\d+\.\d+,([01]),", r",0.118,\1,"),
]
"""Output that differs between runs, and what the page shows instead."""


def printed(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield each block of the page, and the same block with the current output of its commands."""
    binaries = folder / "bin"
    binaries.mkdir()
    command = binaries / "dify-async"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m dify_async "$@"\n')
    command.chmod(0o755)
    (folder / "rows.csv").write_text("id,city,days\nA-1,Lisbon,3\nA-2,Llanfairpwllgwyngyll,1\nA-3,Porto,2\n")
    (folder / "handbook").mkdir()
    (folder / "handbook" / "opening.md").write_text("The office opens at nine.")
    (folder / "handbook" / "parking.md").write_text("Parking is free.")
    with FakeDify(tail=0.0) as dify:
        dify.knowledge.indexing = Indexing(polls=0)
        (folder / "key.txt").write_text(dify.api_key)
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("DIFY_")},
            "PATH": f"{binaries}:{os.environ['PATH']}",
            "XDG_CONFIG_HOME": str(folder),
            "SERVER": dify.base_url,
            "DIFY_KNOWLEDGE_API_KEY": dify.knowledge.api_key,
        }
        for name, block in BLOCK.findall(PAGE.read_text()):
            dify.app = APPS[name]
            shown: list[str] = []
            for line in re.findall(r"^\$ (.*)$", block, re.MULTILINE):
                run_id = next(reversed(dify.runs), "")
                done = subprocess.run(
                    ["bash", "-c", line.replace(" RUN", f" {run_id}")],
                    cwd=folder,
                    env=environment,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    timeout=HANGS_AFTER,
                    check=False,
                )
                shown += [f"$ {line}", *done.stdout.splitlines()]
            yield block, fixed("".join(f"{line}\n" for line in shown))


def fixed(text: str) -> str:
    """Replace the parts of the text that differ between runs."""
    for pattern, instead in VARYING:
        text = re.sub(pattern, instead, text)
    return re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)


@pytest.mark.skipif(shutil.which("bash") is None, reason="the commands are those of a shell")
def test_the_commands_print_what_the_page_shows(tmp_path: Path) -> None:
    for block, now in printed(tmp_path):
        assert now == block


if __name__ == "__main__":
    text = PAGE.read_text()
    with TemporaryDirectory() as name:
        for block, now in printed(Path(name)):
            text = text.replace(block, now, 1)
    PAGE.write_text(text)
