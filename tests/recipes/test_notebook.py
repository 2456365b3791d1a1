"""The page docs/notebook.md, run as a notebook: 500 rows, resumed after an early exit, with a progress bar and a plot."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from dify_async.testing import FakeDify, Field, Workflow
from tests.support.limits import HANGS_AFTER

ROOT = Path(__file__).parents[2]
ROWS = 500

INTERRUPTED = """
with client.workflows.run_many(reviews, concurrency=8, journal="labels.jsonl") as batch:
    for _, outcome in zip(range(100), batch):
        outcome.unwrap()
"""


def cells() -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "notebook.md").read_text(), re.DOTALL)


@pytest.fixture
def dify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDify]:
    with (tmp_path / "reviews.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["text", "stars"])
        table.writerows([f"review {n}", n % 5 + 1 if n % 7 else ""] for n in range(ROWS))
    workflow = Workflow(
        form=[Field("text", required=True), Field("stars", "number")],
        outputs=lambda inputs: {"label": "good" if (inputs.get("stars") or 0) > 3 else "bad"},
    )
    with FakeDify(workflow, tail=0.0, version="1.16") as dify:
        monkeypatch.setenv("DIFY_API_KEY", dify.api_key)
        monkeypatch.setenv("DIFY_BASE_URL", dify.base_url)
        monkeypatch.setenv("DIFY_USER", "ada")
        monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path))
        yield dify


def run_notebook(sources: list[str], folder: Path) -> list[list[dict[str, Any]]]:
    """Run cells in a new kernel, and return their outputs."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    manager = AsyncKernelManager()
    assert manager.kernel_spec is not None
    manager.kernel_spec.argv[0] = sys.executable
    client = NotebookClient(
        notebook,
        km=manager,
        timeout=HANGS_AFTER,
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--HistoryManager.enabled=False"],
    )
    client.execute(cleanup_kc=True)
    return [cell["outputs"] for cell in notebook.cells]


def test_the_page_runs_as_a_notebook(dify: FakeDify, tmp_path: Path) -> None:
    first, label, counts, plot, last = cells()
    head, interrupted, labelled, counted, plotted, _ = run_notebook(
        [first, INTERRUPTED, label, counts, plot, last], tmp_path
    )
    assert "<table" in head[-1]["data"]["text/html"]
    assert interrupted == []
    # Only rows that were in flight at the early exit are run again, and only if they were stopped.
    assert ROWS <= dify.runs_started <= ROWS + 8

    text = "".join(output.get("text", "") for output in labelled)
    assert f"{ROWS}/{ROWS}" in text
    shown = labelled[-1]["data"]["text/html"]
    assert "<caption>Totals</caption>" in shown
    assert f">{ROWS}<" in shown
    assert f"succeeded    {ROWS}" in counted[-1]["data"]["text/plain"]
    assert any("image/png" in output.get("data", {}) for output in plotted)

    with (tmp_path / "labels.csv").open(newline="") as file:
        labels = list(csv.DictReader(file))
    assert [row["index"] for row in labels].count("0") == 1
    assert len(labels) == ROWS
    for row in labels:
        assert row["outputs.label"] == ("good" if float(row["stars"] or 0) > 3 else "bad")
    sent = [json.loads(request.body)["inputs"] for request in dify.requests if "run" in request.path]
    assert any("stars" not in inputs for inputs in sent)
