"""`kill -9` during a sync: the next sync finishes the work, and no document exists twice."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from pathlib import Path

import pytest

from dify_async.testing import FakeDataset, FakeDify, Indexing
from tests.support.limits import HANGS_AFTER
from tests.support.processes import running

SCRIPTS = {
    "async": """
import asyncio, sys
from dify_async import KnowledgeClient

async def main():
    async with KnowledgeClient() as client:
        report = await client.documents.sync_folder(sys.argv[1], sys.argv[2], delete=True, concurrency=3)
        print(report.ok, len(report.changes))

asyncio.run(main())
""",
    "blocking": """
import sys
from dify_async.sync import KnowledgeClient

with KnowledgeClient() as client:
    report = client.documents.sync_folder(sys.argv[1], sys.argv[2], delete=True, concurrency=3)
    print(report.ok, len(report.changes))
""",
}


def write(folder: Path, version: str, count: int) -> dict[str, str]:
    """Write files, remove all others, and return their contents by the names of documents."""
    folder.mkdir(exist_ok=True)
    for path in folder.glob("*.md"):
        path.unlink()
    texts = {f"{number:02}.md": f"{version} of {number:02}" for number in range(count)}
    for name, text in texts.items():
        (folder / name).write_text(text)
    return texts


@pytest.mark.parametrize("family", SCRIPTS)
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.extended)])
def test_the_next_sync_finishes_the_work(fake_dify: FakeDify, tmp_path: Path, family: str, seed: int) -> None:
    dice = random.Random(seed)
    fake_dify.knowledge.indexing = Indexing(polls=0)
    dataset = fake_dify.knowledge.add("kb", indexing_technique="economy", rule={"mode": "automatic"})
    folder = tmp_path / "folder"
    environment = {"DIFY_KNOWLEDGE_API_KEY": fake_dify.knowledge.api_key, "DIFY_BASE_URL": fake_dify.base_url}
    command = [sys.executable, "-c", SCRIPTS[family], dataset.id, str(folder)]

    def run(*, until: int | None) -> str:
        """Run a sync; kill it at its request number `until`."""
        fake_dify.requests.clear()
        with running(command, environment) as process:
            if until is None:
                output, problems = process.communicate(timeout=HANGS_AFTER)
                assert process.returncode == 0, problems
                return output
            assert fake_dify.wait_for(lambda: len(fake_dify.requests) >= until, HANGS_AFTER)
            os.kill(process.pid, signal.SIGKILL)
            assert process.wait(HANGS_AFTER) == -signal.SIGKILL
        return ""

    for version, count in (("first", 12), ("other", 9)):  # New files; then changed and removed ones.
        texts = write(folder, version, count)
        run(until=dice.randrange(2, 5))
        run(until=dice.randrange(2, 5))
        assert run(until=None).startswith("True")
        assert held(dataset) == texts
    assert [json.loads(line)["dataset_id"] for line in journal(folder)] == [dataset.id] * len(journal(folder))
    fake_dify.requests.clear()
    assert run(until=None) == f"True {len(texts)}\n"
    assert {request.method for request in fake_dify.requests} == {"GET"}


def held(dataset: FakeDataset) -> dict[str, str]:
    """Return the text of the documents by name; each name may occur once."""
    documents = list(dataset.documents.values())
    found = {document.name: document.content.decode() for document in documents}
    assert len(found) == len(documents)
    return found


def journal(folder: Path) -> list[str]:
    (path,) = folder.glob(".dify-async-*.jsonl")
    return path.read_text().splitlines()
