"""The reasoning of models is hidden, unless --reasoning asks for it; servers send it in two ways."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from dify_async.testing import Chat, FakeDify, Node, Workflow
from tests.support.command import Command

THINKING = Node("Think", type="llm", reasoning=["I wonder ", "why."], text=["Because."])
CUT = Chat(answer=["<th", "ink>I wonder why.</thi", "nk>Because."])


@pytest.mark.parametrize("fake_dify_version", ["1.14", "1.16"])
@pytest.mark.parametrize(
    "app", [CUT, Workflow(mode="advanced-chat", nodes=[THINKING])], ids=["chat", "chatflow"]
)
def test_reasoning_of_an_answer(dify: Command, fake_dify: FakeDify, app: Any) -> None:
    fake_dify.app = app
    hidden = dify("chat", "Why?")
    assert (hidden.returncode, hidden.stdout, hidden.stderr) == (0, "Because.\n", "")
    shown = dify("chat", "Why?", "--reasoning")
    assert (shown.stdout, shown.stderr.strip()) == ("Because.\n", "I wonder why.")
    assert json.loads(dify("chat", "Why?", "--json").stdout)["reasoning"] == "I wonder why."


@pytest.mark.parametrize("fake_dify_version", ["1.14", "1.16"])
def test_reasoning_of_a_run(dify: Command, fake_dify: FakeDify) -> None:
    outputs = {"text": "<think>I wonder why.</think>Because."}
    fake_dify.app = Workflow(nodes=[THINKING], outputs=outputs)
    hidden = dify("run")
    assert "wonder" not in hidden.stdout
    assert "outputs.text: Because." in hidden.stdout.splitlines()
    shown = dify("run", "--reasoning").stdout
    assert "reasoning: I wonder why." in shown.splitlines()
    assert shown.index("I wonder why.") < shown.index("Because.")
    assert json.loads(dify("run", "--json").stdout)["outputs"] == outputs


def test_reasoning_in_the_results_of_a_batch(dify: Command, fake_dify: FakeDify, tmp_path: Path) -> None:
    fake_dify.app = CUT
    (tmp_path / "rows.csv").write_text("query\nWhy?\n")
    assert dify("batch", "rows.csv", "-o", "plain.csv").returncode == 0
    command = ("batch", "rows.csv", "-o", "out.csv", "--reasoning")
    for resume in ([], ["--resume"]):
        assert dify(*command, *resume).returncode == 0
        with (tmp_path / "out.csv").open() as file:
            (row,) = csv.DictReader(file)
        assert (row["answer"], row["reasoning"]) == ("Because.", "I wonder why.")
    assert "wonder" not in (tmp_path / "plain.csv").read_text()
    assert len(fake_dify.messages) == 2
